/* The GGUF reader on any bytes: an answer or an error, never anything else. */
#include "formats/formats.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern const struct fw_format fw_format_gguf;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_model model;
    struct fw_error err = {0};
    if (fw_model_init(&model, &fw_alloc_default, &err) != FW_OK)
        return 0;
    enum fw_status status = fw_format_gguf.read(&model, data, size, &err);
    if (status != FW_OK && err.message[0] == '\0')
        abort();
    fw_model_clear(&model);
    return 0;
}
