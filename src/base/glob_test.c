/* Patterns over names. */
#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_glob__table(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool match;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "/layer1/conv1", true},
        {"layer?", "layer1", true},
        {"layer?", "layer", false},
        {"layer1*", "layer1.0.conv1.weight", true},
        {"*conv*weight", "layer1.0.conv1.weight", true},
        {"*conv*weight", "layer1.0.conv1.weight_g", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"**a", "bca", true},
        {"fc", "fc2", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fw_glob(rows[i].pattern, rows[i].name) != rows[i].match)
            fail_msg("'%s' on '%s'", rows[i].pattern, rows[i].name);
}
