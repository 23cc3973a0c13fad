/* Tensors in memory, and what a kernel is called with.
 *
 * A kernel is the reference implementation of a row: plain C that computes the row's outputs with
 * exactly the operations its `cost` counts. It is written once (src/ops/NAME_run.c) and compiled
 * twice: FW_PLAIN computes in float and is what the engine falls back to; FW_COUNTED computes in
 * double and counts every operation by class as it runs. ops/kernel.h is what they are written
 * with.
 *
 * Elements of any real float type are held in the build's own float type, complex ones as two of
 * them, integers and bools in their own width (types under 8 bits in a byte each). */
#ifndef FW_OPS_VALUE_H
#define FW_OPS_VALUE_H

#include "ops/gemm.h"
#include "ops/op.h"

struct fw_hyper;
struct fw_optimizer;

struct fw_buffer {
    void *data; // row-major
    size_t n;   // elements
    int64_t dims[FW_MAX_RANK];
    uint8_t rank;
    uint8_t dtype; // enum fw_dtype
    uint8_t real;  // bytes of a float element
    /* A sequence, or an optional (0 or 1 items): data, dims and n mean nothing. */
    bool open;
    struct fw_buffer **items; // (n_items)
    uint32_t n_items;
};

struct fw_run {
    struct fw_cx cx;              // the node; all its tensors have constant shapes where known
    struct fw_buffer *const *in;  // (node->n_in) NULL where left out
    struct fw_buffer *const *out; // (node->n_out) NULL where left out
    struct fw_arena *scratch;     // cleared after the node
    unsigned part, parts;         // with run_shared only this part of the work; a row that
                                  // draws random numbers leaves their state as if it had drawn all
    const struct fw_optimizer *optimizer; // whose updates take hyper; NULL: all
    const struct fw_hyper *hyper;         // of updates
    int64_t step;                         // of updates, from 1
    double clip;                          // of updates that divide the gradient by it
    uint64_t *random;                     // state of fw_random()
    /* A library's product, to be taken for large ones; NULL: there is none. */
    fw_gemm *gemm;
    /* Memory for output i of these sizes, where inference left them open. */
    enum fw_status (*shape)(struct fw_run *r, unsigned i, unsigned rank, const int64_t *dims);
    /* A value outside of the graph (an item of a sequence), living as long as the run of the
     * graph. NULL = out of memory. */
    struct fw_buffer *(*make)(struct fw_run *r, enum fw_dtype dtype, unsigned rank,
                              const int64_t *dims);
    /* Runs a body: in (body->n_inputs), ret (body->n_outputs), valid until the next graph run. */
    enum fw_status (*body)(struct fw_run *r, struct fw_graph *body, struct fw_buffer *const *in,
                           struct fw_buffer **ret);
    void *executor;
};

/* Calls a kernel. A model file decides about types and sizes, of which rows check only what their
 * shapes follow from: a kernel that asks for real numbers where there are others (FW_UNSUPPORTED),
 * or for an element that a tensor does not have (FW_SHAPE), is left at once. Kernels own nothing
 * but what lies in arenas. */
enum fw_status fw_kernel_call(fw_kernel *kernel, struct fw_run *r);
_Noreturn void fw_kernel_wants_reals(const struct fw_buffer *v); // only in a call
/* Bytes of v are about to be moved into y: leaves the call where their elements differ in size. */
void fw_kernel_wants_alike(const struct fw_buffer *y, const struct fw_buffer *v);
/* Leaves the call; true outside of one. */
bool fw_kernel_lacks(const struct fw_buffer *v, size_t i);
/* Whether v has an element i; in a call, leaves it where it has none. */
static inline bool fw_kernel_has(const struct fw_buffer *v, size_t i)
{
    return i < v->n || !fw_kernel_lacks(v, i);
}

extern _Thread_local uint64_t fw_tally[FW_N_TALLIES]; // of the counted build
/* Operations of such a tally: a fused multiply-add is two. */
static inline uint64_t fw_tally_flop(const uint64_t *tally)
{
    uint64_t sum = tally[FW_FMA];
    for (unsigned k = 0; k < FW_N_CLASSES; k++)
        sum += tally[k];
    return sum;
}
/* Of the plain build: functions of libm are taken in long double, which is slow and retires none
 * of the operations that a processor's counter sees, so that what a kernel retires is known. */
extern _Thread_local bool fw_wide;

size_t fw_element_bytes(enum fw_dtype dtype, size_t real); // 0: no such tensors in memory (strings)
/* Element i as a number (the real part of a complex one); integers are exact with the _int pair.
 * There must be one: see fw_kernel_call; outside of a call what is not there is 0. */
double fw_buffer_get(const struct fw_buffer *v, size_t i);
void fw_buffer_put(struct fw_buffer *v, size_t i, double x); // integers: truncated and wrapped
int64_t fw_buffer_int(const struct fw_buffer *v, size_t i);
void fw_buffer_put_int(struct fw_buffer *v, size_t i, int64_t x);
/* Decodes stored contents (struct fw_data) into v, whose dtype and n are set. */
bool fw_buffer_decode(struct fw_buffer *v, const struct fw_data *data);
/* x as the nearest number of this float type; F32 and wider: in float32 itself. */
double fw_round_to(enum fw_dtype dtype, double x);

/* splitmix64: a counter, mixed; so any number of draws can be skipped at once. */
enum { FW_RANDOM_BITS = 53 };
static const uint64_t fw_random_step = 0x9e3779b97f4a7c15u;
static inline uint64_t fw_random(uint64_t *state)
{
    uint64_t z = *state += fw_random_step;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static inline void fw_random_skip(uint64_t *state, uint64_t n)
{
    *state += n * fw_random_step;
}
/* [0, 1), 53 random bits. The exponent is lowered by hand: a multiplication would be an operation
 * that no row counts. */
static inline double fw_random_unit(uint64_t *state)
{
    union {
        double number;
        uint64_t bits;
    } x = {.number = (double)(int64_t)(fw_random(state) >> (64 - FW_RANDOM_BITS))};
    x.bits -= x.bits != 0 ? (uint64_t)FW_RANDOM_BITS << 52 : 0;
    return x.number;
}
double fw_random_normal(uint64_t *state); // mean 0, deviation 1

/* A computed place that becomes an index: what is beyond any tensor, or no number, is only far. */
static inline double fw_within_reach(double x)
{
    const double far = 1e15;
    return x > far ? far : x > -far ? x : -far;
}

/* ---- what kernels ask of a node ---- */

/* An attribute by name; the row's default where the node has none of its own. NULL: the row has
 * none of this name. */
const struct fw_attr *fw_run_attr(const struct fw_run *r, const char *name);
int64_t fw_run_attr_int(const struct fw_run *r, const char *name, int64_t otherwise);
double fw_run_attr_float(const struct fw_run *r, const char *name, double otherwise);
static inline bool fw_run_has(const struct fw_run *r, unsigned i)
{
    return i < r->cx.node->n_in && r->in[i] != NULL;
}
static inline struct fw_buffer *fw_run_in(const struct fw_run *r, unsigned i)
{
    return i < r->cx.node->n_in ? r->in[i] : NULL;
}
static inline struct fw_buffer *fw_run_out(const struct fw_run *r, unsigned i)
{
    return i < r->cx.node->n_out ? r->out[i] : NULL;
}
/* The axis -rank..rank-1 as 0..rank-1; FW_SHAPE when it is outside. */
enum fw_status fw_run_axis(const struct fw_run *r, int64_t axis, unsigned rank, unsigned *ret);
/* This part's share [*from, *to) of n pieces of work. */
void fw_run_share(const struct fw_run *r, size_t n, size_t *from, size_t *to);
/* Elements of dims[from..to). */
static inline size_t fw_buffer_span(const struct fw_buffer *v, unsigned from, unsigned to)
{
    size_t n = 1;
    for (unsigned k = from; k < to; k++)
        n *= (size_t)v->dims[k];
    return n;
}

/* Positions of a shape in row-major order, and the offsets into up to 4 tensors along the way. */
struct fw_walk {
    unsigned rank;
    int64_t dims[FW_MAX_RANK];
    int64_t at[FW_MAX_RANK];
    unsigned n;
    ptrdiff_t stride[4][FW_MAX_RANK];
    ptrdiff_t offset[4];
};
void fw_walk_init(struct fw_walk *w, unsigned rank, const int64_t *dims);
/* Adds a tensor with these strides (rank); its offset is w->offset[the value returned]. */
unsigned fw_walk_add(struct fw_walk *w, const ptrdiff_t *stride, ptrdiff_t start);
unsigned fw_walk_add_broadcast(struct fw_walk *w, const struct fw_buffer *v);
void fw_walk_next(struct fw_walk *w);

#endif
