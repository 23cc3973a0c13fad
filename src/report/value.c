/* Values as text. */
#include "base/utf8.h"
#include "report/report.h"

#include <math.h>
#include <string.h>

size_t fw_text_columns(const char *text, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n;) {
        unsigned bytes = (unsigned char)text[i] < 0x80 ? 1 : fw_utf8_length(text + i);
        columns += bytes > 1 ? fw_utf8_columns(text + i, bytes) : 1;
        i += bytes > 1 ? bytes : 1;
    }
    return columns;
}

bool fw_value_is_number(const struct fw_value *v)
{
    return v->kind == FW_VALUE_INT || v->kind == FW_VALUE_COUNT || v->kind == FW_VALUE_FLOAT;
}

static void print_seconds(double v, struct fw_str *out)
{
    static const char *const names[] = {" s", " ms", " us", " ns"};
    unsigned k = 0;
    for (; k < 3 && v != 0 && fabs(v) < 0.9995; k++)
        v *= 1000;
    fw_str_add_fixed(out, v, fabs(v) < 9.995 ? 2 : fabs(v) < 99.95 ? 1 : 0);
    fw_str_add(out, names[k]);
}

static void print_scaled(double v, bool bytes, struct fw_str *out)
{
    static const char *const decimal[] = {"", " k", " M", " G", " T", " P", " E"};
    static const char *const binary[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    const char *const *names = bytes ? binary : decimal;
    double step = bytes ? 1024 : 1000;
    unsigned k = 0;
    double left = fabs(v);
    while (left >= step * (1 - 0.0005) && k < 6) { // what would round up to the step moves on
        left /= step;
        k++;
    }
    if (left >= step) {
        fw_str_add_double(out, v, 3);
        fw_str_add(out, bytes ? " B" : "");
        return;
    }
    if (v < 0)
        fw_str_addc(out, '-');
    if (k == 0 && left == floor(left))
        fw_str_add_i64(out, (int64_t)left, 0);
    else if (left >= 999.5) // %.3g would switch to an exponent
        fw_str_add_i64(out, (int64_t)(left + 0.5), 0);
    else
        fw_str_add_fixed(out, left, left < 9.995 ? 2 : left < 99.95 ? 1 : 0);
    fw_str_add(out, names[k]);
}

void fw_human_print(double v, enum fw_unit unit, struct fw_str *out)
{
    if (unit == FW_UNIT_SECONDS) {
        print_seconds(v, out);
        return;
    }
    print_scaled(v, unit == FW_UNIT_BYTES, out);
    if (unit == FW_UNIT_FLOP_RATE || unit == FW_UNIT_BYTE_RATE) {
        fw_str_add(out, fabs(v) < 999.5 ? " " : "");
        fw_str_add(out, unit == FW_UNIT_FLOP_RATE ? "FLOP/s" : "B/s");
    }
}

static void print_count(const struct fw_report *r, fw_count v, enum fw_unit unit,
                        enum fw_number_style style, struct fw_str *out)
{
    if (!fw_count_is_const(v)) {
        fw_count_print(r->sym, v, 0, out);
        return;
    }
    if (unit > FW_UNIT_CHANGE && style != FW_NUMBER_PLAIN) {
        fw_human_print((double)v.word, unit, out);
        return;
    }
    bool small = v.word < 1000 && v.word > -1000;
    if (unit == FW_UNIT_NONE || (small && unit != FW_UNIT_BYTES))
        style = style == FW_NUMBER_PLAIN ? style : FW_NUMBER_EXACT;
    if (style == FW_NUMBER_BOTH && small)
        style = FW_NUMBER_HUMAN;
    if (style != FW_NUMBER_HUMAN)
        fw_str_add_i128(out, v.word, style == FW_NUMBER_PLAIN ? 0 : ',');
    if (style == FW_NUMBER_BOTH)
        fw_str_add(out, " (");
    if (style == FW_NUMBER_BOTH || style == FW_NUMBER_HUMAN)
        fw_human_print((double)v.word, unit, out);
    if (style == FW_NUMBER_BOTH)
        fw_str_addc(out, ')');
}

static void print_shape(const struct fw_report *r, const struct fw_value *v, struct fw_str *out)
{
    if (v->shape.rank == 0)
        fw_str_add(out, "scalar");
    for (unsigned i = 0; i < v->shape.rank; i++) {
        struct fw_str dim;
        fw_str_init(&dim, r->alloc);
        fw_dim_print(r->sym, v->shape.dims[i], &dim);
        bool sum = strpbrk(fw_str_text(&dim), "+-*/") != NULL && v->shape.rank > 1;
        fw_str_add(out, i ? "x" : "");
        fw_str_add(out, sum ? "(" : "");
        fw_str_add(out, fw_str_text(&dim));
        fw_str_add(out, sum ? ")" : "");
        out->failed |= dim.failed;
        fw_str_free(&dim);
    }
}

/* Three figures, or a whole number up to a hundred million; the exponent without zeros and plus. */
static void print_measure(double v, struct fw_str *out)
{
    if (fabs(v) >= 1000 && fabs(v) < 1e8) {
        fw_str_add_i64(out, (int64_t)llround(v), ',');
        return;
    }
    struct fw_str s;
    fw_str_init(&s, out->alloc);
    fw_str_add_double(&s, v, 3);
    bool exponent = false;
    for (const char *p = fw_str_text(&s); *p != '\0'; p++) {
        if (!(exponent && (*p == '+' || *p == '0')))
            fw_str_addc(out, *p);
        exponent = (exponent && (*p < '1' || *p > '9')) || *p == 'e';
    }
    out->failed |= s.failed;
    fw_str_free(&s);
}

static void print_float(double v, enum fw_unit unit, enum fw_number_style style, struct fw_str *out)
{
    bool percent = unit == FW_UNIT_SHARE || unit == FW_UNIT_CHANGE;
    if (unit == FW_UNIT_MEASURE && style != FW_NUMBER_PLAIN) {
        print_measure(v, out);
        return;
    }
    if (unit > FW_UNIT_CHANGE && style != FW_NUMBER_PLAIN) {
        fw_human_print(v, unit, out);
        return;
    }
    if (percent && v == 0 && style != FW_NUMBER_PLAIN) {
        fw_str_add(out, "0 %");
        return;
    }
    if (style == FW_NUMBER_PLAIN || !percent) {
        fw_str_add_double(out, v, style == FW_NUMBER_PLAIN ? 17 : 5);
        return;
    }
    fw_str_add(out, unit == FW_UNIT_CHANGE && v >= 0 ? "+" : "");
    fw_str_add_fixed(out, 100 * v, fabs(v) < 10 ? 1 : 0);
    fw_str_add(out, " %");
}

/* In what people read a name stays in its line and speaks to no terminal. */
static void print_text(const char *text, struct fw_str *out)
{
    const char *from = text;
    while (*text != '\0') {
        unsigned n = fw_utf8_shown(text);
        text += n;
        if (n > 0)
            continue;
        fw_str_addn(out, from, (size_t)(text - from));
        fw_str_addc(out, '?');
        from = ++text;
    }
    fw_str_add(out, from);
}

void fw_value_print(const struct fw_report *r, const struct fw_value *v, enum fw_unit unit,
                    enum fw_number_style style, struct fw_str *out)
{
    switch (v->kind) {
    case FW_VALUE_BOOL:
        fw_str_add(out, v->b ? "true" : "false");
        break;
    case FW_VALUE_INT:
        print_count(r, fw_count_int(v->i), unit, style, out);
        break;
    case FW_VALUE_COUNT:
        print_count(r, v->count, unit, style, out);
        break;
    case FW_VALUE_FLOAT:
        if (isnan(v->f))
            fw_str_add(out, "nan"); // of either sign
        else
            print_float(v->f, unit, style, out);
        break;
    case FW_VALUE_TEXT:
        if (style == FW_NUMBER_PLAIN)
            fw_str_add(out, v->text);
        else
            print_text(v->text, out);
        break;
    case FW_VALUE_SHAPE:
        print_shape(r, v, out);
        break;
    case FW_VALUE_NULL:
    case FW_VALUE_ABSENT:
    case FW_VALUE_TABLE:
        break;
    }
}
