/* Making and freeing a model; see model.h. */
#include "graph/model.h"

enum fw_status fw_model_init(struct fw_model *m, const struct fw_alloc *alloc, struct fw_error *err)
{
    *m = (struct fw_model){
        .alloc = alloc,
        .path = "",
        .format = "",
        .max_nodes = 20u * 1000 * 1000,
        .max_depth = 32,
    };
    fw_arena_init(&m->arena, alloc);
    m->sym = fw_symbols_new(alloc);
    if (m->sym == NULL)
        return fw_fail_memory(err);
    fw_graph_init(&m->graph, &m->arena, m->sym);
    return FW_OK;
}

void fw_model_clear(struct fw_model *m)
{
    if (m == NULL)
        return;
    fw_graph_free(&m->graph);
    fw_symbols_free(m->sym);
    m->sym = NULL;
    fw_arena_clear(&m->arena);
    fw_file_close(&m->file);
}
