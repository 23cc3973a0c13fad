/* Masks of attention that are added to its scores; see attention.c. */
#include "ops/attention.h"

static bool is_given(const struct fw_cx *c, unsigned i)
{
    return i != FW_NO_PORT && fw_has_in(c, i);
}

unsigned fw_attention_masks(const struct fw_cx *c)
{
    const struct fw_attention_ports *p = c->node->op->family;
    return (unsigned)is_given(c, p->mask) + is_given(c, p->more_mask);
}

/* Masks of whole numbers say other things, in shapes of their own. */
enum fw_status fw_attention_want_masks(struct fw_cx *c, const fw_dim *scores)
{
    const struct fw_attention_ports *p = c->node->op->family;
    const unsigned masks[2] = {p->mask, p->more_mask};
    for (unsigned k = 0; k < 2; k++) {
        if (!is_given(c, masks[k]))
            continue;
        enum fw_dtype dtype = (enum fw_dtype)fw_in(c, masks[k])->dtype;
        if (dtype == FW_BOOL || fw_dtypes[dtype].class == 'f')
            FW_TRY(fw_want_within(c, masks[k], 4, scores));
    }
    return FW_OK;
}
