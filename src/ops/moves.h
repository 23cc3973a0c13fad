/* Moving elements: every such operator is a map from the elements of its result to those of its
 * input, and its gradient walks the same map the other way. For kernels. */
#ifndef FW_OPS_MOVES_H
#define FW_OPS_MOVES_H

#include "ops/kernel.h"

/* Element i of y is element from[i] of x; -1: none (zero, or a fill). */
struct moves {
    const struct fw_buffer *x, *y; // shapes; in a gradient dX and dY
    int64_t *from;                 // (y->n), in scratch memory
};

/* How the gradient's elements that came from one place are joined. */
enum moves_back {
    MOVES_ALONE, // no two came from one place
    MOVES_SUM,   // the first is taken as it is, each further one is an addition
    MOVES_ADD    // each is added to a zero: one addition an element
};

static inline enum fw_status moves_open(const struct fw_run *r, const struct fw_buffer *x,
                                        const struct fw_buffer *y, struct moves *ret)
{
    *ret = (struct moves){x, y, fw_arena_array(r->scratch, y->n + 1, sizeof *ret->from)};
    return ret->from != NULL ? FW_OK : fw_fail_memory(r->cx.err);
}

/* The map along a walk of y whose first tensor is x. */
static inline void moves_along(struct moves *m, struct fw_walk *w)
{
    for (size_t i = 0; i < m->y->n; i++) {
        m->from[i] = w->offset[0];
        fw_walk_next(w);
    }
}

/* Row-major strides of a value. */
static inline void moves_strides(const struct fw_buffer *v, ptrdiff_t *ret)
{
    ptrdiff_t n = 1;
    for (unsigned k = v->rank; k-- > 0;) {
        ret[k] = n;
        n *= (ptrdiff_t)v->dims[k];
    }
}

/* to = from by the map; fill: an element of the type for places without one, NULL: zero. */
static inline void moves_forward(const struct moves *m, const struct fw_buffer *from,
                                 struct fw_buffer *to, const void *fill)
{
    size_t each = fw_element_bytes((enum fw_dtype)to->dtype, to->real);
    char *y = to->data;
    const char *x = from->data;
    fw_kernel_wants_alike(to, from);
    for (size_t i = 0; i < to->n; i++) {
        if (m->from[i] >= 0 && fw_kernel_has(from, (size_t)m->from[i]))
            memcpy(y + i * each, x + (size_t)m->from[i] * each, each);
        else if (fill != NULL)
            memcpy(y + i * each, fill, each);
        else
            memset(y + i * each, 0, each);
    }
}

static inline enum fw_status moves_backward(const struct fw_run *r, const struct moves *m,
                                            const REAL *dy, REAL *dx, enum moves_back how)
{
    bool *met = fw_arena_zalloc(r->scratch, m->x->n + 1);
    if (met == NULL)
        return fw_fail_memory(r->cx.err);
    memset(dx, 0, m->x->n * sizeof *dx);
    for (size_t i = 0; i < m->y->n; i++) {
        if (m->from[i] < 0 || !fw_kernel_has(m->x, (size_t)m->from[i]))
            continue;
        size_t at = (size_t)m->from[i];
        bool add = how == MOVES_ADD || (how == MOVES_SUM && met[at]);
        dx[at] = add ? ADD(dx[at], dy[i]) : dy[i];
        met[at] = true;
    }
    return FW_OK;
}

#endif
