/* Kernels of text.c over numbers: strings are not executed. */
#include "ops/kernel.h"

/* ---- TfIdfVectorizer ---- */

struct grams {
    const struct fw_attr *pool, *counts, *indexes, *weights;
    int64_t least, most, skip;
};

static enum fw_status grams_of(const struct fw_run *r, struct grams *g)
{
    *g = (struct grams){.pool = fw_run_attr(r, "pool_int64s"),
                        .counts = fw_run_attr(r, "ngram_counts"),
                        .indexes = fw_run_attr(r, "ngram_indexes"),
                        .weights = fw_run_attr(r, "weights"),
                        .least = fw_run_attr_int(r, "min_gram_length", 1),
                        .most = fw_run_attr_int(r, "max_gram_length", 1),
                        .skip = fw_run_attr_int(r, "max_skip_count", 0)};
    FW_REQUIRE(g->pool->n > 0 && r->in[0]->dtype != FW_STRING, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for words that are strings");
    for (uint32_t k = 0; k < g->counts->n; k++)
        FW_REQUIRE(g->counts->ints[k] >= (k > 0 ? g->counts->ints[k - 1] : 0) &&
                       g->counts->ints[k] <= g->pool->n,
                   r->cx.err, FW_FORMAT, "rising places in the pool are wanted");
    g->least = g->least < 1 ? 1 : g->least;
    return FW_OK;
}

/* Entry of the pool that is these n words, each `step` behind the one before: its number among all
 * entries; -1: none. */
static int64_t entry_of(const struct fw_run *r, const struct grams *g, size_t at, int64_t n,
                        int64_t step)
{
    int64_t entry = 0;
    for (int64_t k = 1; k <= n && k <= g->counts->n; k++) {
        int64_t from = g->counts->ints[k - 1];
        int64_t to = k < g->counts->n ? g->counts->ints[k] : (int64_t)g->pool->n;
        for (; from + k <= to; from += k, entry++) {
            bool same = k == n;
            for (int64_t i = 0; same && i < n; i++)
                same = g->pool->ints[from + i] == fw_buffer_int(r->in[0], at + (size_t)(i * step));
            if (same)
                return entry;
        }
    }
    return -1;
}

KERNEL(tfidf)
{
    const char *mode = fw_run_attr(r, "mode")->s;
    bool scaled = strcmp(mode, "TF") != 0, once = strcmp(mode, "IDF") == 0;
    const struct fw_buffer *x = r->in[0];
    struct fw_buffer *y = r->out[0];
    int64_t words = x->dims[x->rank - 1];
    size_t n_out = (size_t)y->dims[y->rank - 1];
    struct grams g;
    FW_TRY(grams_of(r, &g));
    REAL *weight = scratch_reals(r, n_out + 1);
    if (weight == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t k = 0; k < n_out; k++)
        weight[k] = 1;
    for (uint32_t k = 0; k < g.indexes->n && k < g.weights->n; k++)
        if (g.indexes->ints[k] >= 0)
            weight[g.indexes->ints[k]] = (REAL)g.weights->floats[k];
    zero_out(r, 0);
    size_t texts = x->rank == 2 ? (size_t)x->dims[0] : 1;
    for (size_t row = 0; row < texts; row++) {
        REAL *to = reals_out(r, 0) + row * n_out;
        for (int64_t n = g.least; n <= g.most; n++)
            for (int64_t step = 1; step <= (n == 1 ? 1 : g.skip + 1); step++)
                for (int64_t i = 0; i + (n - 1) * step < words; i++) {
                    int64_t e = entry_of(r, &g, row * (size_t)words + (size_t)i, n, step);
                    REAL nothing = 0;
                    bool found = e >= 0 && e < g.indexes->n && g.indexes->ints[e] >= 0;
                    REAL *count = found ? &to[g.indexes->ints[e]] : &nothing;
                    *count = ADD(*count, 1);
                }
        for (size_t k = 0; scaled && k < n_out; k++)
            to[k] = MUL(once && to[k] > 0 ? 1 : to[k], weight[k]);
    }
    return FW_OK;
}

/* ---- LabelEncoder ---- */

/* The keys, or the values, whichever of the lists is given; data NULL: strings. */
static enum fw_status entries_of(const struct fw_run *r, const char *floats, const char *ints,
                                 const char *tensor, struct fw_buffer *ret)
{
    const struct fw_attr *f = fw_run_attr(r, floats), *i = fw_run_attr(r, ints);
    const struct fw_attr *t = fw_run_attr(r, tensor);
    *ret = (struct fw_buffer){.rank = 1, .real = sizeof(REAL)};
    ret->dtype = i->n > 0 ? FW_I64 : f->n > 0 ? FW_F32 : FW_UNKNOWN;
    ret->n = i->n > 0 ? i->n : f->n;
    bool stored = t->given && t->tensor != NULL && t->tensor->rank == 1;
    if (stored) {
        ret->dtype = t->tensor->dtype;
        ret->n = (size_t)t->tensor->dims[0].word;
    }
    size_t each = fw_element_bytes((enum fw_dtype)ret->dtype, ret->real);
    FW_REQUIRE(each > 0, r->cx.err, FW_UNSUPPORTED, "there is no kernel for labels in words");
    ret->data = fw_arena_alloc(r->scratch, ret->n * each + 1);
    if (ret->data == NULL)
        return fw_fail_memory(r->cx.err);
    if (stored)
        return fw_buffer_decode(ret, t->tensor->data)
                   ? FW_OK
                   : fw_fail(r->cx.err, FW_UNSUPPORTED, -1, "its contents are not there");
    for (size_t k = 0; k < ret->n; k++) {
        if (i->n > 0)
            fw_buffer_put_int(ret, k, i->ints[k]);
        else
            fw_buffer_put(ret, k, f->floats[k]);
    }
    return FW_OK;
}

static void put_default(const struct fw_run *r, size_t i)
{
    struct fw_buffer *y = r->out[0];
    struct fw_buffer given = {.n = 1, .real = sizeof(REAL)};
    const struct fw_attr *t = fw_run_attr(r, "default_tensor");
    double room = 0;
    if (t->given && t->tensor != NULL) {
        given.dtype = t->tensor->dtype;
        given.data = &room; // one number of any kind
        if (fw_buffer_decode(&given, t->tensor->data)) {
            fw_buffer_put(y, i, fw_buffer_get(&given, 0));
            return;
        }
    }
    if (is_real(y))
        fw_buffer_put(y, i, fw_run_attr_float(r, "default_float", 0));
    else
        fw_buffer_put_int(y, i, fw_run_attr_int(r, "default_int64", -1));
}

KERNEL(label_encoder)
{
    const struct fw_buffer *x = r->in[0];
    struct fw_buffer keys, values;
    FW_REQUIRE(x->dtype != FW_STRING && r->out[0]->dtype != FW_STRING, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for labels in words");
    FW_TRY(entries_of(r, "keys_floats", "keys_int64s", "keys_tensor", &keys));
    FW_TRY(entries_of(r, "values_floats", "values_int64s", "values_tensor", &values));
    bool whole = !is_real(&values) && !is_real(r->out[0]);
    for (size_t i = 0; i < x->n; i++) {
        size_t k = 0;
        double key = fw_buffer_get(x, i);
        while (k < keys.n && fw_buffer_get(&keys, k) != key &&
               !(isnan(key) && isnan(fw_buffer_get(&keys, k))))
            k++;
        if (k >= values.n)
            put_default(r, i);
        else if (whole)
            fw_buffer_put_int(r->out[0], i, fw_buffer_int(&values, k));
        else
            fw_buffer_put(r->out[0], i, fw_buffer_get(&values, k));
    }
    return FW_OK;
}
