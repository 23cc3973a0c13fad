/* Poolings: what the float rows (pool.c) and the quantised rows (qlinear.c) share. */
#ifndef FW_OPS_POOL_H
#define FW_OPS_POOL_H

#include "ops/conv.h"

enum fw_pool_kind { FW_POOL_MAX, FW_POOL_AVERAGE, FW_POOL_LP };

/* What differs between rows that are poolings; .family of every row that uses the slots below. */
struct fw_pool_form {
    enum fw_pool_kind kind;
    uint8_t x;   // input
    int8_t last; // attribute that says channels are last; -1 never, -2 always
    int8_t p;    // attribute p of an Lp norm, or -1
    bool global; // the window is everything: no window attributes
};

/* Windows: the attributes are FW_WINDOW_ATTRS, then ceil_mode. */
enum fw_status fw_pool_read(struct fw_cx *c, struct fw_window *ret);
enum fw_status fw_pool_infer(struct fw_cx *c);
void fw_pool_cost(struct fw_cx *c, struct fw_cost *cost);
/* All positions. */
enum fw_status fw_pool_infer_global(struct fw_cx *c);
void fw_pool_cost_global(struct fw_cx *c, struct fw_cost *cost);

#endif
