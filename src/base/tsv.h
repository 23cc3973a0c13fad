/* Reading the tables of data/: a row a line, cells parted by tabs, lines with # are remarks. */
#ifndef FW_BASE_TSV_H
#define FW_BASE_TSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fw_tsv_cell {
    const char *text; // not terminated
    size_t len;
};

/* Takes the next row from *text and moves it on. Number of cells (those beyond max are dropped), 0
 * behind the last row. */
unsigned fw_tsv_row(const char **text, struct fw_tsv_cell *cells, unsigned max);

bool fw_tsv_is(const struct fw_tsv_cell *cell, const char *text);
/* A number, decimal or 0x hexadecimal; false when the cell is none. */
bool fw_tsv_number(const struct fw_tsv_cell *cell, uint64_t *ret);

#endif
