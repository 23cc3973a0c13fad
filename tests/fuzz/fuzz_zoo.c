/* Specifications of built-in networks: any text is built or refused with a message, in little
 * memory; what was built can be copied, and the copy has as many nodes. */
#include "zoo/zoo.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

static void check_copy(const struct fw_model *m)
{
    struct fw_model copy;
    struct fw_error err;
    if (fw_model_init(&copy, &fw_alloc_default, &err) != FW_OK)
        return;
    enum fw_status status = fw_model_copy(&copy, m, &err);
    require(status != FW_OK || copy.graph.n_nodes == m->graph.n_nodes);
    fw_model_clear(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char spec[512];
    struct fw_model m;
    struct fw_error err = {.code = FW_OK};
    if (size >= sizeof spec || fw_model_init(&m, &fw_alloc_default, &err) != FW_OK)
        return 0;
    if (size > 0)
        memcpy(spec, data, size);
    spec[size] = '\0';
    enum fw_status status = fw_zoo_build(&m, spec, &err);
    require(status == err.code);
    require((status == FW_OK) == (err.message[0] == '\0'));
    if (status == FW_OK)
        check_copy(&m);
    fw_model_clear(&m);
    return 0;
}
