#include "study/audit.h"

#include "engine/exec.h"
#include "engine/retired.h"
#include "ops/conv.h"
#include "ops/value.h"

#include <string.h>

/* Counts of a planned graph are plain numbers. */
static uint64_t number(fw_count c)
{
    return fw_count_is_const(c) && c.word > 0 ? (uint64_t)c.word : 0;
}

static enum fw_status predict(struct fw_audit *au, struct fw_error *err)
{
    struct fw_execution *x = au->x;
    struct fw_graph *g = &x->a->model.graph;
    const struct fw_node_use *use = fw_engine_use(x->engine);
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        struct fw_audit_node *n = &au->nodes[id];
        struct fw_cx cx = {.g = g, .sym = g->sym, .node = &g->nodes[id]};
        struct fw_cost cost, padding;
        FW_REQUIRE(fw_node_cost(g, id, x->a->precision, &cost), err, FW_UNSUPPORTED,
                   "node %u has no rule: it cannot be audited", id);
        fw_cost_clear(&padding);
        if (!fw_padding_cost(&cx, &padding))
            fw_cost_clear(&padding);
        struct fw_retired r = fw_retired_predict(x->engine, id, &cost, &padding);
        n->dense = number(fw_cost_flop(g->sym, &cost));
        n->valid = n->dense - number(fw_cost_flop(g->sym, &padding));
        n->predicted = r.flop;
        n->known = r.known;
        n->executed = r.flop;
        n->retired = use[id].retired;
    }
    return FW_OK;
}

/* The same schedule by the kernels that count every operation as they do it. */
static enum fw_status count_nodes(struct fw_audit *au, struct fw_error *err)
{
    struct fw_graph *g = &au->x->a->model.graph;
    struct fw_exec_options how = {.build = FW_COUNTED, .seed = 1};
    struct fw_exec *e;
    FW_TRY(fw_exec_new(&e, g, &how, err));
    enum fw_status status = fw_exec_fill(e, err);
    for (uint32_t id = 0; id < g->n_nodes && status == FW_OK; id++) {
        uint64_t tally[FW_N_TALLIES] = {0};
        status = fw_exec_node(e, id, tally, err);
        au->nodes[id].executed = fw_tally_flop(tally);
    }
    fw_exec_free(e);
    au->counted = status == FW_OK;
    return status;
}

enum fw_status fw_audit(struct fw_audit *ret, struct fw_execution *x,
                        const struct fw_counter *counter, const char *why_not, bool count,
                        struct fw_error *err)
{
    memset(ret, 0, sizeof *ret);
    ret->x = x;
    ret->nodes = fw_arena_zalloc(&x->arena, (x->a->model.graph.n_nodes + 1u) * sizeof *ret->nodes);
    if (ret->nodes == NULL)
        return fw_fail_memory(err);
    ret->why_not = fw_arena_printf(&x->arena, "%s", why_not != NULL ? why_not : "");
    if (counter != NULL)
        ret->counter = fw_arena_printf(&x->arena, "%s, event 0x%04llx", counter->machine.name,
                                       (unsigned long long)counter->event.code);
    FW_TRY(predict(ret, err));
    return count ? count_nodes(ret, err) : FW_OK;
}
