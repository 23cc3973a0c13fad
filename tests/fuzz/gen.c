/* From bytes to a model; see gen.h. Each node is tried before it is kept: the model so far must be
 * read and its shapes inferred, which also tells types and sizes for the choice of the next node.
 * A node that does not fit is drawn again a few times, then left out, or kept in "wild" models. */
#include "gen.h"

#include "formats/formats.h"
#include "ops/op.h"
#include "passes/infer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 4, MAX_DEPTH = 2 };
enum { FLOAT = 1, INT32 = 6, INT64 = 7, BOOL = 9, FLOAT16 = 10 }; // TensorProto.DataType

unsigned gen_draw(struct gen_model *m, unsigned below)
{
    unsigned v = 0;
    for (unsigned reach = 1; reach < below; reach *= 256) {
        if (m->p == m->end)
            break;
        v = v * 256 + *m->p++;
    }
    return below == 0 ? 0 : v % below;
}

static int64_t small_number(struct gen_model *m)
{
    static const int64_t values[] = {
        1, 2, 3, 0, -1, 4, 8, -2, 5, 6, 7, 16, 64, 1000, INT64_MAX, INT64_MIN, (int64_t)1 << 40};
    unsigned i = gen_draw(m, 64); // mostly small ones
    return values[i < 48 ? i % 8 : i - 48 < 17 ? i - 48 : 0];
}

static int new_value(struct gen_model *m, enum gen_kind kind, unsigned graph)
{
    if (m->n_values == GEN_VALUES)
        return -1;
    m->values[m->n_values] = (struct gen_value){
        .kind = (uint8_t)kind, .graph = (uint8_t)graph, .rank = FW_RANK_UNKNOWN, .dtype = FLOAT};
    return m->n_values++;
}

/* ---- tensors ---- */

static int64_t dimension(struct gen_model *m, const struct gen_value *like, bool letters)
{
    static const int64_t sizes[] = {2, 3, 4, 1, 6, 8, 5, 0};
    unsigned i = gen_draw(m, 32);
    if (like != NULL && like->rank != FW_RANK_UNKNOWN && like->rank > 0 && i >= 12) {
        int64_t d = like->dims[i % like->rank];
        return d >= 0 || letters ? d : 2;
    }
    if (letters && i >= 20)
        return -1 - (int64_t)(i % GEN_LETTERS);
    return sizes[i < 24 ? i % 7 : i % 8];
}

static void shape(struct gen_model *m, struct gen_value *v, const struct gen_value *like,
                  bool letters)
{
    unsigned same = like != NULL && like->rank != FW_RANK_UNKNOWN ? gen_draw(m, 4) : 1;
    v->rank = (uint8_t)(same == 0 ? like->rank : gen_draw(m, GEN_RANK));
    for (unsigned k = 0; k < v->rank; k++)
        v->dims[k] = dimension(m, like, letters);
}

static uint8_t element_type(struct gen_model *m)
{
    static const uint8_t types[] = {FLOAT, FLOAT,   FLOAT, FLOAT, FLOAT, INT64, INT64, INT32,
                                    BOOL,  FLOAT16, 11,    3,     2,     FLOAT, FLOAT, FLOAT};
    return types[gen_draw(m, 16)];
}

/* Stored: weights whose contents are elsewhere, or a few numbers. */
static void stored(struct gen_model *m, struct gen_value *v, const struct gen_value *like,
                   bool weights)
{
    v->kind = GEN_STORED;
    if (weights) {
        v->dtype = like != NULL && like->dtype == FLOAT16 ? FLOAT16 : FLOAT;
        shape(m, v, like, false);
        return;
    }
    unsigned how = gen_draw(m, 8);
    v->dtype = how < 6 ? INT64 : how == 6 ? FLOAT : INT32;
    v->contents = true;
    v->rank = (uint8_t)(how % 2);
    v->n = v->rank == 0 ? 1 : (int64_t)gen_draw(m, 6);
    v->dims[0] = v->n;
    for (int64_t i = 0; i < v->n; i++)
        v->v[i] = small_number(m);
}

/* A value that a node of graph g may read. */
static int visible(struct gen_model *m, const struct gen_graph *g)
{
    unsigned me = (unsigned)(g - m->graphs);
    for (unsigned tries = 0; tries < 8; tries++) {
        int back = (int)gen_draw(m, (unsigned)m->n_values < 16 ? (unsigned)m->n_values : 16);
        int at = m->n_values - 1 - (tries < 6 ? back : 0) - (tries >= 6 ? (int)tries : 0);
        // graphs around this one have smaller numbers; those beside it are closed (see body())
        if (at >= 0 &&
            (m->values[at].graph == me || m->values[at].graph == 0 ||
             (m->values[at].graph < me && at < g->first_value && m->values[at].graph + 1u == me)))
            return at;
    }
    return -1;
}

static int source(struct gen_model *m, const struct gen_graph *g, const struct gen_node *n,
                  unsigned i)
{
    const struct gen_value *like = n->n_in > 0 && n->in[0] >= 0 ? &m->values[n->in[0]] : NULL;
    bool slot = i < 32 && n->op->weight_slots >> i & 1u;
    unsigned how = gen_draw(m, 16);
    if (i >= n->op->min_in && how == 15)
        return -1;
    bool weights = slot && !(n->op->flags & FW_OP_LOOSE_SLOTS) ? how < 12 : how >= 13;
    bool numbers = !weights && how >= 9;
    if (!weights && !numbers) {
        int at = visible(m, g);
        if (at >= 0)
            return at;
    }
    int at = new_value(m, GEN_STORED, (unsigned)(g - m->graphs));
    if (at >= 0)
        stored(m, &m->values[at], like, !numbers);
    return at;
}

/* ---- attributes ---- */

static const char *const words[] = {
    "SAME_UPPER",   "VALID",          "NOTSET",  "SAME_LOWER", "linear", "nearest",
    "cubic",        "constant",       "reflect", "edge",       "wrap",   "bidirectional",
    "reverse",      "forward",        "Tanh",    "Sigmoid",    "Relu",   "mean",
    "sum",          "none",           "add",     "mul",        "max",    "half_pixel",
    "asymmetric",   "align_corners",  "floor",   "DCR",        "CRD",    "ij,jk->ik",
    "bij,bjk->bik", "...i,...i->...", "ii->i",   "LEFT",       "RIGHT",  "tanh",
    "float32",      "gelu",           "silu",    "relu",       "swiglu", "BSNH",
};

static void body(struct gen_model *m, struct gen_graph *outer, const struct gen_node *holder,
                 struct gen_attr *a);

static void attribute(struct gen_model *m, struct gen_graph *g, struct gen_node *n,
                      const struct fw_attr_spec *spec)
{
    struct gen_attr *a = &n->attrs[n->n_attrs];
    *a = (struct gen_attr){.spec = spec, .n = 1};
    if (spec->type == FW_ATTR_INTS || spec->type == FW_ATTR_FLOATS ||
        spec->type == FW_ATTR_STRINGS) {
        static const uint8_t lengths[] = {2, 1, 4, 3, 0, 2, 4, 6};
        a->n = lengths[gen_draw(m, 8)];
    }
    bool alike = gen_draw(m, 2) == 0; // all elements the same: kernels, strides
    for (unsigned k = 0; k < a->n; k++) {
        if (spec->type == FW_ATTR_GRAPH) {
            body(m, g, n, a);
        } else if (spec->type == FW_ATTR_TENSOR) {
            stored(m, &a->tensor, NULL, false);
        } else if (spec->type == FW_ATTR_STRING || spec->type == FW_ATTR_STRINGS) {
            a->s[k] = words[gen_draw(m, sizeof words / sizeof *words)];
        } else {
            a->i[k] = k > 0 && alike ? a->i[0] : small_number(m);
            // exact in float, and in the text with two digits behind the point
            if (spec->type == FW_ATTR_FLOAT || spec->type == FW_ATTR_FLOATS)
                a->i[k] = a->i[k] % 4096;
        }
    }
    if (spec->type != FW_ATTR_GRAPH || a->graph != NULL)
        n->n_attrs++;
}

/* ---- nodes ---- */

static bool usable(const struct fw_op *op)
{
    return !(op->flags & (FW_OP_GAP | FW_OP_INTERNAL)) && strcmp(op->domain, "flopwise") != 0;
}

static const char *const common[] = {
    "Conv",
    "MatMul",
    "Gemm",
    "Add",
    "Mul",
    "Relu",
    "Sigmoid",
    "Softmax",
    "Reshape",
    "Concat",
    "Slice",
    "Gather",
    "Split",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "MaxPool",
    "Shape",
    "Where",
    "Cast",
    "Expand",
    "Tile",
    "ReduceSum",
    "ReduceMean",
    "Pad",
    "Resize",
    "If",
    "Loop",
    "Scan",
    "LSTM",
    "GRU",
    "Dropout",
    "Sub",
    "Div",
    "Pow",
    "Sqrt",
    "Identity",
    "Einsum",
    "GlobalAveragePool",
    "TopK",
    "Range",
    "Flatten",
    "ScatterND",
    "BatchNormalization",
    "LayerNormalization",
    "AveragePool",
    "ConvTranspose",
    "ConstantOfShape",
    "CumSum",
    "Attention",
};
enum { N_COMMON = sizeof common / sizeof *common, N_IN_BODIES = 25 };

static const struct fw_op *any_op(struct gen_model *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < fw_n_op_tables; i++)
        n += fw_op_tables[i]->n;
    uint32_t which = gen_draw(m, n);
    for (uint32_t tries = 0; tries < n; tries++, which = (which + 1) % n) {
        uint32_t at = which, i = 0;
        while (at >= fw_op_tables[i]->n)
            at -= fw_op_tables[i++]->n;
        if (usable(&fw_op_tables[i]->rows[at]))
            return &fw_op_tables[i]->rows[at];
    }
    return NULL;
}

static const struct fw_op *choose_op(struct gen_model *m)
{
    if (gen_draw(m, 8) >= (m->depth > 0 ? 7 : 5))
        return any_op(m);
    return fw_op_find("", common[gen_draw(m, m->depth > 0 ? N_IN_BODIES : N_COMMON)]);
}

static unsigned between(struct gen_model *m, unsigned low, unsigned high, unsigned most)
{
    high = high < most ? high : most;
    return low + (high > low ? gen_draw(m, high - low + 1) : 0);
}

/* Whether a body of this node could be made. */
static bool has_room(const struct gen_model *m, const struct fw_op *op)
{
    for (unsigned k = 0; k < op->n_attrs; k++)
        if (op->attrs[k].type == FW_ATTR_GRAPH &&
            (m->depth == MAX_DEPTH || m->n_graphs + 2 > GEN_GRAPHS))
            return false;
    return op->min_in <= GEN_PORTS && op->min_out <= GEN_PORTS;
}

static bool draw_node(struct gen_model *m, struct gen_graph *g, struct gen_node *n)
{
    unsigned me = (unsigned)(g - m->graphs);
    *n = (struct gen_node){.op = choose_op(m)};
    if (n->op == NULL || !has_room(m, n->op))
        return false;
    unsigned want = between(m, n->op->min_in, n->op->max_in, GEN_PORTS);
    for (unsigned i = 0; i < want; i++) {
        n->in[i] = source(m, g, n, i);
        if (n->in[i] < 0 && i < n->op->min_in)
            return false;
        n->n_in++;
    }
    unsigned n_out = between(m, n->op->min_out > 0 ? n->op->min_out : 1, n->op->max_out, 4);
    n->n_out = n_out; // bodies want to know
    for (unsigned k = 0; k < n->op->n_attrs && n->n_attrs < GEN_ATTRS; k++)
        if (n->op->attrs[k].required || gen_draw(m, 4) == 0)
            attribute(m, g, n, &n->op->attrs[k]);
    for (unsigned i = 0; i < n_out; i++)
        if ((n->out[i] = new_value(m, GEN_MADE, me)) < 0)
            return false;
    return true;
}

/* ---- trying ---- */

extern const struct fw_format fw_format_onnx;

static void learn(struct gen_model *m, const struct fw_model *model)
{
    const struct fw_graph *g = &model->graph;
    for (uint32_t id = 0; id < g->n_tensors; id++) {
        const struct fw_tensor *t = &g->tensors[id];
        int at;
        if (t->name == NULL || sscanf(t->name, "t%d", &at) != 1 || at < 0 || at >= m->n_values)
            continue;
        struct gen_value *v = &m->values[at];
        if (v->kind != GEN_MADE || t->rank > GEN_RANK)
            continue;
        v->rank = t->rank;
        for (unsigned k = 0; k < t->rank; k++) {
            v->dims[k] = fw_dim_is_const(t->dims[k]) ? t->dims[k].word : 2;
            for (int l = 0; l < GEN_LETTERS; l++)
                if (fw_dim_eq(t->dims[k], fw_dim_symbol(model->sym, gen_letters[l], 1)))
                    v->dims[k] = -1 - l;
        }
    }
}

static bool fits(struct gen_model *m)
{
    struct fw_str file;
    struct fw_model model;
    struct fw_error err;
    fw_str_init(&file, &fw_alloc_default);
    m->graphs[0].end_value = m->n_values;
    gen_write_onnx(m, &file);
    enum fw_status status = fw_model_init(&model, &fw_alloc_default, &err);
    if (status != FW_OK)
        abort();
    status = fw_format_onnx.read(&model, (const unsigned char *)fw_str_text(&file), file.len, &err);
    if (status == FW_FORMAT || status == FW_MEMORY) {
        bool known = strstr(err.message, "node '") != NULL; // an attribute's value
        if (!known) {
            fprintf(stderr, "the writer and the reader disagree: %s\n", err.message);
            abort();
        }
    }
    if (status == FW_OK)
        status = fw_infer(&model.graph, &err);
    if (status == FW_OK)
        learn(m, &model);
    fw_model_clear(&model);
    fw_str_free(&file);
    return status == FW_OK;
}

/* ---- graphs ---- */

static void finish(struct gen_model *m, struct gen_graph *g)
{
    g->end_value = m->n_values;
    for (unsigned i = 0; i < g->n_nodes; i++)
        for (unsigned k = 0; k < g->nodes[i].n_in; k++)
            if (g->nodes[i].in[k] >= 0)
                m->values[g->nodes[i].in[k]].used = true;
}

/* The body of a loop hands on what it was given or what it made. */
static void body_outputs(struct gen_model *m, struct gen_graph *b, const struct gen_node *holder,
                         bool loop)
{
    unsigned want = holder->n_out + (loop ? 1 : 0);
    for (unsigned k = 0; k < want; k++) {
        bool own = loop && k == 0 && gen_draw(m, 4) != 0;
        int at = own ? b->inputs[1] : visible(m, b);
        if (at >= 0 && m->values[at].graph != b - m->graphs) // outputs are the body's own
            at = b->n_nodes > 0 ? b->nodes[b->n_nodes - 1].out[0] : -1;
        if (at < 0 && b->n_inputs > 0)
            at = b->inputs[k % b->n_inputs];
        if (at >= 0)
            b->outputs[b->n_outputs++] = at;
    }
}

static void body(struct gen_model *m, struct gen_graph *outer, const struct gen_node *holder,
                 struct gen_attr *a)
{
    if (m->n_graphs == GEN_GRAPHS)
        return;
    unsigned me = m->n_graphs++;
    struct gen_graph *b = &m->graphs[me];
    bool loop = strcmp(holder->op->name, "Loop") == 0;
    unsigned formal = strcmp(holder->op->name, "If") == 0 ? 0 : holder->n_in;
    (void)outer;
    *b = (struct gen_graph){.first_value = m->n_values};
    m->depth++;
    for (unsigned i = 0; i < formal; i++) {
        int at = new_value(m, GEN_INPUT, me);
        if (at < 0)
            break;
        struct gen_value *v = &m->values[at];
        if (loop && i < 2)
            *v = (struct gen_value){
                .kind = GEN_INPUT, .graph = (uint8_t)me, .dtype = i == 0 ? INT64 : BOOL};
        else if (holder->in[i] >= 0)
            v->dtype = m->values[holder->in[i]].dtype;
        b->inputs[b->n_inputs++] = at;
    }
    for (unsigned n = 1 + gen_draw(m, 3); n > 0; n--) {
        int before = m->n_values;
        unsigned graphs = m->n_graphs;
        if (draw_node(m, b, &b->nodes[b->n_nodes])) {
            b->n_nodes++;
            continue;
        }
        m->n_values = before;
        m->n_graphs = graphs;
    }
    body_outputs(m, b, holder, loop);
    finish(m, b);
    m->depth--;
    a->graph = b;
}

static void add_node(struct gen_model *m, struct gen_graph *g)
{
    for (unsigned tries = 0; tries < TRIES && m->p < m->end; tries++) {
        int before = m->n_values;
        unsigned graphs = m->n_graphs;
        if (draw_node(m, g, &g->nodes[g->n_nodes])) {
            g->n_nodes++;
            if (m->wild || fits(m))
                return;
            g->n_nodes--;
        }
        m->n_values = before;
        m->n_graphs = graphs;
    }
}

void gen_model(struct gen_model *m, const unsigned char *data, size_t n)
{
    *m = (struct gen_model){.p = data, .end = data + n, .n_graphs = 1};
    struct gen_graph *g = &m->graphs[0];
    m->wild = gen_draw(m, 16) == 15;
    for (unsigned k = 1 + gen_draw(m, 3); k > 0; k--) {
        int at = new_value(m, GEN_INPUT, 0);
        m->values[at].dtype = element_type(m);
        shape(m, &m->values[at], NULL, true);
        g->inputs[g->n_inputs++] = at;
    }
    while (g->n_nodes < GEN_NODES && m->p < m->end)
        add_node(m, g);
    finish(m, g);
    for (int i = 0; i < m->n_values; i++)
        if (m->values[i].graph == 0 && m->values[i].kind == GEN_MADE && !m->values[i].used)
            g->outputs[g->n_outputs++] = i;
}

/* ---- one operator ---- */

/* A size: small, or one that was drawn before or a multiple or half of it, as gates and heads are.
 */
static int64_t related_size(struct gen_model *m)
{
    static const int64_t sizes[] = {2, 3, 4, 1, 0, 5, 6, 8};
    static const int64_t times[] = {2, 2, 2, 4, 6, 8, 16, 1}; // halves
    unsigned b = gen_draw(m, 256), of = 0;
    for (int i = 0; i < m->n_values - 1; i++)
        of += m->values[i].rank;
    if (b < 96 || of == 0)
        return sizes[b % 8];
    unsigned at = gen_draw(m, of);
    for (int i = 0; i < m->n_values; at -= m->values[i++].rank)
        if (at < m->values[i].rank)
            return m->values[i].dims[at] * times[b % 8] / 2;
    return 1;
}

static int alone_source(struct gen_model *m, const struct gen_node *n, unsigned i)
{
    unsigned how = gen_draw(m, 16), type = gen_draw(m, 32);
    if (how == 15 && i >= n->op->min_in)
        return -1;
    int at = new_value(m, GEN_INPUT, 0);
    if (at < 0)
        return -1;
    struct gen_value *v = &m->values[at];
    v->rank = 0;
    if (how >= 12) {
        stored(m, v, NULL, false);
        return at;
    }
    if (how >= 9)
        v->kind = GEN_STORED;
    else if (type >= 16)
        v->dtype = element_type(m);
    else if (type >= 4 && i > 0 && n->in[0] >= 0)
        v->dtype = m->values[n->in[0]].dtype;
    unsigned rank = gen_draw(m, GEN_RANK + 1);
    for (unsigned k = 0; k < rank; k++) {
        int64_t size = related_size(m);
        v->dims[v->rank++] = size;
    }
    return at;
}

void gen_alone(struct gen_model *m, const unsigned char *data, size_t size)
{
    *m = (struct gen_model){.p = data, .end = data + size, .n_graphs = 1, .depth = MAX_DEPTH};
    struct gen_graph *g = &m->graphs[0];
    struct gen_node *n = &g->nodes[0];
    *n = (struct gen_node){.op = any_op(m)};
    if (n->op == NULL || !has_room(m, n->op))
        return;
    for (unsigned want = between(m, n->op->min_in, n->op->max_in, GEN_PORTS); n->n_in < want;) {
        int at = alone_source(m, n, n->n_in);
        n->in[n->n_in++] = at;
        if (at >= 0 && m->values[at].kind == GEN_INPUT)
            g->inputs[g->n_inputs++] = at;
    }
    unsigned n_out = between(m, n->op->min_out > 0 ? n->op->min_out : 1, n->op->max_out, 4);
    for (unsigned k = 0; k < n->op->n_attrs && n->n_attrs < GEN_ATTRS; k++)
        if (n->op->attrs[k].required || gen_draw(m, 2) != 0)
            attribute(m, g, n, &n->op->attrs[k]);
    while (n->n_out < n_out) {
        int at = new_value(m, GEN_MADE, 0);
        g->outputs[g->n_outputs++] = n->out[n->n_out++] = at;
    }
    g->n_nodes = 1;
    finish(m, g);
}
