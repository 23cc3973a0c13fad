/* The list of all rows, made from ops.def, and look-up by name. */
#include "ops/op.h"

#include <string.h>

#define FW_OPS(name) extern const struct fw_op_table fw_ops_##name;
#include "ops/ops.def"
#undef FW_OPS

const struct fw_op_table *const fw_op_tables[] = {
#define FW_OPS(name) &fw_ops_##name,
#include "ops/ops.def"
#undef FW_OPS
};
const uint32_t fw_n_op_tables = sizeof fw_op_tables / sizeof *fw_op_tables;

bool fw_op_has_bodies(const struct fw_op *op)
{
    for (unsigned a = 0; a < op->n_attrs; a++)
        if (op->attrs[a].type == FW_ATTR_GRAPH)
            return true;
    return false;
}

bool fw_graph_has_bodies(const struct fw_graph *g)
{
    for (uint32_t id = 0; id < g->n_nodes; id++)
        if (fw_op_has_bodies(g->nodes[id].op))
            return true;
    return false;
}

const struct fw_op *fw_op_find(const char *domain, const char *name)
{
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (uint32_t t = 0; t < fw_n_op_tables; t++)
        for (uint32_t i = 0; i < fw_op_tables[t]->n; i++) {
            const struct fw_op *op = &fw_op_tables[t]->rows[i];
            if (strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0)
                return op;
        }
    return NULL;
}
