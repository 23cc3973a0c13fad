/* Families with the layers of Mamba, alone or beside attention: Mamba, Jamba, Bamba, Granite's
 * hybrids, Nemotron-H. */
#include "formats/hf_state.h"

#include <string.h>

/* ---- names ---- */

static const struct hf_names mamba = {.embed = "backbone.embeddings",
                                      .layers = "backbone.layers.",
                                      .final = "backbone.norm_f",
                                      .norm1 = "norm"};
static const struct hf_names jamba = {.embed = "model.embed_tokens",
                                      .layers = "model.layers.",
                                      .final = "model.final_layernorm",
                                      .norm1 = "input_layernorm",
                                      .norm2 = "pre_ff_layernorm",
                                      HF_QKVO("self_attn."),
                                      .gate = "feed_forward.gate_proj",
                                      .up = "feed_forward.up_proj",
                                      .down = "feed_forward.down_proj",
                                      .router = "feed_forward.router",
                                      .expert_gate = "feed_forward.experts.*.gate_proj",
                                      .expert_up = "feed_forward.experts.*.up_proj",
                                      .expert_down = "feed_forward.experts.*.down_proj"};
static const struct hf_names bamba = {.embed = "model.embed_tokens",
                                      .layers = "model.layers.",
                                      .final = "model.final_layernorm",
                                      .norm1 = "input_layernorm",
                                      .norm2 = "pre_ff_layernorm",
                                      HF_QKVO("self_attn."),
                                      .gate = "feed_forward.gate_proj",
                                      .up = "feed_forward.up_proj",
                                      .down = "feed_forward.down_proj"};
#define GRANITE                                                                      \
    .embed = "model.embed_tokens", .layers = "model.layers.", .final = "model.norm", \
    .norm1 = "input_layernorm", .norm2 = "post_attention_layernorm", HF_QKVO("self_attn.")
/* Without experts the layer that all tokens meet is the only one. */
static const struct hf_names granite = {GRANITE, .gate_up = "shared_mlp.input_linear",
                                        .down = "shared_mlp.output_linear"};
static const struct hf_names granite_moe = {GRANITE,
                                            .router = "block_sparse_moe.router.layer",
                                            .expert_gate_up = "block_sparse_moe.input_linear",
                                            .expert_down = "block_sparse_moe.output_linear",
                                            .shared_gate_up = "shared_mlp.input_linear",
                                            .shared_down = "shared_mlp.output_linear"};
static const struct hf_names nemotron = {.embed = "backbone.embeddings",
                                         .layers = "backbone.layers.",
                                         .final = "backbone.norm_f",
                                         .norm1 = "norm",
                                         .norm2 = "norm",
                                         HF_QKVO("mixer."),
                                         .up = "mixer.up_proj",
                                         .down = "mixer.down_proj",
                                         .router = "mixer.gate",
                                         .expert_up = "mixer.experts.*.up_proj",
                                         .expert_down = "mixer.experts.*.down_proj",
                                         .latent_in = "mixer.fc1_latent_proj",
                                         .latent_out = "mixer.fc2_latent_proj",
                                         .shared_up = "mixer.shared_experts.up_proj",
                                         .shared_down = "mixer.shared_experts.down_proj"};

/* ---- Mamba: a state for every channel ---- */

static int mamba_sizes(struct hf_arch *a, struct hf_state *s)
{
    const struct hf_config *c = a->c;
    bool own = hf_has(c, "mamba_d_state");
    s->inner = a->hidden * hf_int(c, own ? "mamba_expand" : "expand", 2);
    if (hf_given(c, "intermediate_size") && !own)
        s->inner = hf_size(c, "intermediate_size");
    s->state = hf_size(c, own ? "mamba_d_state" : "state_size");
    s->kernel = hf_size(c, own ? "mamba_d_conv" : "conv_kernel");
    s->bias = hf_flag(c, own ? "mamba_proj_bias" : "use_bias", false);
    s->conv_bias = hf_flag(c, own ? "mamba_conv_bias" : "use_conv_bias", true);
    const char *key = own ? "mamba_dt_rank" : "time_step_rank";
    bool given = hf_has(c, key) && !hf_is(c, key, "auto");
    s->rank = given ? hf_size(c, key) : (a->hidden + 15) / 16;
    return 0;
}

static int mamba_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_state *s = &a->state;
    int64_t parts[3] = {s->rank, s->state, s->state};
    int64_t table[2] = {s->inner, s->state};
    (void)i;
    fw_enter(b, a->state_name);
    int xz = fw_split(b, hf_linear(a, x, "in_proj", 2 * s->inner, s->bias), 2, 2, NULL);
    int u = hf_short_conv(a, xz, "conv1d", s->kernel, s->conv_bias);
    int t = fw_split(b, hf_linear(a, u, "x_proj", s->rank + 2 * s->state, false), 2, 3, parts);
    int dt = t;
    int in = t + 1;
    int out = t + 2;
    if (s->normed) {
        dt = hf_norm(a, dt, "dt_layernorm");
        in = hf_norm(a, in, "b_layernorm");
        out = hf_norm(a, out, "c_layernorm");
    }
    dt = fw_activation(b, hf_linear(a, dt, "dt_proj", s->inner, true), "softplus");
    int ports[6] = {u,  dt,  hf_decay_rate(a, "A_log", 2, table),
                    in, out, hf_param(a, "D", NULL, 1, table)};
    struct fw_build_node scan = fw_build_node(b, "flopwise", "SelectiveScan");
    int y = fw_build_add(&scan, fw_build_name(b, "scan", "scan"), ports, 6, 1);
    y = hf_linear(a, fw_mul(b, y, hf_silu(a, xz + 1)), "out_proj", a->hidden, s->bias);
    fw_leave(b);
    return y;
}

static void fill_mamba(const struct hf_config *c, struct hf_arch *a)
{
    (void)c;
    mamba_sizes(a, &a->state);
    a->mixer = mamba_mixer;
    a->state_name = "mixer";
    for (uint32_t i = 0; i < a->n_layers; i++) {
        a->layer[i].mixer = HF_OTHER_MIXER;
        a->layer[i].feed = HF_NO_FEED;
    }
}

static void fill_jamba(const struct hf_config *c, struct hf_arch *a)
{
    fill_mamba(c, a);
    a->state.normed = true;
    a->state_name = "mamba";
    a->gated = true;
    int64_t every = hf_size(c, "attn_layer_period");
    int64_t offset = hf_int(c, "attn_layer_offset", 0);
    a->experts = (struct hf_experts){.n = hf_int(c, "num_experts", 1),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = a->width};
    int64_t sparse = hf_size(c, "expert_layer_period");
    int64_t rest = hf_int(c, "expert_layer_offset", 0);
    for (uint32_t i = 0; i < a->n_layers; i++) {
        bool experts = a->experts.n > 1 && i % (uint64_t)sparse == (uint64_t)(rest % sparse);
        a->layer[i].mixer =
            i % (uint64_t)every == (uint64_t)(offset % every) ? HF_ATTENTION : HF_OTHER_MIXER;
        a->layer[i].feed = experts ? HF_EXPERTS : HF_DENSE;
        a->layer[i].rotary = false;
    }
}

/* ---- Mamba-2: a state for every head ---- */

static int mamba2_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_state *s = &a->state;
    int64_t shared = s->groups * s->state;
    int64_t first[3] = {s->inner, s->inner + 2 * shared, s->heads};
    int64_t parts[3] = {s->inner, shared, shared};
    (void)i;
    fw_enter(b, a->state_name);
    int p = fw_split(b, hf_linear(a, x, "in_proj", 2 * s->inner + 2 * shared + s->heads, s->bias),
                     2, 3, first);
    int u = fw_split(b, hf_short_conv(a, p + 1, "conv1d", s->kernel, s->conv_bias), 2, 3, parts);
    int dt = fw_add(b, p + 2, hf_param(a, "dt_bias", NULL, 1, &s->heads));
    dt = fw_activation(b, dt, "softplus");
    int64_t steps[4] = {a->batch, fw_size_of(b, x, 1), s->heads, 1};
    int values = hf_unfold(a, u, s->heads, s->inner / s->heads);
    struct hf_linear_attention l = {.heads = s->heads,
                                    .rule = "gated",
                                    .q = hf_repeat(a, u + 2, s->groups, s->heads, s->state),
                                    .k = hf_repeat(a, u + 1, s->groups, s->heads, s->state),
                                    .v = hf_fold(a, fw_mul(b, values, fw_reshape(b, dt, 4, steps))),
                                    .decay = fw_mul(b, dt, hf_decay_rate(a, "A_log", 1, &s->heads)),
                                    .beta = -1};
    int64_t per_head[2] = {s->heads, 1};
    int skip = fw_reshape(b, hf_param(a, "D", NULL, 1, &s->heads), 2, per_head);
    int y = fw_add(b, hf_linear_attention(a, &l), hf_fold(a, fw_mul(b, values, skip)));
    y = fw_mul(b, y, hf_silu(a, p));
    y = hf_linear(a, s->normed ? hf_norm(a, y, "norm") : y, "out_proj", a->hidden, s->out_bias);
    fw_leave(b);
    return y;
}

/* Names of the sizes: of Mamba-2 itself, of Nemotron-H, of Bamba and its kin. */
struct mamba2_keys {
    const char *heads, *head, *groups, *state, *kernel, *bias, *conv_bias;
};
static const struct mamba2_keys mamba2_keys = {
    "num_heads", NULL, "n_groups", "state_size", "conv_kernel", "use_bias", "use_conv_bias"};
static const struct mamba2_keys nemotron_keys = {"mamba_num_heads", "mamba_head_dim", "n_groups",
                                                 "ssm_state_size",  "conv_kernel",    "use_bias",
                                                 "use_conv_bias"};
static const struct mamba2_keys bamba_keys = {"mamba_n_heads",  NULL,           "mamba_n_groups",
                                              "mamba_d_state",  "mamba_d_conv", "mamba_proj_bias",
                                              "mamba_conv_bias"};

/* inner: width of all heads, where no key says that of one. */
static void mamba2_sizes(const struct hf_config *c, struct hf_arch *a, const struct mamba2_keys *k,
                         int64_t inner)
{
    struct hf_state *s = &a->state;
    a->mixer = mamba2_mixer;
    s->heads = hf_size(c, k->heads);
    s->inner = k->head != NULL ? s->heads * hf_size(c, k->head) : inner;
    s->groups = hf_size(c, k->groups);
    s->state = hf_size(c, k->state);
    s->kernel = hf_size(c, k->kernel);
    s->bias = s->out_bias = hf_flag(c, k->bias, false);
    s->conv_bias = hf_flag(c, k->conv_bias, true);
    s->normed = true;
    if (s->inner % s->heads != 0 || s->heads % s->groups != 0)
        hf_complain(c, k->heads,
                    "a divisor of the inner width (%lld) and a multiple of '%s' is wanted",
                    (long long)s->inner, k->groups);
}

static void fill_mamba2(const struct hf_config *c, struct hf_arch *a)
{
    mamba2_sizes(c, a, &mamba2_keys, a->hidden * hf_int(c, "expand", 2));
    a->state_name = "mixer";
    for (uint32_t i = 0; i < a->n_layers; i++) {
        a->layer[i].mixer = HF_OTHER_MIXER;
        a->layer[i].feed = HF_NO_FEED;
    }
}

/* ---- Bamba, Granite's hybrids, Falcon-H1 ---- */

static void fill_bamba_state(const struct hf_config *c, struct hf_arch *a)
{
    mamba2_sizes(c, a, &bamba_keys, a->hidden * hf_int(c, "mamba_expand", 2));
    a->state_name = "mamba";
    a->gated = true;
    a->qkv_bias = a->o_bias = hf_flag(c, "attention_bias", false);
}

static void fill_bamba(const struct hf_config *c, struct hf_arch *a)
{
    fill_bamba_state(c, a);
    a->feed_bias = hf_flag(c, "mlp_bias", false);
    hf_turn_part(c, a, 0.5);
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].mixer = hf_holds(c, "attn_layer_indices", i) ? HF_ATTENTION : HF_OTHER_MIXER;
}

static void fill_granite_hybrid(const struct hf_config *c, struct hf_arch *a)
{
    fill_bamba_state(c, a);
    bool turned = hf_is(c, "position_embedding_type", "rope");
    int64_t width = a->width;
    a->rotary = a->head;
    a->scaled_embed = a->scaled_residual = a->scaled_logits = true;
    a->width = hf_size(c, "shared_intermediate_size");
    hf_arch_spread(a);
    a->experts = (struct hf_experts){.n = hf_int(c, "num_local_experts", 0),
                                     .top = hf_int(c, "num_experts_per_tok", 1),
                                     .width = width,
                                     .shared = a->width,
                                     .normed = true};
    if (a->experts.n > 0)
        a->names = &granite_moe;
    bool listed = hf_length(c, "layer_types") > 0;
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        const char *type = listed ? hf_text_item(c, "layer_types", i) : "mamba";
        bool full = strcmp(type, "attention") == 0 || strcmp(type, "full_attention") == 0;
        a->layer[i].mixer = full ? HF_ATTENTION : HF_OTHER_MIXER;
        a->layer[i].feed = a->experts.n > 0 ? HF_EXPERTS : HF_DENSE;
        a->layer[i].rotary = turned;
    }
}

/* A state and attention over the same, added. */
static int falcon_mixer(struct hf_arch *a, uint32_t i, int x)
{
    int y = mamba2_mixer(a, i, x);
    return fw_add(a->b, y, hf_attention(a, i, x));
}

static void fill_falcon_h1(const struct hf_config *c, struct hf_arch *a)
{
    fill_bamba_state(c, a);
    int64_t inner = hf_int(c, "mamba_d_ssm", 0);
    if (inner > 0)
        mamba2_sizes(c, a, &bamba_keys, inner);
    a->mixer = falcon_mixer;
    a->state.normed = hf_flag(c, "mamba_rms_norm", false);
    a->state.out_bias = hf_flag(c, "projectors_bias", false);
    a->rotary = a->head;
    a->feed_bias = hf_flag(c, "mlp_bias", false);
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].mixer = HF_OTHER_MIXER;
}

/* ---- Nemotron-H ---- */

/* What layer i is: a letter of the pattern, or a word of the list. */
static char nemotron_layer(const struct hf_config *c, const char *pattern, uint32_t i)
{
    static const struct {
        const char *word;
        char letter;
    } layers[] = {{"mamba", 'M'},     {"linear_attention", 'M'},
                  {"attention", '*'}, {"full_attention", '*'},
                  {"mlp", '-'},       {"moe", 'E'}};
    if (pattern != NULL)
        return pattern[i];
    const char *word = hf_text_item(c, "layers_block_type", i);
    for (unsigned k = 0; k < sizeof layers / sizeof *layers; k++)
        if (strcmp(word, layers[k].word) == 0)
            return layers[k].letter;
    return '?';
}

/* The list says how many layers there are, whatever else the file says. */
static const char *nemotron_pattern(const struct hf_config *c, struct hf_arch *a)
{
    const char *pattern =
        hf_given(c, "layers_block_type") ? NULL : hf_text(c, "hybrid_override_pattern", NULL);
    hf_arch_layers_of(a, pattern != NULL ? (int64_t)strlen(pattern)
                                         : (int64_t)hf_length(c, "layers_block_type"));
    return pattern;
}

static void fill_nemotron_h(const struct hf_config *c, struct hf_arch *a)
{
    const char *pattern = nemotron_pattern(c, a);
    a->tied = false; // whatever the file says
    mamba2_sizes(c, a, &nemotron_keys, 0);
    a->state_name = "mixer";
    a->feed_bias = hf_flag(c, "mlp_bias", false);
    a->head =
        hf_int(c, hf_given(c, "attention_head_dim") ? "attention_head_dim" : "head_dim", a->head);
    hf_arch_spread(a);
    a->experts = (struct hf_experts){.n = hf_int(c, "n_routed_experts", 0),
                                     .top = hf_int(c, "num_experts_per_tok", 1),
                                     .width = hf_int(c, "moe_intermediate_size", 1),
                                     .shared = hf_int(c, "moe_shared_expert_intermediate_size", 0),
                                     .latent = hf_int(c, "moe_latent_size", 0),
                                     .sigmoid = true,
                                     .corrected = true,
                                     .normed = hf_flag(c, "norm_topk_prob", true)};
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        struct hf_layer *l = &a->layer[i];
        char kind = nemotron_layer(c, pattern, i);
        if (strchr("M*-E", kind) == NULL || kind == '\0')
            hf_complain(c, "hybrid_override_pattern", "M, *, - or E is wanted for layer %u", i);
        l->rotary = false;
        l->mixer = kind == 'M' ? HF_OTHER_MIXER : kind == '*' ? HF_ATTENTION : HF_NO_MIXER;
        l->feed = kind == '-' ? HF_DENSE : kind == 'E' ? HF_EXPERTS : HF_NO_FEED;
    }
}

const struct hf_family hf_mambas[] = {
    HF_DECODER_ROW("mamba", "MambaForCausalLM", mamba, fill_mamba),
    HF_DECODER_ROW("falcon_mamba", "FalconMambaForCausalLM", mamba, fill_mamba),
    HF_DECODER_ROW("mamba2", "Mamba2ForCausalLM", mamba, fill_mamba2),
    HF_DECODER_ROW("jamba", "JambaForCausalLM", jamba, fill_jamba),
    HF_DECODER_ROW("bamba", "BambaForCausalLM", bamba, fill_bamba),
    HF_DECODER_ROW("falcon_h1", "FalconH1ForCausalLM", bamba, fill_falcon_h1),
    HF_DECODER_ROW("granitemoehybrid", "GraniteMoeHybridForCausalLM", granite, fill_granite_hybrid),
    HF_DECODER_ROW("nemotron_h", "NemotronHForCausalLM", nemotron, fill_nemotron_h),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
