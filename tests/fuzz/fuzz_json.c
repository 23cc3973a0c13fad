/* The JSON reader on any bytes: a value or an error with a message. */
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_arena arena;
    struct fw_error err = {0};
    struct fw_json *v = NULL;
    fw_arena_init(&arena, &fw_alloc_default);
    if (fw_json_parse(&arena, data, size, 0, &v, &err) == FW_OK)
        (void)fw_json_get(v, "model_type");
    else if (err.message[0] == '\0')
        abort();
    fw_arena_clear(&arena);
    return 0;
}
