/* What the pipeline says of one file, as plain numbers. */
#ifndef NETWORKS_MEASURE_H
#define NETWORKS_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#define OPEN INT64_MIN // a count that still has letters, or does not fit

struct question {
    const char *path;
    const char *shape;      // shapes to bind, '+' between inputs; NULL: as the file says
    const char *convention; // or NULL
    bool inference;         // no backward pass
    bool input_grad;
    int64_t letters; // what sizes that depend on data are taken as; negative: they stay
};

struct answer {
    int64_t params, buffers; // elements
    int64_t forward_mac;
    int64_t backward_flop; // of contractions
    int64_t update_flop;
    int64_t trainable_params;
    int64_t counted;     // under the convention, all phases
    int64_t activations; // output elements of convolutions, linear layers and local pools
    int64_t weight_bytes, gradient_bytes, peak_bytes; // training
    uint32_t gaps;  // nodes and operators whose cost or gradient is missing
    char text[512]; // the error message, or what is missing
};

/* False where the pipeline refuses the file: text says why. */
bool measure(const struct question *q, struct answer *a);

#endif
