/* Embedding, attention and recurrence; see builder.h. */
#include "build/builder.h"

#include <string.h>

/* ---- embedding ---- */

int fw_embedding_with(struct fw_builder *b, int ids, const char *name, int table)
{
    int in[2] = {table, ids};
    return fw_build_plain(b, "Gather", name, in, 2);
}

int fw_embedding(struct fw_builder *b, int ids, const char *name, int64_t entries, int64_t width)
{
    int64_t dims[2] = {entries, width};
    fw_enter(b, name);
    int table = fw_parameter(b, "weight", 2, dims);
    fw_leave(b);
    return fw_embedding_with(b, ids, name, table);
}

/* ---- attention ---- */

/* Of a local window the operator is com.microsoft's, which has one; both are causal then. */
static int windowed(struct fw_builder *b, const int *qkv, int64_t heads, int64_t kv_heads,
                    int64_t window)
{
    struct fw_build_node n = fw_build_node(b, "com.microsoft", "GroupQueryAttention");
    fw_build_int(&n, "num_heads", heads);
    fw_build_int(&n, "kv_num_heads", kv_heads);
    fw_build_int(&n, "local_window_size", window);
    return fw_build_add(&n, fw_build_name(b, NULL, "attention"), qkv, 3, 1);
}

int fw_attention(struct fw_builder *b, int q, int k, int v, int64_t heads, int64_t kv_heads,
                 int causal, int64_t window)
{
    int in[3] = {q, k, v};
    if (window > 0 && causal)
        return windowed(b, in, heads, kv_heads, window);
    if (window > 0)
        return fw_build_fail(b, FW_UNSUPPORTED, "a local window of attention that is not causal");
    struct fw_build_node n = fw_build_node(b, "", "Attention");
    fw_build_int(&n, "q_num_heads", heads);
    fw_build_int(&n, "kv_num_heads", kv_heads);
    fw_build_int(&n, "is_causal", causal != 0);
    return fw_build_add(&n, fw_build_name(b, NULL, "attention"), in, 3, 1);
}

/* ---- recurrence ---- */

static const struct kind {
    const char *name, *op;
    int64_t gates;
} kinds[] = {{"rnn", "RNN", 1}, {"gru", "GRU", 3}, {"lstm", "LSTM", 4}};

static int weights(struct fw_builder *b, const char *layer, const char *part, unsigned rank,
                   int64_t directions, int64_t rows, int64_t columns)
{
    int64_t dims[3] = {directions, rows, columns};
    return fw_build_stored(b, fw_build_part(b, layer, part), FW_KIND_PARAM, rank, dims);
}

/* (seq, directions, batch, hidden) to (batch, seq, directions*hidden). */
static int fold(struct fw_builder *b, int y, int64_t width)
{
    static const int64_t perm[4] = {2, 0, 1, 3};
    int turned = fw_transpose(b, y, perm);
    int64_t dims[3] = {fw_size_of(b, turned, 0), fw_size_of(b, turned, 1), width};
    return fw_reshape(b, turned, 3, dims);
}

static int recur(struct fw_builder *b, const struct kind *k, int x, const char *name,
                 int64_t hidden, bool bidirectional)
{
    static const int64_t perm[3] = {1, 0, 2};
    int64_t rows = fw_size_times(b, hidden, k->gates);
    int64_t directions = bidirectional ? 2 : 1;
    int64_t width = fw_size_of(b, x, -1);
    int turned = fw_transpose(b, x, perm);
    struct fw_build_node n = fw_build_node(b, "", k->op);
    if (fw_dim_is_const((fw_dim){hidden}))
        fw_build_int(&n, "hidden_size", hidden);
    fw_build_text(&n, "direction", bidirectional ? "bidirectional" : "forward");
    if (k->gates == 3)
        fw_build_int(&n, "linear_before_reset", 1);
    const char *layer = fw_build_name(b, name, k->name);
    if (layer == NULL)
        return -1;
    int in[4] = {turned, weights(b, layer, "weight_ih", 3, directions, rows, width),
                 weights(b, layer, "weight_hh", 3, directions, rows, hidden),
                 weights(b, layer, "bias", 2, directions, fw_size_times(b, rows, 2), 0)};
    return fold(b, fw_build_add(&n, layer, in, 4, 1), fw_size_times(b, hidden, directions));
}

int fw_recurrent(struct fw_builder *b, const char *kind, int x, const char *name, int64_t hidden,
                 int bidirectional)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, kind) == 0)
            return recur(b, &kinds[i], x, name, hidden, bidirectional != 0);
    return fw_build_fail(b, FW_USAGE, "there is no recurrent layer '%.60s': rnn, gru or lstm",
                         kind);
}
