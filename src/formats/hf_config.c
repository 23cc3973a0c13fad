/* Reading a config.json; see hf_config.h. */
#include "formats/hf_config.h"

#include "fw_data.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NUMBER = INT32_MAX };

/* ---- defaults ---- */

static const char *find_line(const char *type, size_t len)
{
    for (const char *p = fw_data_hf_defaults; *p != '\0';) {
        const char *end = strchr(p, '\n');
        if (end == NULL)
            return NULL;
        if ((size_t)(end - p) > len && memcmp(p, type, len) == 0 && p[len] == '\t')
            return p + len + 1;
        p = end + 1;
    }
    return NULL;
}

static bool has_defaults(const char *type, size_t len)
{
    return find_line(type, len) != NULL;
}

static const struct fw_json *defaults_of(struct fw_builder *b, const char *type)
{
    const char *line = type != NULL ? find_line(type, strlen(type)) : NULL;
    struct fw_json *ret = NULL;
    if (line == NULL || !fw_build_ok(b))
        return NULL;
    if (fw_json_parse(&b->m->arena, line, strcspn(line, "\n"), 0, &ret, &b->err) != FW_OK)
        return NULL;
    return ret;
}

/* ---- opening ---- */

void hf_config_init(struct hf_config *c, struct fw_builder *b, const struct fw_json *json,
                    const char *type)
{
    *c = (struct hf_config){.b = b, .json = json};
    const struct fw_json *own = fw_json_get(json, "model_type");
    c->type = type != NULL ? type : own != NULL && own->kind == FW_JSON_STRING ? own->text : "";
    c->base = defaults_of(b, c->type);
}

bool hf_config_part(const struct hf_config *c, const char *key, const char *type,
                    struct hf_config *ret)
{
    const struct fw_json *json = fw_json_get(c->json, key);
    const struct fw_json *named = fw_json_get(fw_json_get(c->base, "#"), key);
    const struct fw_json *own = fw_json_get(json, "model_type");
    if (json != NULL && json->kind != FW_JSON_OBJECT)
        json = NULL;
    bool known = own != NULL && own->kind == FW_JSON_STRING && has_defaults(own->text, own->len) &&
                 strcmp(own->text, c->type) != 0;
    if (known) // some files give a part the type of the whole
        type = own->text;
    else if (named != NULL)
        type = named->text;
    if (json == NULL) // the class makes one of its own
        json = fw_json_get(fw_json_get(c->base, "%"), key);
    *ret = (struct hf_config){.b = c->b, .json = json, .part = key, .type = type};
    ret->base = defaults_of(c->b, type);
    return json != NULL || (named != NULL && ret->base != NULL);
}

void hf_complain(const struct hf_config *c, const char *key, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)fw_build_fail(c->b, FW_FORMAT, "%s%s'%.60s': %s", c->part != NULL ? c->part : "",
                        c->part != NULL ? ": " : "", key, text);
}

/* ---- finding ---- */

/* What some tools write in place of the class's own name. */
static const char *const other_names[][2] = {
    {"hidden_size", "hidden_dim"},
    {"num_hidden_layers", "num_layers"},
    {"num_attention_heads", "n_head"},
    {"max_position_embeddings", "max_seq_len"},
    {"intermediate_size", "ffn_embed_dim"},
    {"ffn_dim", "ffn_embed_dim"},
    {"n_inner", "ffn_embed_dim"},
    {"hidden_size", "n_embd"},
    {"hidden_size", "n_embed"},
    {"num_hidden_layers", "n_layer"},
    {"max_position_embeddings", "n_positions"},
    {"intermediate_size", "n_inner"},
    {"hidden_size", "model_dim"},
    {"hidden_size", "vt_hidden_size"},
    {"intermediate_size", "vt_intermediate_size"},
    {"num_hidden_layers", "vt_num_hidden_layers"},
    {"num_attention_heads", "vt_num_attention_heads"},
    {"pos_emb_height", "init_pos_emb_height"},
    {"pos_emb_width", "init_pos_emb_width"},
    {"num_hidden_layers", "num_transformer_layers"},
    {"num_kv_heads", "n_head_kv"},
    {"n_groups", "mamba_n_groups"},
    {"conv_kernel", "mamba_d_conv"},
    {"use_conv_bias", "mamba_conv_bias"},
};

static const struct fw_json *present(const struct fw_json *object, const char *key)
{
    const struct fw_json *v = fw_json_get(object, key);
    return v != NULL && v->kind != FW_JSON_NULL ? v : NULL;
}

/* The name that stands for key in the class's attribute map, either way round. */
static const char *mapped(const struct hf_config *c, const char *key)
{
    const struct fw_json *map = fw_json_get(c->base, "@");
    const struct fw_json *to = fw_json_get(map, key);
    if (to != NULL)
        return to->text;
    for (const struct fw_json *m = map != NULL ? map->member : NULL; m != NULL; m = m->next)
        if (fw_json_is(m, key))
            return m->key;
    return NULL;
}

/* A key of the class itself, which then means something else. */
static bool is_own(const struct hf_config *c, const char *key)
{
    return fw_json_get(c->base, key) != NULL || mapped(c, key) != NULL;
}

static const struct fw_json *in_file(const struct hf_config *c, const char *key)
{
    const char *same = mapped(c, key);
    const struct fw_json *v = present(c->json, key);
    const struct fw_json *w = same != NULL ? present(c->json, same) : NULL;
    bool both = v != NULL && w != NULL && v->kind == FW_JSON_INT && w->kind == FW_JSON_INT;
    if (both && strcmp(key, "num_hidden_layers") == 0)
        return w; // of an encoder and a decoder files name either
    if (both && v->i != w->i)
        hf_complain(c, key, "one value is wanted, found another under '%.60s'", same);
    if (v != NULL || w != NULL)
        return v != NULL ? v : w;
    for (unsigned i = 0; i < sizeof other_names / sizeof *other_names && v == NULL; i++)
        if (strcmp(other_names[i][0], key) == 0 ||
            (same != NULL && strcmp(other_names[i][0], same) == 0))
            v = is_own(c, other_names[i][1]) ? NULL : present(c->json, other_names[i][1]);
    return v;
}

/* A null in the file overrides a default. */
static bool is_null(const struct hf_config *c, const char *key)
{
    const struct fw_json *v = fw_json_get(c->json, key);
    return v != NULL && v->kind == FW_JSON_NULL;
}

const struct fw_json *hf_value(const struct hf_config *c, const char *key)
{
    const struct fw_json *v = in_file(c, key);
    if (v != NULL || is_null(c, key))
        return v;
    const char *same = mapped(c, key);
    v = present(c->base, key);
    return v == NULL && same != NULL && !is_null(c, same) ? present(c->base, same) : v;
}

bool hf_has(const struct hf_config *c, const char *key)
{
    return hf_value(c, key) != NULL;
}

bool hf_given(const struct hf_config *c, const char *key)
{
    return in_file(c, key) != NULL;
}

/* ---- values ---- */

static int64_t number(const struct hf_config *c, const char *key, const struct fw_json *v)
{
    if (v->kind == FW_JSON_INT && v->i >= 0 && v->i <= MAX_NUMBER)
        return v->i;
    bool whole = v->kind == FW_JSON_FLOAT && v->f >= 0 && v->f <= MAX_NUMBER &&
                 v->f == (double)(int64_t)v->f;
    if (whole)
        return (int64_t)v->f;
    hf_complain(c, key, "a whole number from 0 to 2^31 is wanted, found %.60s",
                v->text != NULL ? v->text : "something else");
    return 1;
}

int64_t hf_int(const struct hf_config *c, const char *key, int64_t absent)
{
    const struct fw_json *v = hf_value(c, key);
    if (v == NULL)
        return absent;
    if (v->kind == FW_JSON_BOOL)
        return v->i;
    return number(c, key, v);
}

int64_t hf_size(const struct hf_config *c, const char *key)
{
    const struct fw_json *v = hf_value(c, key);
    if (v == NULL) {
        hf_complain(c, key, "this key is missing, and %.60s has no default for it", c->type);
        return 1;
    }
    int64_t n = number(c, key, v);
    if (n < 1)
        hf_complain(c, key, "a positive number is wanted, found 0");
    return n < 1 ? 1 : n;
}

bool hf_flag(const struct hf_config *c, const char *key, bool absent)
{
    const struct fw_json *v = hf_value(c, key);
    if (v == NULL)
        return absent;
    if (v->kind == FW_JSON_BOOL || v->kind == FW_JSON_INT)
        return v->i != 0;
    hf_complain(c, key, "true or false is wanted, found %.60s",
                v->text != NULL ? v->text : "something else");
    return absent;
}

double hf_float(const struct hf_config *c, const char *key, double absent)
{
    const struct fw_json *v = hf_value(c, key);
    if (v == NULL)
        return absent;
    if ((v->kind == FW_JSON_INT || v->kind == FW_JSON_FLOAT) && v->f - v->f == 0)
        return v->f;
    hf_complain(c, key, "a number is wanted, found %.60s",
                v->text != NULL ? v->text : "something else");
    return absent;
}

const char *hf_text(const struct hf_config *c, const char *key, const char *absent)
{
    const struct fw_json *v = hf_value(c, key);
    if (v == NULL)
        return absent;
    if (v->kind == FW_JSON_STRING)
        return v->text;
    hf_complain(c, key, "a text is wanted");
    return absent;
}

bool hf_is(const struct hf_config *c, const char *key, const char *text)
{
    const struct fw_json *v = hf_value(c, key);
    return v != NULL && fw_json_is(v, text);
}

/* ---- lists ---- */

uint32_t hf_length(const struct hf_config *c, const char *key)
{
    const struct fw_json *v = hf_value(c, key);
    return v != NULL && v->kind == FW_JSON_ARRAY ? v->n : 0;
}

static const struct fw_json *element(const struct fw_json *list, uint32_t i)
{
    const struct fw_json *m = list->kind == FW_JSON_ARRAY ? list->member : NULL;
    while (m != NULL && i-- > 0)
        m = m->next;
    return m;
}

int64_t hf_item(const struct hf_config *c, const char *key, uint32_t i, int64_t absent)
{
    const struct fw_json *v = hf_value(c, key);
    if (v == NULL)
        return absent;
    if (v->kind != FW_JSON_ARRAY)
        return number(c, key, v);
    const struct fw_json *m = element(v, i);
    if (m == NULL) {
        hf_complain(c, key, "%u elements are wanted, found %u", i + 1, v->n);
        return 1;
    }
    return m->kind == FW_JSON_NULL ? absent : number(c, key, m);
}

const char *hf_text_item(const struct hf_config *c, const char *key, uint32_t i)
{
    const struct fw_json *v = hf_value(c, key);
    const struct fw_json *m = v != NULL ? element(v, i) : NULL;
    if (m != NULL && m->kind == FW_JSON_STRING)
        return m->text;
    hf_complain(c, key, "a list with a text at place %u is wanted", i);
    return "";
}

bool hf_holds(const struct hf_config *c, const char *key, int64_t v)
{
    const struct fw_json *list = hf_value(c, key);
    const struct fw_json *m = list != NULL && list->kind == FW_JSON_ARRAY ? list->member : NULL;
    for (; m != NULL; m = m->next)
        if (m->kind == FW_JSON_INT && m->i == v)
            return true;
    return false;
}
