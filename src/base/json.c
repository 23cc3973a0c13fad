/* JSON; see json.h. Recursive over arrays and objects, within limit recursion. */
#include "base/json.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/real.h"
#include "base/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

struct parser {
    struct fw_arena *arena;
    const unsigned char *s; // (n)
    size_t n, at;
    size_t base;
    uint32_t n_values;
    unsigned depth;
    struct fw_error *err;
};

#define fail_at(p, offset, ...) \
    fw_fail((p)->err, FW_FORMAT, (int64_t)((p)->base + (offset)), "JSON: " __VA_ARGS__)

static void skip_blanks(struct parser *p)
{
    while (p->at < p->n && (p->s[p->at] == ' ' || p->s[p->at] == '\n' || p->s[p->at] == '\t' ||
                            p->s[p->at] == '\r'))
        p->at++;
}

static int peek(const struct parser *p)
{
    return p->at < p->n ? p->s[p->at] : -1;
}

static bool accept(struct parser *p, int c)
{
    if (peek(p) != c)
        return false;
    p->at++;
    return true;
}

/* ---- strings ---- */

/* Four hexadecimal digits at `at`; UINT32_MAX where there are none. */
static uint32_t hex4(const struct parser *p, size_t at)
{
    uint32_t v = 0;
    if (p->n - at < 4)
        return UINT32_MAX;
    for (size_t i = at; i < at + 4; i++) {
        unsigned char c = p->s[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16u;
        if (digit == 16)
            return UINT32_MAX;
        v = v << 4 | digit;
    }
    return v;
}

/* What follows "\u"; a high surrogate must be followed by the escape of a low one. */
static enum fw_status read_code(struct parser *p, uint32_t *ret)
{
    size_t start = p->at - 2;
    uint32_t code = hex4(p, p->at);
    if (code == UINT32_MAX)
        return fail_at(p, start, "four hexadecimal digits are wanted behind \\u");
    p->at += 4;
    if (code == 0) // would end the text here for one reader and not for another
        return fail_at(p, start, "a string without the character NUL is wanted");
    if (code >= 0xdc00 && code <= 0xdfff)
        return fail_at(p, start, "a lone surrogate is no character");
    if (code >= 0xd800 && code <= 0xdbff) {
        uint32_t low = UINT32_MAX;
        if (p->n - p->at >= 6 && p->s[p->at] == '\\' && p->s[p->at + 1] == 'u')
            low = hex4(p, p->at + 2);
        if (low < 0xdc00 || low > 0xdfff)
            return fail_at(p, start, "a lone surrogate is no character");
        p->at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret = code;
    return FW_OK;
}

static enum fw_status read_escape(struct parser *p, char **out)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    int c = peek(p);
    const char *found = c > 0 ? strchr(names, c) : NULL;
    if (c != 'u' && found == NULL)
        return fail_at(p, p->at - 1, "an unknown escape in a string");
    p->at++;
    if (c != 'u') {
        *(*out)++ = values[found - names];
        return FW_OK;
    }
    uint32_t code;
    FW_TRY(read_code(p, &code));
    *out += fw_utf8_put(code, *out);
    return FW_OK;
}

/* Offset behind the closing quote of the string whose first byte stands at p->at. */
static size_t find_end(const struct parser *p)
{
    size_t i = p->at;
    while (i < p->n && p->s[i] != '"')
        i += p->s[i] == '\\' ? 2 : 1;
    return i < p->n ? i + 1 : 0;
}

/* The string whose opening quote has been taken. An escape is never shorter than what it means. */
static enum fw_status read_string(struct parser *p, const char **ret, size_t *ret_len)
{
    size_t end = find_end(p);
    if (end == 0)
        return fail_at(p, p->at - 1, "a string without its closing quote");
    FW_WITHIN(p->arena->alloc, FW_MOST_string, end - p->at, (int64_t)(p->base + p->at), p->err);
    char *text = fw_arena_alloc(p->arena, end - p->at);
    if (text == NULL)
        return fw_fail_memory(p->err);
    char *out = text;
    while (p->at < end - 1) {
        unsigned char c = p->s[p->at];
        if (c == '\\') {
            p->at++;
            FW_TRY(read_escape(p, &out));
            continue;
        }
        if (c < 0x20)
            return fail_at(p, p->at, "a control byte in a string");
        if (c < 0x80) {
            *out++ = (char)c;
            p->at++;
            continue;
        }
        unsigned len = fw_utf8_length((const char *)p->s + p->at); // the quote ends it
        if (len == 0)
            return fail_at(p, p->at, "bytes that are not UTF-8 in a string");
        memcpy(out, p->s + p->at, len);
        out += len;
        p->at += len;
    }
    *out = '\0';
    p->at = end;
    *ret = text;
    *ret_len = (size_t)(out - text);
    return FW_OK;
}

/* ---- numbers ---- */

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* How many decimal digits there were. */
static size_t skip_digits(struct parser *p)
{
    size_t start = p->at;
    while (is_digit(peek(p)))
        p->at++;
    return p->at - start;
}

static void set_integer(struct fw_json *v)
{
    bool minus = v->text[0] == '-';
    int64_t sum = 0; // negative, because there is one more negative number
    for (const char *s = v->text + minus; *s != '\0'; s++)
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, *s - '0', &sum))
            return;
    if (!minus && sum == INT64_MIN)
        return;
    v->kind = FW_JSON_INT;
    v->i = minus ? sum : -sum;
}

static enum fw_status keep_text(struct parser *p, struct fw_json *v)
{
    size_t start = v->at - p->base;
    v->len = p->at - start;
    v->text = fw_arena_strndup(p->arena, (const char *)p->s + start, v->len);
    return v->text != NULL ? FW_OK : fw_fail_memory(p->err);
}

static enum fw_status read_number(struct parser *p, struct fw_json *v)
{
    bool whole = true;
    v->kind = FW_JSON_FLOAT;
    accept(p, '-');
    bool zero = peek(p) == '0';
    size_t n = skip_digits(p);
    if (n == 0 || (zero && n > 1))
        return fail_at(p, v->at - p->base, "a value is wanted");
    if (accept(p, '.')) {
        whole = false;
        if (skip_digits(p) == 0)
            return fail_at(p, p->at, "a digit is wanted behind the point");
    }
    if (accept(p, 'e') || accept(p, 'E')) {
        whole = false;
        if (!accept(p, '+'))
            accept(p, '-');
        if (skip_digits(p) == 0)
            return fail_at(p, p->at, "a digit is wanted in the exponent");
    }
    FW_TRY(keep_text(p, v));
    if (whole)
        set_integer(v);
    size_t len;
    v->f = v->kind == FW_JSON_INT ? (double)v->i : fw_real_parse(v->text, &len);
    return FW_OK;
}

/* ---- words ---- */

static bool accept_word(struct parser *p, const char *word)
{
    size_t len = strlen(word);
    if (p->n - p->at < len || memcmp(p->s + p->at, word, len) != 0)
        return false;
    p->at += len;
    return true;
}

static enum fw_status read_word(struct parser *p, struct fw_json *v)
{
    static const struct {
        const char *word;
        enum fw_json_kind kind;
        int64_t i;
        double f;
    } words[] = {{"null", FW_JSON_NULL, 0, 0},
                 {"true", FW_JSON_BOOL, 1, 0},
                 {"false", FW_JSON_BOOL, 0, 0},
                 {"NaN", FW_JSON_FLOAT, 0, (double)NAN},
                 {"Infinity", FW_JSON_FLOAT, 0, (double)INFINITY},
                 {"-Infinity", FW_JSON_FLOAT, 0, -(double)INFINITY}};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (accept_word(p, words[k].word)) {
            v->kind = words[k].kind;
            v->i = words[k].i;
            v->f = words[k].f;
            return v->kind == FW_JSON_FLOAT ? keep_text(p, v) : FW_OK;
        }
    return read_number(p, v);
}

/* ---- values ---- */

static enum fw_status read_value(struct parser *p, struct fw_json *v);

static enum fw_status new_member(struct parser *p, struct fw_json *v, struct fw_json ***tail,
                                 struct fw_json **ret)
{
    FW_WITHIN(p->arena->alloc, FW_MOST_values, ++p->n_values, (int64_t)(p->base + p->at), p->err);
    struct fw_json *m = fw_arena_zalloc(p->arena, sizeof *m);
    if (m == NULL)
        return fw_fail_memory(p->err);
    **tail = m;
    *tail = &m->next;
    v->n++;
    *ret = m;
    return FW_OK;
}

/* "key": , the quote of the key being next. */
static enum fw_status read_key(struct parser *p, struct fw_map *keys, struct fw_json *m)
{
    size_t start = p->at;
    if (!accept(p, '"'))
        return fail_at(p, p->at, "a key in quotes is wanted");
    FW_TRY(read_string(p, &m->key, &m->key_len));
    bool added;
    if (m->key_len > UINT32_MAX || fw_map_put(keys, m->key, m->key_len, 0, &added) == NULL)
        return fw_fail_memory(p->err);
    if (!added)
        return fail_at(p, start, "the key '%.80s' stands here a second time", m->key);
    skip_blanks(p);
    if (!accept(p, ':'))
        return fail_at(p, p->at, "a colon is wanted behind a key");
    return FW_OK;
}

/* Members up to the closing bracket; keys is NULL for an array. */
static enum fw_status read_members(struct parser *p, struct fw_map *keys, struct fw_json *v)
{
    char close = keys != NULL ? '}' : ']';
    struct fw_json **tail = &v->member;
    skip_blanks(p);
    if (accept(p, close))
        return FW_OK;
    for (;;) {
        struct fw_json *m;
        FW_TRY(new_member(p, v, &tail, &m));
        skip_blanks(p);
        if (keys != NULL)
            FW_TRY(read_key(p, keys, m));
        FW_TRY(read_value(p, m));
        skip_blanks(p);
        if (accept(p, close))
            return FW_OK;
        if (!accept(p, ','))
            return fail_at(p, p->at, "a comma or '%c' is wanted", close);
    }
}

static enum fw_status read_nested(struct parser *p, struct fw_json *v, bool object)
{
    FW_WITHIN(p->arena->alloc, FW_MOST_recursion, ++p->depth, (int64_t)v->at, p->err);
    p->at++;
    v->kind = object ? FW_JSON_OBJECT : FW_JSON_ARRAY;
    struct fw_map keys;
    fw_map_init(&keys, p->arena->alloc);
    enum fw_status status = read_members(p, object ? &keys : NULL, v);
    fw_map_free(&keys);
    p->depth--;
    return status;
}

static enum fw_status read_value(struct parser *p, struct fw_json *v)
{
    skip_blanks(p);
    v->at = p->base + p->at;
    switch (peek(p)) {
    case '{':
        return read_nested(p, v, true);
    case '[':
        return read_nested(p, v, false);
    case '"':
        p->at++;
        v->kind = FW_JSON_STRING;
        return read_string(p, &v->text, &v->len);
    default:
        return read_word(p, v);
    }
}

enum fw_status fw_json_parse(struct fw_arena *arena, const void *data, size_t size, size_t base,
                             struct fw_json **ret, struct fw_error *err)
{
    struct parser p = {.arena = arena, .s = data, .n = size, .base = base, .err = err};
    struct fw_json *v = fw_arena_zalloc(arena, sizeof *v);
    if (v == NULL)
        return fw_fail_memory(err);
    FW_TRY(read_value(&p, v));
    skip_blanks(&p);
    if (p.at < p.n)
        return fail_at(&p, p.at, "more than one value");
    *ret = v;
    return FW_OK;
}

const struct fw_json *fw_json_get(const struct fw_json *object, const char *key)
{
    if (object == NULL || object->kind != FW_JSON_OBJECT)
        return NULL;
    size_t len = strlen(key);
    for (const struct fw_json *m = object->member; m != NULL; m = m->next)
        if (m->key_len == len && memcmp(m->key, key, len) == 0)
            return m;
    return NULL;
}

int fw_json_is(const struct fw_json *v, const char *text)
{
    return v != NULL && v->kind == FW_JSON_STRING && v->len == strlen(text) &&
           memcmp(v->text, text, v->len) == 0;
}
