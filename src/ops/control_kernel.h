/* Running the bodies of a node, for kernels (control_run.c). */
#ifndef FW_OPS_CONTROL_KERNEL_H
#define FW_OPS_CONTROL_KERNEL_H

#include "ops/kernel.h"

#define open_body KERNEL_NAME(open_body)
/* Room for the inputs and outputs of the body in an attribute, with what it captures in place. */
enum fw_status open_body(const struct fw_run *r, unsigned attr, struct fw_graph **ret,
                         struct fw_buffer ***ret_in, struct fw_buffer ***ret_out);

#endif
