/* Bodies of control flow in the rows of a report. */
#ifndef FW_REPORT_BODIES_H
#define FW_REPORT_BODIES_H

#include "ops/control.h"
#include "report/layers.h"

/* The bodies of a node; 0 for FW_NONE, for a node without and for one that is not counted. */
unsigned fw_row_bodies(struct fw_analysis *a, uint32_t node,
                       struct fw_body_entry ret[FW_MAX_BODIES]);
/* "  body x 10", "  else_branch, not counted": the name of one of n bodies. NULL: memory. */
const char *fw_body_label(struct fw_report *r, const struct fw_body_entry *e, unsigned n);
/* The bodies as rows inside a JSON row; absent where there are none. */
struct fw_value fw_bodies_value(struct fw_report *r, struct fw_analysis *a, uint32_t node);

#endif
