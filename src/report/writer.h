/* Writers: one file per output format, one line each in writers.def. */
#ifndef FW_REPORT_WRITER_H
#define FW_REPORT_WRITER_H

#include "report/math.h"
#include "report/report.h"

/* Output collected piece by piece: writers add to `text` and call fw_out_pass between rows. */
struct fw_out {
    struct fw_str text;
    fw_sink *sink;
    void *sink_ctx;
    bool color;
    bool stopped; // the sink refused; nothing more is handed over
};

/* Hands over what was collected when it is worth a call. */
void fw_out_pass(struct fw_out *out);

struct fw_writer {
    const char *name; // "json"
    bool (*can)(const struct fw_report *r);
    /* Errors: FW_UNSUPPORTED when the values do not allow it (letters in a picture), FW_MEMORY. */
    enum fw_status (*write)(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *out, struct fw_error *err);
};

#define FW_WRITER(name) extern const struct fw_writer fw_writer_##name;
#include "report/writers.def"
#undef FW_WRITER

/* For `can`. */
bool fw_report_has_any(const struct fw_report *r);
const struct fw_table *fw_report_main(const struct fw_report *r); // or NULL

/* ---- shared by writers ---- */

/* By its unit, or by what stands in the first row. */
bool fw_column_is_number(const struct fw_table *t, uint32_t column);
/* text between quotes, as JSON wants it; what is not UTF-8 becomes U+FFFD, what is not shown (see
 * base/utf8.h) is escaped. */
void fw_json_string(struct fw_str *out, const char *text);
/* &, <, > and quotes as entities; what is not UTF-8 or not shown becomes U+FFFD. */
void fw_xml_text(struct fw_str *out, const char *text);
/* A cell that is a formula, parsed; NULL for any other. */
const struct fw_math *fw_cell_formula(const struct fw_column *column, const struct fw_value *v,
                                      struct fw_arena *arena);
/* Escapes what would start a column, an element or emphasis; line breaks become blanks. */
void fw_md_text(struct fw_str *out, const char *text, size_t len);
/* One table with its title; nothing for those that people do not see. Errors: FW_MEMORY. */
enum fw_status fw_table_text(const struct fw_report *r, const struct fw_table *t,
                             const struct fw_style *style, struct fw_out *o, struct fw_error *err);
enum fw_status fw_table_md(const struct fw_report *r, const struct fw_table *t,
                           const struct fw_style *style, struct fw_out *o, struct fw_error *err);
enum fw_status fw_table_html(const struct fw_report *r, const struct fw_table *t, struct fw_out *o,
                             struct fw_error *err);

#endif
