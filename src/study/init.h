/* Initialisation: what a scheme makes of the variances of a network, predicted and measured. */
#ifndef FW_STUDY_INIT_H
#define FW_STUDY_INIT_H

#include "passes/variance.h"
#include "study/analysis.h"

enum fw_distribution {
    FW_FROM_NORMAL,
    FW_FROM_UNIFORM,
    FW_FROM_TRUNCATED, // normal, drawn again beyond two deviations
    FW_FROM_ORTHOGONAL
};
/* Deviation of a standard normal variable that is cut at two. */
#define FW_TRUNCATED_DEVIATION 0.87962566103423978

/* variance = scale * gain^2 / (in * fan_in + out * fan_out), or with `side` / max(rows, columns) */
struct fw_init_scheme {
    const char *name;
    const char *rule; // as a formula
    const char *doc;
    uint8_t draw; // enum fw_distribution
    bool gain;    // that of the function before the layer
    bool side;
    double scale, in, out, fixed; // fixed: the variance itself where it is not 0
};
extern const struct fw_init_scheme fw_init_schemes[];
extern const unsigned fw_n_init_schemes;
const struct fw_init_scheme *fw_init_scheme_find(const char *name); // NULL when unknown

/* Measured over all draws: mean of the squares, and its standard error. */
struct fw_init_measure {
    double forward, forward_error;
    double backward, backward_error;
};
struct fw_init_measured {
    struct fw_init_measure *layers; // of their outputs, as many as the prediction has
    uint32_t draws;
};

/* a: trained, without a loss; coarse: see fw_predict_variance. Arrays live in the arena. Errors:
 * FW_MEMORY. */
enum fw_status fw_init_predict(struct fw_analysis *a, const struct fw_init_scheme *scheme,
                               bool coarse, struct fw_arena *arena, struct fw_variance *ret,
                               struct fw_error *err);
/* Draws weights, inputs and the outputs' gradients `draws` times (0: until the standard errors are
 * about a percent) and executes the network. ret->layers has room for those of v. Errors: those of
 * the engine; FW_LIMIT where an orthogonal matrix is too large. */
enum fw_status fw_init_simulate(struct fw_analysis *a, const struct fw_init_scheme *scheme,
                                const struct fw_variance *v, uint32_t draws, uint64_t seed,
                                struct fw_init_measured *ret, struct fw_error *err);

#endif
