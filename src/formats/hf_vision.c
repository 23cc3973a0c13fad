/* Families that read pictures with a transformer over patches: ViT, DeiT, BEiT, DINOv2, and the
 * towers of CLIP and SigLIP. The size of the picture is the configuration's. */
#include "formats/hf_vision.h"

#include <string.h>

/* ---- names ---- */

#define VIT_ATTENTION                                                 \
    .q = "attention.attention.query", .k = "attention.attention.key", \
    .v = "attention.attention.value", .o = "attention.output.dense"
#define VIT_LAYER                                                           \
    VIT_ATTENTION, .norm1 = "layernorm_before", .norm2 = "layernorm_after", \
                   .up = "intermediate.dense", .down = "output.dense"
#define VIT(stem)                                              \
    .patches = stem ".embeddings.patch_embeddings.projection", \
    .cls = stem ".embeddings.cls_token", .positions = stem ".embeddings.position_embeddings"
static const struct hf_tower vit = {
    .names = {.layers = "vit.encoder.layer.", .final = "vit.layernorm", VIT_LAYER}, VIT("vit")};
static const struct hf_tower deit = {
    .names = {.layers = "deit.encoder.layer.", .final = "deit.layernorm", VIT_LAYER},
    VIT("deit"),
    .cls2 = "deit.embeddings.distillation_token"};
static const struct hf_tower beit = {.names = {.layers = "beit.encoder.layer.",
                                               .scale1 = "lambda_1",
                                               .scale2 = "lambda_2",
                                               .bias_table =
                                                   "attention.attention.relative_position_bias."
                                                   "relative_position_bias_table",
                                               VIT_LAYER},
                                     VIT("beit"),
                                     .mask = "beit.embeddings.mask_token"};
#define DINO                                                                       \
    .layers = "dinov2.encoder.layer.", .final = "dinov2.layernorm", VIT_ATTENTION, \
    .norm1 = "norm1", .norm2 = "norm2", .scale1 = "layer_scale1.lambda1",          \
    .scale2 = "layer_scale2.lambda1"
static const struct hf_tower dinov2 = {.names = {DINO, .up = "mlp.fc1", .down = "mlp.fc2"},
                                       VIT("dinov2"),
                                       .mask = "dinov2.embeddings.mask_token"};
static const struct hf_tower dinov2_gated = {
    .names = {DINO, .gate_up = "mlp.weights_in", .down = "mlp.weights_out"},
    VIT("dinov2"),
    .mask = "dinov2.embeddings.mask_token"};
#define CLIP_LAYER                                                                              \
    .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj",                  \
    .o = "self_attn.out_proj", .norm1 = "layer_norm1", .norm2 = "layer_norm2", .up = "mlp.fc1", \
    .down = "mlp.fc2"
const struct hf_tower hf_tower_clip = {
    .names = {.layers = "vision_model.encoder.layers.", CLIP_LAYER},
    .patches = "vision_model.embeddings.patch_embedding",
    .cls = "vision_model.embeddings.class_embedding",
    .positions = "vision_model.embeddings.position_embedding",
    .position_part = "weight",
    .pre_norm = "vision_model.pre_layrnorm",
    .plain_patches = true,
    .flat_cls = true};
const struct hf_tower hf_tower_siglip = {.names = {.layers = "vision_model.encoder.layers.",
                                                   .final = "vision_model.post_layernorm",
                                                   CLIP_LAYER},
                                         .patches = "vision_model.embeddings.patch_embedding",
                                         .positions = "vision_model.embeddings.position_embedding",
                                         .position_part = "weight"};

/* ---- towers ---- */

/* Size i (0 height, 1 width) of a key that is a number or a pair. */
static int64_t size_at(const struct hf_config *c, const char *key, uint32_t i)
{
    int64_t n = hf_item(c, key, hf_length(c, key) > 1 ? i : 0, 0);
    if (n < 1)
        hf_complain(c, key, "a positive number is wanted");
    return n < 1 ? 1 : n;
}

int64_t hf_tower_places(const struct hf_config *c)
{
    int64_t rows = size_at(c, "image_size", 0) / size_at(c, "patch_size", 0);
    int64_t columns = size_at(c, "image_size", 1) / size_at(c, "patch_size", 1);
    if (rows < 1 || columns < 1)
        hf_complain(c, "patch_size", "at most 'image_size' is wanted");
    return rows * columns;
}

void hf_tower_arch(struct hf_arch *a, const struct hf_config *c, const struct hf_tower *t)
{
    hf_arch_init(a, c, &t->names);
    a->norm = HF_LAYER_NORM;
    a->causal = false;
    a->rotary = 0;
    a->qkv_bias = hf_flag(c, "qkv_bias", true);
    a->o_bias = a->feed_bias = true;
}

/* A learned token for each picture, (batch, n, hidden). */
static int token(struct hf_arch *a, const char *name, int64_t n, bool flat)
{
    struct fw_builder *b = a->b;
    int64_t dims[3] = {1, n, a->hidden};
    int64_t all[3] = {a->batch, n, a->hidden};
    int x = hf_param(a, name, NULL, flat ? 1 : 3, flat ? dims + 2 : dims);
    int in[2] = {x, fw_sizes(b, 3, all)};
    return fw_build_plain(b, "Expand", NULL, in, 2);
}

int hf_tower_patches(struct hf_arch *a, const struct hf_tower *t)
{
    struct fw_builder *b = a->b;
    const struct hf_config *c = a->c;
    static const int64_t perm[3] = {0, 2, 1};
    int64_t places = hf_tower_places(c);
    int64_t picture[4] = {a->batch, hf_int(c, "num_channels", 3), size_at(c, "image_size", 0),
                          size_at(c, "image_size", 1)};
    struct fw_window_spec w = fw_window_of(2, 1, 1, 0);
    for (uint32_t k = 0; k < 2; k++)
        w.kernel[k] = w.stride[k] = size_at(c, "patch_size", k);
    w.no_bias = t->plain_patches;
    int x =
        fw_conv(b, fw_input(b, "pixel_values", "float32", 4, picture), t->patches, a->hidden, &w);
    int64_t flat[3] = {a->batch, a->hidden, places};
    x = fw_transpose(b, fw_reshape(b, x, 3, flat), perm);
    int parts[3];
    int n = 0;
    int64_t tokens = places;
    if (t->cls != NULL) {
        parts[n++] = token(a, t->cls, 1, t->flat_cls);
        tokens++;
    }
    if (t->cls2 != NULL) {
        parts[n++] = token(a, t->cls2, 1, false);
        tokens++;
    }
    parts[n] = x;
    x = n > 0 ? fw_concat(b, parts, n + 1, 1) : x;
    if (t->positions != NULL) {
        int64_t dims[3] = {1, tokens, a->hidden};
        bool table = t->position_part != NULL || t->flat_cls;
        x = fw_add(
            b, x,
            hf_param(a, t->positions, t->position_part, table ? 2 : 3, table ? dims + 1 : dims));
    }
    x = hf_drop(a, x, a->drop_hidden);
    return t->pre_norm != NULL ? hf_norm(a, x, t->pre_norm) : x;
}

/* ---- families ---- */

static int first_token(struct hf_arch *a, int x)
{
    int64_t dims[2] = {a->batch, a->hidden};
    return fw_reshape(a->b, fw_slice(a->b, x, 1, 0, 1), 2, dims);
}

/* A pooler where the bare model has one, a layer for the classes. */
static void finish(const struct hf_job *job, struct hf_arch *a, int x, const char *pooler)
{
    struct fw_builder *b = job->b;
    if (hf_ends(job->model, "ForImageClassification") && job->head != HF_HEAD_NONE) {
        x = hf_linear(a, first_token(a, x), "classifier", hf_labels(job->c), true);
    } else if (hf_ends(job->model, "ForImageClassificationWithTeacher") &&
               job->head != HF_HEAD_NONE) {
        int64_t labels = hf_labels(job->c);
        fw_output(b, hf_linear(a, first_token(a, x), "cls_classifier", labels, true));
        x = hf_linear(a, first_token(a, x), "distillation_classifier", labels, true);
    } else if (job->head == HF_HEAD_NONE && pooler != NULL) {
        int64_t width = hf_int(job->c, "pooler_output_size", a->hidden);
        int y = hf_linear(a, first_token(a, x), pooler, width, true);
        fw_output(b, hf_act(a, y, hf_text(job->c, "pooler_act", "tanh")));
    } else if (job->head != HF_HEAD_NONE) {
        hf_no_head(job);
    }
    fw_output(b, x);
}

static void build_vit(const struct hf_job *job)
{
    struct hf_arch a;
    hf_tower_arch(&a, job->c, &vit);
    finish(job, &a, hf_layers(&a, hf_tower_patches(&a, &vit)), "vit.pooler.dense");
}

static void build_deit(const struct hf_job *job)
{
    struct hf_arch a;
    hf_tower_arch(&a, job->c, &deit);
    finish(job, &a, hf_layers(&a, hf_tower_patches(&a, &deit)), "deit.pooler.dense");
}

void hf_mask_token(struct hf_arch *a, const char *name, int rank, bool asked)
{
    int64_t dims[3] = {1, rank == 3 ? 1 : a->hidden, a->hidden};
    if (asked)
        (void)hf_param(a, name, NULL, rank, dims);
}

static void build_dinov2(const struct hf_job *job)
{
    struct hf_arch a;
    bool gated = hf_flag(job->c, "use_swiglu_ffn", false);
    const struct hf_tower *t = gated ? &dinov2_gated : &dinov2;
    hf_tower_arch(&a, job->c, t);
    a.width = (int64_t)((double)a.hidden * hf_float(job->c, "mlp_ratio", 4));
    if (gated)
        a.width = (a.width * 2 / 3 + 7) / 8 * 8;
    a.gated = gated;
    a.act = gated ? "silu" : a.act;
    hf_arch_spread(&a);
    hf_mask_token(&a, t->mask, 2, hf_flag(job->c, "use_mask_token", true));
    int x = hf_tower_patches(&a, t);
    int64_t registers = hf_int(job->c, "num_register_tokens", 0);
    if (registers > 0) {
        int64_t rest = hf_tower_places(job->c) + 1;
        int parts[3] = {fw_slice(job->b, x, 1, 0, 1),
                        token(&a, "dinov2.embeddings.register_tokens", registers, false),
                        fw_slice(job->b, x, 1, 1, rest)};
        x = fw_concat(job->b, parts, 3, 1);
    }
    x = hf_layers(&a, x);
    if (job->head != HF_HEAD_NONE && hf_ends(job->model, "ForImageClassification")) {
        static const int64_t places = 1;
        int both[2] = {first_token(&a, x), fw_mean(job->b, x, 1, &places, 0)};
        x = hf_linear(&a, fw_concat(job->b, both, 2, 1), "classifier", hf_labels(job->c), true);
    } else if (job->head != HF_HEAD_NONE) {
        hf_no_head(job);
    }
    fw_output(job->b, x);
}

/* Scores by the distance of two patches, looked up for each pair; 3 more for the class token. */
static int beit_bias(struct hf_arch *a, const char *name)
{
    struct fw_builder *b = a->b;
    static const int64_t perm[3] = {2, 0, 1};
    int64_t side = size_at(a->c, "image_size", 0) / size_at(a->c, "patch_size", 0);
    int64_t places = hf_tower_places(a->c) + 1;
    int64_t dims[2] = {(2 * side - 1) * (2 * side - 1) + 3, a->heads};
    int64_t pairs[2] = {places, places};
    int table = hf_param(a, name, NULL, 2, dims);
    int at = hf_row_numbers(a, name, 2, pairs);
    return fw_transpose(b, fw_embedding_with(b, at, name, table), perm);
}

static void build_beit(const struct hf_job *job)
{
    struct hf_arch a;
    struct hf_tower t = beit;
    const struct hf_config *c = job->c;
    bool mean = hf_flag(c, "use_mean_pooling", true);
    bool image = hf_ends(job->model, "ForImageClassification") && job->head != HF_HEAD_NONE;
    if (!hf_flag(c, "use_absolute_position_embeddings", false))
        t.positions = NULL;
    if (!(hf_float(c, "layer_scale_init_value", 0.1) > 0))
        t.names.scale1 = t.names.scale2 = NULL;
    hf_tower_arch(&a, c, &t);
    a.qkv_bias = a.k_bias_absent = true;
    hf_mask_token(&a, t.mask, 3, hf_flag(c, "use_mask_token", true));
    int x = hf_tower_patches(&a, &t);
    if (hf_flag(c, "use_shared_relative_position_bias", false))
        a.slopes =
            beit_bias(&a, "beit.encoder.relative_position_bias.relative_position_bias_table");
    bool each = hf_flag(c, "use_relative_position_bias", false);
    for (uint32_t i = 0; i < a.n_layers && fw_build_ok(job->b); i++) {
        fw_enter_number(job->b, t.names.layers, i);
        if (each)
            a.slopes = beit_bias(&a, t.names.bias_table);
        x = hf_layer(&a, i, x);
        fw_leave(job->b);
    }
    if (!mean)
        x = hf_norm(&a, x, "beit.layernorm");
    static const int64_t places = 1;
    if (image || job->head == HF_HEAD_NONE) {
        int y = mean ? hf_norm(&a, fw_mean(job->b, x, 1, &places, 0), "beit.pooler.layernorm")
                     : first_token(&a, x);
        x = image ? hf_linear(&a, y, "classifier", hf_labels(c), true) : y;
    } else {
        hf_no_head(job);
    }
    fw_output(job->b, x);
}

/* One learned question asked of all places. */
int hf_siglip_pool(struct hf_arch *a, int x, const char *stem)
{
    struct fw_builder *b = a->b;
    int64_t h = a->hidden;
    int64_t probe[3] = {1, 1, h};
    int64_t many[3] = {a->batch, 1, h};
    int64_t w[2] = {h, h};
    fw_enter(b, stem);
    int ask[2] = {hf_param(a, "probe", NULL, 3, probe), fw_sizes(b, 3, many)};
    int q = fw_build_plain(b, "Expand", NULL, ask, 2);
    static const char *const part[3] = {"query", "key", "value"};
    int qkv[3];
    for (unsigned k = 0; k < 3; k++) {
        fw_enter(b, "attention.in_proj");
        int weight = hf_param(a, part[k], NULL, 2, w);
        int bias = fw_parameter(b, fw_build_part(b, part[k], "bias"), 1, &h);
        fw_leave(b);
        qkv[k] = fw_linear_with(b, k == 0 ? q : x, part[k], weight, bias);
    }
    struct hf_scores s = {
        .heads = a->heads, .kv_heads = a->heads, .cache = -1, .bias = -1, .sinks = -1};
    int y = hf_linear(a, hf_attend(a, qkv[0], qkv[1], qkv[2], &s), "attention.out_proj", h, true);
    int z = hf_norm(a, y, "layernorm");
    z = hf_act(a, hf_linear(a, z, "mlp.fc1", a->width, true), a->act);
    y = fw_add(b, y, hf_linear(a, z, "mlp.fc2", h, true));
    fw_leave(b);
    return y;
}

const struct hf_family hf_visions[] = {
    HF_BUILT_ROW("vit", NULL, "ViTModel", build_vit),
    HF_BUILT_ROW("deit", NULL, "DeiTModel", build_deit),
    HF_BUILT_ROW("beit", NULL, "BeitModel", build_beit),
    HF_BUILT_ROW("dinov2", NULL, "Dinov2Model", build_dinov2),
    HF_BUILT_ROW("dinov2_with_registers", NULL, "Dinov2WithRegistersModel", build_dinov2),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
