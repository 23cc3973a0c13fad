/* A text with formulas and tables: one neutral form, shown on the terminal, as Markdown with LaTeX
 * and as HTML with MathML.
 *
 * A report that has a document shows it to people; its tables remain what JSON and CSV have. Texts
 * are written with printf and may hold $formulas$ in the language of math.h and `words` of code;
 * names that come from a model go through fw_doc_name. A failure on the way is remembered and told
 * by fw_document_end, so that code which writes need not test every call. */
#ifndef FW_REPORT_DOCUMENT_H
#define FW_REPORT_DOCUMENT_H

#include "report/math.h"
#include "report/report.h"

enum fw_block_kind {
    FW_BLOCK_HEADING, // level 1 (a section) or 2
    FW_BLOCK_PARAGRAPH,
    FW_BLOCK_ITEM, // of a list; items in a row are one list
    FW_BLOCK_FORMULA,
    FW_BLOCK_TABLE
};

struct fw_block {
    enum fw_block_kind kind;
    unsigned level;             // of a heading; of an item: 1 when it goes on with a list
    const char *text;           // as written
    const struct fw_math *math; // of a formula
    const struct fw_table *table;
    const struct fw_block *next;
};

struct fw_document {
    struct fw_arena *arena; // the report's
    const struct fw_block *first;
    struct fw_block *last;
    uint32_t n_blocks;
    bool no_memory;
    const char *bad; // a formula that is none
};

/* Gives the report a document. NULL = out of memory. */
struct fw_document *fw_document_new(struct fw_report *r);
/* Adds the table "blocks" (kind, text, latex) to the report's JSON. Errors: FW_MEMORY, FW_FORMAT
 * for a formula that cannot be read. */
enum fw_status fw_document_end(struct fw_document *d, struct fw_report *r, struct fw_error *err);

void fw_doc_heading(struct fw_document *d, unsigned level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void fw_doc_text(struct fw_document *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fw_doc_item(struct fw_document *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A formula on lines of its own. */
void fw_doc_formula(struct fw_document *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* t outlives the report or stands in its arena. It is JSON's too when it is added to the report. */
void fw_doc_table(struct fw_document *d, const struct fw_table *t);

/* For the arguments of the calls above: `name`, whatever characters it has; a count with letters
 * or with separators; a double. Never NULL. */
const char *fw_doc_name(struct fw_document *d, const char *name);
const char *fw_doc_count(struct fw_document *d, const struct fw_report *r, fw_count v);
const char *fw_doc_int(struct fw_document *d, int64_t v);
const char *fw_doc_double(struct fw_document *d, double v, int significant);

/* ---- for the writers ---- */

enum fw_span_kind { FW_SPAN_END, FW_SPAN_PLAIN, FW_SPAN_CODE, FW_SPAN_MATH };
struct fw_span {
    enum fw_span_kind kind;
    const char *text;
    size_t len;
};
/* The next piece of a text, without its marks. */
struct fw_span fw_span_next(const char **at);

struct fw_out;
enum fw_status fw_document_text(const struct fw_report *r, const struct fw_style *style,
                                struct fw_out *o, struct fw_error *err);
enum fw_status fw_document_md(const struct fw_report *r, const struct fw_style *style,
                              struct fw_out *o, struct fw_error *err);
enum fw_status fw_document_html(const struct fw_report *r, struct fw_out *o, struct fw_error *err);

#endif
