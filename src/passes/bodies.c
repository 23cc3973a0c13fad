/* What rows of control flow call back: the passes applied to a body. */
#include "passes/cost.h"
#include "passes/infer.h"
#include "passes/train.h"

static enum fw_status infer_body(struct fw_cx *c, struct fw_graph *body)
{
    return fw_infer(body, c->err);
}

static bool cost_body(struct fw_cx *c, struct fw_graph *body, unsigned phase, struct fw_cost *cost)
{
    bool complete = true;
    for (uint32_t id = 0; id < body->n_nodes; id++) {
        if (phase != FW_N_PHASES && body->nodes[id].phase != phase)
            continue;
        struct fw_cost one;
        if (!fw_node_cost(body, id, c->precision, &one))
            complete = false;
        fw_cost_accumulate(c->sym, cost, &one);
    }
    return complete;
}

const struct fw_hooks fw_pass_hooks = {.infer_body = infer_body,
                                       .cost_body = cost_body,
                                       .copy_body = fw_copy_body,
                                       .grad_body = fw_grad_body};
