/* Language models that see, their second half: the words behind the places of a picture; and Qwen's
 * kind of them, whose pictures have as many patches as they need. */
#include "formats/hf_vision.h"

#include <string.h>

void hf_tell(const struct hf_job *job, const struct hf_config *c, const char *scope, int picture,
             const int *more, uint32_t n)
{
    struct hf_job text = {.c = c, .b = job->b, .model = job->model, .head = job->head};
    struct hf_arch a;
    struct fw_map once;
    text.family = hf_find_family(c->type);
    if (text.family == NULL || text.family->fill == NULL) {
        hf_complain(job->c, "text_config", "no language model '%.60s' is known", c->type);
        return;
    }
    fw_enter(job->b, scope);
    hf_decoder_arch(&text, &a);
    fw_map_init(&once, job->b->m->alloc);
    if (job->b->m->further)
        a.once = &once; // one head for all
    bool own = hf_given(job->c, "tie_word_embeddings") || !hf_given(c, "tie_word_embeddings");
    a.tied = hf_flag(own ? job->c : c, "tie_word_embeddings", true);
    int64_t width = picture < 0 ? a.hidden : fw_size_of(job->b, picture, -1);
    if (width != a.hidden)
        hf_complain(job->c, "vision_config",
                    "places as wide as the words (%lld) are wanted, found %lld",
                    (long long)a.hidden, (long long)width);
    a.more = more;
    a.n_more = n < a.n_layers ? n : a.n_layers;
    int64_t dims[2] = {a.batch, a.seq};
    int x = hf_embed(&a, fw_input(job->b, "input_ids", "int64", 2, dims));
    int parts[2] = {picture, x};
    int places = fw_concat(job->b, parts, 2, 1);
    x = hf_layers(&a, places);
    if (job->head == HF_HEAD_LM || job->head == HF_HEAD_NONE)
        hf_heads(&text, &a, x);
    else
        hf_complain(job->c, "architectures", "no head of %.60s is known", job->model);
    a.n_more = 0;
    hf_further_words(&text, &a, x, places);
    fw_map_free(&once);
    fw_leave(job->b);
}

/* ---- Qwen ---- */

enum { MAX_DEEP = 16 };

/* What differs between their towers. */
struct tower {
    struct hf_names names;
    const char *patches, *positions;   // positions NULL: they are turned alone
    const char *norm, *first, *second; // of the merger: four neighbours become one place
    const char *deep;                  // mergers of layers in between, or NULL
    const char *width;                 // key of the layers' width
    bool plain_patches, rms;
};

#define QWEN_LAYER .norm1 = "norm1", .norm2 = "norm2", .qkv = "attn.qkv", .o = "attn.proj"
static const struct tower qwen2 = {
    .names = {.layers = "visual.blocks.", QWEN_LAYER, .up = "mlp.fc1", .down = "mlp.fc2"},
    .patches = "visual.patch_embed.proj",
    .norm = "visual.merger.ln_q",
    .first = "visual.merger.mlp.0",
    .second = "visual.merger.mlp.2",
    .width = "embed_dim",
    .plain_patches = true};
static const struct tower qwen25 = {.names = {.layers = "visual.blocks.",
                                              QWEN_LAYER,
                                              .gate = "mlp.gate_proj",
                                              .up = "mlp.up_proj",
                                              .down = "mlp.down_proj"},
                                    .patches = "visual.patch_embed.proj",
                                    .norm = "visual.merger.ln_q",
                                    .first = "visual.merger.mlp.0",
                                    .second = "visual.merger.mlp.2",
                                    .width = "hidden_size",
                                    .plain_patches = true,
                                    .rms = true};
static const struct tower qwen3 = {.names = {.layers = "model.visual.blocks.",
                                             QWEN_LAYER,
                                             .up = "mlp.linear_fc1",
                                             .down = "mlp.linear_fc2"},
                                   .patches = "model.visual.patch_embed.proj",
                                   .positions = "model.visual.pos_embed",
                                   .norm = "model.visual.merger.norm",
                                   .first = "model.visual.merger.linear_fc1",
                                   .second = "model.visual.merger.linear_fc2",
                                   .deep = "model.visual.deepstack_merger_list.",
                                   .width = "hidden_size"};

static const struct family {
    const char *type, *words, *sight;
    const struct tower *tower;
} families[] = {
    {"qwen2_vl", "qwen2_vl_text", "qwen2_vl_vision", &qwen2},
    {"qwen2_5_vl", "qwen2_5_vl_text", "qwen2_5_vl_vision", &qwen25},
    {"qwen3_vl", "qwen3_vl_text", "qwen3_vl_vision", &qwen3},
    {"qwen3_vl_moe", "qwen3_vl_moe_text", "qwen3_vl_moe_vision", &qwen3},
    {"qwen3_5", "qwen3_5_text", "qwen3_5_vision", &qwen3},
    {"qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_moe_vision", &qwen3},
};

static void tower_arch(struct hf_arch *v, const struct hf_config *c, const struct tower *t)
{
    hf_arch_init(v, c, &t->names);
    v->hidden = hf_size(c, t->width);
    v->head = v->hidden / v->heads;
    v->norm = t->rms ? HF_RMS_NORM : HF_LAYER_NORM;
    v->gated = t->names.gate != NULL;
    v->causal = false;
    v->qkv_bias = v->o_bias = v->feed_bias = true;
    v->rotary = v->head;
    v->width = hf_int(c, "intermediate_size", v->hidden * hf_int(c, "mlp_ratio", 4));
    hf_arch_spread(v);
    int64_t window = hf_int(c, "window_size", 0) / hf_size(c, "patch_size");
    for (uint32_t i = 0; i < v->n_layers; i++)
        v->layer[i].chunk = hf_holds(c, "fullatt_block_indexes", i) ? 0 : window * window;
}

/* Patches of `places` places, (batch, patches, hidden). */
static int patches(struct hf_arch *v, const struct tower *t, int64_t places)
{
    const struct hf_config *c = v->c;
    struct fw_builder *b = v->b;
    int64_t patch = hf_size(c, "patch_size");
    int64_t times = hf_size(c, "temporal_patch_size");
    int64_t in = hf_int(c, "in_channels", 3);
    int64_t pixels[5] = {fw_size_times(b, v->batch, places), in, times, patch, patch};
    struct fw_window_spec w = fw_window_of(3, patch, patch, 0);
    w.kernel[0] = w.stride[0] = times;
    w.no_bias = t->plain_patches;
    int x =
        fw_conv(b, fw_input(b, "pixel_values", "float32", 5, pixels), t->patches, v->hidden, &w);
    int64_t dims[3] = {v->batch, places, v->hidden};
    x = fw_reshape(b, x, 3, dims);
    return t->positions == NULL ? x
                                : fw_add(b, x, hf_param(v, t->positions, "weight", 2, dims + 1));
}

/* wide: the norm stands behind the merging. */
static int merge(struct hf_arch *v, const struct tower *t, int x, const int64_t *merged, bool wide)
{
    struct fw_builder *b = v->b;
    const char *norm = wide ? "norm" : t->norm;
    x = wide ? hf_norm(v, fw_reshape(b, x, 3, merged), norm)
             : fw_reshape(b, hf_norm(v, x, norm), 3, merged);
    x = hf_linear(v, x, wide ? "linear_fc1" : t->first, merged[2], true);
    int64_t out = hf_int(v->c, "out_hidden_size", 0);
    return hf_linear(v, fw_activation(b, x, "gelu"), wide ? "linear_fc2" : t->second,
                     out > 0 ? out : hf_size(v->c, "hidden_size"), true);
}

/* deep: (*ret_n) what layers in between give. */
static int see(struct hf_arch *v, const struct tower *t, int *deep, uint32_t *ret_n)
{
    const struct hf_config *c = v->c;
    struct fw_builder *b = v->b;
    int64_t square = hf_size(c, "spatial_merge_size") * hf_size(c, "spatial_merge_size");
    int64_t places = t->positions != NULL ? hf_size(c, "num_position_embeddings") / square
                                          : fw_size(b, "places");
    int64_t all = fw_size_times(b, places, square);
    int64_t merged[3] = {v->batch, places, v->hidden * square};
    int x = patches(v, t, all);
    *ret_n = 0;
    for (uint32_t i = 0; i < v->n_layers && fw_build_ok(b); i++) {
        fw_enter_number(b, t->names.layers, i);
        x = hf_layer(v, i, x);
        fw_leave(b);
        if (t->deep == NULL || !hf_holds(c, "deepstack_visual_indexes", i) || *ret_n == MAX_DEEP)
            continue;
        fw_enter_number(b, t->deep, *ret_n);
        deep[(*ret_n)++] = merge(v, t, x, merged, true);
        fw_leave(b);
    }
    return merge(v, t, x, merged, false);
}

static void build_qwen(const struct hf_job *job)
{
    const struct family *f = families;
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    int deep[MAX_DEEP];
    uint32_t n;
    while (strcmp(f->type, job->family->type) != 0)
        f++;
    if (hf_has(job->c, "text_config"))
        hf_config_part(job->c, "text_config", f->words, &tc);
    else // released files have the words' keys at the top
        hf_config_init(&tc, job->b, job->c->json, f->words);
    hf_config_part(job->c, "vision_config", f->sight, &vc);
    tower_arch(&v, &vc, f->tower);
    int picture = see(&v, f->tower, deep, &n);
    hf_tell(job, &tc, "", picture, deep, n);
}

const struct hf_family hf_qwen_vls[] = {
    HF_BUILT_ROW("qwen2_vl", NULL, "Qwen2VLForConditionalGeneration", build_qwen),
    HF_BUILT_ROW("qwen2_5_vl", NULL, "Qwen2_5_VLForConditionalGeneration", build_qwen),
    HF_BUILT_ROW("qwen3_vl", NULL, "Qwen3VLForConditionalGeneration", build_qwen),
    HF_BUILT_ROW("qwen3_vl_moe", NULL, "Qwen3VLMoeForConditionalGeneration", build_qwen),
    HF_BUILT_ROW("qwen3_5", NULL, "Qwen3_5ForConditionalGeneration", build_qwen),
    HF_BUILT_ROW("qwen3_5_moe", NULL, "Qwen3_5MoeForConditionalGeneration", build_qwen),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
