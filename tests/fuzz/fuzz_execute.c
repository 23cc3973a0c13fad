/* A file in ONNX as it stands, held to laws.h: with the one-node models of ONNX's own backend tests
 * as seeds (tests/fuzz/seeds_execute.py), each operator in many forms that fit. */
#include "laws.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_str file;
    struct fw_analysis_options o = laws_options(data, &size);
    fw_str_init(&file, &fw_alloc_default);
    if (size > 0)
        fw_str_addn(&file, (const char *)data, size);
    laws_check(&file, NULL, &o);
    fw_str_free(&file);
    return 0;
}
