/* The ONNX binary reader on any bytes: an answer or an error, never anything else. */
#include "base/limits.h"
#include "formats/formats.h"

#include <stddef.h>
#include <stdint.h>

extern const struct fw_format fw_format_onnx;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_model model;
    struct fw_error err;
    struct fw_limits limits = fw_limits_default;
    limits.most[FW_MOST_nodes] = 4000; // functions that call functions multiply
    struct fw_alloc alloc = fw_alloc_default;
    alloc.limits = &limits;
    if (fw_model_init(&model, &alloc, &err) != FW_OK)
        return 0;
    (void)fw_format_onnx.read(&model, data, size, &err);
    fw_model_clear(&model);
    return 0;
}
