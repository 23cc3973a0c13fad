/* Arrays for `run`, of any bytes: every array that is handed out lies in memory that may be read
 * and is as long as its shape says, or there is an error with a message. */
#include "formats/npy.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All bytes are read: what lies outside is the sanitizer's. */
static unsigned read_through(const struct fw_array *a)
{
    unsigned sum = (unsigned)strlen(a->name);
    for (size_t i = 0; i < a->bytes; i++)
        sum += a->data[i];
    return sum;
}

static void check(const struct fw_array *a)
{
    size_t bytes = fw_dtypes[a->dtype].bits / 8;
    if (a->rank > FW_ARRAY_RANK || bytes == 0)
        abort();
    for (unsigned k = 0; k < a->rank; k++)
        bytes *= (size_t)a->dims[k];
    if (bytes != a->bytes || (read_through(a) > 0 && a->name == NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_arena arena;
    struct fw_error err = {0};
    struct fw_array *arrays = NULL;
    size_t n = 0;
    fw_arena_init(&arena, &fw_alloc_default);
    enum fw_status status = fw_arrays_read(data, size, &arena, &arrays, &n, &err);
    for (size_t i = 0; status == FW_OK && i < n; i++)
        check(&arrays[i]);
    if (status != FW_OK && err.message[0] == '\0')
        abort();
    fw_arena_clear(&arena);
    return 0;
}
