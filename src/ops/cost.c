/* What cost slots share; see op.h. */
#include "ops/op.h"

#include "graph/precision.h"

fw_count fw_elements(struct fw_cx *c, const struct fw_tensor *t)
{
    return t == NULL ? fw_count_int(0) : fw_tensor_elements(c->g, t);
}

void fw_cost_add(struct fw_cx *c, struct fw_cost *cost, enum fw_cost_class class, fw_count n,
                 int64_t times)
{
    if (times == 0)
        return;
    if (class >= FW_EXP && class <= FW_ERF)
        fw_cost_add(c, cost, FW_SPECIAL, n, times);
    fw_count all = times == 1 ? n : fw_count_mul(c->sym, n, fw_count_int(times));
    cost->n[class] = fw_count_add(c->sym, cost->n[class], all);
}

void fw_cost_each(struct fw_cx *c, struct fw_cost *cost, fw_count n, const uint8_t *per)
{
    for (unsigned k = 0; k < FW_N_TALLIES; k++)
        fw_cost_add(c, cost, (enum fw_cost_class)k, n, per[k]);
}

fw_count fw_joins(struct fw_cx *c, fw_count n, fw_count m)
{
    bool empty = fw_count_is_const(n) && n.word == 0;
    return empty ? n : fw_count_sub(c->sym, n, m);
}

fw_count fw_bytes(struct fw_cx *c, const struct fw_tensor *t)
{
    if (t == NULL || t->rank == FW_RANK_UNKNOWN)
        return fw_count_int(0);
    return fw_tensor_bytes(c->precision, c->g, t);
}

void fw_cost_bytes(struct fw_cx *c, struct fw_cost *cost, enum fw_cost_class read_or_write,
                   const struct fw_tensor *t)
{
    cost->n[read_or_write] = fw_count_add(c->sym, cost->n[read_or_write], fw_bytes(c, t));
}

void fw_cost_free(struct fw_cx *c, struct fw_cost *cost)
{
    (void)c;
    (void)cost;
}

void fw_cost_copied(struct fw_cx *c, struct fw_cost *cost)
{
    for (unsigned i = 0; i < c->node->n_out; i++)
        if (fw_has_out(c, i))
            fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, i));
    fw_cost_bytes(c, cost, FW_READ, fw_out(c, 0));
    for (unsigned i = 1; i < c->node->n_in; i++)
        if (fw_has_in(c, i) && !(i < 32 && (c->node->op->shape_only >> i & 1u)))
            fw_cost_bytes(c, cost, FW_READ, fw_in(c, i));
}
