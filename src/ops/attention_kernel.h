/* What the kernels of attention share: heads as strided matrices, and their rotation. */
#ifndef FW_OPS_ATTENTION_KERNEL_H
#define FW_OPS_ATTENTION_KERNEL_H

#include "ops/attention.h"
#include "ops/product.h"

/* Row i of head h of example b begins at p[b*batch + h*head + i*row]. */
struct heads {
    REAL *p;
    size_t batch, head, row;
};

static inline struct matrix head_at(const struct heads *v, size_t b, size_t h)
{
    return matrix_of(v->p + b * v->batch + h * v->head, v->row, 1);
}

/* Of a tensor (batch, heads, length, width) or (batch, length, heads*width). */
static inline struct heads heads_of(const struct fw_buffer *v, size_t heads)
{
    bool folded = v->rank == 3;
    size_t last = (size_t)v->dims[v->rank - 1];
    size_t width = !folded ? last : heads > 0 ? last / heads : 0;
    size_t length = (size_t)v->dims[folded ? 1 : 2];
    if (!is_real(v))
        fw_kernel_wants_reals(v);
    return (struct heads){v->data, heads * length * width, folded ? width : length * width,
                          folded ? last : width};
}

/* New numbers (batch, heads, length, width). */
static inline struct heads heads_in(REAL *p, size_t heads, size_t length, size_t width)
{
    return (struct heads){p, heads * length * width, length * width, width};
}

/* Query, key and value in one tensor, or key and value: each place holds them one after the other
 * for every head (5 dimensions), or for all heads (3). */
struct packing {
    size_t length, heads, groups, width, v_width;
};

static inline void unpack_heads(const struct packing *p, const struct fw_buffer *v,
                                struct heads ret[3])
{
    if (v->rank == 5) {
        size_t n = (size_t)v->dims[3];
        size_t row = p->heads * n * p->width;
        for (size_t i = 0; i < 3; i++)
            ret[i] = (struct heads){reals_of(v) + (i + n - 3) * p->width, p->length * row,
                                    n * p->width, row};
        return;
    }
    const size_t each[3] = {p->heads * p->width, p->groups * p->width, p->groups * p->v_width};
    size_t row = each[0] + each[1] + each[2];
    REAL *at = reals_of(v);
    for (size_t i = 0; i < 3; at += each[i++])
        ret[i] = (struct heads){at, p->length * row, i == 2 ? p->v_width : p->width, row};
}

/* Caches of a rotary embedding, (positions, half the turned width). */
struct turning {
    const struct fw_buffer *cos, *sin; // NULL: none
    const struct fw_buffer *at;        // positions (batch, length), or NULL: in a row
    bool pairs;                        // neighbours turn together, else halves
};

#define turn_row KERNEL_NAME(turn_row)
/* (x, y) -> (x cos - y sin, x sin + y cos) in place, or back; 2 mul and 1 add a number. */
enum fw_status turn_row(const struct fw_run *r, const struct turning *t, REAL *x, size_t width,
                        int64_t position, bool back);

#endif
