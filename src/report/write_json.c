/* JSON: objects nested by the '/' in column keys, exact integers, formulas as strings. */
#include "report/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Position in an object that is being written key by key. */
struct nest {
    struct fw_str *out;
    const char *open;     // the key whose folders are open
    size_t open_len;      // bytes of its folders, 0 = none
    bool comma;           // something stands before in the innermost object
    bool lines;           // first-level keys start a line
    struct joint *joints; // (columns) of the table, or NULL
    struct fw_arena *arena;
};

/* What stands in front of a value depends on its column and on the one written before it, so in a
 * long table it is kept from row to row. */
struct joint {
    uint32_t after;   // that column + 1; 0: the row begins
    const char *text; // (len); NULL: not made yet
    size_t len;
    size_t folders; // bytes of the key's folders
};

static void put_row(const struct fw_report *r, const struct fw_table *t, uint32_t row,
                    struct nest *n);

/* Fewest digits that give the same double again. */
static void put_float(struct fw_str *out, double v)
{
    if (!isfinite(v)) {
        fw_str_add(out, "null");
        return;
    }
    struct fw_str text;
    fw_str_init(&text, out->alloc);
    for (int digits = 1; digits <= 17; digits++) {
        fw_str_reset(&text);
        fw_str_addf(&text, "%.*g", digits, v);
        double back = strtod(fw_str_text(&text), NULL); // layers: allow what this locale wrote
        if (digits == 17 || back == v) {
            fw_str_add_double(out, v, digits);
            break;
        }
    }
    fw_str_free(&text);
}

static void put_count(const struct fw_report *r, fw_count v, struct fw_str *out)
{
    if (fw_count_is_const(v)) {
        fw_str_add_i128(out, v.word, 0);
        return;
    }
    fw_str_addc(out, '"');
    fw_count_print(r->sym, v, 0, out);
    fw_str_addc(out, '"');
}

static void put_rows(const struct fw_report *r, const struct fw_table *t, struct fw_str *out)
{
    fw_str_addc(out, '[');
    for (uint32_t row = 0; row < t->n_rows; row++) {
        fw_str_add(out, row ? ", " : "");
        struct nest inner = {.out = out};
        put_row(r, t, row, &inner);
    }
    fw_str_addc(out, ']');
}

static void put_value(const struct fw_report *r, const struct fw_value *v, struct fw_str *out)
{
    switch (v->kind) {
    case FW_VALUE_BOOL:
        fw_str_add(out, v->b ? "true" : "false");
        break;
    case FW_VALUE_INT:
        fw_str_add_i64(out, v->i, 0);
        break;
    case FW_VALUE_COUNT:
        put_count(r, v->count, out);
        break;
    case FW_VALUE_FLOAT:
        put_float(out, v->f);
        break;
    case FW_VALUE_TEXT:
        fw_json_string(out, v->text);
        break;
    case FW_VALUE_SHAPE:
        fw_str_addc(out, '[');
        for (unsigned i = 0; i < v->shape.rank; i++) {
            fw_str_add(out, i ? "," : "");
            put_count(r, fw_count_of(v->shape.dims[i]), out);
        }
        fw_str_addc(out, ']');
        break;
    case FW_VALUE_TABLE:
        if (v->table->flags & FW_TABLE_RECORD)
            put_row(r, v->table, 0, &(struct nest){.out = out});
        else
            put_rows(r, v->table, out);
        break;
    case FW_VALUE_NULL:
    case FW_VALUE_ABSENT:
        fw_str_add(out, "null");
        break;
    }
}

/* Bytes of the longest run of whole folders that a and b share. */
static size_t shared_folders(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t shared = 0;
    for (size_t i = 0;; i++) {
        bool end_a = i == a_len || a[i] == '/', end_b = i == b_len || b[i] == '/';
        if (end_a && end_b)
            shared = i;
        if (i == a_len || i == b_len || a[i] != b[i])
            return shared;
    }
}

static void start_key(struct nest *n, const char *key, size_t len, bool first_level)
{
    fw_str_add(n->out, n->comma ? "," : "");
    if (n->lines && first_level)
        fw_str_add(n->out, "\n    ");
    else
        fw_str_add(n->out, n->comma ? " " : "");
    fw_str_addc(n->out, '"');
    fw_str_addn(n->out, key, len);
    fw_str_add(n->out, "\": ");
    n->comma = true;
}

/* Closes what key is not in and opens the folders it is in. */
static void go_to(struct nest *n, const char *key)
{
    const char *slash = strrchr(key, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - key);
    size_t shared = shared_folders(n->open, n->open_len, key, len);
    for (size_t i = shared; i < n->open_len; i++)
        if (i == 0 || n->open[i] == '/')
            fw_str_addc(n->out, '}');
    for (size_t at = shared; at < len;) {
        size_t from = at + (at > 0);
        size_t to = from;
        while (to < len && key[to] != '/')
            to++;
        start_key(n, key + from, to - from, from == 0);
        fw_str_addc(n->out, '{');
        n->comma = false;
        at = to;
    }
    n->open = key;
    n->open_len = len;
}

/* Everything between the value before and the one of column c. */
static void put_key(struct nest *n, const struct fw_table *t, uint32_t c, uint32_t after)
{
    struct joint *joint = n->joints != NULL ? &n->joints[c] : NULL;
    const char *key = t->columns[c].key;
    if (joint != NULL && joint->text != NULL && joint->after == after) {
        fw_str_addn(n->out, joint->text, joint->len);
        n->open = key;
        n->open_len = joint->folders;
        n->comma = true;
        return;
    }
    size_t from = n->out->len;
    go_to(n, key);
    size_t skip = n->open_len ? n->open_len + 1 : 0;
    start_key(n, key + skip, strlen(key + skip), skip == 0);
    if (joint == NULL || n->out->failed)
        return;
    size_t len = n->out->len - from;
    *joint = (struct joint){after, fw_arena_strndup(n->arena, n->out->data + from, len), len,
                            n->open_len};
}

static void put_row(const struct fw_report *r, const struct fw_table *t, uint32_t row,
                    struct nest *n)
{
    uint32_t after = 0;
    n->open = "";
    fw_str_addc(n->out, '{');
    for (uint32_t c = 0; c < t->n_columns; c++) {
        if (t->columns[c].views & FW_VIEW_PEOPLE)
            continue;
        struct fw_value v = t->cell(t, row, c);
        if (v.kind == FW_VALUE_ABSENT)
            continue;
        put_key(n, t, c, after);
        put_value(r, &v, n->out);
        after = c + 1;
    }
    go_to(n, "");
    fw_str_add(n->out, n->lines && n->comma ? "\n  }" : "}");
}

static void put_merged(const struct fw_report *r, const struct fw_table *t, struct fw_str *out)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        struct fw_value v = t->cell(t, 0, c);
        if (v.kind == FW_VALUE_ABSENT || (t->columns[c].views & FW_VIEW_PEOPLE))
            continue;
        fw_str_add(out, ",\n  ");
        fw_json_string(out, t->columns[c].key);
        fw_str_add(out, ": ");
        put_value(r, &v, out);
    }
}

static void put_list(const struct fw_report *r, const struct fw_table *t, struct fw_out *o)
{
    struct fw_arena arena;
    fw_arena_init(&arena, r->alloc);
    struct joint *joints = fw_arena_zalloc(&arena, t->n_columns * sizeof *joints);
    fw_str_addc(&o->text, '[');
    for (uint32_t row = 0; row < t->n_rows; row++) {
        fw_str_add(&o->text, row ? ",\n    " : "\n    ");
        put_row(r, t, row, &(struct nest){.out = &o->text, .joints = joints, .arena = &arena});
        fw_out_pass(o);
    }
    fw_str_add(&o->text, t->n_rows ? "\n  ]" : "]");
    fw_arena_clear(&arena);
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *o, struct fw_error *err)
{
    (void)style;
    (void)err;
    struct fw_str *out = &o->text;
    fw_str_add(out, "{\n  \"schema\": ");
    fw_json_string(out, r->schema);
    for (unsigned i = 0; i < r->n_tables; i++) {
        const struct fw_table *t = r->tables[i];
        if (t->flags & FW_TABLE_PEOPLE)
            continue;
        if (t->flags & FW_TABLE_MERGE) {
            put_merged(r, t, out);
            continue;
        }
        fw_str_add(out, ",\n  ");
        fw_json_string(out, t->key);
        fw_str_add(out, ": ");
        if (t->flags & FW_TABLE_RECORD)
            put_row(r, t, 0, &(struct nest){.out = out, .lines = true});
        else
            put_list(r, t, o);
        fw_out_pass(o);
    }
    fw_str_add(out, "\n}\n");
    return FW_OK;
}

const struct fw_writer fw_writer_json = {.name = "json", .can = fw_report_has_any, .write = write};
