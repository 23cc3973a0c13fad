/* Families that read text and give a vector for each word: BERT and what followed it.
 *
 * The layers are those of hf_stack.c, norms behind. What differs most are the heads: which of them
 * look at the first word through a pooler, and what stands between the last layer and the words. */
#include "formats/hf.h"

#include <stdio.h>
#include <string.h>

#define BERT_LAYER                                                                       \
    .q = "attention.self.query", .k = "attention.self.key", .v = "attention.self.value", \
    .o = "attention.output.dense", .norm1 = "attention.output.LayerNorm",                \
    .up = "intermediate.dense", .down = "output.dense", .norm2 = "output.LayerNorm"
#define BERT_CROSS                                                                    \
    .cross_q = "crossattention.self.query", .cross_k = "crossattention.self.key",     \
    .cross_v = "crossattention.self.value", .cross_o = "crossattention.output.dense", \
    .cross_norm = "crossattention.output.LayerNorm"
#define BERT(stem)                                                                                 \
    .embed = stem ".embeddings.word_embeddings",                                                   \
    .positions = stem ".embeddings.position_embeddings",                                           \
    .types = stem ".embeddings.token_type_embeddings", .embed_norm = stem ".embeddings.LayerNorm", \
    .layers = stem ".encoder.layer.", BERT_LAYER, BERT_CROSS

static const struct hf_names bert = {BERT("bert")};
static const struct hf_names roberta = {BERT("roberta")};
static const struct hf_names electra = {BERT("electra")};
static const struct hf_names deberta = {.embed = "deberta.embeddings.word_embeddings",
                                        .positions = "deberta.embeddings.position_embeddings",
                                        .types = "deberta.embeddings.token_type_embeddings",
                                        .embed_norm = "deberta.embeddings.LayerNorm",
                                        .layers = "deberta.encoder.layer.",
                                        .q = "attention.self.query_proj",
                                        .k = "attention.self.key_proj",
                                        .v = "attention.self.value_proj",
                                        .o = "attention.output.dense",
                                        .norm1 = "attention.output.LayerNorm",
                                        .up = "intermediate.dense",
                                        .down = "output.dense",
                                        .norm2 = "output.LayerNorm"};
static const struct hf_names albert = {.embed = "albert.embeddings.word_embeddings",
                                       .positions = "albert.embeddings.position_embeddings",
                                       .types = "albert.embeddings.token_type_embeddings",
                                       .embed_norm = "albert.embeddings.LayerNorm",
                                       .q = "attention.query",
                                       .k = "attention.key",
                                       .v = "attention.value",
                                       .o = "attention.dense",
                                       .norm1 = "attention.LayerNorm",
                                       .up = "ffn",
                                       .down = "ffn_output",
                                       .norm2 = "full_layer_layer_norm"};
static const struct hf_names distilbert = {.embed = "distilbert.embeddings.word_embeddings",
                                           .positions = "distilbert.embeddings.position_embeddings",
                                           .embed_norm = "distilbert.embeddings.LayerNorm",
                                           .layers = "distilbert.transformer.layer.",
                                           .q = "attention.q_lin",
                                           .k = "attention.k_lin",
                                           .v = "attention.v_lin",
                                           .o = "attention.out_lin",
                                           .norm1 = "sa_layer_norm",
                                           .up = "ffn.lin1",
                                           .down = "ffn.lin2",
                                           .norm2 = "output_layer_norm"};

/* ---- what all have ---- */

static void fill_bert(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->layout = HF_AFTER;
    a->causal = hf_flag(c, "is_decoder", false);
    a->qkv_bias = a->o_bias = a->feed_bias = a->head_bias = true;
    a->positions = hf_size(c, "max_position_embeddings");
    a->types = hf_int(c, "type_vocab_size", 0);
    hf_whole_heads(a);
}

/* The same where a decoder of it may look at what an encoder gives. */
static void fill_bert_decoder(const struct hf_config *c, struct hf_arch *a)
{
    fill_bert(c, a);
    if (!hf_flag(c, "add_cross_attention", false))
        return;
    if (!a->causal)
        hf_complain(c, "add_cross_attention", "'is_decoder' is wanted beside it");
    hf_arch_look_at_input(a);
}

/* An embedding narrower than the layers, brought to their width behind its norm. */
static void fill_narrow(const struct hf_config *c, struct hf_arch *a, const char *to)
{
    fill_bert_decoder(c, a);
    a->embed_width = hf_int(c, "embedding_size", a->hidden);
    if (a->embed_width == a->hidden)
        a->embed_width = 0;
    else
        a->embed_out = to;
}

static void fill_electra(const struct hf_config *c, struct hf_arch *a)
{
    fill_narrow(c, a, "electra.embeddings_project");
}

static void fill_albert(const struct hf_config *c, struct hf_arch *a)
{
    fill_narrow(c, a, "albert.encoder.embedding_hidden_mapping_in");
    a->embed_width = hf_int(c, "embedding_size", 128);
    a->embed_out = "albert.encoder.embedding_hidden_mapping_in";
}

static void fill_distilbert(const struct hf_config *c, struct hf_arch *a)
{
    fill_bert(c, a);
    a->types = 0;
    a->width = hf_size(c, "hidden_dim");
    hf_arch_spread(a);
}

static int words_of(const struct hf_job *job, struct hf_arch *a)
{
    int64_t dims[2] = {a->batch, a->seq};
    return hf_embed(a, fw_input(job->b, "input_ids", "int64", 2, dims));
}

/* ---- heads ---- */

/* The first word of each sequence: (batch, hidden). */
static int first_word(struct hf_arch *a, int x)
{
    int64_t dims[2] = {a->batch, fw_size_of(a->b, x, -1)};
    return fw_reshape(a->b, fw_slice(a->b, x, 1, 0, 1), 2, dims);
}

static int pooler(struct hf_arch *a, int x, const char *name, const char *act)
{
    x = first_word(a, x);
    return hf_act(a, hf_linear(a, x, name, fw_size_of(a->b, x, -1), true), act);
}

/* What stands before the words: a layer, an activation, a norm. */
struct word_head {
    const char *dense, *norm, *decoder, *shift; // shift: name of the bias of the words
    const char *act;                            // NULL: the layers' own
    bool narrow;                                // back to the width of the embedding
};

static int words(struct hf_arch *a, int x, const struct word_head *h)
{
    int64_t width = h->narrow && a->embed_width != 0 ? a->embed_width : a->hidden;
    x = hf_linear(a, x, h->dense, width, true);
    x = hf_act(a, x, h->act != NULL ? h->act : a->act);
    x = hf_norm(a, x, h->norm);
    if (a->tied)
        return hf_logits(a, x, h->shift != NULL ? h->shift : h->decoder);
    if (h->shift != NULL) // a second bias of the class, which is tied to the decoder's or idle
        (void)hf_param(a, h->shift, "bias", 1, &a->vocab);
    return hf_logits(a, x, h->decoder);
}

/* A head whose shape most share, behind a pooler or not. */
struct heads {
    const char *pool;          // pooler of the bare model, NULL: none
    const char *dense, *label; // classification of a sequence: dense NULL: through the pooler
    const char *dense_act;
    struct word_head words;
};

static void finish(const struct hf_job *job, struct hf_arch *a, int x, const struct heads *h)
{
    struct fw_builder *b = job->b;
    int64_t labels = hf_labels(job->c);
    switch (job->head) {
    case HF_HEAD_NONE:
        if (h->pool != NULL && hf_flag(job->c, "add_pooling_layer", true))
            fw_output(b, pooler(a, x, h->pool, "tanh"));
        break;
    case HF_HEAD_LM:
        x = words(a, x, &h->words);
        break;
    case HF_HEAD_SEQUENCE:
        x = h->dense != NULL ? pooler(a, x, h->dense, h->dense_act) : pooler(a, x, h->pool, "tanh");
        x = hf_linear(a, x, h->label, labels, true);
        break;
    case HF_HEAD_CHOICE:
        x = h->pool == NULL ? pooler(a, x, h->dense, h->dense_act) : pooler(a, x, h->pool, "tanh");
        x = hf_linear(a, x, "classifier", 1, true);
        break;
    case HF_HEAD_TOKENS:
        x = hf_linear(a, x, "classifier", labels, true);
        break;
    case HF_HEAD_SPANS:
        x = hf_linear(a, x, "qa_outputs", labels, true);
        break;
    default:
        hf_no_head(job);
    }
    fw_output(b, x);
}

static void start(const struct hf_job *job, struct hf_arch *a)
{
    hf_arch_init(a, job->c, job->family->names);
    job->family->fill(job->c, a);
}

/* ---- families ---- */

static const struct heads bert_heads = {
    .pool = "bert.pooler.dense",
    .label = "classifier",
    .words = {"cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
              "cls.predictions.decoder", "cls.predictions", NULL, true}};

static void build_bert(const struct hf_job *job)
{
    struct hf_arch a;
    start(job, &a);
    int x = hf_layers(&a, words_of(job, &a));
    if (job->head != HF_HEAD_PRETRAINING && job->head != HF_HEAD_NEXT) {
        finish(job, &a, x, &bert_heads);
        return;
    }
    int next = pooler(&a, x, bert_heads.pool, "tanh");
    fw_output(job->b, hf_linear(&a, next, "cls.seq_relationship", 2, true));
    if (job->head == HF_HEAD_PRETRAINING)
        fw_output(job->b, words(&a, x, &bert_heads.words));
}

static const struct heads roberta_heads = {
    .pool = "roberta.pooler.dense",
    .dense = "classifier.dense",
    .dense_act = "tanh",
    .label = "classifier.out_proj",
    .words = {"lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head", "gelu", false}};

static void build_roberta(const struct hf_job *job)
{
    struct hf_arch a;
    start(job, &a);
    finish(job, &a, hf_layers(&a, words_of(job, &a)), &roberta_heads);
}

static const struct heads distilbert_heads = {
    .dense = "pre_classifier",
    .dense_act = "relu",
    .label = "classifier",
    .words = {"vocab_transform", "vocab_layer_norm", "vocab_projector", NULL, NULL, false}};

static void build_distilbert(const struct hf_job *job)
{
    struct hf_arch a;
    start(job, &a);
    finish(job, &a, hf_layers(&a, words_of(job, &a)), &distilbert_heads);
}

static const struct heads electra_heads = {.dense = "classifier.dense",
                                           .dense_act = "gelu",
                                           .label = "classifier.out_proj",
                                           .words = {"generator_predictions.dense",
                                                     "generator_predictions.LayerNorm",
                                                     "generator_lm_head", NULL, "gelu", true}};

static void build_electra(const struct hf_job *job)
{
    struct hf_arch a;
    start(job, &a);
    int x = hf_layers(&a, words_of(job, &a));
    if (job->head != HF_HEAD_PRETRAINING) {
        finish(job, &a, x, &electra_heads);
        return;
    }
    x = hf_act(&a, hf_linear(&a, x, "discriminator_predictions.dense", a.hidden, true), a.act);
    x = hf_linear(&a, x, "discriminator_predictions.dense_prediction", 1, true);
    fw_output(job->b, x);
}

/* ---- albert: groups of layers that repeat ---- */

static const struct heads albert_heads = {.pool = "albert.pooler",
                                          .label = "classifier",
                                          .words = {"predictions.dense", "predictions.LayerNorm",
                                                    "predictions.decoder", "predictions", NULL,
                                                    true}};

static int albert_layers(const struct hf_job *job, struct hf_arch *a, int x)
{
    uint32_t groups = (uint32_t)hf_size(job->c, "num_hidden_groups");
    uint32_t inner = (uint32_t)hf_size(job->c, "inner_group_num");
    if (groups > a->n_layers)
        hf_complain(job->c, "num_hidden_groups", "at most 'num_hidden_layers' (%u) are wanted",
                    a->n_layers);
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(job->b); i++) {
        fw_enter_number(job->b, "albert.encoder.albert_layer_groups.",
                        (int64_t)i * groups / a->n_layers);
        for (uint32_t k = 0; k < inner && fw_build_ok(job->b); k++) {
            fw_enter_number(job->b, "albert_layers.", k);
            x = hf_layer(a, 0, x);
            fw_leave(job->b);
        }
        fw_leave(job->b);
    }
    return x;
}

static void build_albert(const struct hf_job *job)
{
    struct hf_arch a;
    struct fw_map once;
    start(job, &a);
    fw_map_init(&once, job->b->m->alloc);
    a.once = &once;
    int x = albert_layers(job, &a, words_of(job, &a));
    if (job->head == HF_HEAD_PRETRAINING) {
        int order = pooler(&a, x, albert_heads.pool, "tanh");
        order = hf_linear(&a, order, "sop_classifier.classifier", hf_labels(job->c), true);
        fw_output(job->b, order);
        fw_output(job->b, words(&a, x, &albert_heads.words));
    } else {
        finish(job, &a, x, &albert_heads);
    }
    fw_map_free(&once);
}

/* ---- deberta: content and position apart ---- */

static bool names_type(const struct hf_config *c, const char *what)
{
    const struct fw_json *v = hf_value(c, "pos_att_type");
    if (v != NULL && v->kind == FW_JSON_STRING)
        return strstr(v->text, what) != NULL;
    const struct fw_json *m = v != NULL && v->kind == FW_JSON_ARRAY ? v->member : NULL;
    for (; m != NULL; m = m->next)
        if (fw_json_is(m, what))
            return true;
    return false;
}

/* Half the entries of the table of relative positions. */
static int64_t distances(const struct hf_config *c)
{
    double buckets = hf_float(c, "position_buckets", -1);
    double most = hf_float(c, "max_relative_positions", -1);
    if (buckets > 0)
        return hf_size(c, "position_buckets");
    return most >= 1 ? hf_size(c, "max_relative_positions") : hf_size(c, "max_position_embeddings");
}

/* Scores of one kind of thing with the positions: (batch, heads, seq, positions), of which each
 * pair then takes one, (batch, heads, seq, seq). */
static int position_scores(struct hf_arch *a, int x, int table)
{
    struct fw_builder *b = a->b;
    static const int64_t heads_first[4] = {0, 2, 1, 3};
    static const int64_t turned[3] = {1, 2, 0};
    int64_t dims[3] = {fw_size_of(b, table, 1), a->heads, a->head};
    int q = fw_transpose(b, hf_unfold(a, x, a->heads, a->head), heads_first);
    int s = fw_matmul(b, q, fw_transpose(b, fw_reshape(b, table, 3, dims), turned));
    int64_t pairs[4] = {a->batch, a->heads, a->seq, a->seq};
    struct fw_build_node take = fw_build_node(b, "", "GatherElements");
    fw_build_int(&take, "axis", 3);
    int in[2] = {s, hf_row_numbers(a, "pair", 4, pairs)};
    return fw_build_add(&take, fw_build_name(b, "pairs", "pairs"), in, 2, 1);
}

/* A linear layer whose weights serve words and positions: w[] keeps them, -1 before. */
static int project(struct hf_arch *a, int x, const char *name, int *w)
{
    int64_t dims[2] = {a->hidden, a->hidden};
    if (w[0] < 0) {
        w[0] = hf_param(a, name, "weight", 2, dims);
        w[1] = hf_param(a, name, "bias", 1, dims);
    }
    return fw_linear_with(a->b, x, name, w[0], w[1]);
}

/* a->memory: the table of positions, (1, entries, hidden), or -1. */
static int deberta_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_names *n = a->names;
    bool shared = hf_flag(a->c, "share_att_key", false);
    int wq[2] = {-1, -1};
    int wk[2] = {-1, -1};
    int own_q[2] = {-1, -1};
    int own_k[2] = {-1, -1};
    (void)i;
    int q = project(a, x, n->q, wq);
    int k = project(a, x, n->k, wk);
    int v = hf_linear(a, x, n->v, a->hidden, true);
    struct hf_scores s = {
        .heads = a->heads, .kv_heads = a->heads, .cache = -1, .bias = -1, .sinks = -1};
    if (a->memory >= 0 && names_type(a->c, "c2p")) {
        int p = project(a, a->memory, shared ? n->k : "attention.self.pos_key_proj",
                        shared ? wk : own_k);
        s.bias = position_scores(a, q, p);
    }
    if (a->memory >= 0 && names_type(a->c, "p2c")) {
        int p = project(a, a->memory, shared ? n->q : "attention.self.pos_query_proj",
                        shared ? wq : own_q);
        int t = position_scores(a, k, p);
        s.bias = s.bias >= 0 ? fw_add(b, s.bias, t) : t;
    }
    return hf_linear(a, hf_attend(a, q, k, v, &s), n->o, a->hidden, true);
}

/* The first version: one layer for query, key and value, positions with layers of their own, and of
 * the table of positions only what the words span. */
static int deberta_first_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    int64_t width = a->hidden;
    (void)i;
    int qkv = fw_split(b, hf_linear(a, x, "attention.self.in_proj", 3 * width, false), 2, 3, NULL);
    int q = fw_add(b, qkv, hf_param(a, "attention.self.q_bias", NULL, 1, &width));
    int v = fw_add(b, qkv + 2, hf_param(a, "attention.self.v_bias", NULL, 1, &width));
    struct hf_scores s = {
        .heads = a->heads, .kv_heads = a->heads, .cache = -1, .bias = -1, .sinks = -1};
    if (a->memory >= 0 && names_type(a->c, "c2p"))
        s.bias =
            position_scores(a, q, hf_linear(a, a->memory, "attention.self.pos_proj", width, false));
    if (a->memory >= 0 && names_type(a->c, "p2c")) {
        int p = hf_linear(a, a->memory, "attention.self.pos_q_proj", width, true);
        int t = position_scores(a, qkv + 1, p);
        s.bias = s.bias >= 0 ? fw_add(b, s.bias, t) : t;
    }
    return hf_linear(a, hf_attend(a, q, qkv + 1, v, &s), a->names->o, width, true);
}

static void fill_deberta(const struct hf_config *c, struct hf_arch *a)
{
    fill_bert(c, a);
    if (!hf_flag(c, "position_biased_input", true))
        a->positions = 0;
    a->embed_width = hf_int(c, "embedding_size", a->hidden);
    if (a->embed_width == a->hidden)
        a->embed_width = 0;
    else
        a->embed_in = "deberta.embeddings.embed_proj";
    a->mixer = deberta_mixer;
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].mixer = HF_OTHER_MIXER;
}

static void fill_deberta_first(const struct hf_config *c, struct hf_arch *a)
{
    fill_deberta(c, a);
    a->mixer = deberta_first_mixer;
    if (hf_flag(c, "talking_head", false))
        hf_complain(c, "talking_head", "layers over the heads' scores are not built");
}

static void add_positions(const struct hf_job *job, struct hf_arch *a)
{
    struct fw_builder *b = job->b;
    if (!hf_flag(job->c, "relative_attention", false))
        return;
    int64_t dims[3] = {1, 2 * distances(job->c), a->hidden};
    int table = hf_param(a, "deberta.encoder.rel_embeddings", "weight", 2, dims + 1);
    if (a->mixer == deberta_first_mixer) {
        char span[48];
        (void)snprintf(span, sizeof span, "2*min(seq,%lld)", (long long)dims[1] / 2);
        dims[1] = fw_size(b, span);
        table = fw_slice(b, table, 0, 0, dims[1]);
    }
    a->memory = fw_reshape(b, table, 3, dims);
    const char *norm = hf_text(job->c, "norm_rel_ebd", "none");
    if (strstr(norm, "layer_norm") != NULL)
        a->memory = hf_norm(a, a->memory, "deberta.encoder.LayerNorm");
}

/* A convolution over the words, added to what the first layer gives. */
static int convolve(const struct hf_job *job, struct hf_arch *a, int x, int y)
{
    struct fw_builder *b = job->b;
    static const int64_t perm[3] = {0, 2, 1};
    int64_t kernel = hf_int(job->c, "conv_kernel_size", 0);
    if (kernel <= 0)
        return y;
    struct fw_window_spec w = fw_window_of(1, kernel, 1, (kernel - 1) / 2);
    w.groups = hf_int(job->c, "conv_groups", 1);
    int z = fw_conv(b, fw_transpose(b, x, perm), "deberta.encoder.conv.conv", a->hidden, &w);
    z = hf_act(a, fw_transpose(b, z, perm), hf_text(job->c, "conv_act", "tanh"));
    return hf_norm(a, fw_add(b, y, z), "deberta.encoder.conv.LayerNorm");
}

static const struct heads deberta_heads = {
    .dense = "pooler.dense",
    .dense_act = "gelu",
    .label = "classifier",
    .words = {"cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
              "cls.predictions.decoder", "cls.predictions", NULL, true}};

static void build_deberta(const struct hf_job *job)
{
    struct hf_arch a;
    start(job, &a);
    int x = words_of(job, &a);
    add_positions(job, &a);
    for (uint32_t i = 0; i < a.n_layers && fw_build_ok(job->b); i++) {
        fw_enter_number(job->b, a.names->layers, i);
        int y = hf_layer(&a, i, x);
        fw_leave(job->b);
        x = i == 0 ? convolve(job, &a, x, y) : y;
    }
    finish(job, &a, x, &deberta_heads);
}

#define ROW(type, like, model, names, fill, build)     \
    {                                                  \
        type, like, model, &(names), fill, build, NULL \
    }
const struct hf_family hf_encoders[] = {
    ROW("bert", NULL, "BertModel", bert, fill_bert_decoder, build_bert),
    ROW("roberta", NULL, "RobertaModel", roberta, fill_bert_decoder, build_roberta),
    ROW("xlm-roberta", NULL, "XLMRobertaModel", roberta, fill_bert_decoder, build_roberta),
    ROW("camembert", NULL, "CamembertModel", roberta, fill_bert_decoder, build_roberta),
    ROW("electra", NULL, "ElectraModel", electra, fill_electra, build_electra),
    ROW("albert", NULL, "AlbertModel", albert, fill_albert, build_albert),
    ROW("distilbert", NULL, "DistilBertModel", distilbert, fill_distilbert, build_distilbert),
    ROW("deberta", NULL, "DebertaModel", deberta, fill_deberta_first, build_deberta),
    ROW("deberta-v2", NULL, "DebertaV2Model", deberta, fill_deberta, build_deberta),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
