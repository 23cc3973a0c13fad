/* The table of unit tests, written at build time by tools/unit_table.py. */
#ifndef UNIT_TABLE_H
#define UNIT_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct unit_file {
    const char *path; // from the top folder, NULL ends the table
    const struct CMUnitTest *tests;
    size_t n_tests;
};

extern const struct unit_file unit_files[];

#endif
