/* Random graphs through the whole pipeline, held to laws.h. */
#include "gen.h"
#include "laws.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gen_model model;
    struct fw_str onnx, text;
    struct fw_analysis_options o = laws_options(data, &size);
    gen_model(&model, data, size);
    fw_str_init(&onnx, &fw_alloc_default);
    fw_str_init(&text, &fw_alloc_default);
    gen_write_onnx(&model, &onnx);
    gen_write_text(&model, &text);
    laws_check(&onnx, &text, &o);
    fw_str_free(&onnx);
    fw_str_free(&text);
    return 0;
}
