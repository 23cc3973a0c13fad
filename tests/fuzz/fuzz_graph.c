/* Random graphs through the whole pipeline, held to laws.h. */
#include "laws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    laws_check_made(data, size, gen_model);
    return 0;
}
