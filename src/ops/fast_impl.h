/* Shared by the files that fill the slots `fast`. */
#ifndef FW_OPS_FAST_IMPL_H
#define FW_OPS_FAST_IMPL_H

#include "ops/fast.h"

bool fw_fast_is_f32(const struct fw_tensor *t);
void fw_fast_start(struct fw_fast *f, enum fw_fast_kind kind);

#endif
