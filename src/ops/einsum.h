/* The equation of an Einsum, for its row and its kernel. */
#ifndef FW_OPS_EINSUM_H
#define FW_OPS_EINSUM_H

#include "ops/op.h"

/* Labels are numbered: A-Z, a-z, then the axes of the ellipsis counted from its right end. */
enum {
    FW_EINSUM_LETTERS = 52,
    FW_EINSUM_LABELS = FW_EINSUM_LETTERS + FW_MAX_RANK,
    FW_EINSUM_OPERANDS = 32
};

struct fw_einsum_term {
    uint8_t n;
    uint8_t label[FW_MAX_RANK];
};
struct fw_einsum {
    unsigned n;
    struct fw_einsum_term in[FW_EINSUM_OPERANDS];
    struct fw_einsum_term out;
    fw_dim dim[FW_EINSUM_LABELS];    // size of each label; bad where it does not occur
    unsigned last[FW_EINSUM_LABELS]; // last operand that has it; n when the output has it
};

enum fw_status fw_einsum_read(struct fw_cx *c, struct fw_einsum *e);

#endif
