/* The schemes, and what they predict. Sources: Glorot and Bengio 2010 (xavier), He et al. 2015
 * (he), LeCun et al. 1998 (lecun), Saxe et al. 2013 (orthogonal); the defaults are those of the
 * frameworks' own initialisers for dense and convolution layers. */
#include "study/init.h"

#include <math.h>
#include <string.h>

const struct fw_init_scheme fw_init_schemes[] = {
    {"keep", "1/(n_in*E(f(z)^2))", "what keeps the variance: f is the function before the layer",
     FW_FROM_NORMAL, true, false, 1, 1, 0, 0},
    {"he", "2/n_in", "Kaiming, fan-in", FW_FROM_NORMAL, false, false, 2, 1, 0, 0},
    {"he-fan-out", "2/n_out", "Kaiming, fan-out", FW_FROM_NORMAL, false, false, 2, 0, 1, 0},
    {"xavier", "2/(n_in + n_out)", "Glorot; default of Keras", FW_FROM_UNIFORM, false, false, 2, 1,
     1, 0},
    {"lecun", "1/n_in", "truncated normal with its variance put right; default of Flax",
     FW_FROM_TRUNCATED, false, false, 1, 1, 0, 0},
    {"orthogonal", "1/max(rows, columns)", "orthonormal rows or columns", FW_FROM_ORTHOGONAL, false,
     true, 1, 0, 0, 0},
    {"truncated", "2/n_in*0.8796^2", "normal cut at two deviations, its variance not put right",
     FW_FROM_TRUNCATED, false, false, 2 * FW_TRUNCATED_DEVIATION *FW_TRUNCATED_DEVIATION, 1, 0, 0},
    {"torch", "1/(3*n_in)", "default of PyTorch's Linear and Conv, uniform", FW_FROM_UNIFORM, false,
     false, 1.0 / 3, 1, 0, 0},
    {"fixed", "0.02^2", "normal of deviation 0.02, as GPT-2 and BERT have it", FW_FROM_NORMAL,
     false, false, 0, 0, 0, 0.02 * 0.02},
};
const unsigned fw_n_init_schemes = sizeof fw_init_schemes / sizeof *fw_init_schemes;

const struct fw_init_scheme *fw_init_scheme_find(const char *name)
{
    for (unsigned i = 0; i < fw_n_init_schemes; i++)
        if (strcmp(fw_init_schemes[i].name, name) == 0)
            return &fw_init_schemes[i];
    return NULL;
}

static double variance_of(const struct fw_moment_cx *m, const struct fw_fans *fans, double gain)
{
    const struct fw_init_scheme *s = m->scheme;
    double fan = s->side ? fmax(fans->rows, fans->columns) : s->in * fans->in + s->out * fans->out;
    if (s->fixed != 0)
        return s->fixed;
    return s->scale * (s->gain ? gain * gain : 1) / fan;
}

enum fw_status fw_init_predict(struct fw_analysis *a, const struct fw_init_scheme *scheme,
                               bool coarse, struct fw_arena *arena, struct fw_variance *ret,
                               struct fw_error *err)
{
    return fw_predict_variance(&a->model.graph, a->n_forward, variance_of, scheme, coarse, arena,
                               ret, err);
}
