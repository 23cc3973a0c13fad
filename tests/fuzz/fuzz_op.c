/* One operator alone, any of the table, on tensors of sizes that are numbers, held to laws.h: the
 * shortest way to its rules and its kernels. */
#include "gen.h"
#include "laws.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gen_model model;
    struct fw_str onnx, text;
    struct fw_analysis_options o = laws_options(data, &size);
    gen_alone(&model, data, size);
    fw_str_init(&onnx, &fw_alloc_default);
    fw_str_init(&text, &fw_alloc_default);
    gen_write_onnx(&model, &onnx);
    gen_write_text(&model, &text);
    laws_check(&onnx, &text, &o);
    fw_str_free(&onnx);
    fw_str_free(&text);
    return 0;
}
