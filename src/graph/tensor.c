/* Tensors: number of elements, known contents, names and shapes as text. */
#include "graph/graph.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

fw_count fw_dims_product_slow(struct fw_symbols *s, const fw_dim *dims, unsigned n)
{
    fw_count product = fw_count_int(1);
    for (unsigned i = 0; i < n; i++)
        product = fw_count_mul(s, product, fw_count_of(dims[i]));
    return product;
}

static uint64_t load_le(const unsigned char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* IEEE-like small floats: sign, exponent bits e, mantissa bits m. */
static double small_float(uint32_t bits, unsigned e, unsigned m)
{
    uint32_t mantissa = bits & ((1u << m) - 1u);
    int exponent = (int)((bits >> m) & ((1u << e) - 1u));
    int bias = (1 << (e - 1)) - 1;
    double v = exponent == 0 ? ldexp(mantissa, 1 - bias - (int)m)
                             : ldexp(mantissa + (double)(1u << m), exponent - bias - (int)m);
    return (bits >> (e + m)) & 1u ? -v : v;
}

static double float_of(uint32_t bits)
{
    union {
        uint32_t bits;
        float value;
    } word = {.bits = bits};
    return (double)word.value;
}

static double double_of(uint64_t bits)
{
    union {
        uint64_t bits;
        double value;
    } word = {.bits = bits};
    return word.value;
}

static fw_dim decode_float(struct fw_symbols *sym, enum fw_dtype dtype, uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    switch (dtype) {
    case FW_F64:
        return fw_dim_from_double(sym, double_of(bits));
    case FW_F32:
        return fw_dim_from_double(sym, float_of(word));
    case FW_F16:
        return (word & 0x7c00u) == 0x7c00u ? fw_dim_bad()
                                           : fw_dim_from_double(sym, small_float(word, 5, 10));
    case FW_BF16:
        return fw_dim_from_double(sym, float_of(word << 16));
    default:
        return fw_dim_bad();
    }
}

/* Element i of stored contents; bad where it has no exact value here. */
static fw_dim decode(struct fw_symbols *sym, enum fw_dtype dtype, const unsigned char *bytes,
                     uint32_t i)
{
    unsigned bits = fw_dtypes[dtype].bits;
    uint64_t raw = bits == 4 ? ((unsigned)bytes[i / 2] >> (4 * (i % 2))) & 15u
                             : load_le(bytes + (size_t)i * (bits / 8), bits / 8);
    char class = fw_dtypes[dtype].class;
    if (class == 'f')
        return decode_float(sym, dtype, raw);
    if (class == 'b')
        return fw_dim_int(raw != 0);
    if (class == 'i' && bits < 64 && (raw >> (bits - 1)) & 1u)
        raw |= UINT64_MAX << bits; // the sign
    int64_t v = (int64_t)raw;
    if (class == 'u' && v < 0)
        return fw_dim_bad();
    /* INT64_MAX and INT64_MIN are the standard's "to the end" in Slice: kept as the extremes. */
    if (v > FW_DIM_MAX)
        return fw_dim_int(FW_DIM_MAX);
    if (v < -FW_DIM_MAX)
        return fw_dim_int(-FW_DIM_MAX);
    return fw_dim_int(v);
}

const fw_dim *fw_stored_value(struct fw_graph *g, const struct fw_tensor *t, uint32_t *ret_n)
{
    if (t->value == NULL && t->data == NULL)
        return NULL;
    fw_count count = fw_tensor_elements(g, t);
    if (!fw_count_is_const(count) || count.word < 0 || count.word > FW_MAX_VALUE)
        return NULL;
    uint32_t n = (uint32_t)count.word;
    *ret_n = n;
    if (t->value != NULL)
        return t->value;
    unsigned bits = fw_dtypes[t->dtype].bits;
    char class = fw_dtypes[t->dtype].class;
    if (t->data->bytes == NULL || (class != 'f' && class != 'i' && class != 'u' && class != 'b') ||
        (bits < 8 && bits != 4) || t->data->n_bytes < ((size_t)n * bits + 7) / 8)
        return NULL;
    fw_dim *value = fw_arena_array(g->arena, n, sizeof *value);
    if (value == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        value[i] = decode(g->sym, (enum fw_dtype)t->dtype, t->data->bytes, i);
        if (fw_dim_is_bad(value[i]))
            return NULL;
    }
    return value;
}

const fw_dim *fw_tensor_value(struct fw_graph *g, uint32_t id, uint32_t *ret_n)
{
    g->value_reads++;
    if (id == FW_NONE)
        return NULL;
    const fw_dim *value = fw_stored_value(g, &g->tensors[id], ret_n);
    if (value != NULL)
        g->tensors[id].value = value;
    return value;
}

void fw_tensor_name(const struct fw_graph *g, uint32_t id, struct fw_str *out)
{
    const struct fw_tensor *t = &g->tensors[id];
    if (t->name != NULL && t->name[0] != '\0') {
        fw_str_add(out, t->name);
        return;
    }
    if (t->of != FW_NONE && t->of != id) {
        fw_str_add(out, t->kind == FW_KIND_STATE ? "state of " : "grad of ");
        fw_tensor_name(g, t->of, out);
        return;
    }
    fw_str_addf(out, "tensor %" PRIu32, id);
}

void fw_shape_print(const struct fw_graph *g, const struct fw_tensor *t, struct fw_str *out)
{
    if (t->rank == FW_RANK_UNKNOWN) {
        fw_str_add(out, "?");
        return;
    }
    if (t->rank == 0)
        fw_str_add(out, "scalar");
    for (unsigned i = 0; i < t->rank; i++) {
        if (i > 0)
            fw_str_addc(out, 'x');
        fw_dim_print(g->sym, t->dims[i], out);
    }
}
