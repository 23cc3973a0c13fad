#include "engine/peak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void test_peak__doubt(void **state)
{
    static const struct {
        const char *doubt; // in its words; NULL: none
        struct fw_peak found;
    } cases[] = {
        {NULL, {2, {{10, 20}, {90, 180}, {0, 0}, {80, 150}, {10, 20}}, false}},
        {NULL, {2, {{0, 0}, {0, 0}, {0, 0}, {80, 150}, {10, 20}}, false}}, // no multiply-adds known
        {NULL, {2, {{10, 20}, {90, 88}, {0, 0}, {0, 0}, {10, 8}}, false}}, // within noise; a copy
        {"product", {2, {{10, 20}, {90, 180}, {0, 0}, {95, 150}, {10, 20}}, false}},
        {"product", {2, {{10, 20}, {90, 180}, {0, 0}, {80, 190}, {10, 20}}, false}},
        {"all cores", {2, {{10, 20}, {90, 80}, {0, 0}, {80, 82}, {10, 20}}, false}},
        {"all cores", {2, {{20, 10}, {90, 180}, {0, 0}, {80, 150}, {10, 20}}, false}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = fw_peak_doubt(&cases[i].found);
        if (cases[i].doubt == NULL)
            assert_null(found);
        else
            assert_true(found != NULL && strstr(found, cases[i].doubt) != NULL);
    }
}
