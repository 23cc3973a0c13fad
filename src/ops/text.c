/* Strings and look-ups: StringNormalizer, StringConcat, StringSplit, RegexFullMatch,
 * TfIdfVectorizer, LabelEncoder, ZipMap. Characters are no numbers: only the sums of
 * TfIdfVectorizer are arithmetic. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

enum { STOPWORDS = 3 };
static const struct fw_attr_spec normalizer_attrs[] = {
    {"case_change_action", FW_ATTR_STRING, false, {.s = "NONE"}},
    {"is_case_sensitive", FW_ATTR_INT, false, {.i = 0}},
    {"locale", FW_ATTR_STRING, false, {.s = NULL}},
    {"stopwords", FW_ATTR_STRINGS, false, {.i = 0}},
};
static const struct fw_attr_spec split_attrs[] = {
    {"delimiter", FW_ATTR_STRING, false, {.s = NULL}},
    {"maxsplit", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec regex_attrs[] = {{"pattern", FW_ATTR_STRING, false, {.s = NULL}}};
enum { MAX_GRAM, MAX_SKIP, MIN_GRAM, TF_MODE, NGRAM_COUNTS, NGRAM_INDEXES };
static const struct fw_attr_spec tfidf_attrs[] = {
    {"max_gram_length", FW_ATTR_INT, true, {.i = 0}},
    {"max_skip_count", FW_ATTR_INT, true, {.i = 0}},
    {"min_gram_length", FW_ATTR_INT, true, {.i = 0}},
    {"mode", FW_ATTR_STRING, true, {.s = NULL}},
    {"ngram_counts", FW_ATTR_INTS, true, {.i = 0}},
    {"ngram_indexes", FW_ATTR_INTS, true, {.i = 0}},
    {"pool_int64s", FW_ATTR_INTS, false, {.i = 0}},
    {"pool_strings", FW_ATTR_STRINGS, false, {.i = 0}},
    {"weights", FW_ATTR_FLOATS, false, {.i = 0}},
};
enum { VALUES_FLOATS = 7, VALUES_INT64S, VALUES_STRINGS, VALUES_TENSOR };
static const struct fw_attr_spec label_attrs[] = {
    {"default_float", FW_ATTR_FLOAT, false, {.f = 0}},
    {"default_int64", FW_ATTR_INT, false, {.i = -1}},
    {"default_string", FW_ATTR_STRING, false, {.s = "_Unused"}},
    {"keys_floats", FW_ATTR_FLOATS, false, {.i = 0}},
    {"keys_int64s", FW_ATTR_INTS, false, {.i = 0}},
    {"keys_strings", FW_ATTR_STRINGS, false, {.i = 0}},
    {"keys_tensor", FW_ATTR_TENSOR, false, {.tensor = NULL}},
    {"values_floats", FW_ATTR_FLOATS, false, {.i = 0}},
    {"values_int64s", FW_ATTR_INTS, false, {.i = 0}},
    {"values_strings", FW_ATTR_STRINGS, false, {.i = 0}},
    {"values_tensor", FW_ATTR_TENSOR, false, {.tensor = NULL}},
    {"default_tensor", FW_ATTR_TENSOR, false, {.tensor = NULL}},
};
static const struct fw_attr_spec zip_attrs[] = {
    {"classlabels_int64s", FW_ATTR_INTS, false, {.i = 0}},
    {"classlabels_strings", FW_ATTR_STRINGS, false, {.i = 0}},
};

/* Stopwords are removed, so the last size is unknown where there are any (at least 1 is left). */
static enum fw_status infer_normalizer(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, 2));
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim y[2] = {x->dims[0], x->dims[x->rank - 1]};
    if (c->node->attr[STOPWORDS].n > 0 && !fw_dim_is(y[x->rank - 1], 1))
        y[x->rank - 1] = fw_fresh_dim(c, "words", x->dims[x->rank - 1]);
    return fw_set_out(c, 0, FW_STRING, x->rank, y);
}

static enum fw_status infer_join(struct fw_cx *c)
{
    unsigned rank;
    fw_dim y[FW_MAX_RANK];
    FW_TRY(fw_broadcast_inputs(c, 0, 2, &rank, y));
    return fw_set_out(c, 0, FW_STRING, rank, y);
}

static enum fw_status infer_cut(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim y[FW_MAX_RANK + 1];
    unsigned rank = x->rank;
    for (unsigned k = 0; k < rank; k++)
        y[k] = x->dims[k];
    const struct fw_attr *most = &c->node->attr[1];
    fw_dim upper = fw_dim_bad();
    if (most->given && most->i >= 0)
        upper = fw_dim_add(c->sym, fw_dim_int(most->i), fw_dim_int(1));
    y[rank] = fw_fresh_dim(c, "parts", upper);
    FW_TRY(fw_set_out(c, 1, FW_I64, rank, x->dims));
    return fw_set_out(c, 0, FW_STRING, rank + 1, y);
}

static enum fw_status infer_match(struct fw_cx *c)
{
    return fw_set_out(c, 0, FW_BOOL, fw_in(c, 0)->rank, fw_in(c, 0)->dims);
}

static enum fw_status infer_tfidf(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, 2));
    const struct fw_attr *at = &c->node->attr[NGRAM_INDEXES];
    int64_t most = -1;
    for (uint32_t k = 0; k < at->n; k++)
        most = at->ints[k] > most ? at->ints[k] : most;
    FW_REQUIRE(most < FW_DIM_MAX, c->err, FW_LIMIT, "ngram_indexes hold too large a number");
    fw_dim n = fw_dim_int(most + 1);
    fw_dim y[2] = {fw_in(c, 0)->rank == 2 ? fw_in(c, 0)->dims[0] : n, n};
    return fw_set_out(c, 0, FW_F32, fw_in(c, 0)->rank, y);
}

#define MAX_GRAMS 256 // lengths and skips a count is made for

/* Every run of n words (with each skip between them) is looked up and at most 1 is added for it: in
 * rows of C words there are C - (n-1)*(skip+1) of them. IDF and TFIDF multiply by the weights. */
static void cost_tfidf(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_attr *attr = c->node->attr;
    fw_dim words = x->dims[x->rank - 1];
    fw_count texts = x->rank == 2 ? fw_count_of(x->dims[0]) : fw_count_int(1);
    if (attr[MAX_GRAM].i > MAX_GRAMS || attr[MAX_SKIP].i > MAX_GRAMS) {
        cost->n[FW_ADD] = fw_count_bad();
        return;
    }
    fw_count runs = fw_count_int(0);
    for (int64_t n = attr[MIN_GRAM].i < 1 ? 1 : attr[MIN_GRAM].i; n <= attr[MAX_GRAM].i; n++)
        for (int64_t skip = 0; skip <= (n == 1 ? 0 : attr[MAX_SKIP].i); skip++) {
            fw_dim fit = fw_dim_sub(c->sym, words, fw_dim_int((n - 1) * (skip + 1)));
            fit = fw_dim_max(c->sym, fit, fw_dim_int(0));
            runs = fw_count_add(c->sym, runs, fw_count_of(fit));
        }
    fw_cost_add(c, cost, FW_ADD, fw_count_mul(c->sym, texts, runs), 1);
    if (!fw_attr_is(c, TF_MODE, "TF"))
        fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_out(c, 0)), 1);
}

static enum fw_status infer_label(struct fw_cx *c)
{
    const struct fw_attr *attr = c->node->attr;
    enum fw_dtype dtype = FW_STRING;
    if (attr[VALUES_TENSOR].given && attr[VALUES_TENSOR].tensor != NULL)
        dtype = (enum fw_dtype)attr[VALUES_TENSOR].tensor->dtype;
    else if (attr[VALUES_FLOATS].given)
        dtype = FW_F32;
    else if (attr[VALUES_INT64S].given)
        dtype = FW_I64;
    return fw_set_out(c, 0, dtype, fw_in(c, 0)->rank, fw_in(c, 0)->dims);
}

static enum fw_status infer_zip(struct fw_cx *c)
{
    return fw_set_out_open(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype);
}

/* The map holds the same scores: they are read and written once. */
static void cost_zip(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_bytes(c, cost, FW_READ, fw_in(c, 0));
    fw_cost_bytes(c, cost, FW_WRITE, fw_in(c, 0));
}

#define TEXT_ROW(row_domain)                                                      \
    .domain = row_domain, .formula = FW_MOVE_FORMULA, .doc = "none: not numbers", \
    .cost = fw_cost_free, .grad = fw_grad_none

FW_KERNELS(tfidf, label_encoder);

static const struct fw_op rows[] = {
    {.name = "StringNormalizer",
     TEXT_ROW(""),
     FW_ATTRS(normalizer_attrs),
     FW_PORTS(1, 1, 1, 1),
     .infer = infer_normalizer,
     .field = fw_field_whole},
    {.name = "StringConcat",
     TEXT_ROW(""),
     FW_PORTS(2, 2, 1, 1),
     .infer = infer_join,
     .field = fw_field_whole},
    {.name = "StringSplit",
     TEXT_ROW(""),
     FW_ATTRS(split_attrs),
     FW_PORTS(1, 1, 1, 2),
     .infer = infer_cut,
     .field = fw_field_whole},
    {.name = "RegexFullMatch",
     TEXT_ROW(""),
     FW_ATTRS(regex_attrs),
     FW_PORTS(1, 1, 1, 1),
     .infer = infer_match,
     .field = fw_field_whole},
    {.name = "TfIdfVectorizer",
     .domain = "",
     .formula = "add = looked-up runs of words (one at most for each); mul = elements(Y) with "
                "weights",
     .doc = "none: words are not numbers",
     FW_ATTRS(tfidf_attrs),
     FW_PORTS(1, 1, 1, 1),
     .infer = infer_tfidf,
     .field = fw_field_whole,
     .cost = cost_tfidf,
     .grad = fw_grad_none,
     FW_RUN(tfidf)},
    {.name = "LabelEncoder",
     TEXT_ROW("ai.onnx.ml"),
     FW_ATTRS(label_attrs),
     FW_PORTS(1, 1, 1, 1),
     .infer = infer_label,
     .field = fw_field_whole,
     FW_RUN(label_encoder)},
    {.name = "ZipMap",
     .domain = "ai.onnx.ml",
     .formula = "no arithmetic: reads and writes the scores",
     .doc = "none: the output is a map",
     FW_ATTRS(zip_attrs),
     FW_PORTS(1, 1, 1, 1),
     .flags = FW_OP_OWN_BYTES,
     .infer = infer_zip,
     .field = fw_field_whole,
     .cost = cost_zip,
     .grad = fw_grad_none},
};
const struct fw_op_table fw_ops_text = {rows, sizeof rows / sizeof *rows};
