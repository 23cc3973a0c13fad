/* The receptive field of the network's last spatial output, window by window. */
#include "report/explain.h"

#include "passes/field.h"

#include <math.h>

enum { MAX_ROWS = 100 };

struct row {
    uint32_t node;
    double before, after;               // size
    double stride_before, stride_after; // effective
    bool joins;                         // no window: branches of different fields meet
};

static double stride_of(const struct fw_field *f)
{
    return (double)f->shift / f->period;
}

static bool joins(const struct fw_fields *f, const struct fw_node *node, unsigned axis)
{
    unsigned n = 0;
    for (unsigned i = 0; i < node->n_in; i++)
        n += node->in[i] != FW_NONE && fw_field_at(f, node->in[i], axis)->kind == FW_FIELD_ALONG;
    return n > 1;
}

/* Windows on the way, in the order of the nodes: where the field or the stride grows. The first
 * MAX_ROWS are kept, all are counted. */
static uint32_t gather(struct fw_lesson *l, const struct fw_fields *f, unsigned axis,
                       struct row *rows, uint32_t *ret_last)
{
    const struct fw_graph *g = &l->a->model.graph;
    uint32_t n = 0;
    *ret_last = FW_NONE;
    for (uint32_t i = 0; i < l->a->n_forward; i++) {
        const struct fw_node *node = &g->nodes[i];
        if (node->n_in == 0 || node->n_out == 0 || node->in[0] == FW_NONE ||
            node->out[0] == FW_NONE)
            continue;
        const struct fw_field *from = fw_field_at(f, node->in[0], axis);
        const struct fw_field *to = fw_field_at(f, node->out[0], axis);
        if (from->kind != FW_FIELD_ALONG || to->kind != FW_FIELD_ALONG)
            continue;
        *ret_last = node->out[0];
        struct row r = {i,
                        (double)fw_field_size(from),
                        (double)fw_field_size(to),
                        stride_of(from),
                        stride_of(to),
                        joins(f, node, axis)};
        if (r.after == r.before && r.stride_after == r.stride_before)
            continue;
        if (n < MAX_ROWS)
            rows[n] = r;
        n++;
    }
    return n;
}

static enum fw_status add_rows(struct fw_lesson *l, const struct row *rows, uint32_t n)
{
    enum { N = 6 };
    static const struct fw_column c[N] = {
        {"name", "window", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
        {"kernel", "k", "taps, with dilation d*(k-1)+1; null: a join", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"stride", "s", "its own stride", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"grows", "grows by", "(k - 1) times the stride before", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"size", "field", "input positions", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"effective_stride", "stride so far", "input positions", FW_UNIT_NONE, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "windows", .title = ""};
    struct fw_value v[MAX_ROWS * N];
    const struct fw_graph *g = &l->a->model.graph;
    for (uint32_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        const struct fw_node *node = &g->nodes[r->node];
        v[(size_t)i * N] = fw_value_text(node->name != NULL ? node->name : node->op->name);
        for (unsigned k = 1; k <= 3; k++)
            v[i * N + k] = fw_value_kind(FW_VALUE_NULL);
        if (!r->joins) {
            v[i * N + 1] = fw_value_float((r->after - r->before) / r->stride_before + 1);
            v[i * N + 2] = fw_value_float(r->stride_after / r->stride_before);
            v[i * N + 3] = fw_value_float(r->after - r->before);
        }
        v[i * N + 4] = fw_value_float(r->after);
        v[i * N + 5] = fw_value_float(r->stride_after);
    }
    return fw_lesson_table(l, &head, c, N, v, n);
}

static void write_rule(struct fw_document *d)
{
    fw_doc_heading(d, 1, "The rule");
    fw_doc_text(d, "A window of $k$ taps and stride $s$ over an input of $W$ positions with $p$ of "
                   "padding at both ends stands at");
    fw_doc_formula(d, "W_out = floor((W + 2*p - k)/s) + 1");
    fw_doc_text(d, "places, and the smallest input for $W_out$ of them has $s*(W_out - 1) + k - "
                   "2*p$ positions. Going back from one output, padding left aside since it only "
                   "lengthens the input, each layer needs");
    fw_doc_formula(d, "r_(l-1) = s_l*(r_l - 1) + k_l");
    fw_doc_text(d, "positions of the layer below. From one position at the top to the input this "
                   "is");
    fw_doc_formula(d, "r = 1 + sum(l=1..L, (k_l - 1)*prod(i=1..l-1, s_i))");
    fw_doc_text(d, "A dilation of $d$ makes $k$ taps reach over $d*(k - 1) + 1$ positions. Where "
                   "branches meet, which is no window, the field is the hull of theirs.");
}

enum fw_status fw_lesson_field(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    struct fw_graph *g = &l->a->model.graph;
    struct fw_fields f;
    struct row rows[MAX_ROWS];
    unsigned axes[FW_MAX_RANK];
    uint32_t input, last;
    FW_TRY(fw_field_input(g, &input, l->err));
    FW_REQUIRE(input != FW_NONE, l->err, FW_UNSUPPORTED, "no input has an axis for windows");
    FW_TRY(fw_field(g, input, &l->r->arena, &f, l->err));
    unsigned n_axes = fw_field_axes(&f, g, axes);
    FW_REQUIRE(n_axes > 0, l->err, FW_UNSUPPORTED, "no input has an axis for windows");
    uint32_t n = gather(l, &f, axes[0], rows, &last);
    write_rule(d);
    fw_doc_heading(d, 1, "In this network");
    if (n == 0 || last == FW_NONE) {
        fw_doc_text(d, "No window slides over the input.");
        return FW_OK;
    }
    const struct fw_field *end = fw_field_at(&f, last, axes[0]);
    fw_doc_text(d, "Windows along the first of %u spatial axes:", n_axes);
    FW_TRY(add_rows(l, rows, n < MAX_ROWS ? n : MAX_ROWS));
    if (n > MAX_ROWS)
        fw_doc_text(d, "These are the first %d of %u windows.", MAX_ROWS, n);
    fw_doc_text(d,
                "A position of %s depends on %s positions of the input and moves by %s. The "
                "smallest size of the input for which every window fits is %s.",
                fw_lesson_node(l, g->tensors[last].producer), fw_doc_int(d, fw_field_size(end)),
                fw_doc_double(d, stride_of(end), 6), fw_doc_int(d, f.least[axes[0]]));
    fw_lesson_fact(l, "size", (double)fw_field_size(end));
    fw_lesson_fact(l, "stride", stride_of(end));
    fw_lesson_fact(l, "least", (double)f.least[axes[0]]);
    return FW_OK;
}
