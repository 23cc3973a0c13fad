/* flopwise.run/1: what executing a network took, per phase and layer, beside what was predicted. */
#include "report/answers.h"

#include "base/limits.h"
#include "engine/dnn.h"
#include "engine/machine.h"
#include "engine/peak.h"

#include <string.h>

struct running {
    struct fw_report *r;
    struct fw_execution *x;
    struct fw_layers layers;
    struct fw_peak peak;
    uint64_t most;               // FLOP a second these threads can do at most; 0: not known
    double times;                // measured runs that the node times are sums of
    double seconds[FW_N_PHASES]; // of a step
};

static struct fw_value per_second(double flop, double seconds)
{
    return seconds > 0 ? fw_value_float(flop / seconds) : fw_value_kind(FW_VALUE_NULL);
}

static struct fw_value share(const struct running *m, double flop, double seconds)
{
    bool known = m->most > 0 && seconds > 0;
    return known ? fw_value_float(flop / seconds / (double)m->most) : fw_value_kind(FW_VALUE_NULL);
}

/* ---- the whole ---- */

static const struct fw_column run_columns[] = {
    {"mode", "kernels", "fast (oneDNN where it has one) or exact (plain C)", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"threads", "threads", "threads that computed", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"steps", "steps", "how often the schedule was executed", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"seconds_per_step", "time a step", "median of all but the first", FW_UNIT_SECONDS,
     FW_VIEW_TABLE},
    {"flop", "FLOP a step", "operations of every class, as counted from the model", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop_per_second", "rate", "FLOP a step over the time of a step", FW_UNIT_FLOP_RATE,
     FW_VIEW_TABLE},
    {"peak_flop_per_second", "peak",
     "fused multiply-adds of as many threads, as measured; null: what was measured cannot be true",
     FW_UNIT_FLOP_RATE, FW_VIEW_TABLE},
    {"share_of_peak", "share of peak", "rate / peak", FW_UNIT_SHARE, FW_VIEW_TABLE},
    {"first_loss", "loss at first", "loss of the first step", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"last_loss", "loss at last", "loss of the last step", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static enum fw_status add_whole(struct running *m, bool fast, unsigned threads,
                                struct fw_error *err)
{
    struct fw_execution *x = m->x;
    struct fw_cost step = fw_cost_step(x->a->model.sym, x->a->totals.phase);
    fw_count flop = fw_cost_flop(x->a->model.sym, &step);
    double seconds = fw_execution_seconds(x), all = (double)flop.word;
    struct fw_value none = fw_value_kind(FW_VALUE_ABSENT);
    struct fw_value values[] = {fw_value_text(fast ? "fast" : "exact"),
                                fw_value_int(threads),
                                fw_value_int((int64_t)x->steps),
                                fw_value_float(seconds),
                                fw_value_count(flop),
                                per_second(all, seconds),
                                m->most > 0 ? fw_value_int((int64_t)m->most)
                                            : fw_value_kind(FW_VALUE_NULL),
                                share(m, all, seconds),
                                x->loss != NULL ? fw_value_float(x->loss[0]) : none,
                                x->loss != NULL ? fw_value_float(x->loss[x->steps - 1]) : none};
    static const struct fw_table head = {.key = "run", .flags = FW_TABLE_MERGE};
    return fw_report_record(m->r, &head, run_columns, values, sizeof values / sizeof *values, err);
}

/* ---- memory ---- */

static const struct fw_column memory_columns[] = {
    {"predicted_bytes", "predicted", "peak of what is alive, as `flopwise memory` says",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"planned_bytes", "planned", "the block in which every tensor has its place", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"working_bytes", "working memory", "of the fast kernels, known before anything runs",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"allocated_bytes", "allocated", "what was asked of the system for tensors and working memory",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"resident_bytes", "resident", "by how much the process grew, pages of program files left out",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"fast_nodes", "nodes by oneDNN", "nodes a fast kernel executes", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"plain_nodes", "nodes by plain C", "nodes the reference kernel executes", FW_UNIT_COUNT,
     FW_VIEW_TABLE},
    {"moves", "reorders", "tensors brought into another order of elements, every step",
     FW_UNIT_COUNT, FW_VIEW_TABLE},
};

static enum fw_status add_memory(struct running *m, struct fw_error *err)
{
    const struct fw_engine_size *z = &m->x->size;
    const struct fw_analysis *a = m->x->a;
    const struct fw_memory *predicted = a->trained ? &a->training : &a->inference;
    struct fw_value values[] = {fw_value_count(predicted->peak_bytes),
                                fw_value_int((int64_t)(z->fixed_bytes + z->moving_bytes)),
                                fw_value_int((int64_t)z->working_bytes),
                                fw_value_int((int64_t)z->allocated_bytes),
                                fw_value_int((int64_t)m->x->resident_bytes),
                                fw_value_int(z->n_fast),
                                fw_value_int(z->n_reference),
                                fw_value_int(z->n_moves)};
    static const struct fw_table head = {.key = "memory", .title = "Memory and kernels"};
    return fw_report_record(m->r, &head, memory_columns, values, sizeof values / sizeof *values,
                            err);
}

/* ---- phases ---- */

static const struct fw_column phase_columns[] = {
    {"phase", "phase", "part of the step", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"seconds", "time", "of one step", FW_UNIT_SECONDS, FW_VIEW_TABLE},
    {"flop", "FLOP", "operations of every class", FW_UNIT_FLOP, FW_VIEW_TABLE},
    {"flop_per_second", "rate", "FLOP over time", FW_UNIT_FLOP_RATE, FW_VIEW_TABLE},
    {"share_of_peak", "of peak", "rate / peak", FW_UNIT_SHARE, FW_VIEW_TABLE},
    {"read_bytes", "bytes read", "as counted from the model", FW_UNIT_BYTES, FW_VIEW_TABLE},
    {"write_bytes", "written", "bytes, as counted from the model", FW_UNIT_BYTES, FW_VIEW_TABLE},
};

static struct fw_value phase_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct running *m = t->ctx;
    struct fw_analysis *a = m->x->a;
    const struct fw_cost *cost = &a->totals.phase[row];
    fw_count flop = fw_cost_flop(a->model.sym, cost);
    double seconds = m->seconds[row];
    switch (column) {
    case 0:
        return fw_value_text(fw_phase_keys[row]);
    case 1:
        return fw_value_float(seconds);
    case 2:
        return fw_value_count(flop);
    case 3:
        return per_second((double)flop.word, seconds);
    case 4:
        return share(m, (double)flop.word, seconds);
    default:
        return fw_value_count(cost->n[column == 5 ? FW_READ : FW_WRITE]);
    }
}

static bool phase_is_empty(const struct fw_table *t, uint32_t row)
{
    const struct running *m = t->ctx;
    return m->seconds[row] == 0;
}

/* ---- layers ---- */

static const struct fw_column layer_columns[] = {
    {"name", "name", "name of the layer", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"op", "op", "its operator", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"kernel", "kernel", "what computes its forward pass", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"forward_seconds", "forward", "time of its forward nodes", FW_UNIT_SECONDS, FW_VIEW_TABLE},
    {"backward_seconds", "backward", "time of its gradients", FW_UNIT_SECONDS, FW_VIEW_TABLE},
    {"update_seconds", "update", "time of the updates of its parameters", FW_UNIT_SECONDS,
     FW_VIEW_TABLE},
    {"flop", "FLOP", "operations of every class in all phases", FW_UNIT_FLOP, FW_VIEW_TABLE},
    {"flop_per_second", "rate", "FLOP over the time of all phases", FW_UNIT_FLOP_RATE,
     FW_VIEW_TABLE},
    {"share_of_time", "of time", "its part of the step's time", FW_UNIT_SHARE, FW_VIEW_TABLE},
};

struct layer_time {
    double forward, backward, update;
};

static struct layer_time time_of(const struct running *m, const struct fw_layer *layer)
{
    struct layer_time t = {0, 0, 0};
    const struct fw_node_use *use = fw_engine_use(m->x->engine);
    for (uint32_t k = layer->from; k < layer->to; k++) {
        uint32_t id = m->layers.order[k];
        double s = 1e-9 * (double)use[id].ns / m->times;
        switch (m->x->a->model.graph.nodes[id].phase) {
        case FW_PHASE_FORWARD:
            t.forward += s;
            break;
        case FW_PHASE_UPDATE:
            t.update += s;
            break;
        default:
            t.backward += s;
        }
    }
    return t;
}

static struct fw_value layer_cell(const struct fw_table *table, uint32_t row, uint32_t column)
{
    struct running *m = table->ctx;
    const struct fw_layer *layer = &m->layers.rows[row];
    struct layer_time t = time_of(m, layer);
    double all = t.forward + t.backward + t.update, whole = 0;
    uint32_t by;
    struct fw_cost step = fw_cost_step(m->x->a->model.sym, fw_layer_cost(&m->layers, row));
    fw_count flop = fw_cost_flop(m->x->a->model.sym, &step);
    switch (column) {
    case 0:
        return fw_value_text(layer->name);
    case 1:
        return fw_value_text(layer->op);
    case 2:
        return layer->node == FW_NONE
                   ? fw_value_kind(FW_VALUE_NULL)
                   : fw_value_text(fw_engine_kernel(m->x->engine, layer->node, &by));
    case 3:
        return fw_value_float(t.forward);
    case 4:
        return fw_value_float(t.backward);
    case 5:
        return fw_value_float(t.update);
    case 6:
        return fw_value_count(flop);
    case 7:
        return per_second((double)flop.word, all);
    default:
        for (unsigned k = 0; k < FW_N_PHASES; k++)
            whole += m->seconds[k];
        return whole > 0 ? fw_value_float(all / whole) : fw_value_kind(FW_VALUE_NULL);
    }
}

static bool layer_is_free(const struct fw_table *table, uint32_t row)
{
    const struct running *m = table->ctx;
    struct layer_time t = time_of(m, &m->layers.rows[row]);
    return t.forward + t.backward + t.update < 1e-5;
}

/* Of a forward pass people are shown no times of what does not run. */
static const struct fw_column *shown_columns(struct running *m)
{
    enum { BACKWARD = 4, UPDATE = 5 };
    struct fw_column *c = fw_arena_copy(&m->r->arena, layer_columns, sizeof layer_columns);
    if (c != NULL && !m->x->a->trained)
        c[BACKWARD].views = c[UPDATE].views = 0;
    return c;
}

static enum fw_status add_tables(struct running *m, struct fw_error *err)
{
    struct fw_table *t = fw_arena_zalloc(&m->r->arena, 2 * sizeof *t);
    const struct fw_column *columns = shown_columns(m);
    if (t == NULL || columns == NULL)
        return fw_fail_memory(err);
    t[0] = (struct fw_table){.key = "phases",
                             .title = "Phases",
                             .free_text = "nothing runs in them",
                             .columns = phase_columns,
                             .n_columns = sizeof phase_columns / sizeof *phase_columns,
                             .n_rows = FW_N_PHASES,
                             .ctx = m,
                             .cell = phase_cell,
                             .is_free = phase_is_empty};
    t[1] = (struct fw_table){.key = "layers",
                             .title = "Layers",
                             .free_text = "they take less than 10 microseconds",
                             .columns = columns,
                             .n_columns = sizeof layer_columns / sizeof *layer_columns,
                             .n_rows = m->layers.n,
                             .flags = FW_TABLE_MAIN,
                             .ctx = m,
                             .cell = layer_cell,
                             .is_free = layer_is_free};
    fw_report_add(m->r, &t[0]);
    fw_report_add(m->r, &t[1]);
    return FW_OK;
}

static const struct fw_column loss_columns[] = {
    {"step", "step", "number of the step, from 1", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"loss", "loss", "sum of the losses", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"seconds", "time", "of this step", FW_UNIT_SECONDS, FW_VIEW_TABLE},
};

static struct fw_value loss_cell(const struct fw_table *table, uint32_t row, uint32_t column)
{
    const struct running *m = table->ctx;
    if (column == 0)
        return fw_value_int(row + 1);
    return fw_value_float(column == 1 ? m->x->loss[row] : m->x->seconds[row]);
}

static enum fw_status add_losses(struct running *m, struct fw_error *err)
{
    if (m->x->loss == NULL)
        return FW_OK;
    struct fw_table *t = fw_arena_zalloc(&m->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "losses",
                           .columns = loss_columns,
                           .n_columns = sizeof loss_columns / sizeof *loss_columns,
                           .n_rows = (uint32_t)m->x->steps,
                           .flags = FW_TABLE_JSON_ONLY,
                           .ctx = m,
                           .cell = loss_cell};
    fw_report_add(m->r, t);
    return FW_OK;
}

static enum fw_status build(struct running *m, const struct fw_asked *asked,
                            const struct fw_execute_options *how, struct fw_error *err)
{
    struct fw_machine machine;
    struct fw_analysis *a = m->x->a;
    const struct fw_node_use *use = fw_engine_use(m->x->engine);
    fw_machine_here(&machine);
    FW_TRY(fw_peak_get(&machine, false, &m->peak, err));
    (void)fw_limits_renew(m->x->a->model.alloc); // it may have been measured just now
    m->most = fw_peak_sure(&m->peak, how->n_threads);
    m->times = m->x->steps > 1 ? (double)(m->x->steps - 1) : 1;
    for (uint32_t id = 0; id < a->model.graph.n_nodes; id++)
        m->seconds[a->model.graph.nodes[id].phase] += 1e-9 * (double)use[id].ns / m->times;
    FW_TRY(fw_layers_make(&m->layers, a, asked->options->by, &m->r->arena, err));
    FW_TRY(fw_layers_keep_top(&m->layers, asked->options->top, err));
    FW_TRY(fw_report_add_model(m->r, a, asked, err));
    FW_TRY(add_whole(m, how->fast, how->n_threads, err));
    FW_TRY(add_tables(m, err));
    FW_TRY(add_losses(m, err));
    return add_memory(m, err);
}

enum fw_status fw_answer_run(struct fw_report **ret, struct fw_execution *x,
                             const struct fw_asked *asked, const struct fw_execute_options *how,
                             struct fw_error *err)
{
    struct fw_report *r = fw_report_new(x->a->model.alloc, "flopwise.run/1");
    struct running *m = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *m) : NULL;
    if (m == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    m->r = r;
    m->x = x;
    r->title = fw_arena_printf(&r->arena, "flopwise run: %s", x->a->model.path);
    r->sym = x->a->model.sym;
    enum fw_status status = build(m, asked, how, err);
    return fw_report_finish(ret, r, status);
}
