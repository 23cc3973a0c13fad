/* Second moments of a channel at all pairs of positions: E x(p) x(q), of one example and of two.
 *
 * Along each axis a pair is its distance from the left border, its span and its distance from the
 * right border. Layers change a value only by what lies near it, so of a long axis few positions
 * are stored, and of the three lengths the largest are cut down to fit: what is near a border, or
 * near the other position, stays exact. What windows do to the pairs is a product over the axes, as
 * in Novak et al. 2019 (arXiv 1810.05148), whose kernel this is. */
#ifndef FW_OPS_PAIRS_H
#define FW_OPS_PAIRS_H

#include "ops/conv.h"

enum { FW_PAIR_AXES = 3 };

struct fw_pair_axis {
    int64_t n;       // positions
    unsigned stored; // of them: m, and m*m pairs
    unsigned rank;
    double *share;          // (m) of all positions, what each stored one stands for
    double *pairs;          // (m*m) of all pairs
    uint16_t *left, *right; // (m*m) the stored position that a pair's first, second one is
    struct fw_pair_axis *next;
};

struct fw_pairs {
    unsigned n; // axes; may be 0: one position
    const struct fw_pair_axis *axis[FW_PAIR_AXES];
    unsigned dim[FW_PAIR_AXES]; // of the tensor
    size_t size, positions;     // pairs and positions that are stored
    float *at[2];               // (size) of one example, and of two; gradients have none of two
};

/* What an output pair takes from input pairs, along one axis. */
struct fw_pair_term {
    uint32_t to, from;
    float by;
};
enum fw_pair_how {
    FW_PAIR_TAPS,    // both positions through the same tap: what a convolution does
    FW_PAIR_WINDOWS, // any element of one window with any of the other
    FW_PAIR_SHARED   // the elements that both windows hold
};

struct fw_pair_map {
    const struct fw_pair_axis *to, *from;
    struct fw_pair_term *terms;
    size_t n;
    /* What it was made for. */
    int64_t kernel, stride, dilation, begin;
    bool gather;
    enum fw_pair_how how;
    struct fw_pair_map *next;
};

/* All return NULL (false) where memory ran out. Axes are kept in *cache. */
const struct fw_pair_axis *fw_pair_axis(struct fw_pair_axis **cache, struct fw_arena *arena,
                                        int64_t n, unsigned rank, bool coarse);
struct fw_pairs *fw_pairs_new(struct fw_arena *arena, unsigned n,
                              const struct fw_pair_axis *const *axis, const unsigned *dim,
                              unsigned sets);
bool fw_pairs_alike(const struct fw_pairs *a, const struct fw_pairs *b); // the same positions
/* A pair of stored positions as it stands for real ones, and back. */
void fw_pair_real(const struct fw_pair_axis *a, unsigned u, unsigned v, int64_t ret[2]);
unsigned fw_pair_stored(const struct fw_pair_axis *a, int64_t p, int64_t q);
/* The stored positions of pair i. */
void fw_pair_ends(const struct fw_pairs *p, size_t i, size_t *ret_first, size_t *ret_second);
size_t fw_pair_turned(const struct fw_pairs *p, size_t i);      // the pair the other way round
size_t fw_pair_same(const struct fw_pairs *p, size_t position); // the pair of it with itself
double fw_pair_share(const struct fw_pairs *p, size_t position);

/* Axis k of a window. gather: to the windows from what they hold, as it is for one of the pairs
 * that a stored one stands for; else to what is held from the windows that hold it, the mean of all
 * those pairs, so that nothing of a gradient is lost on the way. Kept in *cache. */
const struct fw_pair_map *fw_pair_map(struct fw_pair_map **cache, struct fw_arena *arena,
                                      const struct fw_window *w, unsigned k, bool gather,
                                      enum fw_pair_how how, const struct fw_pair_axis *to,
                                      const struct fw_pair_axis *from);
/* One map for each axis of `in` and `out`. */
bool fw_pairs_apply(struct fw_arena *arena, const struct fw_pairs *in, const float *from,
                    const struct fw_pair_map *maps, const struct fw_pairs *out, float *to);

double fw_pairs_same(const struct fw_pairs *p, const float *at); // mean over positions
double fw_pairs_mean(const struct fw_pairs *p, const float *at); // mean over all pairs
/* Mean over the second position, for each first one: (positions). */
bool fw_pairs_rows(struct fw_arena *arena, const struct fw_pairs *p, const float *at, double *ret);

#endif
