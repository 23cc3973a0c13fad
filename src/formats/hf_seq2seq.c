/* Families with an encoder and a decoder that looks at what the encoder gives: T5, BART, Whisper
 * and those like them. Both sides have the layers of hf_stack.c; `seq` is the length of both, of
 * speech that of the decoder. */
#include "formats/hf.h"

#include <string.h>

/* ---- names ---- */

#define BART_LAYER                                                                          \
    .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj",              \
    .o = "self_attn.out_proj", .norm1 = "self_attn_layer_norm", .up = "fc1", .down = "fc2", \
    .norm2 = "final_layer_norm"
#define BART_CROSS                                                        \
    .cross_q = "encoder_attn.q_proj", .cross_k = "encoder_attn.k_proj",   \
    .cross_v = "encoder_attn.v_proj", .cross_o = "encoder_attn.out_proj", \
    .cross_norm = "encoder_attn_layer_norm"
#define BART_ENDS(side)                                                     \
    .embed = "model.shared", .positions = "model." side ".embed_positions", \
    .layers = "model." side ".layers."

/* What two sides of a family are called. */
struct sides {
    struct hf_names encoder, decoder;
};
static const struct sides bart = {
    {BART_ENDS("encoder"), .embed_norm = "model.encoder.layernorm_embedding", BART_LAYER},
    {BART_ENDS("decoder"), .embed_norm = "model.decoder.layernorm_embedding", BART_LAYER,
     BART_CROSS}};
static const struct sides mbart = {
    {BART_ENDS("encoder"), .embed_norm = "model.encoder.layernorm_embedding", BART_LAYER,
     .final = "model.encoder.layer_norm"},
    {BART_ENDS("decoder"), .embed_norm = "model.decoder.layernorm_embedding", BART_LAYER,
     BART_CROSS, .final = "model.decoder.layer_norm"}};
static const struct sides pegasus = {
    {BART_ENDS("encoder"), BART_LAYER, .final = "model.encoder.layer_norm"},
    {BART_ENDS("decoder"), BART_LAYER, BART_CROSS, .final = "model.decoder.layer_norm"}};
static const struct sides marian = {{BART_ENDS("encoder"), BART_LAYER},
                                    {BART_ENDS("decoder"), BART_LAYER, BART_CROSS}};
static const struct sides whisper = {{.positions = "model.encoder.embed_positions",
                                      .layers = "model.encoder.layers.",
                                      BART_LAYER,
                                      .final = "model.encoder.layer_norm"},
                                     {.embed = "model.decoder.embed_tokens",
                                      .positions = "model.decoder.embed_positions",
                                      .layers = "model.decoder.layers.",
                                      BART_LAYER,
                                      BART_CROSS,
                                      .final = "model.decoder.layer_norm"}};
#define T5_ATTENTION                                                                  \
    .embed = "shared", .norm1 = "layer.0.layer_norm", .q = "layer.0.SelfAttention.q", \
    .k = "layer.0.SelfAttention.k", .v = "layer.0.SelfAttention.v",                   \
    .o = "layer.0.SelfAttention.o", .bias_table = "layer.0.SelfAttention.relative_attention_bias"
#define T5_FEED(at) .norm2 = "layer." at ".layer_norm", .down = "layer." at ".DenseReluDense.wo"
static const struct sides t5 = {
    {T5_ATTENTION, T5_FEED("1"), .up = "layer.1.DenseReluDense.wi", .layers = "encoder.block.",
     .final = "encoder.final_layer_norm"},
    {T5_ATTENTION, T5_FEED("2"), .up = "layer.2.DenseReluDense.wi", .layers = "decoder.block.",
     .final = "decoder.final_layer_norm", .cross_norm = "layer.1.layer_norm",
     .cross_q = "layer.1.EncDecAttention.q", .cross_k = "layer.1.EncDecAttention.k",
     .cross_v = "layer.1.EncDecAttention.v", .cross_o = "layer.1.EncDecAttention.o"}};
static const struct sides t5_gated = {
    {T5_ATTENTION, T5_FEED("1"), .gate = "layer.1.DenseReluDense.wi_0",
     .up = "layer.1.DenseReluDense.wi_1", .layers = "encoder.block.",
     .final = "encoder.final_layer_norm"},
    {T5_ATTENTION, T5_FEED("2"), .gate = "layer.2.DenseReluDense.wi_0",
     .up = "layer.2.DenseReluDense.wi_1", .layers = "decoder.block.",
     .final = "decoder.final_layer_norm", .cross_norm = "layer.1.layer_norm",
     .cross_q = "layer.1.EncDecAttention.q", .cross_k = "layer.1.EncDecAttention.k",
     .cross_v = "layer.1.EncDecAttention.v", .cross_o = "layer.1.EncDecAttention.o"}};

/* ---- both sides ---- */

static void side(const struct hf_job *job, struct hf_arch *a, const struct hf_names *names,
                 bool decoder)
{
    const struct hf_config *c = job->c;
    hf_arch_init(a, c, names);
    a->norm = HF_LAYER_NORM;
    a->qkv_bias = a->o_bias = a->feed_bias = true;
    a->causal = a->cross = decoder;
    a->heads = a->kv_heads =
        hf_size(c, decoder ? "decoder_attention_heads" : "encoder_attention_heads");
    a->head = a->hidden / a->heads;
    a->width = hf_size(c, decoder ? "decoder_ffn_dim" : "encoder_ffn_dim");
    hf_arch_layers(a, decoder ? "decoder_layers" : "encoder_layers");
    a->scaled_embed = hf_flag(c, "scale_embedding", false);
    a->positions = hf_int(c, "max_position_embeddings", 0);
}

/* Words in, through the table both sides share. */
static int word_input(struct hf_arch *a, const char *name)
{
    int64_t dims[2] = {a->batch, a->seq};
    return hf_embed(a, fw_input(a->b, name, "int64", 2, dims));
}

static void finish(const struct hf_job *job, struct hf_arch *a, int x, const char *head)
{
    struct fw_builder *b = job->b;
    int64_t last[2] = {a->batch, a->hidden};
    int64_t labels = hf_labels(job->c);
    bool said = hf_given(job->c, "num_labels") || hf_given(job->c, "id2label");
    if (!said && strcmp(job->family->type, "bart") == 0)
        labels = 3; // its class was made for inference between sentences
    switch (job->head) {
    case HF_HEAD_NONE:
        break;
    case HF_HEAD_LM:
        x = hf_logits(a, x, head);
        break;
    case HF_HEAD_SEQUENCE:
        x = fw_reshape(b, fw_slice(b, x, 1, 0, 1), 2, last);
        x = fw_activation(b, hf_linear(a, x, "classification_head.dense", a->hidden, true), "tanh");
        x = hf_linear(a, x, "classification_head.out_proj", labels, true);
        break;
    case HF_HEAD_SPANS:
        x = hf_linear(a, x, "qa_outputs", a->buckets > 0 ? labels : 2, true); // T5 asks for labels
        break;
    default:
        hf_no_head(job);
    }
    fw_output(b, x);
}

/* What it looks at is another network's. */
static void decoder_alone(const struct hf_job *job, struct hf_arch *d, const char *head)
{
    hf_arch_look_at_input(d);
    finish(job, d, hf_layers(d, word_input(d, "input_ids")), head);
}

/* ---- BART ---- */

enum { BART, MBART, PEGASUS, MARIAN, M2M };

/* Tables of either side, where it is not one for both. */
static struct sides own_tables(const struct sides *n)
{
    struct sides ret = *n;
    ret.encoder.embed = "model.encoder.embed_tokens";
    ret.decoder.embed = "model.decoder.embed_tokens";
    return ret;
}

static void positions_of(const struct hf_job *job, struct hf_arch *e, struct hf_arch *d, int kind)
{
    int64_t more = kind == BART || kind == MBART ? 2 : 0;
    e->positions = d->positions = kind == M2M ? 0 : e->positions + more;
    e->frozen_positions = d->frozen_positions = kind == PEGASUS || kind == MARIAN;
    if (kind == M2M) { // sines, which are no parameters
        int64_t dims[2] = {e->seq, e->hidden};
        e->sines = d->sines = fw_constant(job->b, "sinusoids", 2, dims);
    }
}

static void build_bart_like(const struct hf_job *job, const struct sides *n, int kind)
{
    struct hf_arch e;
    struct hf_arch d;
    const struct sides own = own_tables(n);
    bool shared = kind != MARIAN || hf_flag(job->c, "share_encoder_decoder_embeddings", true);
    bool after = kind == BART || kind == MARIAN;
    side(job, &e, &n->encoder, false);
    side(job, &d, &n->decoder, true);
    e.layout = d.layout = after ? HF_AFTER : HF_BEFORE;
    positions_of(job, &e, &d, kind);
    bool alone = hf_ends(job->model, "ForCausalLM");
    bool apart = alone || !shared || !e.tied;
    if (apart) {
        e.names = &own.encoder;
        d.names = &own.decoder;
    }
    int64_t vocab = kind == MARIAN ? hf_int(job->c, "decoder_vocab_size", d.vocab) : d.vocab;
    if (vocab != d.vocab && !d.tied)
        hf_complain(job->c, "decoder_vocab_size",
                    "'vocab_size' is wanted where tables are not tied");
    if (alone || !shared)
        d.vocab = vocab;
    if (alone) {
        decoder_alone(job, &d, "lm_head");
        return;
    }
    if (shared && !e.tied) { // the class keeps it, and no side looks at it
        int64_t dims[2] = {e.vocab, e.hidden};
        (void)hf_param(&e, n->encoder.embed, "weight", 2, dims);
    }
    d.memory = hf_layers(&e, word_input(&e, "input_ids"));
    d.table = apart ? -1 : e.table;
    int x = hf_layers(&d, word_input(&d, "decoder_input_ids"));
    finish(job, &d, x, "lm_head");
}

static void build_bart(const struct hf_job *job)
{
    build_bart_like(job, &bart, BART);
}

static void build_mbart(const struct hf_job *job)
{
    build_bart_like(job, &mbart, MBART);
}

static void build_pegasus(const struct hf_job *job)
{
    build_bart_like(job, &pegasus, PEGASUS);
}

static void build_marian(const struct hf_job *job)
{
    build_bart_like(job, &marian, MARIAN);
}

static void build_m2m(const struct hf_job *job)
{
    build_bart_like(job, &pegasus, M2M);
}

/* ---- Whisper ---- */

static int speech(const struct hf_job *job, struct hf_arch *e)
{
    struct fw_builder *b = job->b;
    static const int64_t perm[3] = {0, 2, 1};
    int64_t places = hf_size(job->c, "max_source_positions");
    int64_t dims[3] = {e->batch, hf_size(job->c, "num_mel_bins"), 2 * places};
    int x = fw_input(b, "input_features", "float32", 3, dims);
    struct fw_window_spec w = fw_window_of(1, 3, 1, 1);
    x = fw_activation(b, fw_conv(b, x, "model.encoder.conv1", e->hidden, &w), "gelu");
    w = fw_window_of(1, 3, 2, 1);
    x = fw_activation(b, fw_conv(b, x, "model.encoder.conv2", e->hidden, &w), "gelu");
    int64_t table[2] = {places, e->hidden};
    int p = hf_param(e, e->names->positions, "weight", 2, table);
    hf_freeze(e, p);
    x = fw_add(b, fw_transpose(b, x, perm), p);
    if (hf_ends(job->model, "ForAudioClassification") &&
        hf_flag(job->c, "use_weighted_layer_sum", false)) {
        (void)hf_norm(e, x, e->names->final); // of the last layer alone
        return hf_layers_weighed(e, x);
    }
    return hf_layers(e, x);
}

static void build_whisper(const struct hf_job *job)
{
    struct hf_arch e;
    struct hf_arch d;
    side(job, &e, &whisper.encoder, false);
    side(job, &d, &whisper.decoder, true);
    e.k_bias_absent = d.k_bias_absent = true;
    d.positions = hf_size(job->c, "max_target_positions");
    if (hf_ends(job->model, "ForCausalLM")) {
        decoder_alone(job, &d, "proj_out");
        return;
    }
    int x = speech(job, &e);
    if (hf_ends(job->model, "ForAudioClassification")) {
        static const int64_t time = 1;
        x = hf_linear(&e, x, "projector", hf_size(job->c, "classifier_proj_size"), true);
        x = hf_linear(&e, fw_mean(job->b, x, 1, &time, 0), "classifier", hf_labels(job->c), true);
        fw_output(job->b, x);
        return;
    }
    d.memory = x;
    finish(job, &d, hf_layers(&d, word_input(&d, "decoder_input_ids")), "proj_out");
}

/* ---- T5 ---- */

static void t5_side(const struct hf_job *job, struct hf_arch *a, const struct hf_names *names,
                    bool decoder)
{
    const struct hf_config *c = job->c;
    const char *act = hf_text(c, "feed_forward_proj", "relu");
    hf_arch_init(a, c, names);
    a->gated = strncmp(act, "gated-", 6) == 0;
    a->act = strcmp(act, "gated-gelu") == 0 ? "gelu_new" : a->gated ? act + 6 : act;
    a->causal = a->cross = decoder;
    a->unscaled = true;
    a->head = hf_size(c, "d_kv");
    a->width = hf_size(c, "d_ff");
    hf_arch_spread(a);
    if (decoder && hf_has(c, "num_decoder_layers"))
        hf_arch_layers(a, "num_decoder_layers");
    a->buckets = hf_size(c, "relative_attention_num_buckets");
    a->buckets_everywhere = strcmp(c->type, "umt5") == 0;
    a->drop_attn = a->drop_hidden;
    a->drop_act = a->drop_hidden;
    /* The class ties always; released files that say otherwise have a table of their own. */
    a->tied = hf_flag(c, "tie_word_embeddings", true);
}

static void build_t5(const struct hf_job *job)
{
    struct hf_arch e;
    struct hf_arch d;
    bool gated = strncmp(hf_text(job->c, "feed_forward_proj", "relu"), "gated-", 6) == 0;
    const struct sides *n = gated ? &t5_gated : &t5;
    t5_side(job, &e, &n->encoder, false);
    t5_side(job, &d, &n->decoder, true);
    int x = hf_layers(&e, word_input(&e, "input_ids"));
    bool tokens = job->head == HF_HEAD_TOKENS;
    if (tokens || hf_ends(job->model, "EncoderModel")) {
        fw_output(job->b, tokens ? hf_linear(&e, x, "classifier", hf_labels(job->c), true) : x);
        return;
    }
    d.memory = x;
    d.table = e.table;
    x = hf_layers(&d, word_input(&d, "decoder_input_ids"));
    finish(job, &d, x, "lm_head");
}

const struct hf_family hf_seq2seqs[] = {
    HF_BUILT_ROW("t5", NULL, "T5ForConditionalGeneration", build_t5),
    HF_BUILT_ROW("mt5", NULL, "MT5ForConditionalGeneration", build_t5),
    HF_BUILT_ROW("umt5", NULL, "UMT5ForConditionalGeneration", build_t5),
    HF_BUILT_ROW("bart", NULL, "BartForConditionalGeneration", build_bart),
    HF_BUILT_ROW("mbart", NULL, "MBartForConditionalGeneration", build_mbart),
    HF_BUILT_ROW("pegasus", NULL, "PegasusForConditionalGeneration", build_pegasus),
    HF_BUILT_ROW("marian", NULL, "MarianMTModel", build_marian),
    HF_BUILT_ROW("m2m_100", NULL, "M2M100ForConditionalGeneration", build_m2m),
    HF_BUILT_ROW("whisper", NULL, "WhisperForConditionalGeneration", build_whisper),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
