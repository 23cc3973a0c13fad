/* Decimal numbers. */
#include "base/real.h"

#include "unit_table.h"

#include <math.h>
#include <string.h>

void test_real__values(void **state);
void test_real__length(void **state);

void test_real__values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double v;
    } cases[] = {
        {"0", 0.0},          {"3.14e23", 3.14e23}, {"1e-7", 1e-7},
        {".5", 0.5},         {"-12.25", -12.25},   {"5.0000000000001e+26", 5.0000000000001e+26},
        {"1e400", INFINITY}, {"1e-400", 0.0},      {"0e999999999999", 0.0},
        {"+7E2", 700.0},     {"0.1", 0.1},         {"9007199254740993", 9007199254740992.0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len;
        double v = fw_real_parse(cases[i].text, &len);
        assert_int_equal(len, strlen(cases[i].text));
        assert_true(v == cases[i].v);
    }
}

void test_real__length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {{"3e23..5e23", 4}, {"3..5", 1},   {"12h", 2},  {"1e", 1}, {"2e+x", 1},
                 {"", 0},           {"abc", 0},    {".", 0},    {"-", 0},  {"1.2.3", 3},
                 {"7B", 1},         {"1.5e3%", 5}, {"2.5x", 3}, {"4.", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len;
        (void)fw_real_parse(cases[i].text, &len);
        assert_int_equal(len, cases[i].len);
    }
}
