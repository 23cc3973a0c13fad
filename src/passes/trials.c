/* Trial values of symbolic sizes; see trials.h. */
#include "passes/trials.h"

struct fw_trial_size {
    fw_count size; // the key of fw_trials.known points here
    double at[FW_N_TRIALS];
};

enum fw_status fw_trials_init(struct fw_trials *t, struct fw_graph *g, struct fw_error *err)
{
    static const double alike[] = {1, 64, 224, 1024};
    *t = (struct fw_trials){.g = g, .n_symbols = fw_symbols_count(g->sym)};
    fw_map_init(&t->known, g->alloc);
    t->values = fw_arena_array(g->arena, (size_t)FW_N_TRIALS * t->n_symbols + 1, sizeof *t->values);
    if (t->values == NULL)
        return fw_fail_memory(err);
    uint32_t random = 1;
    for (uint32_t k = 0; k < FW_N_TRIALS; k++)
        for (uint32_t i = 0; i < t->n_symbols; i++) {
            random = random * 1664525u + 1013904223u;
            bool same = k < sizeof alike / sizeof *alike;
            t->values[k * t->n_symbols + i] = same ? alike[k] : (double)(1u << (random >> 20) % 12);
        }
    return FW_OK;
}

void fw_trials_free(struct fw_trials *t)
{
    fw_map_free(&t->known);
    fw_mem_resize(t->g->alloc, (void *)t->sizes, t->cap_sizes * sizeof *t->sizes, 0);
}

static bool grow(struct fw_trials *t)
{
    uint32_t cap = t->cap_sizes == 0 ? 64 : 2 * t->cap_sizes;
    void *more = fw_mem_resize(t->g->alloc, (void *)t->sizes, t->cap_sizes * sizeof *t->sizes,
                               cap * sizeof *t->sizes);
    if (more == NULL)
        return false;
    t->sizes = more;
    t->cap_sizes = cap;
    return true;
}

const double *fw_trials_of(struct fw_trials *t, fw_count size)
{
    const uint32_t *found = fw_map_get(&t->known, (const char *)&size, sizeof size);
    if (found != NULL)
        return t->sizes[*found]->at;
    struct fw_trial_size *one = fw_arena_alloc(t->g->arena, sizeof *one);
    if (one == NULL || (t->n_sizes == t->cap_sizes && !grow(t)))
        return NULL;
    one->size = size;
    for (unsigned k = 0; k < FW_N_TRIALS; k++)
        one->at[k] =
            fw_count_eval(t->g->sym, size, t->values + (size_t)k * t->n_symbols, t->n_symbols);
    if (fw_map_put(&t->known, (const char *)&one->size, sizeof size, t->n_sizes, NULL) == NULL)
        return NULL;
    t->sizes[t->n_sizes++] = one;
    return one->at;
}
