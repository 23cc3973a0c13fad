/* Receptive fields: which positions of an input each element of each tensor depends on.
 *
 * Along one dimension of the input an element at position x depends on positions lo(x) to hi(x).
 * Both are exact: they repeat with a period (1 but behind transposed convolutions and resizing)
 * while moving by a whole number of input positions, which gives a rational stride. Over branches
 * the field is the hull. The borders of the input are not looked at: positions below 0 or behind
 * the end are padding.
 *
 * One path without upsampling gives the closed form of A. Araujo, W. Norris, J. Sim, "Computing
 * Receptive Fields of Convolutional Neural Networks" (Distill, 2019): size 1 + sum (k-1) prod s,
 * stride prod s, padding sum p prod s. */
#ifndef FW_PASSES_FIELD_H
#define FW_PASSES_FIELD_H

#include "graph/graph.h"

enum fw_field_kind {
    FW_FIELD_NONE,  // does not depend on the input
    FW_FIELD_FIXED, // on the same positions wherever the element stands
    FW_FIELD_ALONG, // moves along a dimension of the tensor
    FW_FIELD_ALL    // on every position
};

struct fw_field {
    uint8_t kind;  // enum fw_field_kind
    uint8_t dim;   // of the tensor that moves along the input's
    bool aligned;  // all paths from the input have the same stride and centre,
    bool open;     // which was not decided where this is set (sizes are left open)
    bool floating; // where it lies depends on a size that is left open; size and stride are exact
    bool even;     // paddings at both ends are alike all the way
    uint32_t period;
    int64_t shift;     // input positions from one period to the next: stride = shift/period
    const int64_t *lo; // (period) of positions 0, 1 ...; lo > hi: depends on nothing
    const int64_t *hi;
    int64_t end;     // effective padding behind the end, where all strides are whole
    const char *why; // of FW_FIELD_ALL: "attention"
    uint32_t node;   // of FW_FIELD_ALL: where it became that
};

struct fw_fields {
    uint32_t input;             // tensor
    unsigned n;                 // dimensions of the input that are followed: 1, 2 ...
    bool is_axis[FW_MAX_RANK];  // of them, those along which a window slides; see fw_field_axes
    int64_t least[FW_MAX_RANK]; // smallest size for which every window fits
    struct fw_field *of;        // (n_tensors * n)
};

/* Fields of all tensors with respect to one input, of known rank; in the arena. The graph is
 * inferred. Errors: FW_LIMIT, FW_MEMORY. */
enum fw_status fw_field(struct fw_graph *g, uint32_t input, struct fw_arena *arena,
                        struct fw_fields *ret, struct fw_error *err);
/* k: a dimension of the input from 1 on. */
static inline const struct fw_field *fw_field_at(const struct fw_fields *f, uint32_t tensor,
                                                 unsigned k)
{
    return &f->of[(size_t)tensor * f->n + (k - 1)];
}
/* The dimensions that are space: those along which windows slide; where none does, from the third
 * on, or the second of a tensor that has no third. Gives their number. */
unsigned fw_field_axes(const struct fw_fields *f, const struct fw_graph *g, unsigned *ret);
/* The input that is meant when none is named: the first with an axis that windows slide along, else
 * the first float with three dimensions or more, else the first with two. FW_NONE: there is none.
 */
enum fw_status fw_field_input(struct fw_graph *g, uint32_t *ret, struct fw_error *err);
/* The positions that the element at x depends on; false where that is none, or all. */
bool fw_field_span(const struct fw_field *f, int64_t x, int64_t *ret_lo, int64_t *ret_hi);
/* Most positions that an element depends on, first to last. */
int64_t fw_field_size(const struct fw_field *f);

#endif
