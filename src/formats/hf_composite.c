/* Networks of two towers, for pictures and for words: CLIP, SigLIP. */
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

int hf_clip_picture(struct hf_arch *a, const struct hf_config *c, int *ret_all)
{
    hf_tower_arch(a, c, &hf_tower_clip);
    int64_t flat[2] = {a->batch, a->hidden};
    *ret_all = hf_layers(a, hf_tower_patches(a, &hf_tower_clip));
    int y = fw_reshape(a->b, fw_slice(a->b, *ret_all, 1, 0, 1), 2, flat);
    return hf_norm(a, y, "vision_model.post_layernorm");
}

int hf_siglip_picture(struct hf_arch *a, const struct hf_config *c, int *ret_all)
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
    int picture = hf_clip_picture(&v, &vc, &all);
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
        picture = hf_siglip_picture(&v, &vc, &all);
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

const struct hf_family hf_composites[] = {
    HF_BUILT_ROW("clip", NULL, "CLIPModel", build_clip),
    HF_BUILT_ROW("clip_text_model", NULL, "CLIPTextModel", build_clip),
    HF_BUILT_ROW("clip_vision_model", NULL, "CLIPVisionModel", build_clip),
    HF_BUILT_ROW("siglip", NULL, "SiglipModel", build_siglip),
    HF_BUILT_ROW("siglip_text_model", NULL, "SiglipTextModel", build_siglip),
    HF_BUILT_ROW("siglip_vision_model", NULL, "SiglipVisionModel", build_siglip),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
