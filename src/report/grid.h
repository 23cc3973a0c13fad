/* Text in columns, laid out by libsmartcols (the only place that knows it). */
#ifndef FW_REPORT_GRID_H
#define FW_REPORT_GRID_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct fw_grid_column {
    const char *title;
    bool right; // numbers stand to the right
};

struct fw_grid {
    const struct fw_grid_column *columns; // (n_columns)
    size_t n_columns;
    const char *const *cells; // (n_rows, n_columns)
    size_t n_rows;
    bool color; // headings in bold
};

/* Control bytes in cells are shown as \xNN. Errors: FW_MEMORY. */
enum fw_status fw_grid_print(const struct fw_grid *grid, struct fw_str *out, struct fw_error *err);

/* text in at most `columns` columns: what is too much is left out in the middle (or at the end). */
void fw_text_shorten(const char *text, size_t columns, bool middle, bool ascii, struct fw_str *out);

/* Bytes of text that fill a line of so many columns: up to a blank, else up to where a formula may
 * be cut, else as many as fit. 0 only for an empty text. */
size_t fw_text_line(const char *text, size_t columns);
/* text in lines of at most so many columns; all but the first stand behind `indent` blanks. */
void fw_text_wrap(const char *text, size_t columns, size_t indent, struct fw_str *out);

#endif
