/* Running the bodies of a node, and values that outlive them, for kernels (control_run.c). */
#ifndef FW_OPS_CONTROL_KERNEL_H
#define FW_OPS_CONTROL_KERNEL_H

#include "ops/kernel.h"

#define open_body KERNEL_NAME(open_body)
/* Room for the inputs and outputs of the body in an attribute, with what it captures in place. */
enum fw_status open_body(const struct fw_run *r, unsigned attr, struct fw_graph **ret,
                         struct fw_buffer ***ret_in, struct fw_buffer ***ret_out);

#define room_for_items KERNEL_NAME(room_for_items)
/* n items of a sequence that lives as long as the run of the graph; NULL = out of memory, or there
 * are no such values here. */
struct fw_buffer **room_for_items(struct fw_run *r, size_t n);

#define copy_of KERNEL_NAME(copy_of)
/* A copy that lives as long; NULL as above. */
struct fw_buffer *copy_of(struct fw_run *r, const struct fw_buffer *v);

#endif
