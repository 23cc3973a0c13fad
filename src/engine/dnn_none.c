/* What stands in for dnn.c where flopwise is built without oneDNN: it says so. */
#include "engine/dnn.h"

#ifndef FW_HAVE_DNNL

const char *fw_dnn_version(void)
{
    return "none";
}

bool fw_dnn_ready(void)
{
    return false;
}

bool fw_dnn_square_gemm(int n, const float *a, float *c, unsigned n_threads)
{
    (void)n;
    (void)a;
    (void)c;
    (void)n_threads;
    return false;
}

bool fw_dnn_gemm(size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                 const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b)
{
    (void)m;
    (void)n;
    (void)k;
    (void)c;
    (void)a;
    (void)b;
    return false;
}

bool fw_dnn_is_avx2(void)
{
    return false;
}

bool fw_dnn_team(void (*work)(void *ctx, unsigned part, unsigned parts), void *ctx, unsigned n)
{
    (void)work;
    (void)ctx;
    (void)n;
    return false;
}

void fw_dnn_rest(void)
{
}

enum fw_status fw_dnn_open(struct fw_dnn **ret, const struct fw_dnn_options *options,
                           const struct fw_alloc *alloc, struct fw_error *err)
{
    (void)ret;
    (void)options;
    (void)alloc;
    return fw_fail(err, FW_UNSUPPORTED, -1,
                   "flopwise was built without oneDNN, which the fast kernels want");
}

/* No layout and no kernel is ever made, so the rest is asked for none. */

bool fw_layout_same(const struct fw_layout *a, const struct fw_layout *b)
{
    return a == b;
}

size_t fw_layout_bytes(const struct fw_layout *layout)
{
    (void)layout;
    return 0;
}

unsigned fw_layout_block(const struct fw_layout *layout)
{
    (void)layout;
    return 1;
}

void fw_dnn_close(struct fw_dnn *d)
{
    (void)d;
}

struct fw_dnn_kernel *fw_dnn_make(struct fw_dnn *d, const struct fw_fast *what,
                                  struct fw_dnn_port *ports, unsigned n_ports,
                                  const struct fw_dnn_kernel *forward, size_t *ret_scratch)
{
    (void)d;
    (void)what;
    (void)ports;
    (void)n_ports;
    (void)forward;
    *ret_scratch = 0;
    return NULL;
}

struct fw_dnn_kernel *fw_dnn_reorder(struct fw_dnn *d, const struct fw_layout *from,
                                     const struct fw_layout *to, size_t *ret_scratch)
{
    (void)d;
    (void)from;
    (void)to;
    *ret_scratch = 0;
    return NULL;
}

bool fw_dnn_run(struct fw_dnn *d, struct fw_dnn_kernel *k, void *const *data, void *scratch)
{
    (void)d;
    (void)k;
    (void)data;
    (void)scratch;
    return false;
}

const char *fw_dnn_kernel_name(const struct fw_dnn_kernel *k)
{
    (void)k;
    return "none";
}

#endif
