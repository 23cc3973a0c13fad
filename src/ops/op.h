/* An operator is one row: everything the passes ask about it stands here and nowhere else.
 *
 * Rows stand in tables, one file per family (src/ops/NAME.c), and ops.def has one line per file.
 * A row describes the operator's newest form; readers bring older forms into it
 * (formats/onnx_forms.c). No slot is left empty: see fw_cost_free, fw_grad_none. */
#ifndef FW_OPS_OP_H
#define FW_OPS_OP_H

#include "graph/graph.h"

/* Scalar operations by class, of the special ones those whose function is known, then bytes.
 * FLOP = 2*fma + the other six classes. */
enum fw_cost_class {
    FW_FMA, // multiply and add of a contraction: 1 MAC, 2 FLOP
    FW_ADD, // add or subtract
    FW_MUL,
    FW_DIV,
    FW_SQRT,
    FW_MINMAX,  // max, min, compare, select, abs, sign changes by comparison
    FW_SPECIAL, // exp, log, tanh, erf, sin, pow ...
    FW_EXP,     // of FW_SPECIAL, in which they are counted too: what plain C computes itself
    FW_LOG,     // (ops/quick.h), so that what it retires is known
    FW_TANH,
    FW_ERF,
    FW_READ,  // bytes that must be read
    FW_WRITE, // bytes that must be written
    FW_N_COSTS,
    FW_N_CLASSES = FW_EXP, // the classes that are operations
    FW_N_TALLIES = FW_READ // with the functions
};

struct fw_cost {
    fw_count n[FW_N_COSTS];
};

enum fw_attr_type {
    FW_ATTR_INT,
    FW_ATTR_FLOAT,
    FW_ATTR_STRING,
    FW_ATTR_INTS,
    FW_ATTR_FLOATS,
    FW_ATTR_STRINGS,
    FW_ATTR_TENSOR,
    FW_ATTR_GRAPH
};

struct fw_attr_spec {
    const char *name;
    enum fw_attr_type type;
    bool required;
    struct fw_attr value; // the default; .given stays false
};

/* Calls from a row back into passes that stand to the right of the operators. */
struct fw_hooks;

/* What a slot sees: one node in its graph. */
struct fw_cx {
    struct fw_graph *g;
    struct fw_symbols *sym;
    struct fw_node *node; // do not keep: appending nodes moves it (grad works on a copy)
    const struct fw_precision *precision; // bytes per element, see fw_tensor_bits()
    const struct fw_hooks *hooks;
    struct fw_error *err; // of infer and grad
    bool gap;             // set by cost when a part of it is not known (a body with gaps)
};

struct fw_grad;
struct fw_reach;
struct fw_moment_rule;

/* Reference kernels, compiled twice; see ops/value.h. */
enum fw_build { FW_PLAIN, FW_COUNTED, FW_N_BUILDS };
struct fw_run;
struct fw_fast;
typedef enum fw_status fw_kernel(struct fw_run *r);
/* Elements per sequence of a batch: so many for each token, of at most the last `window` tokens
 * where that is not 0, and a fixed number. */
struct fw_cache {
    fw_count per_token;
    int64_t window;
    fw_count fixed;
    fw_count length; // tokens of the pass
};

/* Of a stored input, what one token meets: a row of a table (of = 0), or the weights of `chosen` of
 * `of` experts. */
struct fw_met {
    fw_count elements;
    int64_t of, chosen;
};

enum fw_op_flag {
    FW_OP_VIEW = 1,          // output 0 is input 0's storage under another shape: no work, no bytes
    FW_OP_OWN_BYTES = 2,     // cost sets FW_READ, FW_WRITE; else inputs are read, outputs written
    FW_OP_UNKNOWN_OK = 4,    // infer copes with inputs whose shape is unknown
    FW_OP_GAP = 8,           // no rule: every node of this row is a named gap
    FW_OP_INTERNAL = 16,     // made by passes only (gradients, updates, losses); no file names it
    FW_OP_CONTRACTION = 32,  // its fma are matmul FLOP and it is a "layer" in the ratio's sense
    FW_OP_MOVE = 64,         // output 0 holds elements of input 0, moved, repeated or left out: a
                             // parameter stays one when it passes through (Transpose, Expand, Cast)
    FW_OP_RANDOM = 128,      // draws random numbers: executed again it gives something else
    FW_OP_LOOSE_SLOTS = 256, // its weight slots take plain constants as well (Add, Mul): there only
                             // an operand of an activation is a parameter, see passes/classify.c
    FW_OP_BODY_SHAPES = 512, // its infer wants the shapes its bodies declare for their inputs, with
                             // new letters for sizes that are no numbers
    FW_OP_UNROLL =
        1024,           // a loop (iteration, condition, states): few known trips can be written out
    FW_OP_SUM = 2048,   // adds its inputs: the parts of a table that is a sum are parameters too
    FW_OP_PAIRS = 8192, // of attention's gradient: its products go over the pairs that the
                        // forward node's mask may leave out
    FW_OP_SHARES = 16384,   // output 0 is what each element has of its line's sum (Softmax)
    FW_OP_TRIANGLE = 32768, // may tell earlier places from later ones (Trilu, Less ...)
    FW_OP_OPEN_OK = 65536,  // takes sequences, maps and optionals, not only tensors
};

struct fw_op {
    const char *name;   // the standard's name where there is one
    const char *domain; // "" (ai.onnx), "com.microsoft", "ai.onnx.ml", "flopwise" for internal rows
    const char *formula; // cost in words of the shapes, printed by `flopwise ops`
    const char *doc;     // gradient in one line, printed by `flopwise ops`
    const struct fw_attr_spec *attrs;
    uint8_t n_attrs;
    uint16_t min_in, max_in; // UINT16_MAX = any number
    uint16_t min_out, max_out;
    uint32_t flags;        // enum fw_op_flag
    uint32_t weight_slots; // bit i: a stored float tensor at input i is a parameter
    uint32_t buffer_slots; // bit i: a stored float tensor at input i is a running statistic
    uint32_t in_place;     // bit i: output 0 may overwrite input i when nobody needs it later
    uint8_t advanced_in;   // from this input on, stored tensors become outputs 1, 2 ... after each
                           // execution: running statistics; 0: none
    uint32_t shape_only;   // bit i: of input i only the shape is used; it need not be kept or read
    const void *family;    // what differs between the rows of one table
    const struct fw_op *train_form; // the row that replaces this one when training, or NULL: the
                                    // same name in domain "flopwise", the same attributes, outputs
                                    // up to its max_out
    uint32_t reserve_out; // of a training form: bit i: output i is made also where the file's node
                          // leaves it out, because the backward reads it; 0: all outputs are made
    /* Sets shape, dtype and where possible contents of every output. */
    enum fw_status (*infer)(struct fw_cx *c);
    /* Which elements of input `in` an element of output `out` depends on, along each dimension of
     * the input: ret has room for FW_MAX_RANK, all preset to every position (ops/reach.h). All
     * shapes are known; c->err is NULL. */
    void (*field)(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret);
    /* Adds to cost (zero on entry). Shapes are known. May leave bad counts on overflow. */
    void (*cost)(struct fw_cx *c, struct fw_cost *cost);
    /* Of a row with bodies: the cost of all runs of the one in attribute attr. NULL: trips times
     * the cost of one run. */
    void (*body_cost)(struct fw_cx *c, unsigned attr, struct fw_cost *cost);
    /* Appends the nodes that compute the gradients of those inputs that need one. */
    enum fw_status (*grad)(struct fw_grad *gr);
    /* The reference kernel in both builds, FW_RUN(name). Without one a node of this row cannot be
     * executed, unless it is a view, where there is nothing to do. */
    fw_kernel *run[FW_N_BUILDS];
    bool run_shared; // it does the part it is told to do, so that threads can share the work
    /* What a fast kernel has to know of a node (ops/fast.h); false, or no slot: the reference
     * kernel is all there is. */
    bool (*fast)(struct fw_cx *c, struct fw_fast *ret);
    /* Of attention: the cost of its scores, over all pairs of a query and a key, or over those that
     * its causal mask, window or chunks leave. NULL: no attention. */
    void (*needed)(struct fw_cx *c, bool all, struct fw_cost *cost);
    /* Means and squares at initialisation, see ops/moments.h. NULL: as input 0 where the row is a
     * view or a move, else not known. */
    const struct fw_moment_rule *moments;
    /* What decoding token by token keeps from one to the next; NULL: nothing. */
    void (*cache)(struct fw_cx *c, struct fw_cache *ret);
    /* What one token meets of stored input i; false, or NULL: all of it. */
    bool (*met)(struct fw_cx *c, unsigned i, struct fw_met *ret);
};

/* ---- writing a row ----
 *
 * The slots of a row stand in the order of struct fw_op. */

#define FW_ANY_NUMBER UINT16_MAX
#define FW_PORTS(in_min, in_max, out_min, out_max) \
    .min_in = (in_min), .max_in = (in_max), .min_out = (out_min), .max_out = (out_max)
/* list: an array of struct fw_attr_spec */
#define FW_ATTRS(list) .attrs = (list), .n_attrs = sizeof(list) / sizeof *(list)
#define FW_FIRST_ATTRS(list, n) .attrs = (list), .n_attrs = (n) // rows that have only some
#define FW_NO_ATTRS .attrs = NULL
/* KERNEL(name) of ops/kernel.h in both builds: declarations (of up to 8 names), and the slot */
#define FW_KERNELS_1(a) fw_kernel fw_plain_##a, fw_counted_##a
#define FW_KERNELS_2(a, b) FW_KERNELS_1(a), FW_KERNEL_NAMES(b)
#define FW_KERNELS_3(a, b, c) FW_KERNELS_2(a, b), FW_KERNEL_NAMES(c)
#define FW_KERNELS_4(a, b, c, d) FW_KERNELS_3(a, b, c), FW_KERNEL_NAMES(d)
#define FW_KERNELS_5(a, b, c, d, e) FW_KERNELS_4(a, b, c, d), FW_KERNEL_NAMES(e)
#define FW_KERNELS_6(a, b, c, d, e, f) FW_KERNELS_5(a, b, c, d, e), FW_KERNEL_NAMES(f)
#define FW_KERNELS_7(a, b, c, d, e, f, g) FW_KERNELS_6(a, b, c, d, e, f), FW_KERNEL_NAMES(g)
#define FW_KERNELS_8(a, b, c, d, e, f, g, h) FW_KERNELS_7(a, b, c, d, e, f, g), FW_KERNEL_NAMES(h)
#define FW_KERNEL_NAMES(a) fw_plain_##a, fw_counted_##a
#define FW_KERNELS_N(a, b, c, d, e, f, g, h, name, ...) name
#define FW_KERNELS(...)                                                               \
    FW_KERNELS_N(__VA_ARGS__, FW_KERNELS_8, FW_KERNELS_7, FW_KERNELS_6, FW_KERNELS_5, \
                 FW_KERNELS_4, FW_KERNELS_3, FW_KERNELS_2, FW_KERNELS_1, )            \
    (__VA_ARGS__)
#define FW_RUN(name) .run = {fw_plain_##name, fw_counted_##name}
#define FW_RUN_SHARED(name) FW_RUN(name), .run_shared = true
#define FW_POINTWISE .fast = fw_fast_pointwise // see ops/fast.h
// formulas of rows that do no arithmetic
#define FW_VIEW_FORMULA "no arithmetic, no bytes: the same storage"
#define FW_MOVE_FORMULA "no arithmetic: bytes only"
#define FW_COPY_FORMULA "no arithmetic: reads and writes what it copies"
#define FW_INTERNAL_DOC "none: gradients of gradients are not built" // .doc of gradient rows

/* ---- reading a node (ops/cx.c) ---- */

static inline const struct fw_tensor *fw_in(const struct fw_cx *c, unsigned i)
{
    return i < c->node->n_in ? fw_tensor_at(c->g, c->node->in[i]) : NULL;
}
static inline const struct fw_tensor *fw_out(const struct fw_cx *c, unsigned i)
{
    return i < c->node->n_out ? fw_tensor_at(c->g, c->node->out[i]) : NULL;
}
static inline bool fw_has_in(const struct fw_cx *c, unsigned i)
{
    return i < c->node->n_in && c->node->in[i] != FW_NONE;
}
static inline bool fw_has_out(const struct fw_cx *c, unsigned i)
{
    return i < c->node->n_out && c->node->out[i] != FW_NONE;
}
/* "node 'NAME' (Op): " in front of the message. */
void fw_error_at_node(struct fw_error *err, const struct fw_graph *g, uint32_t id);
/* Known contents of input i (see fw_tensor_value), or NULL. */
const fw_dim *fw_in_value(struct fw_cx *c, unsigned i, uint32_t *ret_n);

/* Contents of input i that are worth following: what may be a shape, an index or a scale. Stored
 * floats beyond a handful are weights and stay unread. NULL when absent, unknown or passed over. */
const fw_dim *fw_follow(struct fw_cx *c, unsigned i, uint32_t *ret_n);
/* The only element of input i, when it is known. */
bool fw_scalar_in(struct fw_cx *c, unsigned i, fw_dim *ret);
/* Number of elements of a 1-D (or scalar) input: -1 when that is not a constant. */
int64_t fw_list_length(const struct fw_cx *c, unsigned i);
/* Attribute i; the row's default where the node has none of its own. */
static inline const struct fw_attr *fw_attr_at(const struct fw_cx *c, unsigned i)
{
    return c->node->attr != NULL ? &c->node->attr[i] : &c->node->op->attrs[i].value;
}
/* Whether a string attribute has this text (absent: no). */
bool fw_attr_is(const struct fw_cx *c, unsigned i, const char *text);

/* ---- infer: setting outputs ---- */

/* Sets shape and dtype of output i (nothing where it is left out). dims are copied, shared where an
 * input has the same. A bad dimension is FW_LIMIT (overflow), a negative constant FW_SHAPE. */
enum fw_status fw_set_out(struct fw_cx *c, unsigned i, enum fw_dtype dtype, unsigned rank,
                          const fw_dim *dims);
/* The same shape and dtype as a tensor; with contents when share_value. */
enum fw_status fw_set_out_like(struct fw_cx *c, unsigned i, const struct fw_tensor *like);
/* Known contents of output i, whose shape has been set; n must be its number of elements, else or
 * over FW_MAX_VALUE nothing is kept. */
enum fw_status fw_set_value(struct fw_cx *c, unsigned i, const fw_dim *value, uint32_t n);
/* Contents of output i, whose shape has been set: element (k0, k1, ...) is
 * v[offset + sum of k * stride]. Nothing is set where the shape is not constant or too large. */
enum fw_status fw_set_strided(struct fw_cx *c, unsigned i, const fw_dim *v, int64_t offset,
                              const int64_t *stride);
/* Row-major strides of constant dims; false where one is not constant or all is too large. */
bool fw_strides(const struct fw_tensor *t, int64_t *ret);
/* Output of which only the rank, or not even that (FW_RANK_UNKNOWN), is known. Unknown dimensions
 * become fresh symbols named after the node's output. */
enum fw_status fw_set_out_unknown(struct fw_cx *c, unsigned i, enum fw_dtype dtype, unsigned rank);
/* An output that is no tensor (sequence, map, optional). */
enum fw_status fw_set_out_open(struct fw_cx *c, unsigned i, enum fw_dtype dtype);
/* A fresh symbol for a size that depends on data, with its upper bound (bad = none). */
fw_dim fw_fresh_dim(struct fw_cx *c, const char *stem, fw_dim upper);

/* Output i with the dtype and dims given by two tensors. */
enum fw_status fw_set_out_as(struct fw_cx *c, unsigned i, const struct fw_tensor *dtype_of,
                             const struct fw_tensor *shape_of);
/* Element type of the standard's number (TensorProto.DataType); FW_UNKNOWN for others. */
enum fw_dtype fw_dtype_of_number(int64_t number);
/* Slots: output 0 has the shape and dtype of input 0, 1, 2, */
enum fw_status fw_infer_same(struct fw_cx *c);
enum fw_status fw_infer_same1(struct fw_cx *c);
enum fw_status fw_infer_same2(struct fw_cx *c);
/* or input 0's dtype and the shape of input 1, 2. */
enum fw_status fw_infer_like1(struct fw_cx *c);
enum fw_status fw_infer_like2(struct fw_cx *c);
/* Output 0 of the rank of input 0 with unknown sizes, each at most the input's. */
enum fw_status fw_infer_at_most(struct fw_cx *c, const bool *changed);

/* ---- shape helpers (ops/shape.c); all give messages "what is wanted, what was found" ---- */

/* -rank..rank-1 -> 0..rank-1, or FW_SHAPE. */
enum fw_status fw_norm_axis(struct fw_cx *c, int64_t axis, unsigned rank, unsigned *ret);
/* Two shapes under the standard's multidirectional broadcasting. Two different symbols broadcast to
 * max(a, b), which is what a valid run gives. */
enum fw_status fw_broadcast(struct fw_cx *c, unsigned ra, const fw_dim *a, unsigned rb,
                            const fw_dim *b, unsigned *ret_rank, fw_dim *ret);
/* All inputs first..first+n-1 broadcast together. */
enum fw_status fw_broadcast_inputs(struct fw_cx *c, unsigned first, unsigned n, unsigned *ret_rank,
                                   fw_dim *ret);
/* Input i must broadcast to (rank) dims without changing them (unidirectional broadcasting):
 * FW_SHAPE when it has more dimensions, or one that is a constant other than 1 and than theirs. */
enum fw_status fw_want_broadcast_to(struct fw_cx *c, unsigned i, unsigned rank, const fw_dim *dims);
/* The same, but for the last dimension of input i, which may be shorter. */
enum fw_status fw_want_within(struct fw_cx *c, unsigned i, unsigned rank, const fw_dim *dims);
/* Elements of dims[from..to). */
fw_count fw_product(struct fw_cx *c, const fw_dim *dims, unsigned from, unsigned to);
/* Two dimensions that must be equal: FW_SHAPE when both are constants and differ; else the one that
 * is known better (a constant before a polynomial). what names it in the message. */
enum fw_status fw_same_dim(struct fw_cx *c, const char *what, fw_dim a, fw_dim b, fw_dim *ret);
/* Rank of input i is wanted (rank_min..rank_max), FW_SHAPE otherwise. */
enum fw_status fw_want_rank(struct fw_cx *c, unsigned i, unsigned rank_min, unsigned rank_max);
/* An axes-like integer list from input i (known contents) or, when the input is absent, from
 * attribute attr (-1: none); *ret_known is false when it is an input whose contents are unknown. */
enum fw_status fw_int_list(struct fw_cx *c, unsigned i, int attr, int64_t *ret, uint32_t max,
                           uint32_t *ret_n, bool *ret_known);

/* ---- cost helpers (ops/cost.c) ---- */

fw_count fw_elements(struct fw_cx *c, const struct fw_tensor *t); // 0 for NULL
/* cost.n[class] += times * n */
void fw_cost_add(struct fw_cx *c, struct fw_cost *cost, enum fw_cost_class class, fw_count n,
                 int64_t times);
/* cost.n[class] += n * per[class] for the classes that are operations; per: (FW_N_TALLIES) */
void fw_cost_each(struct fw_cx *c, struct fw_cost *cost, fw_count n, const uint8_t *per);
/* Operations that join n elements into m, a sum of k numbers being k - 1 adds: n - m, none of none.
 */
fw_count fw_joins(struct fw_cx *c, fw_count n, fw_count m);
/* Bytes of one tensor under the precision policy (rounded up to whole bytes). */
fw_count fw_bytes(struct fw_cx *c, const struct fw_tensor *t);
/* For FW_OP_OWN_BYTES rows. */
void fw_cost_bytes(struct fw_cx *c, struct fw_cost *cost, enum fw_cost_class read_or_write,
                   const struct fw_tensor *t);
/* Slot: a copy that reads only what it writes: input 0 as much as output 0, the others whole. */
void fw_cost_copied(struct fw_cx *c, struct fw_cost *cost);
void fw_cost_free(struct fw_cx *c, struct fw_cost *cost); // no operation; bytes as the flags say

/* ---- grad (ops/grad.c) ---- */

/* Copies of attributes made so far, so that nodes of one row with the same ones share them. */
enum { FW_N_KEPT_ATTRS = 16 };
struct fw_kept_attrs {
    const struct fw_op *op[FW_N_KEPT_ATTRS];
    const struct fw_attr *attr[FW_N_KEPT_ATTRS];
};

struct fw_grad {
    struct fw_cx cx;            // .node points at a copy of the forward node
    uint32_t node_id;           // the forward node
    const uint32_t *dy;         // (n_out) gradient of each output, FW_NONE where there is none
    uint32_t *dx;               // (n_in) to be filled; FW_NONE on entry
    const bool *need;           // (n_in) this input needs a gradient
    struct fw_kept_attrs *kept; // or NULL: every emitted node has its own
};

/* Appends a node whose purpose is the gradient of input `input`: its phase is backward_weight when
 * that input is on the weight side, else backward_input (input = -1: backward_input, for what
 * several gradients share). Infers it at once. attr: NULL for the row's defaults, else (n_attrs) in
 * row order. n_out outputs are made; *ret is the first, the others follow it in number. */
enum fw_status fw_emit_n(struct fw_grad *gr, int input, const struct fw_op *op, const uint32_t *in,
                         unsigned n_in, const struct fw_attr *attr, unsigned n_out, uint32_t *ret);
/* With one output. */
enum fw_status fw_emit(struct fw_grad *gr, int input, const struct fw_op *op, const uint32_t *in,
                       unsigned n_in, const struct fw_attr *attr, uint32_t *ret);
/* Takes t as the gradient of input i, summed down to the input's shape where it was broadcast. */
enum fw_status fw_grad_give(struct fw_grad *gr, unsigned i, uint32_t t);
/* dX_i = the output of a new node, which has the shape of input i, where that needs a gradient. */
enum fw_status fw_grad_node(struct fw_grad *gr, unsigned i, const struct fw_op *op,
                            const uint32_t *in, unsigned n_in, const struct fw_attr *attr);
enum fw_status fw_grad_view(struct fw_grad *gr); // slot: dX = dY in the shape of X
enum fw_status fw_grad_none(struct fw_grad *gr); // not differentiable, or constant: no gradient
enum fw_status fw_grad_gap(struct fw_grad *gr);  // has a gradient that is not built: a named gap
/* A stored 1-D int64 constant (axes, shapes) for use as an input of an emitted node. */
enum fw_status fw_grad_ints(struct fw_grad *gr, const fw_dim *v, uint32_t n, uint32_t *ret);
static inline bool fw_grad_needs(const struct fw_grad *gr, unsigned i)
{
    return i < gr->cx.node->n_in && gr->need[i];
}

struct fw_hooks {
    /* Infers a body whose inputs have been given shapes. */
    enum fw_status (*infer_body)(struct fw_cx *c, struct fw_graph *body);
    /* Adds up the cost of all nodes of a body in one phase (FW_N_PHASES: all); false when a part is
     * a gap. */
    bool (*cost_body)(struct fw_cx *c, struct fw_graph *body, unsigned phase, struct fw_cost *cost);
    /* A second body like this one, with shapes of its own. */
    enum fw_status (*copy_body)(struct fw_cx *c, struct fw_graph *body, struct fw_graph **ret);
    /* The gradient graph of a body: from the gradients of those outputs for which out_grad is set
     * to those of the inputs for which in_grad is set. */
    enum fw_status (*grad_body)(struct fw_cx *c, struct fw_graph *body, const bool *out_grad,
                                const bool *in_grad, struct fw_graph **ret);
};

/* ---- the list of all rows (ops/ops.c) ---- */

struct fw_op_table {
    const struct fw_op *rows;
    uint32_t n;
};
extern const struct fw_op_table *const fw_op_tables[]; // in the order of ops.def
extern const uint32_t fw_n_op_tables;
/* Whether it has attributes for bodies. */
bool fw_op_has_bodies(const struct fw_op *op);
/* The body in attribute a; NULL where none is given or the attribute is of another type. */
static inline struct fw_graph *fw_node_body(const struct fw_node *n, unsigned a)
{
    return n->attr != NULL && n->op->attrs[a].type == FW_ATTR_GRAPH ? n->attr[a].graph : NULL;
}
/* Whether a node of the graph has an operator with bodies. */
bool fw_graph_has_bodies(const struct fw_graph *g);

/* NULL when there is no such row. "ai.onnx" and "" are one domain. */
const struct fw_op *fw_op_find(const char *domain, const char *name);

#endif
