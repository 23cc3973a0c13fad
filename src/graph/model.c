/* Making and freeing a model; see model.h. */
#include "graph/model.h"

enum fw_status fw_model_init(struct fw_model *m, const struct fw_alloc *alloc, struct fw_error *err)
{
    *m = (struct fw_model){
        .alloc = alloc,
        .path = "",
        .format = "",
    };
    fw_arena_init(&m->arena, alloc);
    m->sym = fw_symbols_new(alloc);
    if (m->sym == NULL)
        return fw_fail_memory(err);
    fw_graph_init(&m->graph, &m->arena, m->sym);
    return FW_OK;
}

struct fw_weights *fw_model_weights(struct fw_model *m)
{
    if (m->weights != NULL)
        return m->weights;
    m->weights = fw_arena_zalloc(&m->arena, sizeof *m->weights);
    if (m->weights != NULL)
        fw_map_init(&m->weights->by_name, m->alloc);
    return m->weights;
}

void fw_model_clear(struct fw_model *m)
{
    if (m == NULL)
        return;
    fw_graph_free(&m->graph);
    if (m->weights != NULL) {
        struct fw_weights *w = m->weights;
        fw_mem_resize(m->alloc, w->tensors, w->cap * sizeof *w->tensors, 0);
        fw_map_free(&w->by_name);
        m->weights = NULL;
    }
    fw_symbols_free(m->sym);
    m->sym = NULL;
    fw_arena_clear(&m->arena);
    fw_file_close(&m->file);
}
