/* Einsum: products and sums over labelled axes.
 *
 * Rule of the count. Operands are joined pairwise from left to right: ((A, B), C), ... . A label
 * that nothing else needs (no later operand, not the output) is summed out of its operand
 * beforehand: add = elements before - elements after. Joining two operands walks every combination
 * of the labels of both: one fma each when a label is summed in this step, else (outer or
 * elementwise products) one mul each. A label that occurs twice in an operand takes the diagonal,
 * which is no arithmetic.
 * One operand is a sum and a move. */
#include "ops/einsum.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <string.h>

static const struct fw_attr_spec attrs[] = {
    {"equation", FW_ATTR_STRING, true, {.s = ""}},
};
enum { EINSUM, SPREAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

static int label_of(char ch)
{
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    if (ch >= 'a' && ch <= 'z')
        return 26 + ch - 'a';
    return -1;
}

static void skip_spaces(const char **s)
{
    while (**s == ' ')
        (*s)++;
}

/* Reads one term; dots: where among the labels its ellipsis stands, or -1. */
static enum fw_status read_term(struct fw_cx *c, const char **s, struct fw_einsum_term *ret,
                                int *ret_dots)
{
    ret->n = 0;
    *ret_dots = -1;
    for (;;) {
        skip_spaces(s);
        int label = label_of(**s);
        if (label >= 0) {
            FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, ret->n + 1u, -1, c->err);
            ret->label[ret->n++] = (uint8_t)label;
            (*s)++;
        } else if (strncmp(*s, "...", 3) == 0 && *ret_dots < 0) {
            *ret_dots = ret->n;
            *s += 3;
        } else {
            return FW_OK;
        }
    }
}

/* Puts the labels of n axes where the ellipsis stands. */
static enum fw_status open_dots(struct fw_cx *c, struct fw_einsum_term *t, int dots, unsigned n)
{
    if (dots < 0)
        return FW_OK;
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, t->n + n, -1, c->err);
    unsigned at = (unsigned)dots;
    memmove(&t->label[at + n], &t->label[at], t->n - at);
    for (unsigned k = 0; k < n; k++)
        t->label[at + k] = (uint8_t)(FW_EINSUM_LETTERS + n - 1 - k);
    t->n = (uint8_t)(t->n + n);
    return FW_OK;
}

/* Sizes of an operand's labels; 1 gives way to any other size. */
static enum fw_status take_dims(struct fw_cx *c, struct fw_einsum *e, unsigned i)
{
    const struct fw_einsum_term *t = &e->in[i];
    for (unsigned k = 0; k < t->n; k++) {
        fw_dim *dim = &e->dim[t->label[k]];
        fw_dim have = fw_in(c, i)->dims[k];
        e->last[t->label[k]] = i;
        if (fw_dim_is_bad(*dim) || fw_dim_is(*dim, 1))
            *dim = have;
        else if (!fw_dim_is(have, 1))
            FW_TRY(fw_same_dim(c, "one label of the equation", *dim, have, dim));
    }
    return FW_OK;
}

static enum fw_status read_operand(struct fw_cx *c, const char **s, struct fw_einsum *e, unsigned i,
                                   unsigned *most_dots)
{
    int dots;
    FW_REQUIRE(fw_in(c, i) != NULL, c->err, FW_FORMAT, "input %u is wanted, it is missing", i);
    FW_TRY(read_term(c, s, &e->in[i], &dots));
    unsigned rank = fw_in(c, i)->rank;
    unsigned named = e->in[i].n;
    FW_REQUIRE(dots >= 0 ? named <= rank : named == rank, c->err, FW_SHAPE,
               "equation: a term of %u labels for input %u, found %u", rank, i, named);
    if (dots >= 0 && rank - named > *most_dots)
        *most_dots = rank - named;
    FW_TRY(open_dots(c, &e->in[i], dots, rank - named));
    return take_dims(c, e, i);
}

/* Without "->": the ellipsis, then every label that occurs once, in order of the alphabet. */
static enum fw_status implicit_out(struct fw_cx *c, struct fw_einsum *e, unsigned dots)
{
    unsigned count[FW_EINSUM_LABELS] = {0};
    for (unsigned i = 0; i < e->n; i++)
        for (unsigned k = 0; k < e->in[i].n; k++)
            count[e->in[i].label[k]]++;
    e->out.n = 0;
    FW_TRY(open_dots(c, &e->out, 0, dots));
    for (unsigned l = 0; l < FW_EINSUM_LETTERS; l++) {
        if (count[l] != 1)
            continue;
        FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, e->out.n + 1u, -1, c->err);
        e->out.label[e->out.n++] = (uint8_t)l;
    }
    return FW_OK;
}

static enum fw_status read_out(struct fw_cx *c, const char **s, struct fw_einsum *e, unsigned dots)
{
    skip_spaces(s);
    if (**s == '\0')
        return implicit_out(c, e, dots);
    FW_REQUIRE(strncmp(*s, "->", 2) == 0, c->err, FW_FORMAT,
               "equation: labels, '...', ',' or '->' are wanted, found '%.20s'", *s);
    *s += 2;
    int at;
    FW_TRY(read_term(c, s, &e->out, &at));
    FW_TRY(open_dots(c, &e->out, at, dots));
    FW_REQUIRE(**s == '\0', c->err, FW_FORMAT, "equation: its end is wanted, found '%.20s'", *s);
    return FW_OK;
}

enum fw_status fw_einsum_read(struct fw_cx *c, struct fw_einsum *e)
{
    const char *s = c->node->attr != NULL && c->node->attr[0].s != NULL ? c->node->attr[0].s : "";
    e->n = c->node->n_in;
    FW_REQUIRE(e->n <= FW_EINSUM_OPERANDS, c->err, FW_LIMIT, "at most %d operands, found %u",
               FW_EINSUM_OPERANDS, e->n);
    for (unsigned l = 0; l < FW_EINSUM_LABELS; l++) {
        e->dim[l] = fw_dim_bad();
        e->last[l] = 0;
    }
    unsigned dots = 0;
    for (unsigned i = 0; i < e->n; i++) {
        if (i > 0) {
            FW_REQUIRE(*s == ',', c->err, FW_FORMAT,
                       "equation: a term for each of %u inputs is wanted", e->n);
            s++;
        }
        FW_TRY(read_operand(c, &s, e, i, &dots));
    }
    FW_TRY(read_out(c, &s, e, dots));
    bool seen[FW_EINSUM_LABELS] = {false};
    for (unsigned k = 0; k < e->out.n; k++) {
        unsigned l = e->out.label[k];
        FW_REQUIRE(!fw_dim_is_bad(e->dim[l]) && !seen[l], c->err, FW_FORMAT,
                   "equation: an output label must occur in an input, and only once in the output");
        seen[l] = true;
        e->last[l] = e->n;
    }
    return FW_OK;
}

static enum fw_status infer(struct fw_cx *c)
{
    struct fw_einsum e;
    FW_TRY(fw_einsum_read(c, &e));
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k < e.out.n; k++)
        y[k] = e.dim[e.out.label[k]];
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, e.out.n, y);
}

static fw_count labels_product(struct fw_cx *c, const struct fw_einsum *e, const bool *has)
{
    fw_count n = fw_count_int(1);
    for (unsigned l = 0; l < FW_EINSUM_LABELS; l++)
        if (has[l])
            n = fw_count_mul(c->sym, n, fw_count_of(e->dim[l]));
    return n;
}

/* The labels of operand i after those only it needs have been summed out. acc: the labels of what
 * has been joined before, or NULL for the first operand, which may keep only what is needed. */
static void sum_out(struct fw_cx *c, struct fw_cost *cost, const struct fw_einsum *e, unsigned i,
                    const bool *acc, bool *ret)
{
    bool all[FW_EINSUM_LABELS] = {false};
    for (unsigned k = 0; k < e->in[i].n; k++)
        all[e->in[i].label[k]] = true;
    bool fewer = false;
    for (unsigned l = 0; l < FW_EINSUM_LABELS; l++) {
        ret[l] = all[l] && (e->last[l] > i || (acc != NULL && acc[l]));
        fewer = fewer || ret[l] != all[l];
    }
    if (!fewer)
        return;
    fw_count adds = fw_joins(c, labels_product(c, e, all), labels_product(c, e, ret));
    fw_cost_add(c, cost, FW_ADD, adds, 1);
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    struct fw_cx quiet = *c;
    quiet.err = NULL;
    struct fw_einsum e;
    if (fw_einsum_read(&quiet, &e) != FW_OK) {
        cost->n[FW_FMA] = fw_count_bad();
        return;
    }
    bool acc[FW_EINSUM_LABELS];
    sum_out(c, cost, &e, 0, NULL, acc);
    for (unsigned i = 1; i < e.n; i++) {
        bool next[FW_EINSUM_LABELS];
        sum_out(c, cost, &e, i, acc, next);
        bool contracts = false;
        bool kept[FW_EINSUM_LABELS];
        for (unsigned l = 0; l < FW_EINSUM_LABELS; l++) {
            next[l] = next[l] || acc[l];
            kept[l] = next[l] && e.last[l] > i;
            contracts = contracts || kept[l] != next[l];
        }
        fw_cost_add(c, cost, contracts ? FW_FMA : FW_MUL, labels_product(c, &e, next), 1);
        memcpy(acc, kept, sizeof acc);
    }
}

/* Letters for the labels of an equation without ellipsis: those of the ellipsis get free ones. */
static enum fw_status choose_letters(struct fw_grad *gr, const struct fw_einsum *e, char *letters)
{
    unsigned free_letter = 0;
    for (unsigned l = 0; l < FW_EINSUM_LABELS; l++) {
        letters[l] = '\0';
        if (fw_dim_is_bad(e->dim[l]))
            continue;
        unsigned letter = l;
        if (l >= FW_EINSUM_LETTERS) {
            while (free_letter < FW_EINSUM_LETTERS && !fw_dim_is_bad(e->dim[free_letter]))
                free_letter++;
            letter = free_letter++;
        }
        FW_REQUIRE(letter < FW_EINSUM_LETTERS, gr->cx.err, FW_LIMIT, "equation: no letter is left");
        letters[l] = (char)(letter < 26 ? 'A' + (int)letter : 'a' + (int)letter - 26);
    }
    return FW_OK;
}

static void put_term(char **to, const struct fw_einsum_term *t, const char *letters)
{
    for (unsigned k = 0; k < t->n; k++)
        *(*to)++ = letters[t->label[k]];
}

/* The equation "Y,others->A" for operand i; labels of A that nothing else has, and repeated ones,
 * are left out of the result, *ret_a. */
static enum fw_status gradient_equation(struct fw_grad *gr, const struct fw_einsum *e, unsigned i,
                                        const char *letters, struct fw_attr *ret,
                                        struct fw_einsum_term *ret_a)
{
    char *text = fw_arena_alloc(gr->cx.g->arena, (e->n + 2) * (size_t)(FW_MAX_RANK + 2));
    if (text == NULL)
        return fw_fail_memory(gr->cx.err);
    bool elsewhere[FW_EINSUM_LABELS] = {false};
    char *to = text;
    put_term(&to, &e->out, letters);
    for (unsigned k = 0; k < e->out.n; k++)
        elsewhere[e->out.label[k]] = true;
    for (unsigned j = 0; j < e->n; j++) {
        if (j == i)
            continue;
        *to++ = ',';
        put_term(&to, &e->in[j], letters);
        for (unsigned k = 0; k < e->in[j].n; k++)
            elsewhere[e->in[j].label[k]] = true;
    }
    *to++ = '-';
    *to++ = '>';
    ret_a->n = 0;
    for (unsigned k = 0; k < e->in[i].n; k++) {
        uint8_t l = e->in[i].label[k];
        if (elsewhere[l])
            ret_a->label[ret_a->n++] = l;
        elsewhere[l] = false;
    }
    put_term(&to, ret_a, letters);
    *to = '\0';
    *ret = (struct fw_attr){.s = text, .given = true};
    return FW_OK;
}

/* Repeats the result along labels that were summed alone, and puts it on diagonals. */
static enum fw_status spread(struct fw_grad *gr, const struct fw_einsum *e, unsigned i,
                             const char *letters, const struct fw_einsum_term *a, uint32_t *t)
{
    char *text = fw_arena_alloc(gr->cx.g->arena, 2 * FW_MAX_RANK + 4);
    if (text == NULL)
        return fw_fail_memory(gr->cx.err);
    char *to = text;
    put_term(&to, a, letters);
    *to++ = '-';
    *to++ = '>';
    put_term(&to, &e->in[i], letters);
    *to = '\0';
    struct fw_attr attr = {.s = text, .given = true};
    uint32_t from[2] = {*t, gr->cx.node->in[i]};
    return fw_emit(gr, (int)i, &rows[SPREAD], from, 2, &attr, t);
}

static enum fw_status grad(struct fw_grad *gr)
{
    struct fw_einsum e;
    char letters[FW_EINSUM_LABELS];
    FW_TRY(fw_einsum_read(&gr->cx, &e));
    FW_TRY(choose_letters(gr, &e, letters));
    for (unsigned i = 0; i < e.n; i++) {
        if (!fw_grad_needs(gr, i))
            continue;
        struct fw_attr attr;
        struct fw_einsum_term a;
        FW_TRY(gradient_equation(gr, &e, i, letters, &attr, &a));
        uint32_t from[FW_EINSUM_OPERANDS];
        unsigned n = 0;
        from[n++] = gr->dy[0];
        for (unsigned j = 0; j < e.n; j++)
            if (j != i)
                from[n++] = gr->cx.node->in[j];
        uint32_t t = gr->dy[0];
        if (n > 1 || a.n != e.out.n || memcmp(a.label, e.out.label, a.n) != 0)
            FW_TRY(fw_emit(gr, (int)i, &rows[EINSUM], from, n, &attr, &t));
        if (a.n != e.in[i].n)
            FW_TRY(spread(gr, &e, i, letters, &a, &t));
        FW_TRY(fw_grad_give(gr, i, t));
    }
    return FW_OK;
}

/* Along labels that the output has. */
static void field(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    struct fw_einsum e;
    (void)out;
    if (fw_einsum_read(c, &e) != FW_OK)
        return;
    for (unsigned k = 0; k < e.in[in].n; k++) {
        ret[k] = fw_reach_all("a product over the axis");
        for (unsigned to = 0; to < e.out.n; to++)
            if (e.out.label[to] == e.in[in].label[k])
                ret[k] = fw_reach_each(to);
    }
}

FW_KERNELS(einsum, einsum_spread);

static const struct fw_op rows[N_ROWS] = {
    [EINSUM] =
        {.name = "Einsum",
         .domain = "",
         .formula =
             "operands joined from the left; each join: fma = product of the labels of both "
             "when it sums one, else mul; labels only one operand needs are summed before: add",
         .doc = "each operand's gradient is an Einsum of dY with the other operands",
         FW_ATTRS(attrs),
         FW_PORTS(1, UINT16_MAX, 1, 1),
         .flags = FW_OP_CONTRACTION,
         .weight_slots = UINT32_MAX,
         .infer = infer,
         .field = field,
         .cost = cost,
         .grad = grad,
         FW_RUN(einsum)},
    [SPREAD] = {.name = "EinsumSpread", // (dY, A)
                .domain = "flopwise",
                .formula =
                    "no arithmetic: repeats along summed labels, writes diagonals into zeros",
                .doc = FW_INTERNAL_DOC,
                FW_ATTRS(attrs),
                FW_PORTS(2, 2, 1, 1),
                .flags = FW_OP_INTERNAL,
                .shape_only = 2,
                .infer = fw_infer_same1,
                .cost = fw_cost_free,
                .grad = fw_grad_none,
                FW_RUN(einsum_spread)},
};
const struct fw_op_table fw_ops_einsum = {rows, N_ROWS};
