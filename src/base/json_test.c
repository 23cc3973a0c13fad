/* The JSON reader: values, and what it refuses with the offset it says. */
#include "base/json.h"

#include "base/alloc_test.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static enum fw_status parse(struct fw_arena *arena, const char *text, struct fw_json **ret,
                            struct fw_error *err)
{
    return fw_json_parse(arena, text, strlen(text), 0, ret, err);
}

static const struct fw_json *parse_good(struct fw_arena *arena, const char *text)
{
    struct fw_error err = {0};
    struct fw_json *v = NULL;
    if (parse(arena, text, &v, &err) != FW_OK)
        fail_msg("%s: %s", text, err.message);
    return v;
}

void test_json__numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum fw_json_kind kind;
        int64_t i;
        double f;
    } rows[] = {
        {"0", FW_JSON_INT, 0, 0},
        {"-0", FW_JSON_INT, 0, 0},
        {" 42 ", FW_JSON_INT, 42, 42},
        {"9007199254740993", FW_JSON_INT, 9007199254740993, 9007199254740992.0},
        {"9223372036854775807", FW_JSON_INT, INT64_MAX, 9223372036854775808.0},
        {"-9223372036854775808", FW_JSON_INT, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", FW_JSON_FLOAT, 0, 9223372036854775808.0},
        {"1e3", FW_JSON_FLOAT, 0, 1000},
        {"2.5", FW_JSON_FLOAT, 0, 2.5},
        {"-1.25E+2", FW_JSON_FLOAT, 0, -125},
        {"1e-05", FW_JSON_FLOAT, 0, 1e-5},
        {"Infinity", FW_JSON_FLOAT, 0, (double)INFINITY},
        {"-Infinity", FW_JSON_FLOAT, 0, -(double)INFINITY},
        {"true", FW_JSON_BOOL, 1, 0},
        {"false", FW_JSON_BOOL, 0, 0},
        {"null", FW_JSON_NULL, 0, 0},
    };
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const struct fw_json *v = parse_good(&arena, rows[k].text);
        assert_int_equal(v->kind, rows[k].kind);
        assert_int_equal(v->i, rows[k].i);
        if (v->f != rows[k].f && !(fabs(v->f - rows[k].f) <= 1e-15 * fabs(rows[k].f)))
            fail_msg("%s: %.17g", rows[k].text, v->f);
    }
    assert_true(isnan(parse_good(&arena, "NaN")->f));
    assert_string_equal(parse_good(&arena, " 9223372036854775808 ")->text, "9223372036854775808");
    fw_arena_clear(&arena);
}

void test_json__nesting_and_look_up(void **state)
{
    (void)state;
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    const struct fw_json *v =
        parse_good(&arena, "{\"a\": [1, {\"b\": \"x\"}, []], \"\": {}, \"c\": null}");
    assert_int_equal(v->n, 3);
    const struct fw_json *a = fw_json_get(v, "a");
    assert_int_equal(a->n, 3);
    assert_int_equal(a->at, 6);
    assert_true(fw_json_is(fw_json_get(a->member->next, "b"), "x"));
    assert_false(fw_json_is(fw_json_get(a->member->next, "b"), "xy"));
    assert_int_equal(fw_json_get(v, "")->kind, FW_JSON_OBJECT);
    assert_null(fw_json_get(v, "d"));
    assert_null(fw_json_get(a, "b"));
    assert_null(fw_json_get(NULL, "b"));
    fw_arena_clear(&arena);
}

void test_json__strings(void **state)
{
    (void)state;
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    const struct fw_json *v = parse_good(
        &arena, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t \\u0041\\u00e9\\u20AC\\ud83d\\ude00 \xc3\xa9\"");
    assert_string_equal(v->text, "\"\\/\b\f\n\r\t A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \xc3\xa9");
    assert_int_equal(v->len, strlen(v->text));
    fw_arena_clear(&arena);
}

void test_json__refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at;
        const char *says;
    } rows[] = {
        {"", 0, "a value is wanted"},
        {"  ", 2, "a value is wanted"},
        {"{\"a\":1,\"a\":2}", 7, "'a' stands here a second time"},
        {"{\"a\":1,}", 7, "a key in quotes"},
        {"{\"a\" 1}", 5, "a colon"},
        {"{\"a\":1 \"b\":2}", 7, "a comma or '}'"},
        {"[1 2]", 3, "a comma or ']'"},
        {"[1,]", 3, "a value is wanted"},
        {"[1", 2, "a comma or ']'"},
        {"1 2", 2, "more than one value"},
        {"01", 0, "a value is wanted"},
        {"1.", 2, "behind the point"},
        {"1e", 2, "in the exponent"},
        {"+1", 0, "a value is wanted"},
        {"nul", 0, "a value is wanted"},
        {"'a'", 0, "a value is wanted"},
        {"\"a", 0, "closing quote"},
        {"\"a\\\"", 0, "closing quote"},
        {"\"\n\"", 1, "control byte"},
        {"\"\\x\"", 1, "unknown escape"},
        {"\"\\u12g4\"", 1, "hexadecimal"},
        {"\"\\ud800\"", 1, "lone surrogate"},
        {"\"a\\u0000b\"", 2, "without the character NUL"},
        {"\"\\ud800\\u0041\"", 1, "lone surrogate"},
        {"\"\\udc00\"", 1, "lone surrogate"},
        {"\"ab\xff\"", 3, "not UTF-8"},
        {"\"\xc0\xaf\"", 1, "not UTF-8"},
        {"\"\xed\xa0\x80\"", 1, "not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", 1, "not UTF-8"},
        {"\"\xe2\x82\"", 1, "not UTF-8"},
    };
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct fw_error err = {0};
        struct fw_json *v;
        enum fw_status status = parse(&arena, rows[k].text, &v, &err);
        if (status != FW_FORMAT || err.at != rows[k].at || !strstr(err.message, rows[k].says))
            fail_msg("%s: status %d at %lld: %s", rows[k].text, (int)status, (long long)err.at,
                     err.message);
    }
    fw_arena_clear(&arena);
}

void test_json__depth_and_base(void **state)
{
    (void)state;
    enum { DEPTH = 64 }; // limit recursion
    char text[2 * DEPTH + 4];
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    for (unsigned more = 0; more < 2; more++) {
        size_t n = DEPTH + more;
        memset(text, '[', n);
        memset(text + n, ']', n);
        struct fw_error err = {0};
        struct fw_json *v;
        enum fw_status status = fw_json_parse(&arena, text, 2 * n, 100, &v, &err);
        assert_int_equal(status, more ? FW_LIMIT : FW_OK);
        if (more)
            assert_int_equal(err.at, 100 + DEPTH);
    }
    fw_arena_clear(&arena);
}

void test_json__out_of_memory(void **state)
{
    (void)state;
    for (long i = 0;; i++) {
        struct fw_test_alloc t;
        fw_test_alloc_init(&t, i);
        struct fw_arena arena;
        fw_arena_init(&arena, &t.alloc);
        struct fw_error err = {0};
        struct fw_json *v;
        enum fw_status status = parse(&arena, "{\"a\":[1,\"b\",{\"c\":2.5}]}", &v, &err);
        fw_arena_clear(&arena);
        assert_int_equal(t.n_live, 0);
        if (status == FW_OK)
            break;
        assert_int_equal(status, FW_MEMORY);
        assert_true(i < 100);
    }
}
