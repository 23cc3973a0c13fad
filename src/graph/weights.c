/* Tables about weight files; see weights.h. */
#include "graph/weights.h"

#include <string.h>

const struct fw_storage fw_storages[] = {
#define FW_STORAGE(name, block, bytes, dtype, ggml) {name, block, bytes, dtype, ggml},
#include "graph/storage.def"
#undef FW_STORAGE
};
const unsigned fw_n_storages = sizeof fw_storages / sizeof *fw_storages;

const struct fw_storage *fw_storage_find(const char *name)
{
    for (unsigned i = 0; i < fw_n_storages; i++)
        if (strcmp(fw_storages[i].name, name) == 0)
            return &fw_storages[i];
    return NULL;
}

const struct fw_storage *fw_storage_of_ggml(uint32_t number)
{
    for (unsigned i = 0; i < fw_n_storages; i++)
        if (fw_storages[i].ggml >= 0 && (uint32_t)fw_storages[i].ggml == number)
            return &fw_storages[i];
    return NULL;
}

const char *const fw_stored_roles[FW_N_STORED_ROLES] = {"parameters", "buffers", "scales", "other"};
