/* Tables of claims of any bytes: every row judged, or an error with a message. */
#include "study/claims.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_arena arena;
    struct fw_error err = {0};
    struct fw_claims claims;
    fw_arena_init(&arena, &fw_alloc_default);
    enum fw_status status = fw_claims_read(&arena, data, size, &claims, &err);
    if (status != FW_OK && err.message[0] == '\0')
        abort();
    for (uint32_t i = 0; status == FW_OK && i < claims.n; i++)
        if (claims.claim[i].model == NULL || claims.claim[i].implied < 0)
            abort();
    fw_arena_clear(&arena);
    return 0;
}
