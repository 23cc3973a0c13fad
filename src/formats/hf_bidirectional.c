/* Encoders with the layers of newer language models: ModernBERT, Nomic's BERT, EuroBERT; and ESM,
 * which reads proteins.
 *
 * Sources: the configuration and modelling files of transformers. */
#include "formats/hf_llama.h"

#include <string.h>

static const struct hf_names modernbert = {.embed = "model.embeddings.tok_embeddings",
                                           .embed_norm = "model.embeddings.norm",
                                           .layers = "model.layers.",
                                           .final = "model.final_norm",
                                           .norm1 = "attn_norm",
                                           .qkv = "attn.Wqkv",
                                           .o = "attn.Wo",
                                           .norm2 = "mlp_norm",
                                           .gate_up = "mlp.Wi",
                                           .down = "mlp.Wo"};
static const struct hf_names modernbert_first = {.layers = "model.layers.",
                                                 .qkv = "attn.Wqkv",
                                                 .o = "attn.Wo",
                                                 .norm2 = "mlp_norm",
                                                 .gate_up = "mlp.Wi",
                                                 .down = "mlp.Wo"};
static const struct hf_names nomic = {.embed = "nomic_bert.embeddings.word_embeddings",
                                      .types = "nomic_bert.embeddings.token_type_embeddings",
                                      .embed_norm = "nomic_bert.embeddings.LayerNorm",
                                      .layers = "nomic_bert.layers.",
                                      LLAMA_ATTENTION,
                                      .norm1 = "post_attention_layernorm",
                                      LLAMA_FEED,
                                      .norm2 = "post_mlp_layernorm"};
static const struct hf_names eurobert = {LLAMA};
#define ESM_LAYERS                                                                                \
    .embed = "esm.embeddings.word_embeddings", .positions = "esm.embeddings.position_embeddings", \
    .layers = "esm.encoder.layer.", .final = "esm.encoder.emb_layer_norm_after",                  \
    .norm1 = "attention.LayerNorm", .q = "attention.self.query", .k = "attention.self.key",       \
    .v = "attention.self.value", .o = "attention.output.dense", .norm2 = "LayerNorm",             \
    .up = "intermediate.dense", .down = "output.dense"
static const struct hf_names esm = {ESM_LAYERS};
static const struct hf_names esm_normed = {ESM_LAYERS, .embed_norm = "esm.embeddings.layer_norm"};

static int read_words(struct hf_arch *a)
{
    int64_t dims[2] = {a->batch, a->seq};
    return hf_embed(a, fw_input(a->b, "input_ids", "int64", 2, dims));
}

/* The first place of x, (batch, hidden). */
static int first_place(struct hf_arch *a, int x)
{
    int64_t flat[2] = {a->batch, a->hidden};
    return fw_reshape(a->b, fw_slice(a->b, x, 1, 0, 1), 2, flat);
}

/* What all three heads share, behind the layers or their first place. */
static void finish(const struct hf_job *job, struct hf_arch *a, int x, int tokens, int sequence)
{
    struct fw_builder *b = job->b;
    switch (job->head) {
    case HF_HEAD_NONE:
        break;
    case HF_HEAD_LM:
        x = hf_logits(a, tokens, job->family->lm_head);
        break;
    case HF_HEAD_SEQUENCE:
        x = hf_linear(a, sequence, "classifier", hf_labels(job->c), true);
        break;
    case HF_HEAD_TOKENS:
        x = hf_linear(a, tokens, "classifier", hf_labels(job->c), true);
        break;
    default:
        hf_no_head(job);
    }
    fw_output(b, x);
}

/* ---- ModernBERT ---- */

static void build_modernbert(const struct hf_job *job)
{
    const struct hf_config *c = job->c;
    struct fw_builder *b = job->b;
    struct hf_arch a;
    hf_arch_init(&a, c, &modernbert);
    a.norm = hf_flag(c, "norm_bias", false) ? HF_LAYER_NORM : HF_LAYER_NORM_PLAIN;
    a.gated = true;
    a.causal = false;
    a.qkv_bias = a.o_bias = hf_flag(c, "attention_bias", false);
    a.feed_bias = hf_flag(c, "mlp_bias", false);
    a.rotary = a.head;
    int64_t every = hf_int(c, "global_attn_every_n_layers", 3);
    uint32_t listed = hf_length(c, "layer_types");
    for (uint32_t i = 0; i < a.n_layers && fw_build_ok(b); i++) {
        bool whole = every > 0 && i % (uint64_t)every == 0;
        if (listed == a.n_layers)
            whole = strcmp(hf_text_item(c, "layer_types", i), "full_attention") == 0;
        a.layer[i].window = whole ? 0 : hf_int(c, "local_attention", 128) / 2 * 2 + 1;
    }
    int x = read_words(&a);
    for (uint32_t i = 0; i < a.n_layers && fw_build_ok(b); i++) {
        a.names = i == 0 ? &modernbert_first : &modernbert; // behind the norm of the words
        fw_enter_number(b, a.names->layers, i);
        x = hf_layer(&a, i, x);
        fw_leave(b);
    }
    x = hf_norm(&a, x, modernbert.final);
    int y = x;
    if (job->head != HF_HEAD_NONE) {
        y = hf_linear(&a, x, "head.dense", a.hidden, hf_flag(c, "classifier_bias", false));
        y = hf_act(&a, y, hf_text(c, "classifier_activation", "gelu"));
        y = hf_norm(&a, y, "head.norm");
    }
    a.head_bias = hf_flag(c, "decoder_bias", true);
    finish(job, &a, x, y, job->head == HF_HEAD_SEQUENCE ? first_place(&a, y) : -1);
}

/* ---- Nomic's BERT ---- */

static void build_nomic(const struct hf_job *job)
{
    struct hf_arch a;
    hf_arch_init(&a, job->c, &nomic);
    a.norm = HF_LAYER_NORM;
    a.layout = HF_AFTER;
    a.gated = true;
    a.causal = false;
    a.head_bias = true;
    a.rotary = a.head;
    a.types = hf_int(job->c, "type_vocab_size", 0);
    int x = hf_layers(&a, read_words(&a));
    int y = x;
    int pooled = first_place(&a, x);
    if (job->head == HF_HEAD_SEQUENCE)
        pooled = fw_activation(
            job->b, hf_linear(&a, pooled, "nomic_bert.pooler.dense", a.hidden, true), "tanh");
    if (job->head == HF_HEAD_LM) {
        y = hf_linear(&a, x, "cls.predictions.transform.dense", a.hidden, true);
        y = hf_norm(&a, hf_act(&a, y, a.act), "cls.predictions.transform.layer_norm");
        if (!a.tied) // a second bias of the class, which is idle then
            (void)hf_param(&a, "cls.predictions", "bias", 1, &a.vocab);
        fw_output(job->b, hf_logits(&a, y, a.tied ? "cls.predictions" : "cls.predictions.decoder"));
        return;
    }
    finish(job, &a, x, y, pooled);
}

/* ---- EuroBERT ---- */

static void build_eurobert(const struct hf_job *job)
{
    struct hf_arch a;
    hf_arch_init(&a, job->c, &eurobert);
    hf_fill_llama(job->c, &a);
    a.causal = false;
    a.head_bias = a.feed_bias; // the class reads the flag of the feed-forward
    int x = hf_layers(&a, read_words(&a));
    int y = x;
    if (job->head == HF_HEAD_SEQUENCE)
        y = hf_act(&a, hf_linear(&a, first_place(&a, x), "dense", a.hidden, true), "gelu");
    finish(job, &a, x, x, y);
}

/* ---- ESM ---- */

static void build_esm(const struct hf_job *job)
{
    const struct hf_config *c = job->c;
    struct hf_arch a;
    hf_arch_init(&a, c, hf_flag(c, "emb_layer_norm_before", false) ? &esm_normed : &esm);
    bool turned = hf_is(c, "position_embedding_type", "rotary");
    a.norm = HF_LAYER_NORM;
    a.qkv_bias = a.o_bias = a.feed_bias = true;
    a.causal = false;
    a.act = "gelu";
    a.rotary = turned ? a.head : 0;
    a.positions = turned ? 0 : hf_size(c, "max_position_embeddings");
    int x = hf_layers(&a, read_words(&a));
    /* Which residues touch: read from all the probabilities, and only where that is asked for. */
    int64_t contacts[2] = {1, (int64_t)a.n_layers * a.heads};
    (void)hf_param(&a, "esm.contact_head.regression", "weight", 2, contacts);
    (void)hf_param(&a, "esm.contact_head.regression", "bias", 1, contacts);
    int tokens = x;
    int sequence = x;
    if (job->head == HF_HEAD_LM) {
        tokens = hf_act(&a, hf_linear(&a, x, "lm_head.dense", a.hidden, true), "gelu");
        tokens = hf_norm(&a, tokens, "lm_head.layer_norm");
        a.head_bias = true;
    } else if (job->head == HF_HEAD_SEQUENCE) {
        sequence = hf_linear(&a, first_place(&a, x), "classifier.dense", a.hidden, true);
        sequence = fw_activation(job->b, sequence, "tanh");
    } else if (job->head == HF_HEAD_NONE) {
        int pooled = hf_linear(&a, first_place(&a, x), "esm.pooler.dense", a.hidden, true);
        fw_output(job->b, fw_activation(job->b, pooled, "tanh"));
    }
    finish(job, &a, x, tokens, sequence);
}

#define ROW(type, model, build, head)              \
    {                                              \
        type, NULL, model, NULL, NULL, build, head \
    }
const struct hf_family hf_bidirectionals[] = {
    ROW("modernbert", "ModernBertForMaskedLM", build_modernbert, "decoder"),
    ROW("nomic_bert", "NomicBertForMaskedLM", build_nomic, NULL),
    ROW("eurobert", "EuroBertForMaskedLM", build_eurobert, "lm_head"),
    ROW("esm", "EsmForMaskedLM", build_esm, "lm_head"),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
