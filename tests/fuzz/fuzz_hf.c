/* The reader of config.json on any bytes: an answer or an error, never anything else. */
#include "formats/formats.h"

#include <stddef.h>
#include <stdint.h>

extern const struct fw_format fw_format_hf;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_model model;
    struct fw_error err;
    if (fw_model_init(&model, &fw_alloc_default, &err) != FW_OK)
        return 0;
    (void)fw_format_hf.read(&model, data, size, &err);
    fw_model_clear(&model);
    return 0;
}
