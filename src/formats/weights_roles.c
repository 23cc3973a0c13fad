/* What the tensors of a weight file are for, from their names and types alone.
 *
 * A quantised layer stores its weight packed, with scales beside it. Each scheme is a row: the
 * packed tensor, the neighbour that gives it away, how many parameters it stands for, and which
 * neighbours only serve to unpack it. Sources: the saving code of AutoGPTQ and GPTQModel (qweight,
 * qzeros, scales, g_idx), AutoAWQ (the same names, packed along the other axis), exllamav2
 * (q_weight), bitsandbytes (weight.absmax; SCB), compressed-tensors (weight_packed), NVIDIA
 * modelopt (weight_scale_2), gpt-oss (_blocks, _scales), DeepSeek-V3 (weight_scale_inv), MLX
 * (scales, biases). */
#include "formats/weights.h"

#include <string.h>

enum count_rule {
    TIMES_1,  // one parameter per element
    TIMES_2,  // two
    BYTES_2,  // two per byte, whatever the type
    BY_ZEROS, // bits from the packed zero points beside the scales
    BY_PERM,  // rows are the elements of the permutation
    BY_SHAPE, // a neighbour holds the shape
    NOT_TOLD  // only the config knows the bits
};

struct scheme {
    const char *name;
    const char *packed; // end of the tensor's name
    const char *types;  // storage types, blank-separated; "": any
    const char *needs;  // neighbour that must be there; "": none
    const char *scales; // neighbours, blank-separated
    enum count_rule rule;
};

static const struct scheme schemes[] = {
    {"gptq", "qweight", "I32", "qzeros", "qzeros scales g_idx", BY_ZEROS},
    {"exl2", "q_weight", "I32", "q_invperm",
     "q_invperm q_scale q_scale_max q_groups q_group_map q_perm", BY_PERM},
    {"bnb-4bit", "weight", "", "weight.absmax",
     "weight.absmax weight.quant_map weight.nested_absmax weight.nested_quant_map "
     "weight.quant_state.bitsandbytes__nf4 weight.quant_state.bitsandbytes__fp4",
     BYTES_2},
    {"bnb-int8", "weight", "I8", "SCB", "SCB weight_format", TIMES_1},
    {"compressed-tensors", "weight_packed", "I32", "weight_shape",
     "weight_scale weight_shape weight_zero_point weight_g_idx", BY_SHAPE},
    {"nvfp4", "weight_packed", "U8", "weight_scale",
     "weight_scale weight_global_scale input_global_scale", TIMES_2},
    {"nvfp4", "weight", "U8", "weight_scale_2", "weight_scale weight_scale_2 input_scale", TIMES_2},
    {"mxfp4", "weight", "U8", "weight_scale", "weight_scale input_scale", TIMES_2},
    {"mxfp4", "_blocks", "U8", "_scales", "_scales", TIMES_2},
    {"mlx", "weight", "U32", "scales", "scales biases", NOT_TOLD},
    {"int8", "weight", "I8", "weight_scale",
     "weight_scale weight_zero_point input_scale input_zero_point", TIMES_1},
    {"fp4", "weight", "F4", "",
     "weight_scale weight_scale_2 weight_global_scale scale input_scale input_global_scale",
     TIMES_1},
    {"fp8", "weight", "F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ", "",
     "weight_scale weight_scale_inv scale input_scale activation_scale output_scale", TIMES_1},
    {"fp8", "", "F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ", "",
     "_scale _scale_inv .weight_scale .weight_scale_inv", TIMES_1},
};
enum { N_SCHEMES = sizeof schemes / sizeof *schemes };

/* Ends of names, after a dot or alone: what networks keep beside their parameters. */
static const char *const buffers[] = {
    "inv_freq",
    "original_inv_freq",
    "cos_cached",
    "sin_cached",
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "position_ids",
    "token_type_ids",
    "masked_bias",
    "relative_position_index",
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
};
/* Scales of a cache of keys and values: single numbers. */
static const char *const cache_scales[] = {"k_scale", "v_scale", "q_scale", "prob_scale"};

enum { MAX_NAME = 4096 };

struct roles {
    struct fw_weights *w;
    char name[MAX_NAME];
};

/* Whether word stands in the blank-separated list; "" lists nothing. */
static bool lists(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, word, n) == 0)
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

/* Bytes in front of the end `tail` of the name, which must be a whole part; SIZE_MAX: not there. */
static size_t stem(const char *name, const char *tail)
{
    size_t n = strlen(name), t = strlen(tail);
    if (t > n || memcmp(name + n - t, tail, t) != 0)
        return SIZE_MAX;
    bool whole = t == 0 || tail[0] == '_' || n == t || name[n - t - 1] == '.';
    return whole ? n - t : SIZE_MAX;
}

/* The tensor whose name is the first `len` bytes of another's and then tail, or NULL. */
static struct fw_stored *neighbour(struct roles *r, const char *name, size_t len, const char *tail,
                                   size_t tail_len)
{
    if (len + tail_len > MAX_NAME)
        return NULL;
    memcpy(r->name, name, len);
    memcpy(r->name + len, tail, tail_len);
    const uint32_t *id = fw_map_get(&r->w->by_name, r->name, len + tail_len);
    return id == NULL ? NULL : &r->w->tensors[*id];
}

static int64_t last_dim(const struct fw_stored *t)
{
    return t->rank > 0 ? t->dims[t->rank - 1] : 1;
}

/* Both GPTQ and AWQ pack zero points along the outputs, one for each scale: what a row of scales
 * has more elements than a row of zero points is how many fit in 32 bits. */
static int64_t count_by_zeros(struct roles *r, struct fw_stored *t, size_t len)
{
    const struct fw_stored *zeros = neighbour(r, t->name, len, "qzeros", 6);
    const struct fw_stored *scales = neighbour(r, t->name, len, "scales", 6);
    int64_t bits, n;
    if (zeros == NULL || scales == NULL || last_dim(scales) <= 0 ||
        __builtin_mul_overflow(last_dim(zeros), 32, &bits) || bits % last_dim(scales) != 0)
        return -1;
    bits /= last_dim(scales);
    if (bits < 1 || bits > 32 || __builtin_mul_overflow(t->elements, 32, &n) || n % bits != 0)
        return -1;
    if (last_dim(t) != last_dim(scales))
        t->scheme = "awq";
    return n / bits;
}

static int64_t count_params(struct roles *r, const struct scheme *s, struct fw_stored *t,
                            size_t len)
{
    const struct fw_stored *other;
    int64_t n;
    switch (s->rule) {
    case TIMES_1:
        return t->elements;
    case TIMES_2:
        return __builtin_mul_overflow(t->elements, 2, &n) ? -1 : n;
    case BYTES_2:
        return __builtin_mul_overflow(t->bytes, 2, &n) ? -1 : n;
    case BY_ZEROS:
        return count_by_zeros(r, t, len);
    case BY_PERM:
        other = neighbour(r, t->name, len, s->needs, strlen(s->needs));
        return __builtin_mul_overflow(other->elements, last_dim(t), &n) ? -1 : n;
    case BY_SHAPE:
        return neighbour(r, t->name, len, s->needs, strlen(s->needs))->holds;
    case NOT_TOLD:
        break;
    }
    return -1;
}

static void mark_scales(struct roles *r, const struct scheme *s, uint32_t id, size_t len)
{
    for (const char *p = s->scales; *p != '\0';) {
        size_t n = strcspn(p, " ");
        struct fw_stored *other = neighbour(r, r->w->tensors[id].name, len, p, n);
        if (other != NULL && other->scheme == NULL) {
            other->role = FW_STORED_SCALES;
            other->of = id;
        }
        p += n + (p[n] == ' ');
    }
}

/* The first row that fits. */
static bool find_scheme(struct roles *r, uint32_t id)
{
    struct fw_stored *t = &r->w->tensors[id];
    for (unsigned i = 0; i < N_SCHEMES; i++) {
        const struct scheme *s = &schemes[i];
        size_t len = stem(t->name, s->packed);
        if (len == SIZE_MAX || (s->types[0] != '\0' && !lists(s->types, t->storage->name)))
            continue;
        if (s->needs[0] != '\0' && neighbour(r, t->name, len, s->needs, strlen(s->needs)) == NULL)
            continue;
        t->scheme = s->name;
        t->role = FW_STORED_PARAM;
        t->params = count_params(r, s, t, len);
        mark_scales(r, s, id, len);
        return true;
    }
    return false;
}

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (stem(name, list[i]) != SIZE_MAX)
            return true;
    return false;
}

/* GPT-2 and its relatives keep a causal mask of 1x1xNxN under the name of a bias. */
static bool is_mask(const struct fw_stored *t)
{
    return stem(t->name, "bias") != SIZE_MAX && t->rank == 4 && t->dims[0] == 1 &&
           t->dims[1] == 1 && t->dims[2] == t->dims[3];
}

static void find_role(struct fw_stored *t)
{
    char class = fw_dtypes[t->storage->dtype].class;
    if (is_one_of(t->name, buffers, sizeof buffers / sizeof *buffers) || is_mask(t))
        t->role = FW_STORED_BUFFER;
    else if (t->elements <= 1 &&
             is_one_of(t->name, cache_scales, sizeof cache_scales / sizeof *cache_scales))
        t->role = FW_STORED_SCALES;
    else if (class == 'f' || class == 'c' || class == 'q')
        t->role = FW_STORED_PARAM;
    else
        t->role = FW_STORED_OTHER;
    t->params = t->role == FW_STORED_PARAM ? t->elements : 0;
}

enum fw_status fw_weights_roles(struct fw_model *m, struct fw_error *err)
{
    struct roles *r = fw_mem_resize(m->alloc, NULL, 0, sizeof *r);
    if (r == NULL)
        return fw_fail_memory(err);
    r->w = m->weights;
    for (uint32_t i = 0; i < r->w->n; i++)
        find_role(&r->w->tensors[i]);
    for (uint32_t i = 0; i < r->w->n; i++)
        if (r->w->tensors[i].of == UINT32_MAX)
            (void)find_scheme(r, i);
    for (uint32_t i = 0; i < r->w->n; i++)
        if (r->w->tensors[i].role != FW_STORED_PARAM)
            r->w->tensors[i].params = 0;
    fw_mem_resize(m->alloc, r, sizeof *r, 0);
    return FW_OK;
}
