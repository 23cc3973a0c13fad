/* Networks of two towers (CLIP, SigLIP), and language models that see: a tower, a projector, and
 * the words behind the places of the picture. There is one picture for each sequence; `seq` counts
 * the words alone. */
#include "formats/hf_vision.h"

#include <string.h>

/* ---- CLIP and SigLIP ---- */

#define TEXT_LAYER                                                                              \
    .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj",                  \
    .o = "self_attn.out_proj", .norm1 = "layer_norm1", .norm2 = "layer_norm2", .up = "mlp.fc1", \
    .down = "mlp.fc2"
static const struct hf_names text_names = {.embed = "text_model.embeddings.token_embedding",
                                           .positions = "text_model.embeddings.position_embedding",
                                           .layers = "text_model.encoder.layers.",
                                           .final = "text_model.final_layer_norm",
                                           TEXT_LAYER};

/* One vector for each sequence of words, (batch, hidden). */
static int read_words(struct hf_arch *a, const struct hf_config *c, bool causal, int *ret_all)
{
    hf_arch_init(a, c, &text_names);
    a->norm = HF_LAYER_NORM;
    a->qkv_bias = a->o_bias = a->feed_bias = true;
    a->causal = causal;
    a->positions = hf_size(c, "max_position_embeddings");
    int64_t dims[2] = {a->batch, a->seq};
    int64_t flat[2] = {a->batch, a->hidden};
    *ret_all = hf_layers(a, hf_embed(a, fw_input(a->b, "input_ids", "int64", 2, dims)));
    return fw_reshape(a->b, fw_slice(a->b, *ret_all, 1, 0, 1), 2, flat);
}

static int clip_picture(struct hf_arch *a, const struct hf_config *c, int *ret_all)
{
    hf_tower_arch(a, c, &hf_tower_clip);
    int64_t flat[2] = {a->batch, a->hidden};
    *ret_all = hf_layers(a, hf_tower_patches(a, &hf_tower_clip));
    int y = fw_reshape(a->b, fw_slice(a->b, *ret_all, 1, 0, 1), 2, flat);
    return hf_norm(a, y, "vision_model.post_layernorm");
}

static int siglip_picture(struct hf_arch *a, const struct hf_config *c, int *ret_all)
{
    hf_tower_arch(a, c, &hf_tower_siglip);
    int64_t flat[2] = {a->batch, a->hidden};
    *ret_all = hf_layers(a, hf_tower_patches(a, &hf_tower_siglip));
    if (!hf_flag(c, "vision_use_head", true))
        return fw_reshape(a->b, fw_slice(a->b, *ret_all, 1, 0, 1), 2, flat);
    return fw_reshape(a->b, hf_siglip_pool(a, *ret_all, "vision_model.head"), 2, flat);
}

/* Every picture with every text, scaled by the exponential of a learned number. */
static void compare(struct hf_arch *a, int picture, int text, bool shifted)
{
    struct fw_builder *b = a->b;
    static const int64_t turn[2] = {1, 0};
    int scale = hf_param(a, "logit_scale", NULL, shifted ? 1 : 0, (const int64_t[]){1});
    int y = fw_matmul(b, picture, fw_transpose(b, text, turn));
    y = fw_mul(b, y, fw_build_plain(b, "Exp", NULL, &scale, 1));
    if (shifted)
        y = fw_add(b, y, hf_param(a, "logit_bias", NULL, 1, (const int64_t[]){1}));
    fw_output(b, y);
}

static void label_picture(const struct hf_job *job, struct hf_arch *a, int all)
{
    static const int64_t places = 1;
    int y = fw_mean(job->b, all, 1, &places, 0);
    fw_output(job->b, hf_linear(a, y, "classifier", hf_labels(job->c), true));
}

/* The part for words or pictures; the whole file where it is about that part alone. */
static struct hf_config part_of(const struct hf_job *job, const char *key, const char *type)
{
    struct hf_config part;
    if (strcmp(job->family->type, type) == 0)
        return *job->c;
    hf_config_part(job->c, key, type, &part);
    return part;
}

static void build_clip(const struct hf_job *job)
{
    struct hf_config tc = part_of(job, "text_config", "clip_text_model");
    struct hf_config vc = part_of(job, "vision_config", "clip_vision_model");
    struct hf_arch t;
    struct hf_arch v;
    int all;
    bool project = hf_ends(job->model, "WithProjection");
    if (strstr(job->model, "TextModel") != NULL) {
        int y = read_words(&t, &tc, true, &all);
        if (project)
            y = hf_linear(&t, y, "text_projection", hf_size(&tc, "projection_dim"), false);
        fw_output(job->b, project ? y : all);
        return;
    }
    int picture = clip_picture(&v, &vc, &all);
    if (hf_ends(job->model, "ForImageClassification")) {
        label_picture(job, &v, all);
        return;
    }
    if (strstr(job->model, "VisionModel") != NULL) {
        if (project)
            picture =
                hf_linear(&v, picture, "visual_projection", hf_size(&vc, "projection_dim"), false);
        fw_output(job->b, picture);
        return;
    }
    int64_t width = hf_size(job->c, "projection_dim");
    picture = hf_linear(&v, picture, "visual_projection", width, false);
    int text = hf_linear(&t, read_words(&t, &tc, true, &all), "text_projection", width, false);
    compare(&t, picture, text, false);
}

static void build_siglip(const struct hf_job *job)
{
    struct hf_config tc = part_of(job, "text_config", "siglip_text_model");
    struct hf_config vc = part_of(job, "vision_config", "siglip_vision_model");
    struct hf_arch t;
    struct hf_arch v;
    int all = -1;
    bool words_alone = strstr(job->model, "TextModel") != NULL;
    int picture = -1;
    if (!words_alone)
        picture = siglip_picture(&v, &vc, &all);
    if (hf_ends(job->model, "ForImageClassification")) {
        label_picture(job, &v, all);
        return;
    }
    if (strstr(job->model, "VisionModel") != NULL) {
        fw_output(job->b, picture);
        return;
    }
    int text = read_words(&t, &tc, false, &all);
    text = hf_linear(&t, text, "text_model.head", hf_int(&tc, "projection_size", t.hidden), true);
    if (words_alone)
        fw_output(job->b, text);
    else
        compare(&t, picture, text, true);
}

/* ---- language models that see ---- */

static int64_t text_width(const struct hf_config *c)
{
    return hf_size(c, "hidden_size");
}

static void build_llava(const struct hf_job *job)
{
    struct hf_config tc;
    struct hf_config vc;
    struct hf_arch v;
    int all;
    hf_config_part(job->c, "text_config", "llama", &tc);
    hf_config_part(job->c, "vision_config", "clip_vision_model", &vc);
    bool siglip = strcmp(vc.type, "siglip_vision_model") == 0;
    fw_enter(job->b, "vision_tower");
    int pooled = siglip ? siglip_picture(&v, &vc, &all) : clip_picture(&v, &vc, &all);
    (void)pooled; // of the class token alone: its norm is there and not asked for
    fw_leave(job->b);
    int64_t places = hf_tower_places(&vc);
    int x = fw_slice(job->b, all, 1, siglip ? 0 : 1, places + (siglip ? 0 : 1));
    bool bias = hf_flag(job->c, "multimodal_projector_bias", true);
    x = hf_linear(&v, x, "multi_modal_projector.linear_1", text_width(&tc), bias);
    x = hf_act(&v, x, hf_text(job->c, "projector_hidden_act", "gelu"));
    x = hf_linear(&v, x, "multi_modal_projector.linear_2", text_width(&tc), bias);
    if (strcmp(job->family->type, "llava_next") == 0) {
        int64_t dims[3] = {1, 1, text_width(&tc)};
        int64_t all_dims[3] = {v.batch, 1, text_width(&tc)};
        int line[2] = {hf_param(&v, "image_newline", NULL, 1, dims + 2),
                       fw_sizes(job->b, 3, all_dims)};
        int parts[2] = {x, fw_build_plain(job->b, "Expand", NULL, line, 2)};
        x = fw_concat(job->b, parts, 2, 1);
    }
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
    (void)siglip_picture(&v, &vc, &all);
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
    (void)siglip_picture(&v, &vc, &all);
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

#define ROW(type, like, model, build)              \
    {                                              \
        type, like, model, NULL, NULL, build, NULL \
    }
const struct hf_family hf_composites[] = {
    ROW("clip", NULL, "CLIPModel", build_clip),
    ROW("clip_text_model", NULL, "CLIPTextModel", build_clip),
    ROW("clip_vision_model", NULL, "CLIPVisionModel", build_clip),
    ROW("siglip", NULL, "SiglipModel", build_siglip),
    ROW("siglip_text_model", NULL, "SiglipTextModel", build_siglip),
    ROW("siglip_vision_model", NULL, "SiglipVisionModel", build_siglip),
    ROW("llava", NULL, "LlavaForConditionalGeneration", build_llava),
    ROW("llava_next", NULL, "LlavaNextForConditionalGeneration", build_llava),
    ROW("paligemma", NULL, "PaliGemmaForConditionalGeneration", build_paligemma),
    ROW("gemma3", NULL, "Gemma3ForConditionalGeneration", build_gemma3),
    ROW("llama4", NULL, "Llama4ForConditionalGeneration", build_llama4),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
