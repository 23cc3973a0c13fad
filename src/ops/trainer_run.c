/* Kernels of trainer.c: (R, T, X..., G..., states...) -> (X..., states...). */
#include "ops/kernel.h"

/* Tensor k of group g: inputs stand group by group behind R and T; outputs without the gradients.
 */
static const REAL *in_group(const struct fw_run *r, unsigned n, unsigned group, unsigned k)
{
    return reals_at_least(r, 2 + group * n + k, r->in[2 + k]->n);
}
static REAL *out_group(const struct fw_run *r, unsigned n, unsigned group, unsigned k)
{
    return reals_out(r, group * n + k);
}

/* G + norm_coefficient*X */
static REAL regular(REAL g, REAL x, REAL norm)
{
    return norm != 0 ? ADD(g, MUL(norm, x)) : g;
}

KERNEL(trainer_adagrad)
{
    unsigned n = (r->cx.node->n_in - 2u) / 3;
    REAL steps = (REAL)fw_buffer_get(r->in[1], 0);
    REAL rate =
        DIV(*reals_at_least(r, 0, 1), ADD((REAL)1, MUL(steps, attr_real(r, "decay_factor"))));
    for (unsigned k = 0; k < n; k++)
        for (size_t i = 0; i < r->in[2 + k]->n; i++) {
            REAL x = in_group(r, n, 0, k)[i];
            REAL g = regular(in_group(r, n, 1, k)[i], x, attr_real(r, "norm_coefficient"));
            REAL h = ADD(in_group(r, n, 2, k)[i], MUL(g, g));
            REAL by = ADD(SQRT(h), attr_real(r, "epsilon"));
            out_group(r, n, 0, k)[i] = SUB(x, DIV(MUL(rate, g), by));
            out_group(r, n, 1, k)[i] = h;
        }
    return FW_OK;
}

KERNEL(trainer_adam)
{
    unsigned n = (r->cx.node->n_in - 2u) / 4;
    REAL steps = (REAL)fw_buffer_get(r->in[1], 0);
    REAL a = attr_real(r, "alpha");
    REAL b = attr_real(r, "beta");
    REAL post = attr_real(r, "norm_coefficient_post");
    REAL rate = DIV(MUL(*reals_at_least(r, 0, 1), SQRT(SUB((REAL)1, POW(b, steps)))),
                    SUB((REAL)1, POW(a, steps)));
    rate = steps > 0 ? rate : *reals_at_least(r, 0, 1);
    for (unsigned k = 0; k < n; k++)
        for (size_t i = 0; i < r->in[2 + k]->n; i++) {
            REAL x = in_group(r, n, 0, k)[i];
            REAL g = regular(in_group(r, n, 1, k)[i], x, attr_real(r, "norm_coefficient"));
            REAL v = ADD(MUL(a, in_group(r, n, 2, k)[i]), MUL(1 - a, g));
            REAL h = ADD(MUL(b, in_group(r, n, 3, k)[i]), MUL(1 - b, MUL(g, g)));
            x = SUB(x, DIV(MUL(rate, v), ADD(SQRT(h), attr_real(r, "epsilon"))));
            out_group(r, n, 0, k)[i] = post != 0 ? MUL(1 - post, x) : x;
            out_group(r, n, 1, k)[i] = v;
            out_group(r, n, 2, k)[i] = h;
        }
    return FW_OK;
}

KERNEL(trainer_momentum)
{
    unsigned n = (r->cx.node->n_in - 2u) / 3;
    REAL a = attr_real(r, "alpha");
    REAL b = fw_buffer_get(r->in[1], 0) > 0 ? attr_real(r, "beta") : 1;
    const char *mode = fw_run_attr(r, "mode")->s;
    bool nesterov = mode != NULL && strcmp(mode, "nesterov") == 0;
    for (unsigned k = 0; k < n; k++)
        for (size_t i = 0; i < r->in[2 + k]->n; i++) {
            REAL x = in_group(r, n, 0, k)[i];
            REAL g = regular(in_group(r, n, 1, k)[i], x, attr_real(r, "norm_coefficient"));
            REAL v = ADD(MUL(a, in_group(r, n, 2, k)[i]), MUL(b, g));
            REAL step = nesterov ? ADD(g, MUL(a, v)) : v;
            out_group(r, n, 0, k)[i] = SUB(x, MUL(*reals_at_least(r, 0, 1), step));
            out_group(r, n, 1, k)[i] = v;
        }
    return FW_OK;
}
