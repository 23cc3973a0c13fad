/* Tables as text: comma-separated (RFC 4180) and tab-separated.
 *
 * Strict: every row has as many cells as the first, a quote only opens at the beginning of a cell
 * and only a separator or the end of the line may follow where it closes. Quoted cells may hold
 * line breaks. Lines end in LF or CRLF; a byte order mark is skipped. With tabs nothing is quoted
 * and lines that start with # are remarks. The first row names the columns. */
#ifndef FW_BASE_CSV_H
#define FW_BASE_CSV_H

#include "base/arena.h"
#include "base/err.h"

struct fw_csv {
    uint32_t n_columns;
    uint32_t n_rows;         // without the first, which names the columns
    const char *const *name; // (n_columns)
    const char **cells;      // (n_rows * n_columns), NUL behind each
};

#define FW_CSV_MAX_COLUMNS 4096u
#define FW_CSV_NONE UINT32_MAX

/* separator: ',' or '\t'. Texts are copied into the arena, so data need not live on. Errors:
 * FW_FORMAT with the byte, FW_LIMIT, FW_MEMORY. */
enum fw_status fw_csv_parse(struct fw_arena *arena, const void *data, size_t size, char separator,
                            struct fw_csv *ret, struct fw_error *err);
/* FW_CSV_NONE where there is none of this name. */
uint32_t fw_csv_column(const struct fw_csv *csv, const char *name);
static inline const char *fw_csv_cell(const struct fw_csv *csv, uint32_t row, uint32_t column)
{
    return column == FW_CSV_NONE ? "" : csv->cells[(size_t)row * csv->n_columns + column];
}
/* The cell in the column of this name. */
static inline const char *fw_csv_text(const struct fw_csv *csv, uint32_t row, const char *name)
{
    return fw_csv_cell(csv, row, fw_csv_column(csv, name));
}

#endif
