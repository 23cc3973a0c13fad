/* What an instruction retires, for native.py. */
#include "decode.h"

unsigned fw_operations(const uint8_t *p, size_t n)
{
    unsigned operations = 0;
    return classify(p, n, &operations) == NONE ? 0 : operations;
}
