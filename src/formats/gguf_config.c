/* From GGUF metadata to a network: the keys become those of a config.json, and the families that
 * read such files build the graph.
 *
 * Sources: ggml's docs/gguf.md and the converter of llama.cpp (convert_hf_to_gguf.py), which writes
 * the keys from config.json; data/gguf_names.tsv for the names of tensors. What no key says is read
 * from the tensors: the vocabulary from the embedding table, a tied head and biases from what is
 * there. */
#include "formats/gguf.h"

#include "formats/hf.h"
#include "fw_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* general.architecture and model_type. */
static const char *const types[][2] = {
    {"llama", "llama"},
    {"qwen2", "qwen2"},
    {"qwen2moe", "qwen2_moe"},
    {"qwen3", "qwen3"},
    {"qwen3moe", "qwen3_moe"},
    {"gemma", "gemma"},
    {"gemma2", "gemma2"},
    {"gemma3", "gemma3_text"},
    {"phi2", "phi"},
    {"phi3", "phi3"},
    {"gpt2", "gpt2"},
    {"gptj", "gptj"},
    {"gptneox", "gpt_neox"},
    {"falcon", "falcon"},
    {"bloom", "bloom"},
    {"stablelm", "stablelm"},
    {"starcoder", "gpt_bigcode"},
    {"starcoder2", "starcoder2"},
    {"olmo", "olmo"},
    {"olmo2", "olmo2"},
    {"olmoe", "olmoe"},
    {"command-r", "cohere"},
    {"cohere2", "cohere2"},
    {"granite", "granite"},
    {"gpt-oss", "gpt_oss"},
    {"deepseek2", "deepseek_v2"},
    {"glm4", "glm4"},
    {"glm4moe", "glm4_moe"},
    {"nemotron", "nemotron"},
    {"arcee", "arcee"},
    {"smollm3", "smollm3"},
    {"exaone4", "exaone4"},
    {"dots1", "dots1"},
    {"ernie4_5", "ernie4_5"},
    {"seed_oss", "seed_oss"},
    {"hunyuan-dense", "hunyuan_v1_dense"},
    {"minimax-m2", "minimax_m2"},
    {"llama4", "llama4_text"},
    {"granitemoe", "granitemoe"},
    {"mamba", "mamba"},
    {"mamba2", "mamba2"},
    {"jamba", "jamba"},
    {"falcon-h1", "falcon_h1"},
    {"nemotron_h", "nemotron_h"},
    {"nemotron_h_moe", "nemotron_h"},
    {"granitehybrid", "granitemoehybrid"},
    {"bert", "bert"},
    {"t5", "t5"},
    {"t5encoder", "t5"},
    {"lfm2", "lfm2"},
    {"lfm2moe", "lfm2_moe"},
    {"exaone", "exaone"},
    {"internlm2", "llama"},
    {"xverse", "llama"},
    {"minicpm", "granite"},
    {"mistral3", "ministral3"},
    {"gemma-embedding", "gemma3_text"},
    {"qwen2vl", "qwen2"},
    {"qwen3vl", "qwen3"},
    {"qwen3vlmoe", "qwen3_moe"},
};
enum { N_TYPES = sizeof types / sizeof *types, MAX_BLOCKS = 4096 };

struct key {
    const char *gguf; // behind the architecture and a dot
    const char *hf;   // blank-separated: families call the same thing by several names
};
static const struct key keys[] = {
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"feed_forward_length", "intermediate_size n_inner ffn_dim ffn_hidden_size d_ff"},
    {"decoder_block_count", "num_decoder_layers"},
    {"attention.relative_buckets_count", "relative_attention_num_buckets"},
    {"shortconv.l_cache", "conv_L_cache"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads num_kv_heads"},
    {"attention.key_length", "head_dim d_kv"},
    {"attention.sliding_window", "sliding_window"},
    {"context_length", "max_position_embeddings"},
    {"rope.dimension_count", "rotary_dim qk_rope_head_dim"},
    {"expert_count", "num_local_experts num_experts n_routed_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"expert_feed_forward_length", "moe_intermediate_size"},
    {"expert_shared_count", "n_shared_experts"},
    {"expert_shared_feed_forward_length",
     "shared_expert_intermediate_size moe_shared_expert_intermediate_size "
     "shared_intermediate_size"},
    {"leading_dense_block_count", "first_k_dense_replace num_dense_layers"},
    {"attention.q_lora_rank", "q_lora_rank"},
    {"attention.kv_lora_rank", "kv_lora_rank"},
    {"attention.value_length", "v_head_dim"},
    {"attention.value_length_mla", "v_head_dim"},
    {"attn_logit_softcapping", "attn_logit_softcapping"},
    {"final_logit_softcapping", "final_logit_softcapping"},
    {"use_parallel_residual", "use_parallel_residual"},
    {"interleave_moe_layer_step", "interleave_moe_layer_step"},
    {"ssm.conv_kernel", "conv_kernel mamba_d_conv"},
    {"ssm.state_size", "state_size mamba_d_state ssm_state_size"},
    {"ssm.time_step_rank", "time_step_rank mamba_dt_rank num_heads mamba_n_heads mamba_num_heads"},
    {"ssm.group_count", "n_groups mamba_n_groups"},
    {"ssm.inner_size", "mamba_d_ssm"},
    {"expert_weights_norm", "norm_topk_prob"},
};

/* Of layers that differ: the largest stands for all that have any, and what is 0 says which kind
 * the layer is (see put_layers). */
static const char *const by_layer[] = {"attention.head_count_kv", "feed_forward_length"};

/* Without these a family would take the sizes of its best known model. */
static const char *const needed[] = {"embedding_length", "block_count", "attention.head_count"};

/* What is true where a tensor is there. */
static const struct key signs[] = {
    {"blk.0.attn_q.bias", "attention_bias qkv_bias use_qkv_bias"},
    {"blk.0.attn_qkv.bias", "attention_bias bias"},
    {"blk.0.attn_output.bias", "attention_out_bias"},
    {"blk.0.ffn_up.bias", "mlp_bias"},
    {"blk.0.attn_q_norm.weight", "qk_layernorm use_qk_norm"},
    {"blk.0.attn_norm_2.weight", "new_decoder_architecture"},
    {"blk.0.ssm_norm.weight", "mamba_rms_norm"},
    {"blk.0.shortconv.in_proj.bias", "conv_bias"},
};

struct config {
    struct fw_model *m;
    const struct fw_gguf *g;
    const char *arch;
    struct fw_json *json; // object that is filled
    bool failed;          // out of memory
};

/* ---- filling ---- */

static struct fw_json *member(struct config *c, const char *key, size_t len, enum fw_json_kind kind)
{
    struct fw_json **at = &c->json->member;
    while (*at != NULL && !((*at)->key_len == len && memcmp((*at)->key, key, len) == 0))
        at = &(*at)->next;
    if (*at == NULL) {
        *at = fw_arena_zalloc(&c->m->arena, sizeof **at);
        char *kept = fw_arena_strndup(&c->m->arena, key, len);
        c->failed |= *at == NULL || kept == NULL;
        if (c->failed)
            return NULL;
        (*at)->key = kept;
        (*at)->key_len = len;
        c->json->n++;
    }
    (*at)->kind = kind;
    return *at;
}

static void put(struct config *c, const char *names, enum fw_json_kind kind, int64_t i, double f)
{
    for (const char *p = names; *p != '\0' && !c->failed;) {
        size_t n = strcspn(p, " ");
        struct fw_json *v = member(c, p, n, kind);
        if (v != NULL) {
            v->i = i;
            v->f = f;
        }
        p += n + (p[n] == ' ');
    }
}

static void put_text(struct config *c, const char *name, const char *text)
{
    struct fw_json *v = member(c, name, strlen(name), FW_JSON_STRING);
    if (v != NULL) {
        v->text = text;
        v->len = strlen(text);
    }
}

static void put_model(struct config *c, const char *name)
{
    struct fw_json *list = member(c, "architectures", strlen("architectures"), FW_JSON_ARRAY);
    struct fw_json *v = fw_arena_zalloc(&c->m->arena, sizeof *v);
    c->failed |= v == NULL;
    if (list == NULL || v == NULL)
        return;
    *v = (struct fw_json){.kind = FW_JSON_STRING, .text = name, .len = strlen(name)};
    list->member = v;
    list->n = 1;
}

static const struct fw_gguf_value *find(const struct config *c, const char *key)
{
    char whole[256];
    int n = snprintf(whole, sizeof whole, "%s.%s", c->arch, key);
    return n > 0 && (size_t)n < sizeof whole ? fw_gguf_find(c->g, whole) : NULL;
}

static int64_t number(const struct config *c, const char *key, int64_t absent)
{
    char whole[256];
    int n = snprintf(whole, sizeof whole, "%s.%s", c->arch, key);
    return n > 0 && (size_t)n < sizeof whole ? fw_gguf_int(c->g, whole, absent) : absent;
}

static const struct fw_stored *tensor(const struct config *c, const char *name)
{
    const uint32_t *id = fw_map_get(&c->m->weights->by_name, name, strlen(name));
    return id == NULL ? NULL : &c->m->weights->tensors[*id];
}

/* False where the value differs from layer to layer, which no family takes; kinds: but for layers
 * that have none. */
static bool put_value(struct config *c, const char *names, const struct fw_gguf_value *v,
                      bool kinds)
{
    enum { BOOL = 7, F32 = 6, F64 = 12 }; // of the format
    int64_t most = v->array && v->ints != NULL && v->n > 0 ? v->ints[0] : v->i;
    for (uint64_t i = 1; v->array && v->ints != NULL && i < v->n; i++) {
        if (v->ints[i] != v->ints[0] &&
            !(kinds && (v->ints[i] == 0 || most == 0 || v->ints[i] == most)))
            return false;
        most = v->ints[i] > most ? v->ints[i] : most;
    }
    if (v->s != NULL || (v->array && (v->ints == NULL || v->n == 0)))
        return true; // no number: not for us
    bool real = v->type == F32 || v->type == F64;
    int64_t i = v->array ? most : v->i;
    put(c, names,
        v->type == BOOL ? FW_JSON_BOOL
        : real          ? FW_JSON_FLOAT
                        : FW_JSON_INT,
        i, real ? v->f : (double)i);
    return true;
}

/* Has any layer this tensor? */
static bool tensor_of(const struct config *c, const char *part)
{
    char name[64];
    int64_t layers = number(c, "block_count", 0);
    for (int64_t i = 0; i < layers && i <= MAX_BLOCKS; i++) {
        (void)snprintf(name, sizeof name, "blk.%" PRId64 ".%s.weight", i, part);
        if (tensor(c, name) != NULL)
            return true;
    }
    return false;
}

/* Which layers have a tensor, as the first of them and the distance to the second. */
static void put_period(struct config *c, const char *part, const char *period, const char *offset)
{
    char name[64];
    int64_t layers = number(c, "block_count", 0);
    int64_t first = -1;
    int64_t step = layers;
    for (int64_t i = 0; i < layers && i <= MAX_BLOCKS && step == layers; i++) {
        (void)snprintf(name, sizeof name, "blk.%" PRId64 ".%s.weight", i, part);
        if (tensor(c, name) == NULL)
            continue;
        if (first >= 0)
            step = i - first;
        else
            first = i;
    }
    put(c, period, FW_JSON_INT, first < 0 ? layers + 1 : step, 0);
    put(c, offset, FW_JSON_INT, first < 0 ? layers : first, 0);
}

/* Layers of two kinds, told by the tensor that the first kind has: a list of their names. */
static void put_kinds(struct config *c, const char *part, const char *with, const char *without)
{
    char name[64];
    int64_t layers = number(c, "block_count", 0);
    struct fw_json *list = member(c, "layer_types", strlen("layer_types"), FW_JSON_ARRAY);
    struct fw_json **end = list != NULL ? &list->member : NULL;
    for (int64_t i = 0; i < layers && i <= MAX_BLOCKS && list != NULL; i++) {
        struct fw_json *kind = fw_arena_zalloc(&c->m->arena, sizeof *kind);
        c->failed |= kind == NULL;
        if (kind == NULL)
            return;
        (void)snprintf(name, sizeof name, "blk.%" PRId64 ".%s.weight", i, part);
        kind->kind = FW_JSON_STRING;
        kind->text = tensor(c, name) != NULL ? with : without;
        kind->len = strlen(kind->text);
        *end = kind;
        end = &kind->next;
        list->n++;
    }
}

/* Layers with a state, with attention or with neither, as their tensors tell. */
static void put_layers(struct config *c)
{
    int64_t layers = number(c, "block_count", 0);
    int64_t hidden = number(c, "embedding_length", 0);
    int64_t inner = number(c, "ssm.inner_size", 0);
    int64_t heads = number(c, "ssm.time_step_rank", 0);
    if (!tensor_of(c, "ssm_out") || layers > MAX_BLOCKS || hidden <= 0)
        return;
    char *kinds = fw_arena_zalloc(&c->m->arena, (size_t)layers + 1);
    c->failed |= kinds == NULL;
    for (int64_t i = 0; i < layers && kinds != NULL; i++) {
        char name[2][64];
        (void)snprintf(name[0], sizeof name[0], "blk.%" PRId64 ".ssm_out.weight", i);
        (void)snprintf(name[1], sizeof name[1], "blk.%" PRId64 ".attn_q.weight", i);
        char choice[64];
        (void)snprintf(choice, sizeof choice, "blk.%" PRId64 ".ffn_gate_inp.weight", i);
        kinds[i] = (char)(tensor(c, name[0]) != NULL   ? 'M'
                          : tensor(c, name[1]) != NULL ? '*'
                          : tensor(c, choice) != NULL  ? 'E'
                                                       : '-');
    }
    if (kinds != NULL)
        put_text(c, "hybrid_override_pattern", kinds);
    put_period(c, "attn_q", "attn_layer_period", "attn_layer_offset");
    put_period(c, "ffn_gate_inp", "expert_layer_period", "expert_layer_offset");
    put(c, "expand mamba_expand", FW_JSON_INT, inner / hidden, 0);
    if (heads > 0)
        put(c, "mamba_head_dim mamba_d_head", FW_JSON_INT, inner / heads, 0);
}

/* Of encoders: BERT's files hold the bare model without its pooler; T5's first half may stand
 * alone. */
static void put_encoder(struct config *c)
{
    const struct fw_stored *kinds = tensor(c, "token_types.weight");
    bool gated = tensor(c, "enc.blk.0.ffn_gate.weight") != NULL;
    if (strcmp(c->arch, "bert") == 0) {
        c->m->bare = true;
        put(c, "add_pooling_layer", FW_JSON_BOOL, 0, 0);
        put(c, "type_vocab_size", FW_JSON_INT, kinds != NULL ? kinds->dims[0] : 0, 0);
    }
    if (strncmp(c->arch, "t5", 2) != 0)
        return;
    put_text(c, "feed_forward_proj", gated ? "gated-gelu" : "relu");
    if (strcmp(c->arch, "t5encoder") == 0)
        put_model(c, "T5EncoderModel");
}

static void put_derived(struct config *c)
{
    const struct fw_stored *table = tensor(c, "token_embd.weight");
    int64_t heads = number(c, "attention.head_count", 0);
    int64_t hidden = number(c, "embedding_length", 0);
    int64_t key = number(c, "attention.key_length", heads > 0 ? hidden / heads : 0);
    int64_t rope = number(c, "rope.dimension_count", 0);
    int64_t vocab = table != NULL && table->rank == 2 ? table->dims[0] : number(c, "vocab_size", 0);
    put(c, "vocab_size", FW_JSON_INT, vocab, (double)vocab);
    if (key > 0) // of a class other widths may be usual
        put(c, "head_dim", FW_JSON_INT, key, (double)key);
    put(c, "tie_word_embeddings", FW_JSON_BOOL, tensor(c, "output.weight") == NULL, 0);
    int64_t layers = number(c, "block_count", 0) - number(c, "nextn_predict_layers", 0);
    put(c, "num_hidden_layers", FW_JSON_INT, layers, (double)layers);
    if (rope > 0 && key > 0)
        put(c, "partial_rotary_factor rotary_pct", FW_JSON_FLOAT, 0, (double)rope / (double)key);
    int64_t whole = number(c, "attention.key_length_mla", key) - rope;
    put(c, "qk_nope_head_dim", FW_JSON_INT, whole, (double)whole);
    if (strcmp(c->arch, "llama4") == 0) { // two widths, of which the experts' has the common name
        int64_t wide = number(c, "feed_forward_length", 0);
        int64_t each = number(c, "expert_feed_forward_length", wide);
        put(c, "intermediate_size_mlp", FW_JSON_INT, wide, 0);
        put(c, "intermediate_size", FW_JSON_INT, each, 0);
    }
    put_layers(c);
    if (strcmp(c->arch, "granitehybrid") == 0)
        put_kinds(c, "attn_q", "attention", "mamba");
    if (strncmp(c->arch, "lfm2", 4) == 0) {
        put_kinds(c, "attn_q", "full_attention", "conv");
        put(c, "block_auto_adjust_ff_dim", FW_JSON_BOOL, 0, 0);
    }
    put_encoder(c);
    if (strcmp(c->arch, "qwen3moe") == 0) // llama.cpp asks no key there
        put(c, "norm_topk_prob", FW_JSON_BOOL, 1, 1);
    for (unsigned i = 0; i < sizeof signs / sizeof *signs; i++)
        if (tensor(c, signs[i].gguf) != NULL)
            put(c, signs[i].hf, FW_JSON_BOOL, 1, 1);
}

/* model_type, or NULL. Some architectures stand for several. */
static const char *type_of(const struct config *c)
{
    if (strcmp(c->arch, "llama") == 0 && number(c, "expert_count", 0) > 0)
        return "mixtral";
    if (strcmp(c->arch, "deepseek2") == 0) {
        char name[64];
        (void)snprintf(name, sizeof name, "blk.%" PRId64 ".exp_probs_b.bias",
                       number(c, "leading_dense_block_count", 0));
        if (tensor(c, name) != NULL)
            return "deepseek_v3";
    }
    for (unsigned i = 0; i < N_TYPES; i++)
        if (strcmp(types[i][0], c->arch) == 0)
            return types[i][1];
    return NULL;
}

/* NULL: filled; else why no family can build it. */
static const char *fill(struct config *c)
{
    const char *type = type_of(c);
    if (type == NULL)
        return fw_arena_printf(&c->m->arena, "the architecture '%.60s' is not described here",
                               c->arch);
    bool attends = strncmp(type, "mamba", 5) != 0;
    for (unsigned i = 0; i < sizeof needed / sizeof *needed - !attends; i++)
        if (number(c, needed[i], 0) <= 0)
            return fw_arena_printf(&c->m->arena, "the metadata have no '%.60s.%s'", c->arch,
                                   needed[i]);
    put_text(c, "model_type", type);
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct fw_gguf_value *v = find(c, keys[i].gguf);
        bool mixed = tensor_of(c, "ssm_out") || tensor_of(c, "shortconv.in_proj");
        bool kinds = mixed && (strcmp(keys[i].gguf, by_layer[0]) == 0 ||
                               strcmp(keys[i].gguf, by_layer[1]) == 0);
        if (v != NULL && !put_value(c, keys[i].hf, v, kinds))
            return fw_arena_printf(&c->m->arena, "'%.60s' differs from layer to layer",
                                   keys[i].gguf);
    }
    put_derived(c);
    return NULL;
}

/* ---- names ---- */

/* Looks the stem of a name (numbers as '*') up in the table: "ARCH\tHF\tGGUF" lines. */
static const char *find_name(const char *arch, const char *stem, size_t *ret_len)
{
    size_t arch_len = strlen(arch), n = strlen(stem);
    for (const char *line = fw_data_gguf_names; *line != '\0';) {
        const char *end = strchr(line, '\n');
        const char *tab = strchr(line, '\t');
        size_t own = (size_t)(tab - line);
        bool mine = (own == arch_len && memcmp(line, arch, own) == 0) || (own == 1 && *line == '*');
        if (mine && *line != '#' && strncmp(tab + 1, stem, n) == 0 && tab[1 + n] == '\t') {
            *ret_len = (size_t)(end - tab) - n - 2;
            return tab + n + 2;
        }
        line = end + 1;
    }
    return NULL;
}

/* "model.layers.3.mlp.experts.*.up_proj.weight" is "blk.3.ffn_up_exps.weight". */
static bool translate(const void *ctx, const char *name, char *ret, size_t size)
{
    const char *const arch = ctx;
    char stem[512], number[16] = "";
    size_t n = 0, digits = 0, len;
    const char *tail = strrchr(name, '.');
    bool plain = tail == NULL || (strcmp(tail, ".weight") != 0 && strcmp(tail, ".bias") != 0);
    if (plain)
        tail = name + strlen(name);
    for (const char *p = name; p < tail && n + 2 < sizeof stem; p++) {
        bool digit = *p >= '0' && *p <= '9' && p > name && (p[-1] == '.' || digits > 0);
        if (digit && digits + 1 < sizeof number && strchr(number, '.') == NULL) {
            number[digits++] = *p;
            if (digits == 1)
                stem[n++] = '*';
            continue;
        }
        digits = digits > 0 && number[0] != '\0' ? sizeof number : digits; // one number only
        if (p[0] == '*' && p[1] == '.') {
            p++;
            continue;
        }
        stem[n++] = *p;
    }
    stem[n] = '\0';
    const char *found = find_name(arch, stem, &len);
    if (found == NULL)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < len && at + 32 < size; i++) {
        if (found[i] == '*')
            at += (size_t)snprintf(ret + at, size - at, "%s", number);
        else
            ret[at++] = found[i];
    }
    bool whole = memchr(found, '!', len) != NULL;
    if (whole)
        at--;
    (void)snprintf(ret + at, size - at, "%s", whole ? "" : plain ? ".weight" : tail);
    return true;
}

/* ---- building ---- */

static const char *build(struct config *c, struct fw_error *err, enum fw_status *ret)
{
    const char *why = fill(c);
    *ret = c->failed ? fw_fail_memory(err) : FW_OK;
    if (why != NULL || *ret != FW_OK)
        return why;
    struct fw_error cause;
    enum fw_status status = fw_hf_network(c->m, c->json, &cause);
    if (status == FW_OK)
        return NULL;
    if (status == FW_MEMORY)
        *ret = fw_fail_memory(err);
    fw_graph_free(&c->m->graph);
    fw_graph_init(&c->m->graph, &c->m->arena, c->m->sym);
    return fw_arena_printf(&c->m->arena, "the architecture '%.60s' cannot be built: %s", c->arch,
                           cause.message);
}

enum fw_status fw_gguf_network(struct fw_model *m, const struct fw_gguf *g, struct fw_error *err)
{
    const struct fw_gguf_value *arch = fw_gguf_find(g, "general.architecture");
    struct fw_json json = {.kind = FW_JSON_OBJECT};
    struct config c = {.m = m, .g = g, .json = &json};
    enum fw_status status = FW_OK;
    const char *why = "the metadata name no architecture";
    if (arch != NULL && arch->s != NULL) {
        c.arch = arch->s;
        why = build(&c, err, &status);
    }
    FW_TRY(status);
    if (why != NULL)
        return fw_weights_graph(m, why, err);
    return fw_weights_check(m, translate, c.arch, err);
}
