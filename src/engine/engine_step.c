/* Executing the steps of an engine; see engine.h. */
#include "engine/engine_impl.h"

#include "base/limits.h"
#include "engine/program.h"

#include <string.h>

/* ---- reference kernels, shared among threads ---- */

enum { PIECE_PORTS = 16 }; // most of a node that is computed in pieces

struct task {
    struct fw_engine *e;
    const struct fw_call *call;
    enum fw_status status[FW_MAX_THREADS];
    struct fw_error error[FW_MAX_THREADS];
    uint64_t random[FW_MAX_THREADS];   // each part draws its own and skips those of others
    uint64_t products[FW_MAX_THREADS]; // as in struct fw_node_use
};

static _Thread_local uint64_t products; // of the kernel that runs

static bool gemm_noted(size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                       const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b)
{
    if (!fw_dnn_gemm(m, n, k, c, a, b))
        return false;
    products += fw_dnn_gemm_flop(!fw_dnn_is_avx2(), m, n, k, c, a, b, true);
    products -= 2 * (uint64_t)m * n * k;
    return true;
}

static enum fw_status shape_stays(struct fw_run *r, unsigned i, unsigned rank, const int64_t *dims)
{
    const struct fw_buffer *v = fw_run_out(r, i);
    bool same = v == NULL || v->rank == rank;
    for (unsigned k = 0; v != NULL && same && k < rank; k++)
        same = v->dims[k] == dims[k];
    FW_REQUIRE(same, r->cx.err, FW_UNSUPPORTED, "output %u has another size than was planned", i);
    return FW_OK;
}

static struct fw_run run_of(struct task *t, unsigned part, unsigned parts)
{
    struct fw_engine *e = t->e;
    return (struct fw_run){
        .cx = {.g = e->g,
               .sym = e->g->sym,
               .node = &e->g->nodes[t->call->node],
               .err = &t->error[part]},
        .in = t->call->in,
        .out = t->call->out,
        .scratch = &e->scratch[part],
        .part = part,
        .parts = parts,
        .optimizer = e->o.optimizer,
        .hyper = e->o.hyper,
        .step = e->step_number,
        .clip = 1,
        .random = &t->random[part],
        .gemm = e->dnn != NULL ? gemm_noted : NULL,
        .shape = shape_stays,
    };
}

static enum fw_status run_kernel(struct fw_run *r, const struct task *t)
{
    fw_wide = !t->e->o.fast;
    enum fw_status status = fw_kernel_call(r->cx.node->op->run[FW_PLAIN], r);
    fw_wide = false;
    return status;
}

static void run_split(void *ctx, unsigned part, unsigned parts)
{
    struct task *t = ctx;
    struct fw_run r = run_of(t, part, parts);
    products = 0;
    t->status[part] = run_kernel(&r, t);
    t->products[part] = products;
}

/* The same node over a piece of every tensor. */
static void run_piece(void *ctx, unsigned part, unsigned parts)
{
    struct task *t = ctx;
    const struct fw_call *call = t->call;
    struct fw_run r = run_of(t, part, 1);
    struct fw_buffer pieces[PIECE_PORTS];
    struct fw_buffer *ports[PIECE_PORTS];
    size_t all = r.cx.node->n_out > 0 ? call->out[0]->n : call->in[0]->n;
    size_t share = (all / parts + 15) / 16 * 16, from = share * part;
    size_t to = part + 1 == parts || from + share > all ? all : from + share;
    if (from >= to)
        return;
    for (unsigned i = 0; i < call->ports; i++) {
        const struct fw_buffer *v = call->in[i]; // outputs follow
        ports[i] = v == NULL ? NULL : &pieces[i];
        if (v == NULL)
            continue;
        pieces[i] = *v;
        if (v->n != all || all == 1)
            continue;
        size_t each = fw_element_bytes((enum fw_dtype)v->dtype, v->real);
        pieces[i].data = (char *)v->data + from * each;
        pieces[i].n = to - from;
        pieces[i].rank = 1;
        pieces[i].dims[0] = (int64_t)(to - from);
    }
    r.in = ports;
    r.out = ports + r.cx.node->n_in;
    r.part = 0;
    t->status[part] = run_kernel(&r, t);
}

static enum fw_status run_call(struct fw_engine *e, const struct fw_call *call,
                               struct fw_error *err)
{
    struct task t = {.e = e, .call = call};
    unsigned threads = e->o.n_threads;
    size_t most = 0;
    for (unsigned i = 0; i < threads; i++)
        t.random[i] = e->random;
    for (unsigned i = 0; i < call->ports; i++)
        if (call->in[i] != NULL && call->in[i]->n > most)
            most = call->in[i]->n;
    bool pieces = call->pointwise && call->ports <= PIECE_PORTS;
    bool split = pieces || e->g->nodes[call->node].op->run_shared;
    bool shared = threads > 1 && most >= FW_WORTH_SHARING && split;
    if (!shared || !fw_dnn_team(pieces ? run_piece : run_split, &t, threads))
        run_split(&t, 0, 1);
    e->random = t.random[0];
    for (unsigned i = 0; i < threads && i < FW_MAX_THREADS; i++) {
        fw_arena_clear(&e->scratch[i]);
        e->use[call->node].products += t.products[i];
        if (t.status[i] == FW_OK)
            continue;
        if (err != NULL)
            *err = t.error[i];
        return t.status[i];
    }
    return FW_OK;
}

/* ---- steps ---- */

static enum fw_status run_step(struct fw_engine *e, const struct fw_step *s, struct fw_error *err)
{
    void *data[FW_STEP_PORTS];
    switch ((enum fw_step_kind)s->kind) {
    case FW_STEP_FAST:
    case FW_STEP_MOVE:
        for (unsigned i = 0; i < s->n; i++)
            data[i] = fw_engine_at(e, s->at[i]);
        FW_REQUIRE(fw_dnn_run(e->dnn, s->kernel, data, fw_engine_at(e, s->scratch)), err,
                   FW_UNSUPPORTED, "oneDNN could not execute it");
        return FW_OK;
    case FW_STEP_COPY:
        memcpy(fw_engine_at(e, s->at[1]), fw_engine_at(e, s->at[0]), s->bytes);
        return FW_OK;
    case FW_STEP_GLUE:
        s->glue->run(e, s->glue);
        return FW_OK;
    case FW_STEP_CALL:
        break;
    }
    return run_call(e, s->call, err);
}

/* Before a measured step, and behind it. */
struct watch {
    struct fw_counter *counter;
    uint64_t ns;
    uint64_t retired;
};

static enum fw_status look(struct watch *w, struct fw_error *err)
{
    w->ns = fw_nanoseconds();
    return w->counter != NULL ? fw_counter_read(w->counter, &w->retired, err) : FW_OK;
}

static enum fw_status copy_watched(struct fw_engine *e, uint32_t node, struct fw_error *err)
{
    for (const struct fw_watched *w = e->watched; w != NULL; w = w->next) {
        if (w->node != node)
            continue;
        FW_TRY(fw_engine_read(e, w->tensor, w->to, fw_engine_bytes(e, w->tensor), err));
        if (w->see != NULL)
            w->see(w->ctx, w->tensor, w->to);
    }
    return FW_OK;
}

enum fw_status fw_engine_run(struct fw_engine *e, bool timed, struct fw_counter *counter,
                             struct fw_error *err)
{
    struct watch before = {.counter = counter}, after = {.counter = counter};
    bool watched = timed || counter != NULL;
    if (watched)
        FW_TRY(look(&before, err));
    for (uint32_t i = 0; i < e->n_steps; i++) {
        const struct fw_step *s = &e->steps[i];
        enum fw_status status = fw_in_time(e->g->alloc, 0, err);
        if (status == FW_OK)
            status = run_step(e, s, err);
        if (status != FW_OK) {
            fw_error_at_node(err, e->g, s->node);
            return status;
        }
        bool last = i + 1 == e->n_steps || e->steps[i + 1].node != s->node;
        if (last)
            FW_TRY(copy_watched(e, s->node, err));
        if (!watched || !last)
            continue;
        FW_TRY(look(&after, err));
        e->use[s->node].ns += after.ns - before.ns;
        e->use[s->node].retired += after.retired - before.retired;
        before = after;
    }
    e->step_number++;
    return FW_OK;
}
