/* Kernels of fused.c: the product's own kernel, then the activation's over its result. */
#include "ops/fused.h"
#include "ops/kernel.h"

FW_KERNELS(conv, matmul, gemm);

static enum fw_status activate(struct fw_run *r)
{
    struct fw_fused_activation a;
    struct fw_buffer *y = r->out[0];
    REAL *p = reals_of(y);
    fw_fused_activation(&r->cx, &a);
    FW_REQUIRE(a.known, r->cx.err, FW_UNSUPPORTED, "its activation is not known");
    for (size_t i = 0; a.clip && i < y->n; i++)
        p[i] = MIN((REAL)a.attr[1].f, MAX((REAL)a.attr[0].f, p[i]));
    if (a.row == NULL)
        return FW_OK;
    struct fw_buffer x = reals_like(r, y);
    struct fw_buffer *in[1] = {&x};
    if (x.data == NULL)
        return fw_fail_memory(r->cx.err);
    memcpy(x.data, p, y->n * sizeof *p);
    return run_as(r, a.row, a.attr, in, 1, y);
}

KERNEL(fused_conv) // (x, w, bias?, z?)
{
    FW_TRY(KERNEL_NAME(conv)(r));
    for (size_t i = 0; fw_run_has(r, 3) && i < r->out[0]->n; i++)
        reals_out(r, 0)[i] = ADD(reals_out(r, 0)[i], reals(r, 3)[i]);
    return activate(r);
}

KERNEL(fused_matmul)
{
    FW_TRY(KERNEL_NAME(matmul)(r));
    return activate(r);
}

KERNEL(fused_gemm)
{
    FW_TRY(KERNEL_NAME(gemm)(r));
    return activate(r);
}

KERNEL(gemm_float8) // (a, b, c?, scale of a?, of b?, of y?)
{
    double factor = 1;
    bool scaled = false;
    for (unsigned i = 3; i < 6; i++) {
        if (!fw_run_has(r, i))
            continue;
        scaled = true;
        factor *= i < 5 ? fw_buffer_get(r->in[i], 0) : 1 / fw_buffer_get(r->in[i], 0);
    }
    FW_REQUIRE(!scaled || !fw_run_has(r, 2), r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for a bias beside scales");
    FW_TRY(KERNEL_NAME(gemm)(r));
    for (size_t i = 0; scaled && i < r->out[0]->n; i++)
        reals_out(r, 0)[i] = MUL(reals_out(r, 0)[i], (REAL)factor);
    return activate(r);
}

KERNEL(fused_clip_grad) // (dy, y)
{
    REAL low = attr_real(r, "min");
    REAL high = attr_real(r, "max");
    for (size_t i = 0; i < r->out[0]->n; i++)
        reals_out(r, 0)[i] = BETWEEN(low, reals(r, 1)[i], high) ? reals(r, 0)[i] : 0;
    return FW_OK;
}
