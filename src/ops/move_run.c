/* Kernels of move.c, expand.c, concat.c and slice.c: which element goes where. */
#include "ops/moves.h"

/* A map filled in for the node: x, y are shapes, first is where the inputs behind x begin. */
typedef enum fw_status map_function(struct fw_run *r, struct moves *m, unsigned first);

static enum fw_status forward(struct fw_run *r, map_function *map)
{
    struct moves m;
    FW_TRY(moves_open(r, r->in[0], r->out[0], &m));
    FW_TRY(map(r, &m, 1));
    moves_forward(&m, r->in[0], r->out[0], NULL);
    return FW_OK;
}

/* Of a gradient node (dY, ...) whose further inputs stand from `first` on. */
static enum fw_status backward(struct fw_run *r, map_function *map, unsigned first,
                               enum moves_back how)
{
    struct moves m;
    FW_TRY(moves_open(r, r->out[0], r->in[0], &m));
    FW_TRY(map(r, &m, first));
    return moves_backward(r, &m, reals(r, 0), reals_out(r, 0), how);
}

/* ---- Transpose ---- */

static enum fw_status map_transpose(struct fw_run *r, struct moves *m, unsigned first)
{
    const struct fw_attr *perm = fw_run_attr(r, "perm");
    ptrdiff_t from[FW_MAX_RANK];
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    (void)first;
    moves_strides(m->x, from);
    for (unsigned k = 0; k < m->x->rank; k++) {
        int64_t axis = perm->n > 0 ? perm->ints[k] : m->x->rank - 1 - (int64_t)k;
        stride[k] = from[axis < 0 ? axis + m->x->rank : axis];
    }
    fw_walk_init(&w, m->y->rank, m->y->dims);
    fw_walk_add(&w, stride, 0);
    moves_along(m, &w);
    return FW_OK;
}

KERNEL(transpose)
{
    return forward(r, map_transpose);
}

/* ---- SpaceToDepth, DepthToSpace: x (N, C, H*b, W*b) <-> y (N, C*b*b, H, W) ---- */

/* The map from the deep side to the wide one. */
static void map_blocks(const struct fw_run *r, const struct fw_buffer *wide,
                       const struct fw_buffer *deep, int64_t *from)
{
    size_t b = (size_t)fw_run_attr_int(r, "blocksize", 1);
    const struct fw_attr *mode = fw_run_attr(r, "mode");
    bool columns_first = mode != NULL && mode->s != NULL && strcmp(mode->s, "CRD") == 0;
    size_t channels = (size_t)wide->dims[1];
    size_t height = (size_t)wide->dims[2];
    size_t width = (size_t)wide->dims[3];
    struct fw_walk w;
    fw_walk_init(&w, 4, deep->dims);
    for (size_t i = 0; i < deep->n; i++) {
        size_t d = (size_t)w.at[1];
        size_t c = columns_first ? d / (b * b) : d % channels;
        size_t block = columns_first ? d % (b * b) : d / channels;
        size_t h = (size_t)w.at[2] * b + block / b;
        size_t v = (size_t)w.at[3] * b + block % b;
        from[i] = (int64_t)((((size_t)w.at[0] * channels + c) * height + h) * width + v);
        fw_walk_next(&w);
    }
}

static enum fw_status map_space_to_depth(struct fw_run *r, struct moves *m, unsigned first)
{
    (void)first;
    map_blocks(r, m->x, m->y, m->from);
    return FW_OK;
}

static enum fw_status map_depth_to_space(struct fw_run *r, struct moves *m, unsigned first)
{
    int64_t *to = fw_arena_array(r->scratch, m->x->n + 1, sizeof *to);
    (void)first;
    if (to == NULL)
        return fw_fail_memory(r->cx.err);
    map_blocks(r, m->y, m->x, to);
    for (size_t i = 0; i < m->x->n; i++)
        m->from[to[i]] = (int64_t)i;
    return FW_OK;
}

KERNEL(space_to_depth)
{
    return forward(r, map_space_to_depth);
}
KERNEL(depth_to_space)
{
    return forward(r, map_depth_to_space);
}

/* ---- ReverseSequence: (x, lengths) ---- */

static enum fw_status map_reverse(struct fw_run *r, struct moves *m, unsigned first)
{
    unsigned batch, time;
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "batch_axis", 1), m->x->rank, &batch));
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "time_axis", 0), m->x->rank, &time));
    moves_strides(m->x, stride);
    fw_walk_init(&w, m->y->rank, m->y->dims);
    fw_walk_add(&w, stride, 0);
    for (size_t i = 0; i < m->y->n; i++) {
        int64_t length = fw_buffer_int(r->in[first], (size_t)w.at[batch]);
        int64_t t = w.at[time];
        FW_REQUIRE(length <= m->x->dims[time], r->cx.err, FW_SHAPE,
                   "lengths of at most %lld are wanted, found %lld", (long long)m->x->dims[time],
                   (long long)length);
        m->from[i] = w.offset[0] + (t < length ? (length - 1 - 2 * t) * stride[time] : 0);
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(reverse_sequence)
{
    return forward(r, map_reverse);
}

/* ---- Expand, Tile ---- */

static enum fw_status map_expand(struct fw_run *r, struct moves *m, unsigned first)
{
    struct fw_walk w;
    (void)r;
    (void)first;
    fw_walk_init(&w, m->y->rank, m->y->dims);
    fw_walk_add_broadcast(&w, m->x);
    moves_along(m, &w);
    return FW_OK;
}

static enum fw_status map_tile(struct fw_run *r, struct moves *m, unsigned first)
{
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    (void)r;
    (void)first;
    moves_strides(m->x, stride);
    fw_walk_init(&w, m->y->rank, m->y->dims);
    for (size_t i = 0; i < m->y->n; i++) {
        m->from[i] = 0;
        for (unsigned k = 0; k < m->x->rank; k++)
            m->from[i] += w.at[k] % m->x->dims[k] * stride[k];
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(expand)
{
    return forward(r, map_expand);
}
KERNEL(tile)
{
    return forward(r, map_tile);
}
KERNEL(tile_grad)
{
    return backward(r, map_tile, 2, MOVES_SUM);
}

/* ---- Slice: (x, starts, ends, axes?, steps?) ---- */

/* Where a cut starts, after the standard's clamping. */
static int64_t clamp_start(int64_t b, int64_t d, int64_t step)
{
    b = b < 0 && b > INT64_MIN + d ? b + d : b;
    int64_t top = step > 0 ? d : d - 1;
    return b < 0 ? 0 : b > top ? top : b;
}

static enum fw_status map_slice(struct fw_run *r, struct moves *m, unsigned first)
{
    const struct fw_buffer *starts = r->in[first];
    const struct fw_buffer *axes = fw_run_in(r, first + 2);
    const struct fw_buffer *steps = fw_run_in(r, first + 3);
    ptrdiff_t stride[FW_MAX_RANK];
    ptrdiff_t offset = 0;
    struct fw_walk w;
    moves_strides(m->x, stride);
    for (size_t i = 0; i < starts->n; i++) {
        unsigned axis;
        int64_t step = steps != NULL ? fw_buffer_int(steps, i) : 1;
        FW_TRY(
            fw_run_axis(r, axes != NULL ? fw_buffer_int(axes, i) : (int64_t)i, m->x->rank, &axis));
        int64_t at = clamp_start(fw_buffer_int(starts, i), m->x->dims[axis], step);
        offset += at * stride[axis];
        stride[axis] *= m->y->dims[axis] > 1 ? step : 1;
    }
    fw_walk_init(&w, m->y->rank, m->y->dims);
    fw_walk_add(&w, stride, offset);
    moves_along(m, &w);
    return FW_OK;
}

KERNEL(slice)
{
    return forward(r, map_slice);
}

KERNEL(scatter_zero) // (dy, x, starts, ends, axes?, steps?)
{
    if (r->cx.node->n_in > 2)
        return backward(r, map_slice, 2, MOVES_ALONE);
    zero_out(r, 0);
    return FW_OK;
}

/* ---- Pad, Crop, CenterCropPad: element i of an axis comes from i - before ---- */

enum border { BORDER_FILL, BORDER_EDGE, BORDER_REFLECT, BORDER_WRAP };

static int64_t inside(int64_t i, int64_t d, enum border how)
{
    if ((i >= 0 && i < d) || d == 0)
        return d == 0 ? -1 : i;
    if (how == BORDER_FILL)
        return -1;
    if (how == BORDER_EDGE)
        return i < 0 ? 0 : d - 1;
    int64_t period = how == BORDER_WRAP ? d : 2 * (d - 1);
    if (period == 0)
        return 0;
    i = i % period < 0 ? i % period + period : i % period;
    return i < d ? i : period - i;
}

static void map_border(struct moves *m, const int64_t *before, enum border how)
{
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    moves_strides(m->x, stride);
    fw_walk_init(&w, m->y->rank, m->y->dims);
    for (size_t i = 0; i < m->y->n; i++) {
        m->from[i] = 0;
        for (unsigned k = 0; k < m->x->rank; k++) {
            int64_t at = inside(w.at[k] - before[k], m->x->dims[k], how);
            m->from[i] = at < 0 || m->from[i] < 0 ? -1 : m->from[i] + at * stride[k];
        }
        fw_walk_next(&w);
    }
}

static enum border border_of(const struct fw_run *r)
{
    const char *mode = fw_run_attr(r, "mode")->s;
    return strcmp(mode, "edge") == 0      ? BORDER_EDGE
           : strcmp(mode, "reflect") == 0 ? BORDER_REFLECT
           : strcmp(mode, "wrap") == 0    ? BORDER_WRAP
                                          : BORDER_FILL;
}

static enum fw_status map_pad(struct fw_run *r, struct moves *m, unsigned first)
{
    const struct fw_buffer *pads = r->in[first];
    const struct fw_buffer *axes = fw_run_in(r, first + 2);
    int64_t before[FW_MAX_RANK] = {0};
    size_t n = axes != NULL ? axes->n : m->x->rank;
    for (size_t i = 0; i < n; i++) {
        unsigned axis;
        FW_TRY(
            fw_run_axis(r, axes != NULL ? fw_buffer_int(axes, i) : (int64_t)i, m->x->rank, &axis));
        before[axis] = fw_buffer_int(pads, i);
    }
    map_border(m, before, border_of(r));
    return FW_OK;
}

KERNEL(pad) // (x, pads, fill?, axes?)
{
    struct moves m;
    const struct fw_buffer *fill = fw_run_in(r, 2);
    FW_TRY(moves_open(r, r->in[0], r->out[0], &m));
    FW_TRY(map_pad(r, &m, 1));
    if (fill != NULL)
        fw_kernel_wants_alike(r->out[0], fill);
    moves_forward(&m, r->in[0], r->out[0], fill != NULL && fill->n > 0 ? fill->data : NULL);
    return FW_OK;
}

KERNEL(pad_grad) // (dy, x, pads, -, axes?)
{
    return backward(r, map_pad, 2, border_of(r) == BORDER_FILL ? MOVES_ALONE : MOVES_SUM);
}

static enum fw_status map_center(struct fw_run *r, struct moves *m, unsigned first)
{
    int64_t before[FW_MAX_RANK] = {0};
    (void)r;
    (void)first;
    for (unsigned k = 0; k < m->x->rank; k++) {
        int64_t more = m->y->dims[k] - m->x->dims[k];
        before[k] = more >= 0 ? more / 2 : -(-more / 2);
    }
    map_border(m, before, BORDER_FILL);
    return FW_OK;
}

KERNEL(center_crop_pad)
{
    return forward(r, map_center);
}
KERNEL(center_grad)
{
    return backward(r, map_center, 2, MOVES_ALONE);
}

static enum fw_status map_crop(struct fw_run *r, struct moves *m, unsigned first)
{
    const struct fw_attr *border = fw_run_attr(r, "border"); // left, top, right, bottom
    int64_t before[4] = {0, 0, -border->ints[1], -border->ints[0]};
    (void)first;
    map_border(m, before, BORDER_FILL);
    return FW_OK;
}

KERNEL(crop)
{
    return forward(r, map_crop);
}

/* ---- Concat, Split: parts of an axis, starting at `start` of the whole ---- */

/* Copies between a part and the whole; either may be NULL: zeros. */
static void part_of_axis(const struct fw_buffer *whole, const struct fw_buffer *part, unsigned axis,
                         size_t start, size_t length, bool into_whole)
{
    const struct fw_buffer *v = part != NULL ? part : whole;
    fw_kernel_wants_alike(whole, v);
    size_t each = fw_element_bytes((enum fw_dtype)v->dtype, v->real);
    size_t outer = fw_buffer_span(whole, 0, axis);
    size_t inner = fw_buffer_span(whole, axis + 1, whole->rank);
    size_t n = (size_t)whole->dims[axis];
    for (size_t i = 0; i < outer; i++) {
        char *w = (char *)whole->data + (i * n + start) * inner * each;
        char *p = part != NULL ? (char *)part->data + i * length * inner * each : NULL;
        if (p == NULL)
            memset(w, 0, length * inner * each);
        else
            memcpy(into_whole ? w : p, into_whole ? p : w, length * inner * each);
    }
}

KERNEL(concat)
{
    unsigned axis;
    size_t start = 0;
    struct fw_buffer *y = r->out[0];
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), y->rank, &axis));
    for (unsigned i = 0; i < r->cx.node->n_in; i++) {
        const struct fw_buffer *x = r->in[i];
        size_t length = x->rank == 0 ? 1 : (size_t)x->dims[axis];
        FW_REQUIRE(fw_element_bytes((enum fw_dtype)x->dtype, x->real) ==
                       fw_element_bytes((enum fw_dtype)y->dtype, y->real),
                   r->cx.err, FW_UNSUPPORTED, "input %u of type %s is wanted, found %s", i,
                   fw_dtypes[y->dtype].name, fw_dtypes[x->dtype].name);
        part_of_axis(y, x, axis, start, length, true);
        start += length;
    }
    return FW_OK;
}

KERNEL(concat_grad) // (dy, x, start)
{
    unsigned axis;
    struct fw_buffer *dx = r->out[0];
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), r->in[0]->rank, &axis));
    part_of_axis(r->in[0], dx, axis, (size_t)fw_buffer_int(r->in[2], 0),
                 dx->rank == 0 ? 1 : (size_t)dx->dims[axis], false);
    return FW_OK;
}

KERNEL(split)
{
    unsigned axis;
    size_t start = 0;
    const struct fw_buffer *x = r->in[0];
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), x->rank, &axis));
    for (unsigned i = 0; i < r->cx.node->n_out; i++) {
        struct fw_buffer *y = r->out[i];
        size_t length = y != NULL                 ? (size_t)y->dims[axis]
                        : fw_run_in(r, 1) != NULL ? (size_t)fw_buffer_int(r->in[1], i)
                                                  : (size_t)x->dims[axis] / r->cx.node->n_out;
        if (y != NULL)
            part_of_axis(x, y, axis, start, length, false);
        start += length;
    }
    return FW_OK;
}

KERNEL(split_grad) // (x, sizes, dy of each part, or none)
{
    unsigned axis;
    size_t start = 0;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), r->out[0]->rank, &axis));
    for (size_t i = 0; i < r->in[1]->n; i++) {
        size_t length = (size_t)fw_buffer_int(r->in[1], i);
        part_of_axis(r->out[0], fw_run_in(r, (unsigned)i + 2), axis, start, length, true);
        start += length;
    }
    return FW_OK;
}
