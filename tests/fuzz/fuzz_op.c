/* One operator alone, any of the table, on tensors of sizes that are numbers, held to laws.h: the
 * shortest way to its rules and its kernels. */
#include "laws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    laws_check_made(data, size, gen_alone);
    return 0;
}
