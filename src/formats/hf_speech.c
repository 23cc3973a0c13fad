/* Families that read sound as it is: wav2vec 2.0, HuBERT. `seq` is the number of samples. */
#include "formats/hf.h"

#include <stdio.h>
#include <string.h>

#define LAYER                                                                      \
    .q = "attention.q_proj", .k = "attention.k_proj", .v = "attention.v_proj",     \
    .o = "attention.out_proj", .norm1 = "layer_norm", .norm2 = "final_layer_norm", \
    .up = "feed_forward.intermediate_dense", .down = "feed_forward.output_dense"
static const struct hf_names wav2vec2 = {.layers = "wav2vec2.encoder.layers.", LAYER};
static const struct hf_names hubert = {.layers = "hubert.encoder.layers.", LAYER};

/* A normalisation over channels, which stand second. */
static int channel_norm(struct hf_arch *a, int x, const char *name)
{
    static const int64_t perm[3] = {0, 2, 1};
    x = hf_norm_as(a, fw_transpose(a->b, x, perm), name, HF_LAYER_NORM);
    return fw_transpose(a->b, x, perm);
}

static int features(struct hf_arch *a, const char *stem)
{
    struct fw_builder *b = a->b;
    const struct hf_config *c = a->c;
    bool each = hf_is(c, "feat_extract_norm", "layer");
    int64_t dims[3] = {a->batch, 1, a->seq};
    int x = fw_input(b, "input_values", "float32", 3, dims);
    uint32_t n = hf_length(c, "conv_dim");
    if (n != hf_length(c, "conv_kernel") || n != hf_length(c, "conv_stride"))
        hf_complain(c, "conv_dim", "as many entries as 'conv_kernel' and 'conv_stride' are wanted");
    fw_enter(b, stem);
    for (uint32_t i = 0; i < n && fw_build_ok(b); i++) {
        int64_t out = hf_item(c, "conv_dim", i, 1);
        struct fw_window_spec w =
            fw_window_of(1, hf_item(c, "conv_kernel", i, 1), hf_item(c, "conv_stride", i, 1), 0);
        w.no_bias = !hf_flag(c, "conv_bias", false);
        fw_enter_number(b, "feature_extractor.conv_layers.", i);
        x = fw_conv(b, x, "conv", out, &w);
        if (each)
            x = channel_norm(a, x, "layer_norm");
        else if (i == 0)
            x = fw_group_norm(b, x, "layer_norm", out);
        x = hf_act(a, x, hf_text(c, "feat_extract_activation", "gelu"));
        fw_leave(b);
    }
    static const int64_t perm[3] = {0, 2, 1};
    x = fw_transpose(b, x, perm);
    if (hf_flag(c, "feat_proj_layer_norm", true))
        x = hf_norm_as(a, x, "feature_projection.layer_norm", HF_LAYER_NORM);
    x = hf_linear(a, x, "feature_projection.projection", a->hidden, true);
    bool masks = hf_float(c, "mask_time_prob", 0.05) > 0 || hf_float(c, "mask_feature_prob", 0) > 0;
    if (masks) // takes the place of what training hides; nothing is hidden here
        (void)hf_param(a, "masked_spec_embed", NULL, 1, &a->hidden);
    fw_leave(b);
    return x;
}

/* A weight that is a direction and a length for each tap. */
static int normed_weight(struct hf_arch *a, const char *name, const int64_t *dims)
{
    struct fw_builder *b = a->b;
    static const int64_t over[2] = {0, 1};
    int64_t length[3] = {1, 1, dims[2]};
    int v = hf_param(a, name, "weight_v", 3, dims);
    int parts[2] = {v, fw_sizes(b, 2, over)};
    int norm = fw_build_plain(b, "ReduceL2", NULL, parts, 2);
    int whole[2] = {hf_param(a, name, "weight_g", 3, length), norm};
    return fw_mul(b, v, fw_build_plain(b, "Div", NULL, whole, 2));
}

/* A wide convolution over places. */
static int positions(struct hf_arch *a, int x, const char *stem)
{
    struct fw_builder *b = a->b;
    static const int64_t perm[3] = {0, 2, 1};
    const char *name = "encoder.pos_conv_embed.conv";
    bool plain = hf_flag(a->c, "conv_pos_batch_norm", false);
    int64_t kernel = hf_size(a->c, "num_conv_pos_embeddings");
    int64_t groups = hf_size(a->c, "num_conv_pos_embedding_groups");
    int64_t dims[3] = {a->hidden, a->hidden / groups, kernel};
    fw_enter(b, stem);
    int y = fw_transpose(b, x, perm);
    if (plain)
        y = fw_batch_norm(b, y, "encoder.pos_conv_embed.batch_norm");
    int weight = plain ? hf_param(a, name, "weight", 3, dims) : normed_weight(a, name, dims);
    struct fw_window_spec w = fw_window_of(1, kernel, 1, kernel / 2);
    w.groups = groups;
    if (kernel % 2 == 0)
        w.pad_end[0]--; // the class computes one place more and drops it
    y = fw_conv_with(b, y, name, weight, hf_param(a, name, "bias", 1, &a->hidden), &w);
    y = hf_act(a, fw_transpose(b, y, perm), hf_text(a->c, "feat_extract_activation", "gelu"));
    x = fw_add(b, x, y);
    fw_leave(b);
    return x;
}

/* A narrow network that is added behind a layer, as fine-tuning to a language puts it there. */
static int adapted(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    int y = hf_norm_as(a, x, "adapter_layer.norm", HF_LAYER_NORM);
    y = hf_linear(a, y, "adapter_layer.linear_1", hf_size(a->c, "adapter_attn_dim"), true);
    y = hf_linear(a, fw_relu(b, y), "adapter_layer.linear_2", a->hidden, true);
    return fw_add(b, x, y);
}

/* Convolutions behind the layers, each halved by a gate, which shorten what is handed on. */
static int shortened(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    static const int64_t perm[3] = {0, 2, 1};
    int64_t wide = hf_int(a->c, "output_hidden_size", a->hidden);
    int64_t n = hf_int(a->c, "num_adapter_layers", 3);
    fw_enter(b, "adapter");
    if (wide != a->hidden)
        x = hf_norm_as(a, hf_linear(a, x, "proj", wide, true), "proj_layer_norm", HF_LAYER_NORM);
    x = fw_transpose(b, x, perm);
    struct fw_window_spec w = fw_window_of(1, hf_int(a->c, "adapter_kernel_size", 3),
                                           hf_int(a->c, "adapter_stride", 2), 1);
    for (uint32_t i = 0; i < n && fw_build_ok(b); i++) {
        fw_enter_number(b, "layers.", i);
        int both = fw_split(b, fw_conv(b, x, "conv", 2 * wide, &w), 1, 2, NULL);
        x = fw_mul(b, both, fw_activation(b, both + 1, "sigmoid"));
        fw_leave(b);
    }
    fw_leave(b);
    return fw_transpose(b, x, perm);
}

static void build(const struct hf_job *job, const char *stem)
{
    struct hf_arch a;
    struct fw_builder *b = job->b;
    char norm[64];
    static const int64_t time = 1;
    hf_arch_init(&a, job->c, job->family->names);
    bool before = hf_flag(job->c, "do_stable_layer_norm", false);
    a.norm = HF_LAYER_NORM;
    a.layout = before ? HF_BEFORE : HF_AFTER;
    a.causal = false;
    a.qkv_bias = a.o_bias = a.feed_bias = true;
    (void)snprintf(norm, sizeof norm, "%s.encoder.layer_norm", stem);
    int x = positions(&a, features(&a, stem), stem);
    if (!before)
        x = hf_norm(&a, x, norm);
    if (before && hf_int(job->c, "adapter_attn_dim", 0) > 0)
        a.behind = adapted;
    bool weighed =
        job->head == HF_HEAD_SEQUENCE && hf_flag(job->c, "use_weighted_layer_sum", false);
    x = weighed ? hf_layers_weighed(&a, x) : hf_layers(&a, x);
    if (before && !weighed)
        x = hf_norm(&a, x, norm);
    if (job->family->names == &wav2vec2 && hf_flag(job->c, "add_adapter", false)) {
        if (job->head == HF_HEAD_SEQUENCE)
            hf_complain(job->c, "add_adapter", "false is wanted, the head takes no adapters");
        fw_enter(b, stem);
        x = shortened(&a, x);
        fw_leave(b);
    }
    if (job->head != HF_HEAD_NONE && hf_ends(job->model, "ForCTC")) {
        x = hf_linear(&a, x, "lm_head", a.vocab, true);
    } else if (job->head == HF_HEAD_SEQUENCE) {
        x = hf_linear(&a, x, "projector", hf_int(job->c, "classifier_proj_size", 256), true);
        x = hf_linear(&a, fw_mean(b, x, 1, &time, 0), "classifier", hf_labels(job->c), true);
    } else if (job->head != HF_HEAD_NONE) {
        hf_no_head(job);
    }
    fw_output(b, x);
}

static void build_wav2vec2(const struct hf_job *job)
{
    build(job, "wav2vec2");
}

static void build_hubert(const struct hf_job *job)
{
    build(job, "hubert");
}

const struct hf_family hf_speeches[] = {
    {"wav2vec2", NULL, "Wav2Vec2Model", &wav2vec2, NULL, build_wav2vec2, NULL},
    {"hubert", NULL, "HubertModel", &hubert, NULL, build_hubert, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
