/* What is asked of language models, and the conventions their papers count by. */
#include "passes/language.h"
#include "report/answers.h"
#include "study/convention.h"

#include <math.h>
#include <string.h>

static const struct fw_column columns[] = {
    {"active_params", "active", "parameters one token meets, tables counted whole", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"embedding_params", "in tables", "parameters in tables that are looked up", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"tokens", "tokens", "of one pass: batch * seq", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"flop_per_token/forward", "FLOP per token", "matmul FLOP of the forward pass, in full",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop_per_token/training", "training per token", "with both backward phases", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"attention/forward", "attention", "matmul FLOP of attention, every query with every key",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"attention/forward_causal", "its causal part", "the pairs that masks and windows leave",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"causal/forward", "forward, causal", "matmul FLOP with that part alone", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"causal/training", "training, causal", "the same of forward and backward", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"prefill_flop", "prefill", "reading the tokens: the forward pass, causal", FW_UNIT_FLOP, 0},
    {"decode_flop_per_token", "decoding one more",
     "matmul FLOP of a word that meets all before, no encoder", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"kv_cache/bytes_per_token", "cache per token", "bytes kept of a token while decoding",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"kv_cache/bytes", "cache", "bytes kept of all sequences at this length", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"kv_cache/state_bytes", "state", "of them, bytes that do not grow with the length",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"experts/n", "experts", "in the largest mixture", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"experts/per_token", "experts per token", "chosen of them", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"experts/expected", "experts met", "expected to meet a token of the pass, chosen at random",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"mtp/layers", "MTP layers", "that predict further words", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"mtp/counted", "MTP counted", "whether what stands here has them", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"mtp/params", "MTP parameters", "that nothing else uses", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"mtp/forward", "MTP forward", "of the forward pass, their matmul FLOP", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
};

static fw_count bytes(struct fw_symbols *s, const struct fw_language *l, fw_count n)
{
    fw_count bits = fw_count_mul(s, n, fw_count_int(l->cache_bits));
    return fw_count_div(s, bits, fw_count_int(8));
}

/* What falls on each token; a whole number where it comes out even. */
static struct fw_value per_token(struct fw_report *r, struct fw_symbols *s, fw_count n,
                                 fw_count tokens)
{
    fw_count each = fw_count_div(s, n, tokens);
    if (fw_count_is_const(each))
        return fw_value_count(each);
    return fw_quotient(s, n, tokens, &r->arena);
}

/* Sequences of a pass: what is kept of one is kept of each. */
static fw_count sequences(struct fw_graph *g)
{
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct fw_tensor *t = &g->tensors[g->inputs[i]];
        if (t->rank == 2 && fw_dtypes[t->dtype].class == 'i')
            return fw_count_of(t->dims[0]);
    }
    return fw_count_int(1);
}

enum fw_status fw_report_add_language(struct fw_report *r, struct fw_analysis *a,
                                      struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    struct fw_symbols *s = g->sym;
    struct fw_language l;
    FW_TRY(fw_language_of(g, a->precision, &l, err));
    if (!l.found)
        return FW_OK;
    struct fw_value none = fw_value_kind(FW_VALUE_ABSENT);
    fw_count step = fw_count_add(s, l.forward, l.backward);
    fw_count gone = fw_count_sub(s, l.attention, l.attention_needed);
    fw_count gone_back = fw_count_sub(s, l.attention_back, l.attention_back_needed);
    fw_count causal = fw_count_sub(s, l.forward, gone);
    fw_count causal_step = fw_count_sub(s, step, fw_count_add(s, gone, gone_back));
    fw_count each = sequences(g);
    fw_count kept = fw_count_mul(s, each, fw_count_add(s, l.cache, l.state));
    bool attends = !fw_count_is(l.attention, 0);
    bool mixed = l.experts > 0;
    bool further = a->model.n_further > 0;
    bool built = further && a->model.further;
    struct fw_value values[] = {
        fw_value_count(l.active),
        fw_value_count(l.tables),
        fw_value_count(l.tokens),
        per_token(r, s, l.forward, l.tokens),
        a->trained ? per_token(r, s, step, l.tokens) : none,
        attends ? fw_value_count(l.attention) : none,
        attends ? fw_value_count(l.attention_needed) : none,
        fw_value_count(causal),
        a->trained ? fw_value_count(causal_step) : none,
        l.keeps ? fw_value_count(causal) : none,
        l.keeps ? per_token(r, s, l.decoded, l.decoded_tokens) : none,
        l.keeps ? fw_value_count(bytes(s, &l, l.cache_per_token)) : none,
        l.keeps ? fw_value_count(bytes(s, &l, kept)) : none,
        l.keeps ? fw_value_count(bytes(s, &l, fw_count_mul(s, each, l.state))) : none,
        mixed ? fw_value_int(l.experts) : none,
        mixed ? fw_value_int(l.chosen) : none,
        mixed && !isnan(l.distinct) ? fw_value_float(l.distinct) : none,
        further ? fw_value_int(a->model.n_further) : none,
        further ? fw_value_text(built ? "yes" : "no: --head mtp") : none,
        built ? fw_value_count(l.further_params) : none,
        built ? fw_value_count(l.further_forward) : none,
    };
    static const struct fw_table head = {.key = "language", .title = "Language model"};
    return fw_report_record(r, &head, columns, values, sizeof values / sizeof *values, err);
}

/* ---- conventions ---- */

struct line {
    const char *what;
    fw_count theirs, ours;
};
struct view {
    struct fw_symbols *sym;
    struct line lines[6];
    uint32_t n;
};

static const struct fw_column total_columns[] = {
    {"name", "convention", "whose way of counting it is", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"unit", "its unit", "what it calls its number", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"formula", "formula", "per token, with the model's own sizes", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"forward", "its forward count", "forward pass", FW_UNIT_COUNT, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"training_step", "its whole step", "three times that", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop_per_token", "its step per token", "training", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flopwise", "counted here", "matmul FLOP of the forward pass", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"difference", "difference", "its forward count less the one here", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
};
static const struct fw_column line_columns[] = {
    {"what", "counted differently", "a part of the forward pass", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WRAP},
    {"theirs", "its count", "forward pass", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"flopwise", "counted here", "forward pass", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"difference", "difference", "its count less the one here", FW_UNIT_COUNT, FW_VIEW_TABLE},
};

static struct fw_value line_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct view *v = t->ctx;
    const struct line *line = &v->lines[row];
    if (column == 0)
        return fw_value_text(line->what);
    return fw_value_count(column == 1   ? line->theirs
                          : column == 2 ? line->ours
                                        : fw_count_sub(v->sym, line->theirs, line->ours));
}

static void add_line(struct view *v, const char *what, fw_count theirs, fw_count ours)
{
    if (!fw_count_eq(theirs, ours))
        v->lines[v->n++] = (struct line){what, theirs, ours};
}

static fw_count twice(struct fw_symbols *s, fw_count n, fw_count times)
{
    return fw_count_mul(s, fw_count_mul(s, n, times), fw_count_int(2));
}

/* What the convention counts of the forward pass; the lines name each difference to ours. */
static fw_count forward_of(struct view *v, const struct fw_language *l,
                           const struct fw_whole_convention *w)
{
    struct fw_symbols *s = v->sym;
    fw_count zero = fw_count_int(0);
    fw_count rest = fw_count_sub(s, l->forward, l->attention); // products with weights
    fw_count attention = w->attention == FW_WHOLE_NONE     ? zero
                         : w->attention == FW_WHOLE_CAUSAL ? l->attention_needed
                                                           : l->attention;
    add_line(v, "pairs of attention", attention, l->attention);
    fw_count sum = attention;
    if (w->weights == FW_WHOLE_EXACT) {
        sum = fw_count_add(s, sum, rest);
    } else {
        fw_count less = w->weights == FW_WHOLE_NO_TABLES ? l->tables : zero;
        fw_count looked_up = w->weights == FW_WHOLE_NO_TABLES ? zero : l->tables_only;
        fw_count tied = fw_count_sub(s, l->tables, l->tables_only);
        fw_count logits = w->weights == FW_WHOLE_NO_TABLES ? tied : zero;
        fw_count theirs = twice(s, fw_count_sub(s, l->active, less), l->tokens);
        sum = fw_count_add(s, sum, theirs);
        fw_count tables = twice(s, looked_up, l->tokens);
        add_line(v, "tables that are only looked up", tables, zero);
        add_line(v, "the product with a tied table", zero, twice(s, logits, l->tokens));
        fw_count ours = fw_count_sub(s, rest, twice(s, logits, l->tokens));
        add_line(v, "weights: norms and biases too, or used more than once",
                 fw_count_sub(s, theirs, tables), ours);
    }
    if (w->unrouted) {
        add_line(v, "products that choose experts", zero, l->router);
        sum = fw_count_sub(s, sum, l->router);
    }
    if (w->lookups) {
        fw_count product = twice(s, l->tables, l->tokens);
        add_line(v, "lookups as products", product, zero);
        sum = fw_count_add(s, sum, product);
    }
    if (w->softmax) {
        fw_count three = fw_count_mul(s, l->scores, fw_count_int(3));
        add_line(v, "3 per score for the softmax", three, zero);
        sum = fw_count_add(s, sum, three);
    }
    return sum;
}

enum fw_status fw_report_add_whole(struct fw_report *r, struct fw_analysis *a,
                                   const struct fw_whole_convention *w, struct fw_error *err)
{
    struct fw_symbols *s = a->model.sym;
    struct fw_language l;
    FW_TRY(fw_language_of(&a->model.graph, a->precision, &l, err));
    FW_REQUIRE(l.found, err, FW_UNSUPPORTED,
               "the convention '%s' counts language models, this is none", w->name);
    struct view *v = fw_arena_zalloc(&r->arena, sizeof *v);
    struct fw_table *t = fw_arena_zalloc(&r->arena, sizeof *t);
    if (v == NULL || t == NULL)
        return fw_fail_memory(err);
    v->sym = s;
    fw_count forward = forward_of(v, &l, w);
    fw_count step = fw_count_mul(s, forward, fw_count_int(3));
    struct fw_value values[] = {
        fw_value_text(w->name),    fw_value_text("FLOP"),
        fw_value_text(w->formula), fw_value_count(forward),
        fw_value_count(step),      per_token(r, s, step, l.tokens),
        fw_value_count(l.forward), fw_value_count(fw_count_sub(s, forward, l.forward))};
    static const struct fw_table head = {.key = "convention", .title = "Convention"};
    FW_TRY(fw_report_record(r, &head, total_columns, values, sizeof values / sizeof *values, err));
    *t = (struct fw_table){.key = "convention_differences",
                           .title = "Counted differently",
                           .columns = line_columns,
                           .n_columns = sizeof line_columns / sizeof *line_columns,
                           .n_rows = v->n,
                           .flags = FW_TABLE_SKIP_EMPTY,
                           .ctx = v,
                           .cell = line_cell};
    fw_report_add(r, t);
    return FW_OK;
}
