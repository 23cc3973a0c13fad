/* Primitives of oneDNN (2.x, the C API) for the nodes of a graph. Only this file and dnn_library.c
 * know the library. */
#include "engine/dnn.h"

#ifdef FW_HAVE_DNNL // else dnn_none.c

#include "base/arena.h"
#include "engine/dnn_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- layouts ---- */

struct fw_layout {
    dnnl_memory_desc_t md;
};

bool fw_layout_same(const struct fw_layout *a, const struct fw_layout *b)
{
    return a == b || (a != NULL && b != NULL && fw_dnn.dnnl_memory_desc_equal(&a->md, &b->md));
}

size_t fw_layout_bytes(const struct fw_layout *layout)
{
    return fw_dnn.dnnl_memory_desc_get_size(&layout->md);
}

unsigned fw_layout_block(const struct fw_layout *layout)
{
    const dnnl_memory_desc_t *md = layout != NULL ? &layout->md : NULL;
    if (md == NULL || md->format_kind != dnnl_blocked || md->format_desc.blocking.inner_nblks == 0)
        return 1;
    return (unsigned)md->format_desc.blocking.inner_blks[0];
}

static dnnl_memory_desc_t rows_of(int rank, const dnnl_dim_t *dims)
{
    dnnl_memory_desc_t md;
    dnnl_dims_t stride;
    dnnl_dim_t step = 1;
    for (int k = rank; k-- > 0;) {
        stride[k] = step;
        step *= dims[k];
    }
    (void)fw_dnn.dnnl_memory_desc_init_by_strides(&md, rank, dims, dnnl_f32, stride);
    return md;
}

static dnnl_memory_desc_t any_of(int rank, const dnnl_dim_t *dims)
{
    dnnl_memory_desc_t md;
    (void)fw_dnn.dnnl_memory_desc_init_by_tag(&md, rank, dims, dnnl_f32, dnnl_format_tag_any);
    return md;
}

/* ---- the library ---- */

enum { MAX_PORTS = 10 };

struct fw_dnn_kernel {
    dnnl_primitive_t primitive;
    dnnl_primitive_desc_t pd;
    dnnl_exec_arg_t args[MAX_PORTS + 1]; // (n_args) the last one is working memory
    unsigned n_args;
    struct fw_dnn_kernel *next;
};

struct fw_dnn {
    struct fw_arena arena;
    struct fw_dnn_options o;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr, relu; // relu: with max(0, y) behind it
    struct fw_dnn_kernel *kernels;
    const struct fw_alloc *alloc;
};

/* The kernels of products are made with the first one: before any step, which would pay for it. */
bool fw_dnn_ready(void)
{
    const float a[4] = {0};
    float c[4];
    return fw_dnn_there() &&
           fw_dnn.dnnl_sgemm('N', 'N', 2, 2, 2, 1, a, 2, a, 2, 0, c, 2) == dnnl_success &&
           fw_dnn.dnnl_sgemm('N', 'T', 2, 2, 2, 1, a, 2, a, 2, 0, c, 2) == dnnl_success;
}

static bool make_attr(dnnl_primitive_attr_t *ret, bool relu)
{
    dnnl_post_ops_t then;
    bool good = fw_dnn.dnnl_primitive_attr_create(ret) == dnnl_success &&
                fw_dnn.dnnl_primitive_attr_set_scratchpad_mode(*ret, dnnl_scratchpad_mode_user) ==
                    dnnl_success;
    if (!good || !relu)
        return good;
    if (fw_dnn.dnnl_post_ops_create(&then) != dnnl_success)
        return false;
    good = fw_dnn.dnnl_post_ops_append_eltwise(then, 1, dnnl_eltwise_relu, 0, 0) == dnnl_success &&
           fw_dnn.dnnl_primitive_attr_set_post_ops(*ret, then) == dnnl_success;
    (void)fw_dnn.dnnl_post_ops_destroy(then);
    return good;
}

enum fw_status fw_dnn_open(struct fw_dnn **ret, const struct fw_dnn_options *options,
                           const struct fw_alloc *alloc, struct fw_error *err)
{
    FW_REQUIRE(fw_dnn_there(), err, FW_UNSUPPORTED,
               "oneDNN, which the fast kernels come from, is not installed (Debian: libdnnl2); "
               "--mode exact runs without it");
    struct fw_dnn *d = fw_mem_resize(alloc, NULL, 0, sizeof *d);
    if (d == NULL)
        return fw_fail_memory(err);
    memset(d, 0, sizeof *d);
    d->o = *options;
    d->alloc = alloc;
    fw_arena_init(&d->arena, alloc);
    fw_dnn.omp_set_num_threads((int)options->n_threads);
    bool good = fw_dnn.dnnl_engine_create(&d->engine, dnnl_cpu, 0) == dnnl_success &&
                fw_dnn.dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags) ==
                    dnnl_success &&
                make_attr(&d->attr, false) && make_attr(&d->relu, true) && fw_dnn_ready();
    if (!good) {
        fw_dnn_close(d);
        return fw_fail_memory(err);
    }
    *ret = d;
    return FW_OK;
}

static void free_kernel(struct fw_dnn_kernel *k)
{
    for (unsigned i = 0; i < k->n_args; i++)
        (void)fw_dnn.dnnl_memory_destroy(k->args[i].memory);
    if (k->primitive != NULL)
        (void)fw_dnn.dnnl_primitive_destroy(k->primitive);
    (void)fw_dnn.dnnl_primitive_desc_destroy(k->pd);
}

void fw_dnn_close(struct fw_dnn *d)
{
    if (d == NULL)
        return;
    for (struct fw_dnn_kernel *k = d->kernels; k != NULL; k = k->next)
        free_kernel(k);
    if (d->attr != NULL)
        (void)fw_dnn.dnnl_primitive_attr_destroy(d->attr);
    if (d->relu != NULL)
        (void)fw_dnn.dnnl_primitive_attr_destroy(d->relu);
    if (d->stream != NULL)
        (void)fw_dnn.dnnl_stream_destroy(d->stream);
    if (d->engine != NULL)
        (void)fw_dnn.dnnl_engine_destroy(d->engine);
    fw_arena_clear(&d->arena);
    fw_mem_resize(d->alloc, d, sizeof *d, 0);
    fw_dnn_rest();
}

/* ---- descriptions into the library's ---- */

static const int arguments[FW_N_ROLES] = {
    [FW_ROLE_SRC] = DNNL_ARG_SRC,
    [FW_ROLE_WEIGHTS] = DNNL_ARG_WEIGHTS,
    [FW_ROLE_BIAS] = DNNL_ARG_BIAS,
    [FW_ROLE_DST] = DNNL_ARG_DST,
    [FW_ROLE_DIFF_SRC] = DNNL_ARG_DIFF_SRC,
    [FW_ROLE_DIFF_WEIGHTS] = DNNL_ARG_DIFF_WEIGHTS,
    [FW_ROLE_DIFF_BIAS] = DNNL_ARG_DIFF_BIAS,
    [FW_ROLE_DIFF_DST] = DNNL_ARG_DIFF_DST,
    [FW_ROLE_MEAN] = DNNL_ARG_MEAN,
    [FW_ROLE_VARIANCE] = DNNL_ARG_VARIANCE,
    [FW_ROLE_SCALE] = DNNL_ARG_SCALE,
    [FW_ROLE_SHIFT] = DNNL_ARG_SHIFT,
    [FW_ROLE_DIFF_SCALE] = DNNL_ARG_DIFF_SCALE,
    [FW_ROLE_DIFF_SHIFT] = DNNL_ARG_DIFF_SHIFT,
    [FW_ROLE_KEPT] = DNNL_ARG_WORKSPACE,
};

struct making {
    struct fw_dnn *d;
    const struct fw_fast *f;
    struct fw_dnn_port *ports;
    unsigned n_ports;
    dnnl_primitive_desc_t forward; // or NULL
};

static const struct fw_dnn_port *port_of(const struct making *m, enum fw_role role)
{
    for (unsigned i = 0; i < m->n_ports; i++)
        if (m->ports[i].role == role)
            return &m->ports[i];
    return NULL;
}

/* The order wanted at a port: its own, any, or row-major. */
static dnnl_memory_desc_t wanted(const struct making *m, enum fw_role role, int rank,
                                 const dnnl_dim_t *dims)
{
    const struct fw_dnn_port *p = port_of(m, role);
    if (p != NULL && p->layout != NULL)
        return p->layout->md;
    return p == NULL || p->open ? any_of(rank, dims) : rows_of(rank, dims);
}

static dnnl_primitive_desc_t describe(const struct making *m, const void *desc,
                                      dnnl_primitive_desc_t forward)
{
    dnnl_primitive_desc_t pd = NULL;
    bool norm = m->f->kind == FW_FAST_NORM || m->f->kind == FW_FAST_NORM_GIVEN ||
                m->f->kind == FW_FAST_NORM_DX; // has a flag for it
    dnnl_primitive_attr_t attr = m->f->relu && !norm ? m->d->relu : m->d->attr;
    if (fw_dnn.dnnl_primitive_desc_create(&pd, desc, attr, m->d->engine, forward) != dnnl_success)
        return NULL;
    return pd;
}

/* ---- convolutions ---- */

struct windows {
    int rank, weight_rank;
    dnnl_dims_t x, w, y, bias, stride, dilation, begin, end;
};

static void read_windows(const struct fw_fast *f, struct windows *ret)
{
    unsigned at = 0;
    ret->rank = (int)f->axes + 2;
    if (f->group > 1)
        ret->w[at++] = f->group;
    ret->w[at++] = f->y[1] / f->group;
    ret->w[at++] = f->x[1] / f->group;
    for (unsigned k = 0; k < f->axes + 2; k++) {
        ret->x[k] = f->x[k];
        ret->y[k] = f->y[k];
    }
    for (unsigned k = 0; k < f->axes; k++) {
        ret->w[at++] = f->kernel[k];
        ret->stride[k] = f->stride[k];
        ret->dilation[k] = f->dilation[k] - 1;
        ret->begin[k] = f->begin[k];
        // what the output needs: a last window that hangs over, or an end nobody reads
        ret->end[k] = (f->y[k + 2] - 1) * f->stride[k] + (f->kernel[k] - 1) * f->dilation[k] + 1 -
                      f->x[k + 2] - f->begin[k];
    }
    ret->weight_rank = (int)at;
    ret->bias[0] = f->y[1];
}

static dnnl_prop_kind_t forward_kind(const struct making *m)
{
    return m->d->o.training ? dnnl_forward_training : dnnl_forward_inference;
}

static dnnl_primitive_desc_t make_conv(const struct making *m)
{
    struct windows w;
    dnnl_convolution_desc_t desc;
    read_windows(m->f, &w);
    dnnl_memory_desc_t bias = rows_of(1, w.bias);
    dnnl_memory_desc_t weights = wanted(m, FW_ROLE_WEIGHTS, w.weight_rank, w.w);
    dnnl_alg_kind_t how = m->d->o.winograd ? dnnl_convolution_auto : dnnl_convolution_direct;
    dnnl_status_t status;
    if (m->f->kind == FW_FAST_CONV_DX) {
        dnnl_memory_desc_t dx = wanted(m, FW_ROLE_DIFF_SRC, w.rank, w.x);
        dnnl_memory_desc_t dy = wanted(m, FW_ROLE_DIFF_DST, w.rank, w.y);
        status = fw_dnn.dnnl_dilated_convolution_backward_data_desc_init(
            &desc, how, &dx, &weights, &dy, w.stride, w.dilation, w.begin, w.end);
    } else if (m->f->kind == FW_FAST_CONV_DW) {
        dnnl_memory_desc_t x = wanted(m, FW_ROLE_SRC, w.rank, w.x);
        dnnl_memory_desc_t dw = wanted(m, FW_ROLE_DIFF_WEIGHTS, w.weight_rank, w.w);
        dnnl_memory_desc_t dy = wanted(m, FW_ROLE_DIFF_DST, w.rank, w.y);
        status = fw_dnn.dnnl_dilated_convolution_backward_weights_desc_init(
            &desc, how, &x, &dw, port_of(m, FW_ROLE_DIFF_BIAS) != NULL ? &bias : NULL, &dy,
            w.stride, w.dilation, w.begin, w.end);
    } else {
        dnnl_memory_desc_t x = wanted(m, FW_ROLE_SRC, w.rank, w.x);
        dnnl_memory_desc_t y = wanted(m, FW_ROLE_DST, w.rank, w.y);
        status = fw_dnn.dnnl_dilated_convolution_forward_desc_init(
            &desc, forward_kind(m), how, &x, &weights,
            port_of(m, FW_ROLE_BIAS) != NULL ? &bias : NULL, &y, w.stride, w.dilation, w.begin,
            w.end);
    }
    if (status != dnnl_success)
        return NULL;
    if (m->f->kind == FW_FAST_CONV)
        return describe(m, &desc, NULL);
    // a hint that any forward convolution of this shape serves as
    struct making like = *m;
    struct fw_fast forward = *m->f;
    forward.kind = FW_FAST_CONV;
    like.f = &forward;
    like.n_ports = 0;
    dnnl_primitive_desc_t hint = make_conv(&like);
    dnnl_primitive_desc_t pd = describe(m, &desc, hint);
    if (hint != NULL)
        (void)fw_dnn.dnnl_primitive_desc_destroy(hint);
    return pd;
}

/* ---- products ---- */

static dnnl_memory_desc_t matrix(const struct fw_fast *f, const struct fw_fast_matrix *x,
                                 int64_t rows, int64_t columns)
{
    dnnl_memory_desc_t md;
    dnnl_dims_t dims, stride;
    unsigned n = f->n_batch;
    for (unsigned k = 0; k < n; k++) {
        dims[k] = x->batch[k] == 0 ? 1 : f->batch[k];
        stride[k] = x->batch[k] == 0 ? 1 : x->batch[k];
    }
    dims[n] = rows;
    dims[n + 1] = columns;
    stride[n] = x->row;
    stride[n + 1] = x->column;
    (void)fw_dnn.dnnl_memory_desc_init_by_strides(&md, (int)n + 2, dims, dnnl_f32, stride);
    return md;
}

static dnnl_primitive_desc_t make_product(const struct making *m)
{
    const struct fw_fast *f = m->f;
    dnnl_matmul_desc_t desc;
    dnnl_dims_t ones;
    for (unsigned k = 0; k < f->n_batch + 1; k++)
        ones[k] = 1;
    ones[f->n_batch + 1] = f->n;
    dnnl_memory_desc_t a = matrix(f, &f->a, f->m, f->k), b = matrix(f, &f->b, f->k, f->n);
    dnnl_memory_desc_t c = matrix(f, &f->c, f->m, f->n);
    dnnl_memory_desc_t bias = rows_of((int)f->n_batch + 2, ones);
    bool with_bias = port_of(m, FW_ROLE_BIAS) != NULL;
    if (fw_dnn.dnnl_matmul_desc_init(&desc, &a, &b, with_bias ? &bias : NULL, &c) != dnnl_success)
        return NULL;
    return describe(m, &desc, NULL);
}

/* ---- normalisation ---- */

static dnnl_primitive_desc_t make_norm(const struct making *m)
{
    const struct fw_fast *f = m->f;
    dnnl_batch_normalization_desc_t desc;
    dnnl_dims_t dims;
    unsigned flags = dnnl_use_scale | dnnl_use_shift;
    for (unsigned k = 0; k < f->axes + 2; k++)
        dims[k] = f->x[k];
    if (f->kind == FW_FAST_NORM_GIVEN)
        flags |= dnnl_use_global_stats;
    if (f->relu)
        flags |= dnnl_fuse_norm_relu;
    dnnl_memory_desc_t x = wanted(m, FW_ROLE_SRC, (int)f->axes + 2, dims);
    dnnl_prop_kind_t kind =
        f->kind == FW_FAST_NORM_GIVEN ? dnnl_forward_inference : dnnl_forward_training;
    if (fw_dnn.dnnl_batch_normalization_forward_desc_init(&desc, kind, &x, (float)f->epsilon,
                                                          flags) != dnnl_success)
        return NULL;
    dnnl_primitive_desc_t forward = describe(m, &desc, NULL);
    if (f->kind != FW_FAST_NORM_DX || forward == NULL)
        return forward;
    dnnl_memory_desc_t dy = wanted(m, FW_ROLE_DIFF_DST, (int)f->axes + 2, dims);
    dnnl_primitive_desc_t pd = NULL;
    if (fw_dnn.dnnl_batch_normalization_backward_desc_init(
            &desc, dnnl_backward, &dy, &x, (float)f->epsilon, flags) == dnnl_success)
        pd = describe(m, &desc, forward);
    (void)fw_dnn.dnnl_primitive_desc_destroy(forward);
    return pd;
}

/* ---- poolings ---- */

static dnnl_primitive_desc_t make_pool(const struct making *m)
{
    const struct fw_fast *f = m->f;
    dnnl_pooling_v2_desc_t desc;
    struct windows w;
    dnnl_dims_t kernel;
    read_windows(f, &w);
    for (unsigned k = 0; k < f->axes; k++)
        kernel[k] = f->kernel[k];
    bool max = f->kind == FW_FAST_MAX_POOL || f->kind == FW_FAST_MAX_POOL_DX;
    bool back = f->kind == FW_FAST_MAX_POOL_DX || f->kind == FW_FAST_MEAN_POOL_DX;
    dnnl_alg_kind_t how = max               ? dnnl_pooling_max
                          : f->with_padding ? dnnl_pooling_avg_include_padding
                                            : dnnl_pooling_avg_exclude_padding;
    dnnl_memory_desc_t x = wanted(m, back ? FW_ROLE_DIFF_SRC : FW_ROLE_SRC, w.rank, w.x);
    dnnl_memory_desc_t y = wanted(m, back ? FW_ROLE_DIFF_DST : FW_ROLE_DST, w.rank, w.y);
    if (back && m->forward == NULL)
        return NULL;
    dnnl_status_t status =
        back ? fw_dnn.dnnl_pooling_v2_backward_desc_init(&desc, how, &x, &y, w.stride, kernel,
                                                         w.dilation, w.begin, w.end)
             : fw_dnn.dnnl_pooling_v2_forward_desc_init(&desc, forward_kind(m), how, &x, &y,
                                                        w.stride, kernel, w.dilation, w.begin,
                                                        w.end);
    return status == dnnl_success ? describe(m, &desc, back ? m->forward : NULL) : NULL;
}

/* ---- kernels ---- */

typedef dnnl_primitive_desc_t maker(const struct making *m);
static maker *const makers[FW_N_FASTS] = {
    [FW_FAST_CONV] = make_conv,         [FW_FAST_CONV_DX] = make_conv,
    [FW_FAST_CONV_DW] = make_conv,      [FW_FAST_PRODUCT] = make_product,
    [FW_FAST_NORM] = make_norm,         [FW_FAST_NORM_GIVEN] = make_norm,
    [FW_FAST_NORM_DX] = make_norm,      [FW_FAST_MAX_POOL] = make_pool,
    [FW_FAST_MAX_POOL_DX] = make_pool,  [FW_FAST_MEAN_POOL] = make_pool,
    [FW_FAST_MEAN_POOL_DX] = make_pool,
};

const char *fw_dnn_kernel_name(const struct fw_dnn_kernel *k)
{
    const char *name = NULL;
    if (fw_dnn.dnnl_primitive_desc_query(k->pd, dnnl_query_impl_info_str, 0, &name) != dnnl_success)
        return "?";
    return name;
}

static bool add_argument(struct fw_dnn *d, struct fw_dnn_kernel *k, int arg,
                         const dnnl_memory_desc_t *md)
{
    dnnl_memory_t memory;
    if (fw_dnn.dnnl_memory_create(&memory, md, d->engine, NULL) != dnnl_success)
        return false;
    k->args[k->n_args++] = (dnnl_exec_arg_t){arg, memory};
    return true;
}

/* Takes pd; the primitive and a memory object for each argument. NULL: it cannot be had. */
static struct fw_dnn_kernel *build(struct fw_dnn *d, dnnl_primitive_desc_t pd, const int *args,
                                   const dnnl_memory_desc_t *const *mds, unsigned n,
                                   size_t *ret_scratch)
{
    struct fw_dnn_kernel *k = fw_arena_zalloc(&d->arena, sizeof *k);
    if (k == NULL) {
        (void)fw_dnn.dnnl_primitive_desc_destroy(pd);
        return NULL;
    }
    k->pd = pd;
    k->next = d->kernels;
    d->kernels = k;
    const dnnl_memory_desc_t *scratch =
        fw_dnn.dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, DNNL_ARG_SCRATCHPAD);
    bool good = fw_dnn.dnnl_primitive_create(&k->primitive, pd) == dnnl_success && scratch != NULL;
    for (unsigned i = 0; i < n && good; i++)
        good = add_argument(d, k, args[i], mds[i]);
    good = good && add_argument(d, k, DNNL_ARG_SCRATCHPAD, scratch);
    if (good)
        *ret_scratch = fw_dnn.dnnl_memory_desc_get_size(scratch);
    return good ? k : NULL;
}

/* NULL for row-major. */
static bool keep_layout(struct fw_dnn *d, const dnnl_memory_desc_t *md,
                        const struct fw_layout **ret)
{
    dnnl_memory_desc_t rows = rows_of(md->ndims, md->dims);
    *ret = NULL;
    if (fw_dnn.dnnl_memory_desc_equal(md, &rows))
        return true;
    struct fw_layout *layout = fw_arena_alloc(&d->arena, sizeof *layout);
    if (layout == NULL)
        return false;
    layout->md = *md;
    *ret = layout;
    return true;
}

struct fw_dnn_kernel *fw_dnn_make(struct fw_dnn *d, const struct fw_fast *what,
                                  struct fw_dnn_port *ports, unsigned n_ports,
                                  const struct fw_dnn_kernel *forward, size_t *ret_scratch)
{
    struct making m = {d, what, ports, n_ports, forward != NULL ? forward->pd : NULL};
    const dnnl_memory_desc_t *mds[MAX_PORTS];
    int args[MAX_PORTS];
    if (n_ports > MAX_PORTS || makers[what->kind] == NULL)
        return NULL;
    dnnl_primitive_desc_t pd = makers[what->kind](&m);
    if (pd == NULL)
        return NULL;
    for (unsigned i = 0; i < n_ports; i++) {
        args[i] = arguments[ports[i].role];
        mds[i] = fw_dnn.dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, args[i]);
        bool product = what->kind == FW_FAST_PRODUCT; // its strides are the description's
        if (mds[i] == NULL || (!product && !keep_layout(d, mds[i], &ports[i].layout))) {
            (void)fw_dnn.dnnl_primitive_desc_destroy(pd);
            return NULL;
        }
    }
    return build(d, pd, args, mds, n_ports, ret_scratch);
}

struct fw_dnn_kernel *fw_dnn_reorder(struct fw_dnn *d, const struct fw_layout *from,
                                     const struct fw_layout *to, size_t *ret_scratch)
{
    const dnnl_memory_desc_t *like = from != NULL ? &from->md : &to->md;
    dnnl_memory_desc_t rows = rows_of(like->ndims, like->dims);
    const dnnl_memory_desc_t *mds[2] = {from != NULL ? &from->md : &rows,
                                        to != NULL ? &to->md : &rows};
    static const int args[2] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    dnnl_primitive_desc_t pd;
    if (fw_dnn.dnnl_reorder_primitive_desc_create(&pd, mds[0], d->engine, mds[1], d->engine,
                                                  d->attr) != dnnl_success)
        return NULL;
    return build(d, pd, args, mds, 2, ret_scratch);
}

bool fw_dnn_run(struct fw_dnn *d, struct fw_dnn_kernel *k, void *const *data, void *scratch)
{
    for (unsigned i = 0; i < k->n_args; i++) {
        void *at = i + 1 < k->n_args ? data[i] : scratch;
        if (fw_dnn.dnnl_memory_set_data_handle(k->args[i].memory, at) != dnnl_success)
            return false;
    }
    return fw_dnn.dnnl_primitive_execute(k->primitive, d->stream, (int)k->n_args, k->args) ==
           dnnl_success;
}
#endif
