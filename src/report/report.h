/* A report: the tables of one answer and what they stand on. */
#ifndef FW_REPORT_REPORT_H
#define FW_REPORT_REPORT_H

#include "base/arena.h"
#include "base/err.h"
#include "report/table.h"

#define FW_REPORT_FEW 16 // tables for which a report has room from the start

/* Memory over the schedule, for the area chart and the terminal's sparkline. */
struct fw_timeline {
    const char *title;
    uint32_t n;           // steps
    const fw_count *live; // (n) bytes that come and go
    uint32_t n_fixed;
    struct {
        const char *name; // "weights"
        fw_count bytes;
    } fixed[4]; // (n_fixed) bytes that are there all the time
    /* What runs at a step; *phase may differ from step to step only in runs. */
    const char *(*label)(const struct fw_timeline *t, uint32_t step, const char **phase);
    const void *ctx;
};

/* True when every number of the timeline is a number. */
bool fw_timeline_is_known(const struct fw_timeline *t);
/* The timeline as a report's picture (timeline.c). */
enum fw_status fw_timeline_draw(const void *timeline, struct fw_str *out, struct fw_error *err);

/* What the format svg draws, and the HTML page shows. FW_UNSUPPORTED where the values do not allow
 * a picture (letters); what was added to out by then does not count. */
struct fw_picture {
    enum fw_status (*draw)(const void *what, struct fw_str *out, struct fw_error *err);
    const void *what;
};

struct fw_report {
    const struct fw_alloc *alloc; // &watched
    struct fw_alloc watched;      // over `under`; notes in no_memory what was refused
    const struct fw_alloc *under;
    bool no_memory;                 // a text may be missing or cut: the report is not written
    struct fw_arena arena;          // tables and texts made for them
    const char *schema;             // "flopwise.count/1"
    const char *title;              // "flopwise count: resnet50.onnx"
    struct fw_symbols *sym;         // letters of the counts; NULL where there are none
    const struct fw_table **tables; // in the order they are written
    unsigned n_tables, cap_tables;
    const struct fw_table *few[FW_REPORT_FEW]; // what tables is at first
    const struct fw_timeline *timeline;        // or NULL
    struct fw_picture picture;                 // .draw NULL: there is none
    const struct fw_document *document;        // what people see instead of the tables, or NULL
    enum fw_status status;                     // see fw_report_status
    char *formats;                             // answer of fw_report_formats
    void (*release)(void *owned);              // called last
    void *owned;                               // what the tables stand on
};

struct fw_report *fw_report_new(const struct fw_alloc *alloc, const char *schema); // NULL: memory
/* How making one ends: *ret is r after FW_OK, else r is freed. The value: status. */
enum fw_status fw_report_finish(struct fw_report **ret, struct fw_report *r, enum fw_status status);
/* Appends a table, or notes that memory ran out, as texts do. */
void fw_report_add(struct fw_report *r, const struct fw_table *t);

/* A table made of values at hand, which are copied; columns outlive the report. */
struct fw_record {
    struct fw_table table;
    const struct fw_value *values; // (n_rows, n_columns)
};
/* Not yet in the report. NULL = out of memory. */
const struct fw_table *fw_rows_new(struct fw_report *r, const struct fw_table *head,
                                   const struct fw_column *columns, uint32_t n_columns,
                                   const struct fw_value *values, uint32_t n_rows);
/* A record, put into the report. */
enum fw_status fw_report_record(struct fw_report *r, const struct fw_table *head,
                                const struct fw_column *columns, const struct fw_value *values,
                                uint32_t n, struct fw_error *err);
/* The same without putting it into the report: for rows inside a row. NULL = out of memory. */
const struct fw_table *fw_record_new(struct fw_report *r, const struct fw_table *head,
                                     const struct fw_column *columns, const struct fw_value *values,
                                     uint32_t n);

/* Appends a table of values at hand: (n_rows * head->n_columns), row after row, copied. */
enum fw_status fw_report_rows(struct fw_report *r, const struct fw_table *head,
                              const struct fw_value *values, uint32_t n_rows, struct fw_error *err);

/* Texts of a value (report/value.c). */
enum fw_number_style {
    FW_NUMBER_PLAIN, // 4089184256
    FW_NUMBER_EXACT, // 4,089,184,256
    FW_NUMBER_BOTH,  // 4,089,184,256 (4.09 G)
    FW_NUMBER_HUMAN  // 4.09 G
};
void fw_value_print(const struct fw_report *r, const struct fw_value *v, enum fw_unit unit,
                    enum fw_number_style style, struct fw_str *out);
/* "4.09 G", for bytes "3.81 GiB"; below 1000 (1024) as it is. */
void fw_human_print(double v, enum fw_unit unit, struct fw_str *out);
bool fw_value_is_number(const struct fw_value *v);
/* Columns a terminal needs for n bytes of UTF-8, taking every character as one column wide. */
size_t fw_text_columns(const char *text, size_t n);

#endif
