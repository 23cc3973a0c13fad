/* From the text of a formula to its tree: precedence climbing over a dozen signs. */
#include "report/math.h"

#include <ctype.h>
#include <string.h>

enum { MAX_DEPTH = 100 };

struct parser {
    struct fw_arena *arena;
    const char *p, *end;
    const char *bad; // first thing that does not fit
    bool no_memory;
    int depth;
};

const struct fw_math *fw_math_nth(const struct fw_math *m, unsigned i)
{
    const struct fw_math *a = m->arg;
    while (a != NULL && i-- > 0)
        a = a->next;
    return a;
}

bool fw_math_is(const struct fw_math *m, const char *text)
{
    return m->len == strlen(text) && memcmp(m->text, text, m->len) == 0;
}

/* ---- pieces ---- */

static struct fw_math *fail(struct parser *s)
{
    if (s->bad == NULL)
        s->bad = s->p;
    return NULL;
}

static struct fw_math *make(struct parser *s, enum fw_math_kind kind, const char *text, size_t len)
{
    struct fw_math *m = fw_arena_zalloc(s->arena, sizeof *m);
    if (m == NULL) {
        s->no_memory = true;
        return fail(s);
    }
    m->kind = kind;
    m->text = text;
    m->len = len;
    return m;
}

static struct fw_math *join(struct parser *s, enum fw_math_kind kind, const char *text, size_t len,
                            struct fw_math *a, struct fw_math *b)
{
    if (a == NULL || b == NULL)
        return NULL;
    struct fw_math *m = make(s, kind, text, len);
    if (m != NULL) {
        m->arg = a;
        a->next = b;
    }
    return m;
}

static struct fw_math *wrap(struct parser *s, enum fw_math_kind kind, struct fw_math *a)
{
    struct fw_math *m = a != NULL ? make(s, kind, "", 0) : NULL;
    if (m != NULL)
        m->arg = a;
    return m;
}

static char peek(const struct parser *s, size_t ahead)
{
    if ((size_t)(s->end - s->p) > ahead)
        return s->p[ahead];
    return '\0';
}

static void blanks(struct parser *s)
{
    while (peek(s, 0) == ' ')
        s->p++;
}

static bool take(struct parser *s, char c)
{
    blanks(s);
    if (peek(s, 0) != c || c == '\0')
        return false;
    s->p++;
    return true;
}

static bool digit(const struct parser *s, size_t ahead)
{
    return isdigit((unsigned char)peek(s, ahead)) != 0;
}

/* The length of the relation that stands here, or 0. */
static size_t relation_length(const struct parser *s)
{
    static const char *const signs[] = {"+=", "-=", "<=", ">=", "~=", "->", "=", "<", ">", "~"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t n = strlen(signs[i]);
        if ((size_t)(s->end - s->p) >= n && memcmp(s->p, signs[i], n) == 0)
            return n;
    }
    return 0;
}

static struct fw_math *parse_sum(struct parser *s);
static struct fw_math *parse_list(struct parser *s);

/* 1,234,567.5e-3: groups of three digits belong to the number, a comma and a space do not. */
static struct fw_math *parse_number(struct parser *s)
{
    const char *from = s->p;
    while (digit(s, 0) || (peek(s, 0) == ',' && digit(s, 1) && digit(s, 2) && digit(s, 3)))
        s->p++;
    if (peek(s, 0) == '.' && digit(s, 1))
        s->p++;
    while (digit(s, 0))
        s->p++;
    bool sign = peek(s, 1) == '-' || peek(s, 1) == '+';
    if (peek(s, 0) == 'e' && digit(s, sign ? 2 : 1)) {
        s->p += sign ? 2 : 1;
        while (digit(s, 0))
            s->p++;
    }
    return make(s, FW_MATH_NUMBER, from, (size_t)(s->p - from));
}

static struct fw_math *parse_words(struct parser *s)
{
    const char *from = ++s->p;
    while (s->p < s->end && *s->p != '"')
        s->p++;
    struct fw_math *m = make(s, FW_MATH_WORDS, from, (size_t)(s->p - from));
    return s->p < s->end && s->p++ != NULL ? m : fail(s);
}

static struct fw_math *parse_name(struct parser *s)
{
    const char *from = s->p;
    while (isalnum((unsigned char)peek(s, 0)))
        s->p++;
    return make(s, FW_MATH_NAME, from, (size_t)(s->p - from));
}

static struct fw_math *parse_dots(struct parser *s)
{
    const char *from = s->p;
    s->p += 3;
    return make(s, FW_MATH_NAME, from, 3);
}

static struct fw_math *parse_primary(struct parser *s)
{
    blanks(s);
    char c = peek(s, 0);
    if (isdigit((unsigned char)c))
        return parse_number(s);
    if (isalpha((unsigned char)c))
        return parse_name(s);
    if (c == '"')
        return parse_words(s);
    if (c == '.' && peek(s, 1) == '.' && peek(s, 2) == '.')
        return parse_dots(s);
    if (take(s, '(')) {
        struct fw_math *m = wrap(s, FW_MATH_GROUP, parse_list(s));
        return take(s, ')') ? m : fail(s);
    }
    if (take(s, '|')) {
        struct fw_math *m = wrap(s, FW_MATH_NORM, parse_sum(s));
        return take(s, '|') ? m : fail(s);
    }
    return fail(s);
}

/* What stands behind ^ or _: one leaf with its prime, or a group without its parentheses. */
static struct fw_math *parse_script(struct parser *s)
{
    if (take(s, '(')) {
        struct fw_math *m = parse_list(s);
        return take(s, ')') ? m : fail(s);
    }
    if (take(s, '-'))
        return wrap(s, FW_MATH_NEGATIVE, parse_script(s));
    if (isdigit((unsigned char)peek(s, 0)))
        return parse_number(s);
    return isalpha((unsigned char)peek(s, 0)) ? parse_name(s) : fail(s);
}

/* k=1..n, what is added */
static struct fw_math *parse_range(struct parser *s, struct fw_math *call)
{
    blanks(s);
    struct fw_math *name = parse_name(s);
    if (!take(s, '='))
        return fail(s);
    struct fw_math *from = parse_sum(s);
    // NOLINTNEXTLINE(misc-redundant-expression): two dots
    if (!take(s, '.') || !take(s, '.'))
        return fail(s);
    struct fw_math *to = parse_sum(s);
    if (!take(s, ','))
        return fail(s);
    struct fw_math *body = parse_sum(s);
    if (!take(s, ')') || name == NULL || from == NULL || to == NULL || body == NULL)
        return fail(s);
    struct fw_math *function = (struct fw_math *)call;
    struct fw_math *m = join(s, FW_MATH_CALL, function->text, function->len, function, name);
    name->next = from;
    from->next = to;
    to->next = body;
    return m;
}

static bool is_range(const struct parser *s)
{
    const char *p = s->p;
    while (p < s->end && isalnum((unsigned char)*p))
        p++;
    return p < s->end && *p == '=';
}

static struct fw_math *parse_call(struct parser *s, struct fw_math *function)
{
    s->p++;
    if ((fw_math_is(function, "sum") || fw_math_is(function, "prod")) && is_range(s))
        return parse_range(s, function);
    struct fw_math *last = parse_sum(s);
    struct fw_math *m = join(s, FW_MATH_CALL, function->text, function->len, function, last);
    while (m != NULL && take(s, ',')) {
        struct fw_math *more = parse_sum(s);
        if (more == NULL)
            return NULL;
        last->next = more;
        last = more;
    }
    return take(s, ')') ? m : fail(s);
}

static struct fw_math *parse_postfix(struct parser *s)
{
    struct fw_math *m = parse_primary(s);
    bool callable = m != NULL && m->kind == FW_MATH_NAME;
    while (m != NULL) {
        char c = peek(s, 0);
        if (c == '\'') {
            s->p++;
            m = wrap(s, FW_MATH_PRIME, m);
        } else if (c == '_') {
            s->p++;
            m = join(s, FW_MATH_INDEX, "_", 1, m, parse_script(s));
        } else if (c == '(' && callable) {
            m = parse_call(s, m);
            callable = false;
        } else {
            break;
        }
    }
    return m;
}

static bool is_partial(const struct fw_math *m)
{
    return m != NULL && m->kind == FW_MATH_CALL && fw_math_is(m, "partial");
}

/* A derivative is one factor: a*partial(L)/partial(x) is a times it. */
static struct fw_math *parse_factor(struct parser *s)
{
    if (take(s, '-'))
        return wrap(s, FW_MATH_NEGATIVE, parse_factor(s));
    struct fw_math *m = parse_postfix(s);
    if (is_partial(m) && take(s, '/'))
        return join(s, FW_MATH_FRACTION, "/", 1, m, parse_postfix(s));
    return peek(s, 0) == '^' && s->p++ ? join(s, FW_MATH_POWER, "^", 1, m, parse_script(s)) : m;
}

static struct fw_math *parse_product(struct parser *s)
{
    struct fw_math *m = parse_factor(s);
    while (m != NULL) {
        if (take(s, '*'))
            m = join(s, FW_MATH_PRODUCT, "*", 1, m, parse_factor(s));
        else if (take(s, '/'))
            m = join(s, FW_MATH_FRACTION, "/", 1, m, parse_factor(s));
        else
            break;
    }
    return m;
}

static struct fw_math *parse_sum(struct parser *s)
{
    if (++s->depth > MAX_DEPTH)
        return fail(s);
    struct fw_math *m =
        take(s, '-') ? wrap(s, FW_MATH_NEGATIVE, parse_product(s)) : parse_product(s);
    while (m != NULL) {
        blanks(s);
        const char *sign = s->p;
        if ((*sign != '+' && *sign != '-') || relation_length(s) > 0 || s->p == s->end)
            break;
        s->p++;
        m = join(s, FW_MATH_SUM, sign, 1, m, parse_product(s));
    }
    s->depth--;
    return m;
}

static struct fw_math *parse_relation(struct parser *s)
{
    blanks(s);
    bool carries_on = relation_length(s) > 0;
    struct fw_math *m = carries_on ? make(s, FW_MATH_NOTHING, "", 0) : parse_sum(s);
    while (m != NULL) {
        blanks(s);
        const char *sign = s->p;
        size_t n = relation_length(s);
        if (n == 0)
            break;
        s->p += n;
        m = join(s, FW_MATH_RELATION, sign, n, m, parse_sum(s));
    }
    return m;
}

/* Parts with a sign between them; one alone is itself. */
static struct fw_math *parse_row(struct parser *s, enum fw_math_kind kind, const char *signs,
                                 struct fw_math *(*part)(struct parser *s))
{
    struct fw_math *first = part(s), *last = first;
    bool many = false;
    while (last != NULL) {
        blanks(s);
        if (s->p == s->end || strchr(signs, *s->p) == NULL)
            break;
        s->p++;
        struct fw_math *more = part(s);
        last->next = more;
        last = more;
        many = true;
    }
    return last == NULL ? NULL : many ? wrap(s, kind, first) : first;
}

static struct fw_math *parse_list(struct parser *s)
{
    return parse_row(s, FW_MATH_LIST, ",", parse_relation);
}

const struct fw_math *fw_math_parse(struct fw_arena *arena, const char *text, size_t len,
                                    const char **ret_bad)
{
    struct parser s = {.arena = arena, .p = text, .end = text + len};
    const struct fw_math *m = parse_row(&s, FW_MATH_LINES, ";\n", parse_list);
    if (m != NULL && s.p != s.end)
        m = fail(&s);
    *ret_bad = s.no_memory ? NULL : s.bad;
    return m;
}
