/* Language models that see: a tower, a projector, and the words behind the places of the picture:
 * LLaVA and those built like it, PaliGemma, Gemma 3, Llama 4, Mistral 3, InternVL, Idefics 3,
 * SmolVLM, Aya Vision, Kimi's. There is one picture for each sequence; `seq` counts the words
 * alone. */
#include "formats/hf_vision.h"

#include <string.h>

/* ---- towers ---- */

#define IDEFICS_LAYER                                                                           \
    .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj",                  \
    .o = "self_attn.out_proj", .norm1 = "layer_norm1", .norm2 = "layer_norm2", .up = "mlp.fc1", \
    .down = "mlp.fc2"
static const struct hf_tower pixtral = {.names = {.layers = "transformer.layers.",
                                                  .norm1 = "attention_norm",
                                                  .norm2 = "ffn_norm",
                                                  .q = "attention.q_proj",
                                                  .k = "attention.k_proj",
                                                  .v = "attention.v_proj",
                                                  .o = "attention.o_proj",
                                                  .gate = "feed_forward.gate_proj",
                                                  .up = "feed_forward.up_proj",
                                                  .down = "feed_forward.down_proj"},
                                        .patches = "patch_conv",
                                        .pre_norm = "ln_pre",
                                        .plain_patches = true};
static const struct hf_tower idefics = {
    .names = {.layers = "encoder.layers.", .final = "post_layernorm", IDEFICS_LAYER},
    .patches = "embeddings.patch_embedding",
    .positions = "embeddings.position_embedding",
    .position_part = "weight"};
static const struct hf_tower internvl = {.names = {.layers = "encoder.layer.",
                                                   .norm1 = "layernorm_before",
                                                   .norm2 = "layernorm_after",
                                                   .scale1 = "lambda_1",
                                                   .scale2 = "lambda_2",
                                                   .q = "attention.q_proj",
                                                   .k = "attention.k_proj",
                                                   .v = "attention.v_proj",
                                                   .q_norm = "attention.q_norm",
                                                   .k_norm = "attention.k_norm",
                                                   .o = "attention.projection_layer",
                                                   .up = "mlp.fc1",
                                                   .down = "mlp.fc2"},
                                         .patches = "embeddings.patch_embeddings.projection",
                                         .cls = "embeddings.cls_token",
                                         .positions = "embeddings.position_embeddings"};

static const struct hf_tower moonvit = {.names = {.layers = "layers.",
                                                  .final = "final_layernorm",
                                                  .norm1 = "norm1",
                                                  .norm2 = "norm2",
                                                  .q = "attn.q_proj",
                                                  .k = "attn.k_proj",
                                                  .v = "attn.v_proj",
                                                  .o = "attn.proj",
                                                  .up = "mlp.fc1",
                                                  .down = "mlp.fc2"},
                                        .patches = "patch_embed.proj",
                                        .positions = "patch_embed.pos_emb.position_embeddings"};

/* Turned in two directions instead of positions, and gated. */
static int see_pixtral(struct hf_arch *v, const struct hf_config *c)
{
    hf_tower_arch(v, c, &pixtral);
    v->norm = HF_RMS_NORM;
    v->gated = true;
    v->qkv_bias = v->o_bias = v->feed_bias = false;
    v->rotary = v->head;
    return hf_layers(v, hf_tower_patches(v, &pixtral));
}

static int see_idefics(struct hf_arch *v, const struct hf_config *c)
{
    hf_tower_arch(v, c, &idefics);
    return hf_layers(v, hf_tower_patches(v, &idefics));
}

/* A table of places that is stretched to the picture: here one as large as the table. */
static int see_moonvit(struct hf_arch *v, const struct hf_config *c)
{
    struct fw_builder *b = c->b;
    static const int64_t perm[3] = {0, 2, 1};
    hf_tower_arch(v, c, &moonvit);
    v->rotary = v->head;
    int64_t patch = hf_size(c, "patch_size");
    int64_t table[3] = {hf_size(c, "pos_emb_height"), hf_size(c, "pos_emb_width"), v->hidden};
    int64_t pixels[4] = {v->batch, 3, table[0] * patch, table[1] * patch};
    int64_t flat[3] = {v->batch, v->hidden, table[0] * table[1]};
    int64_t row[2] = {flat[2], v->hidden};
    struct fw_window_spec w = fw_window_of(2, patch, patch, 0);
    int x = fw_input(b, "pixel_values", "float32", 4, pixels);
    x = fw_reshape(b, fw_conv(b, x, moonvit.patches, v->hidden, &w), 3, flat);
    int at = fw_reshape(b, hf_param(v, moonvit.positions, NULL, 3, table), 2, row);
    return hf_layers(v, fw_add(b, fw_transpose(b, x, perm), at));
}

static int see_internvl(struct hf_arch *v, const struct hf_config *c)
{
    struct hf_tower t = internvl;
    if (!hf_flag(c, "use_absolute_position_embeddings", true))
        t.positions = NULL;
    hf_tower_arch(v, c, &t);
    v->qkv_bias = hf_flag(c, "attention_bias", false);
    v->norm = hf_is(c, "norm_type", "rms_norm") ? HF_RMS_NORM : HF_LAYER_NORM;
    v->qk_norm = hf_flag(c, "use_qk_norm", false) ? HF_QK_WIDE_RMS : HF_QK_PLAIN;
    hf_mask_token(v, "embeddings.mask_token", 3, hf_flag(c, "use_mask_token", false));
    int x = hf_layers(v, hf_tower_patches(v, &t));
    return hf_flag(c, "use_mean_pooling", true) ? x : hf_norm_as(v, x, "layernorm", HF_LAYER_NORM);
}

static int see_clip(struct hf_arch *v, const struct hf_config *c)
{
    int all;
    (void)hf_clip_picture(v, c, &all); // of the class token alone: its norm is not asked for
    return all;
}

static int see_siglip(struct hf_arch *v, const struct hf_config *c)
{
    int all;
    (void)hf_siglip_picture(v, c, &all);
    return all;
}

/* The places of a picture under "vision_tower", without the token of the class. */
static int see(const struct hf_job *job, const struct hf_config *c, struct hf_arch *v)
{
    static const struct {
        const char *type;
        int (*see)(struct hf_arch *v, const struct hf_config *c);
        bool class_token;
    } towers[] = {
        {"clip_vision_model", see_clip, true},   {"siglip_vision_model", see_siglip, false},
        {"pixtral", see_pixtral, false},         {"internvl_vision", see_internvl, true},
        {"kimi_k25_vision", see_moonvit, false}, {"idefics3_vision", see_idefics, false},
        {"smolvlm_vision", see_idefics, false}};
    for (unsigned i = 0; i < sizeof towers / sizeof *towers; i++) {
        if (strcmp(c->type, towers[i].type) != 0)
            continue;
        fw_enter(job->b, "vision_tower");
        int x = towers[i].see(v, c);
        fw_leave(job->b);
        int64_t first = towers[i].class_token;
        return first > 0 ? fw_slice(job->b, x, 1, first, hf_tower_places(c) + first) : x;
    }
    hf_complain(job->c, "vision_config", "no tower '%.60s' is known", c->type);
    hf_arch_pieces(v, c);
    return -1;
}

/* side * side neighbours become one place. */
static int gather(const struct hf_job *job, struct hf_arch *v, int x, const char *key, int64_t side)
{
    int64_t each = side > 0 && side < 1024 ? side * side : 0;
    int64_t places = fw_size_of(job->b, x, 1);
    if (!fw_build_ok(job->b))
        return x;
    if (each < 1 || places % each != 0) {
        hf_complain(job->c, key, "squares that the %lld places are made of are wanted",
                    (long long)places);
        return x;
    }
    int64_t dims[3] = {v->batch, places / each, v->hidden * each};
    return fw_reshape(job->b, x, 3, dims);
}

/* ---- projectors ---- */

static int64_t text_width(const struct hf_config *c)
{
    return hf_size(c, "hidden_size");
}

/* Two layers with an activation in between, to the width of the words. */
static int project(const struct hf_job *job, struct hf_arch *v, int x, int64_t width, bool bias)
{
    x = hf_linear(v, x, "multi_modal_projector.linear_1", width, bias);
    x = hf_act(v, x, hf_text(job->c, "projector_hidden_act", "gelu"));
    return hf_linear(v, x, "multi_modal_projector.linear_2", width, bias);
}

static void parts_of(const struct hf_job *job, const char *words, const char *sight,
                     struct hf_config *tc, struct hf_config *vc)
{
    hf_config_part(job->c, "text_config", words, tc);
    hf_config_part(job->c, "vision_config", sight, vc);
}

static void build_llava(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    bool lines = strcmp(job->family->type, "llava") != 0; // a token ends every row of the picture
    parts_of(job, "llama", "clip_vision_model", &tc, &vc);
    int x = see(job, &vc, &v);
    int64_t width = text_width(&tc);
    x = project(job, &v, x, width, hf_flag(job->c, "multimodal_projector_bias", true));
    if (lines) {
        int64_t dims[3] = {v.batch, 1, width};
        int line[2] = {hf_param(&v, "image_newline", NULL, 1, &width), fw_sizes(job->b, 3, dims)};
        int parts[2] = {x, fw_build_plain(job->b, "Expand", NULL, line, 2)};
        x = fw_concat(job->b, parts, 2, 1);
    }
    hf_tell(job, &tc, "language_model", x, NULL, 0);
}

static void build_mistral3(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    parts_of(job, "mistral", "pixtral", &tc, &vc);
    int x = see(job, &vc, &v);
    x = hf_norm_as(&v, x, "multi_modal_projector.norm", HF_RMS_NORM);
    x = gather(job, &v, x, "spatial_merge_size", hf_size(job->c, "spatial_merge_size"));
    x = hf_linear(&v, x, "multi_modal_projector.patch_merger.merging_layer", v.hidden, false);
    bool bias = hf_flag(job->c, "multimodal_projector_bias", false);
    hf_tell(job, &tc, "language_model", project(job, &v, x, text_width(&tc), bias), NULL, 0);
}

static void build_internvl(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    double ratio = hf_float(job->c, "downsample_ratio", 0.5);
    parts_of(job, "qwen2", "internvl_vision", &tc, &vc);
    int64_t side = ratio > 1.0 / 1024 && ratio <= 1 ? (int64_t)(1 / ratio) : 0;
    int x = see(job, &vc, &v);
    x = gather(job, &v, x, "downsample_ratio", side);
    x = hf_norm_as(&v, x, "multi_modal_projector.layer_norm", HF_LAYER_NORM);
    hf_tell(job, &tc, "language_model", project(job, &v, x, text_width(&tc), true), NULL, 0);
}

static void build_idefics(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    parts_of(job, "llama", "idefics3_vision", &tc, &vc);
    int x = see(job, &vc, &v);
    x = gather(job, &v, x, "scale_factor", hf_size(job->c, "scale_factor"));
    x = hf_linear(&v, x, "connector.modality_projection.proj", text_width(&tc), false);
    hf_tell(job, &tc, "text_model", x, NULL, 0);
}

static void build_kimi(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    parts_of(job, "deepseek_v3", "kimi_k25_vision", &tc, &vc);
    vc.type = "kimi_k25_vision"; // as released it has another name
    int64_t side = hf_item(&vc, "merge_kernel_size", 0, 2);
    int x = see(job, &vc, &v);
    x = hf_norm_as(&v, x, "mm_projector.pre_norm", HF_LAYER_NORM);
    x = gather(job, &v, x, "merge_kernel_size", side);
    x = hf_linear(&v, x, "mm_projector.in_proj", fw_size_of(job->b, x, 2), true);
    x = fw_activation(job->b, x, "gelu");
    x = hf_linear(&v, x, "mm_projector.out_proj", text_width(&tc), true);
    hf_tell(job, &tc, "language_model", x, NULL, 0);
}

static void build_aya(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    parts_of(job, "cohere2", "siglip_vision_model", &tc, &vc);
    int64_t inner = hf_int(job->c, "alignment_intermediate_size", text_width(&tc));
    int x = see(job, &vc, &v);
    x = gather(job, &v, x, "downsample_factor", hf_size(job->c, "downsample_factor"));
    x = hf_norm_as(&v, x, "multi_modal_projector.layernorm", HF_LAYER_NORM);
    v.act = "silu";
    x = hf_gate(&v, hf_linear(&v, x, "multi_modal_projector.linear_1", inner / 2 * 2, true),
                inner / 2);
    x = hf_linear(&v, x, "multi_modal_projector.linear_2", text_width(&tc), true);
    hf_tell(job, &tc, "language_model", x, NULL, 0);
}

static void build_paligemma(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    int all;
    hf_config_part(job->c, "text_config", "gemma", &tc);
    hf_config_part(job->c, "vision_config", "siglip_vision_model", &vc);
    fw_enter(job->b, "vision_tower");
    (void)hf_siglip_picture(&v, &vc, &all);
    fw_leave(job->b);
    int64_t width = hf_int(&vc, "projection_dim", text_width(&tc));
    int x = hf_linear(&v, all, "multi_modal_projector.linear", width, true);
    hf_tell(job, &tc, "language_model", x, NULL, 0);
}

static void build_gemma3(const struct hf_job *job)
{
    struct fw_builder *b = job->b;
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    int all;
    hf_config_part(job->c, "text_config", "gemma3_text", &tc);
    hf_config_part(job->c, "vision_config", "siglip_vision_model", &vc);
    fw_enter(b, "vision_tower");
    (void)hf_siglip_picture(&v, &vc, &all);
    fw_leave(b);
    int64_t tokens = hf_int(job->c, "mm_tokens_per_image", 256);
    int64_t places = hf_tower_places(&vc);
    int64_t each = tokens > 0 ? places / tokens : 0;
    if (each < 1 || each * tokens != places)
        hf_complain(job->c, "mm_tokens_per_image", "a divisor of the %lld places is wanted",
                    (long long)places);
    each = each < 1 ? 1 : each;
    int64_t pools[4] = {v.batch, places / each, each, v.hidden};
    static const int64_t within = 2;
    int x = fw_mean(b, fw_reshape(b, all, 4, pools), 1, &within, 0);
    x = hf_norm_as(&v, x, "multi_modal_projector.mm_soft_emb_norm", HF_RMS_NORM);
    int64_t dims[2] = {v.hidden, text_width(&tc)};
    int w = hf_param(&v, "multi_modal_projector.mm_input_projection_weight", NULL, 2, dims);
    x = fw_linear_with(b, x, "multi_modal_projector.mm_input_projection", w, -1);
    hf_tell(job, &tc, "language_model", x, NULL, 0);
}

/* ---- Llama 4 ---- */

static const struct hf_tower llama4_tower = {.names = {.layers = "vision_model.model.layers.",
                                                       .final = "vision_model.layernorm_post",
                                                       .q = "self_attn.q_proj",
                                                       .k = "self_attn.k_proj",
                                                       .v = "self_attn.v_proj",
                                                       .o = "self_attn.o_proj",
                                                       .norm1 = "input_layernorm",
                                                       .norm2 = "post_attention_layernorm",
                                                       .up = "mlp.fc1",
                                                       .down = "mlp.fc2"},
                                             .patches = "vision_model.patch_embedding.linear",
                                             .cls = "vision_model.class_embedding",
                                             .positions = "vision_model.positional_embedding_vlm",
                                             .position_part = NULL,
                                             .pre_norm = "vision_model.layernorm_pre",
                                             .plain_patches = true,
                                             .flat_cls = true};

static void build_llama4(const struct hf_job *job)
{
    struct fw_builder *b = job->b;
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    hf_config_part(job->c, "text_config", "llama4_text", &tc);
    hf_config_part(job->c, "vision_config", "llama4_vision_model", &vc);
    hf_tower_arch(&v, &vc, &llama4_tower);
    v.rotary = v.head;
    double ratio = hf_float(&vc, "pixel_shuffle_ratio", 0.5);
    int64_t fold = ratio > 0 && ratio <= 1 ? (int64_t)(1 / (ratio * ratio) + 0.5) : 1;
    int64_t places = hf_tower_places(&vc);
    int x = hf_layers(&v, hf_tower_patches(&v, &llama4_tower));
    x = fw_slice(b, x, 1, 0, places); // the class token stands last there
    int64_t dims[3] = {v.batch, places / fold, v.hidden * fold};
    x = fw_reshape(b, x, 3, dims);
    static const char *const name[2] = {"vision_model.vision_adapter.mlp.fc1",
                                        "vision_model.vision_adapter.mlp.fc2"};
    x = fw_activation(b, hf_linear(&v, x, name[0], hf_size(&vc, "projector_input_dim"), false),
                      "gelu");
    x = fw_activation(b, hf_linear(&v, x, name[1], hf_size(&vc, "projector_output_dim"), false),
                      "gelu");
    x = hf_linear(&v, x, "multi_modal_projector.linear_1", text_width(&tc), false);
    hf_tell(job, &tc, "language_model", x, NULL, 0);
}

const struct hf_family hf_sights[] = {
    HF_BUILT_ROW("llava", NULL, "LlavaForConditionalGeneration", build_llava),
    HF_BUILT_ROW("llava_next", NULL, "LlavaNextForConditionalGeneration", build_llava),
    HF_BUILT_ROW("llava_next_video", NULL, "LlavaNextVideoForConditionalGeneration", build_llava),
    HF_BUILT_ROW("llava_onevision", NULL, "LlavaOnevisionForConditionalGeneration", build_llava),
    HF_BUILT_ROW("paligemma", NULL, "PaliGemmaForConditionalGeneration", build_paligemma),
    HF_BUILT_ROW("gemma3", NULL, "Gemma3ForConditionalGeneration", build_gemma3),
    HF_BUILT_ROW("llama4", NULL, "Llama4ForConditionalGeneration", build_llama4),
    HF_BUILT_ROW("mistral3", NULL, "Mistral3ForConditionalGeneration", build_mistral3),
    HF_BUILT_ROW("internvl", NULL, "InternVLForConditionalGeneration", build_internvl),
    HF_BUILT_ROW("idefics3", NULL, "Idefics3ForConditionalGeneration", build_idefics),
    HF_BUILT_ROW("smolvlm", NULL, "SmolVLMForConditionalGeneration", build_idefics),
    HF_BUILT_ROW("kimi_k25", NULL, "Kimi_K25ForConditionalGeneration", build_kimi),
    {"kimi_vl", "kimi_k25", "KimiVLForConditionalGeneration", NULL, NULL, build_kimi, NULL},
    HF_BUILT_ROW("aya_vision", NULL, "AyaVisionForConditionalGeneration", build_aya),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
