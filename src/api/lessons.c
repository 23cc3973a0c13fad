/* Questions that teach: optimizers, initialisation, derivations. */
#include "api/net.h"

enum fw_status fw_optimizer_report(struct fw_report **ret, const char *name, struct fw_error *err)
{
    const struct fw_optimizer *o = name != NULL ? fw_optimizer_find(name) : NULL;
    if (name != NULL && o == NULL)
        return fw_name_unknown("optimizer", name, fw_optimizer_name, err);
    return fw_answer_optimizer(ret, o, &fw_alloc_default, err);
}
