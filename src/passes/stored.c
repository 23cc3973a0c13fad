/* See stored.h. */
#include "passes/stored.h"

#include <string.h>

enum { MAX_STORAGES = 64 };

/* Tensors that the network has not: left over, or a tied table's second copy. */
static bool is_misfit(const struct fw_weights *w, const char *name)
{
    for (uint32_t i = 0; i < w->n_misfits; i++)
        if (strcmp(w->misfits[i].name, name) == 0)
            return true;
    return false;
}

static void rank(const uint64_t *bytes, struct fw_as_stored *ret)
{
    bool taken[MAX_STORAGES] = {false};
    for (unsigned k = 0; k < fw_n_storages && k < MAX_STORAGES; k++)
        ret->n_storages += bytes[k] > 0;
    for (unsigned n = 0; n < ret->n_storages && n < 4; n++) {
        unsigned best = MAX_STORAGES;
        for (unsigned k = 0; k < MAX_STORAGES; k++)
            if (!taken[k] && bytes[k] > 0 && (best == MAX_STORAGES || bytes[k] > bytes[best]))
                best = k;
        taken[best] = true;
        ret->storage[n] = best;
    }
}

void fw_weights_as_stored(struct fw_model *m, const struct fw_precision *precision,
                          struct fw_as_stored *ret)
{
    const struct fw_weights *w = m->weights;
    struct fw_symbols *s = m->graph.sym;
    uint64_t bytes[MAX_STORAGES] = {0};
    *ret = (struct fw_as_stored){.more = fw_count_int(0)};
    if (w == NULL || !w->checked || m->no_network != NULL)
        return;
    for (uint32_t i = 0; i < w->n_misfits; i++)
        if (w->misfits[i].kind == FW_MISFIT_MISSING || w->misfits[i].kind == FW_MISFIT_SHAPE)
            return;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct fw_stored *t = &w->tensors[i];
        size_t at = (size_t)(t->storage - fw_storages);
        if (at >= MAX_STORAGES || t->bytes < 0 || is_misfit(w, t->name))
            continue;
        bytes[at] += (uint64_t)t->bytes;
        ret->bytes += (uint64_t)t->bytes;
    }
    fw_count by_policy = fw_count_int(0);
    for (uint32_t id = 0; id < m->graph.n_tensors; id++) {
        const struct fw_tensor *t = &m->graph.tensors[id];
        bool adapter = t->name != NULL && strstr(t->name, ".lora_") != NULL; // in no file
        if ((t->kind == FW_KIND_PARAM || t->kind == FW_KIND_BUFFER) && !adapter)
            by_policy = fw_count_add(s, by_policy, fw_tensor_bytes(precision, &m->graph, t));
    }
    rank(bytes, ret);
    ret->known = true;
    ret->more = fw_count_sub(s, fw_count_int((fw_i128)ret->bytes), by_policy);
}
