/* What the rules for convolutions and poolings share. */
#ifndef FW_OPS_MOMENTS_WINDOW_H
#define FW_OPS_MOMENTS_WINDOW_H

#include "ops/moments.h"
#include "ops/pool.h"

bool fw_window_known(const struct fw_window *w); // all sizes are numbers, of few enough axes
/* The maps of all axes, in scratch. */
bool fw_window_maps(struct fw_moment_cx *m, const struct fw_window *w, bool gather,
                    enum fw_pair_how how, const struct fw_pairs *to, const struct fw_pairs *from,
                    struct fw_pair_map *ret);

struct fw_moment_pool {
    const struct fw_pool_form *form;
    struct fw_window w;
    double per_in;                   // outputs for each input
    const struct fw_pairs *in, *out; // layouts
    struct fw_pair_map windows[FW_PAIR_AXES], shared[FW_PAIR_AXES];
};

/* Sums over the windows of two positions: maps are windows or shared. NULL: no memory. */
struct fw_pairs *fw_pool_sums(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                              const struct fw_pair_map *maps, const struct fw_pairs *from);
struct fw_pairs *fw_pool_ones(struct fw_moment_cx *m, const struct fw_moment_pool *p);
/* A maximum: of x, and its gradient back to x. False: not to be had. */
bool fw_pool_largest(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                     const struct fw_moments *x);
void fw_pool_to_largest(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                        struct fw_moments *x);
bool fw_pool_largest_of_all(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                            const struct fw_moments *x);
void fw_pool_to_largest_of_all(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                               struct fw_moments *x);

#endif
