/* What weight files hold: elements, parameters and bytes by type, every tensor, and where files and
 * network disagree. */
#include "report/answers.h"

#include <string.h>

struct kind { // tensors of one type, role and way of packing
    const struct fw_storage *storage;
    const char *scheme;
    uint8_t role;
    bool open; // the parameters of some are not known
    uint32_t tensors;
    fw_count elements, params, bytes;
};

struct stored {
    struct fw_report *r;
    struct fw_symbols *sym;
    const struct fw_weights *w;
    const fw_dim **shapes; // (w->n) dimensions of each tensor
    struct kind *kinds;    // (n_kinds)
    uint32_t n_kinds;
    struct kind all;
};

static bool same_scheme(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void take(struct stored *s, struct kind *k, const struct fw_stored *t)
{
    k->tensors++;
    k->elements = fw_count_add(s->sym, k->elements, fw_count_int(t->elements));
    k->bytes = fw_count_add(s->sym, k->bytes, fw_count_int(t->bytes));
    if (t->params < 0)
        k->open = true;
    else
        k->params = fw_count_add(s->sym, k->params, fw_count_int(t->params));
}

static void gather(struct stored *s, const struct fw_stored *t)
{
    uint32_t i = 0;
    while (i < s->n_kinds && !(s->kinds[i].storage == t->storage && s->kinds[i].role == t->role &&
                               same_scheme(s->kinds[i].scheme, t->scheme)))
        i++;
    struct kind *k = &s->kinds[i];
    if (i == s->n_kinds) {
        s->n_kinds++;
        *k = (struct kind){.storage = t->storage, .scheme = t->scheme, .role = t->role};
    }
    take(s, k, t);
    take(s, &s->all, t);
}

/* ---- by type ---- */

enum { K_TYPE, K_ROLE, K_SCHEME, K_TENSORS, K_ELEMENTS, K_PARAMS, K_BITS, K_BYTES, N_KIND_COLUMNS };

static const struct fw_column kind_columns[N_KIND_COLUMNS] = {
    {"type", "type", "how elements are stored", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"role", "what", "parameters, buffers, scales of quantised tensors, other", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"scheme", "packed as", "quantisation scheme, where parameters are packed", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"tensors", "tensors", "how many", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"elements", "elements", "as they are stored", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"params", "parameters", "what they stand for; null: the header does not tell", FW_UNIT_COUNT,
     FW_VIEW_TABLE},
    {"bits_per_param", "bits each", "bits of the tensors for each parameter", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"bytes", "bytes", "in the files", FW_UNIT_BYTES, FW_VIEW_TABLE},
};

static struct fw_value bits_of(fw_count bytes, fw_count params)
{
    if (!fw_count_is_const(bytes) || !fw_count_is_const(params) || params.word <= 0)
        return fw_value_kind(FW_VALUE_NULL);
    return fw_value_float(8 * (double)bytes.word / (double)params.word);
}

static struct fw_value kind_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct stored *s = t->ctx;
    const struct kind *k = &s->kinds[row];
    switch (column) {
    case K_TYPE:
        return fw_value_text(k->storage->name);
    case K_ROLE:
        return fw_value_text(fw_stored_roles[k->role]);
    case K_SCHEME:
        return fw_value_text(k->scheme);
    case K_TENSORS:
        return fw_value_int(k->tensors);
    case K_ELEMENTS:
        return fw_value_count(k->elements);
    case K_PARAMS:
        return k->open ? fw_value_kind(FW_VALUE_NULL) : fw_value_count(k->params);
    case K_BITS:
        return k->open ? fw_value_kind(FW_VALUE_NULL) : bits_of(k->bytes, k->params);
    default:
        return fw_value_count(k->bytes);
    }
}

/* ---- tensors and files ---- */

static const struct fw_column tensor_columns[] = {
    {"name", "name", "name of the tensor", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"type", "type", "how elements are stored", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"shape", "shape", "dimensions, slowest first", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"role", "what", "parameters, buffers, scales, other", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"scheme", "packed as", "quantisation scheme", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"params", "parameters", "null: the header does not tell", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"bytes", "bytes", "in the file", FW_UNIT_BYTES, FW_VIEW_TABLE},
    {"file", "file", "number of the file, from 0", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"offset", "offset", "byte where it begins", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static struct fw_value tensor_cell(const struct fw_table *table, uint32_t row, uint32_t column)
{
    const struct stored *s = table->ctx;
    const struct fw_stored *t = &s->w->tensors[row];
    switch (column) {
    case 0:
        return fw_value_text(t->name);
    case 1:
        return fw_value_text(t->storage->name);
    case 2:
        return (struct fw_value){.kind = FW_VALUE_SHAPE, .shape = {s->shapes[row], t->rank}};
    case 3:
        return fw_value_text(fw_stored_roles[t->role]);
    case 4:
        return fw_value_text(t->scheme);
    case 5:
        return t->params < 0 ? fw_value_kind(FW_VALUE_NULL) : fw_value_int(t->params);
    case 6:
        return fw_value_int(t->bytes);
    case 7:
        return fw_value_int(t->file);
    default:
        return fw_value_int(t->at);
    }
}

static const struct fw_column file_columns[] = {
    {"name", "file", "as given or as the index names it", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"bytes", "bytes", "size of the file", FW_UNIT_BYTES, FW_VIEW_TABLE},
};

static struct fw_value file_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct fw_weight_file *f = &((const struct stored *)t->ctx)->w->files[row];
    return column == 0 ? fw_value_text(f->name) : fw_value_int(f->bytes);
}

/* ---- files and network ---- */

static const struct fw_column misfit_columns[] = {
    {"what", "what", "missing, extra, shape; harmless: buffer, copy (of a tied table)",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"tensor", "tensor", "its name", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"expected", "network", "shape that the network has for it", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"found", "files", "shape in the files", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static struct fw_value misfit_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    static const char *const words[FW_N_MISFITS] = {"missing", "extra", "shape", "buffer", "copy"};
    const struct fw_misfit *x = &((const struct stored *)t->ctx)->w->misfits[row];
    const char *const cells[] = {words[x->kind], x->name, x->expected, x->found};
    return fw_value_text(cells[column]);
}

static bool is_harmless(const struct fw_table *t, uint32_t row)
{
    return ((const struct stored *)t->ctx)->w->misfits[row].kind >= FW_MISFIT_BUFFER;
}

/* "310 tensors expected, all found; 2 more are buffers" */
static enum fw_status add_verdict(struct stored *s, struct fw_error *err)
{
    static const struct fw_column columns[] = {
        {"weights", "weights", "", FW_UNIT_NONE, FW_VIEW_TABLE}};
    static const struct fw_table head = {.key = "fit", .title = "", .flags = FW_TABLE_PEOPLE};
    uint32_t n[FW_N_MISFITS] = {0};
    for (uint32_t i = 0; i < s->w->n_misfits; i++)
        n[s->w->misfits[i].kind]++;
    if (!s->w->checked)
        return FW_OK;
    struct fw_str t;
    fw_str_init(&t, s->r->alloc);
    fw_str_addf(&t, "%u tensors expected, ", s->w->n_expected);
    if (n[FW_MISFIT_MISSING] > 0)
        fw_str_addf(&t, "%u missing", n[FW_MISFIT_MISSING]);
    else
        fw_str_add(&t, "all found");
    if (n[FW_MISFIT_SHAPE] > 0)
        fw_str_addf(&t, ", %u of another shape", n[FW_MISFIT_SHAPE]);
    if (n[FW_MISFIT_EXTRA] > 0)
        fw_str_addf(&t, "; %u more that the network has not", n[FW_MISFIT_EXTRA]);
    if (n[FW_MISFIT_BUFFER] > 0)
        fw_str_addf(&t, "; also %u buffer%s", n[FW_MISFIT_BUFFER],
                    n[FW_MISFIT_BUFFER] == 1 ? "" : "s");
    if (n[FW_MISFIT_COPY] > 0)
        fw_str_addf(&t, "; tied tables stored twice: %u", n[FW_MISFIT_COPY]);
    struct fw_value value = fw_value_text(fw_arena_strndup(&s->r->arena, fw_str_text(&t), t.len));
    fw_str_free(&t);
    return fw_report_record(s->r, &head, columns, &value, 1, err);
}

/* ---- the tables ---- */

static struct fw_table *
new_table(struct stored *s, const struct fw_column *columns, uint32_t n, uint32_t n_rows,
          struct fw_value (*cell)(const struct fw_table *t, uint32_t row, uint32_t column))
{
    struct fw_table *t = fw_arena_zalloc(&s->r->arena, sizeof *t);
    if (t != NULL)
        *t = (struct fw_table){
            .columns = columns, .n_columns = n, .n_rows = n_rows, .ctx = s, .cell = cell};
    return t;
}

#define NEW_TABLE(s, columns, n_rows, cell) \
    new_table(s, columns, sizeof(columns) / sizeof *(columns), n_rows, cell)

static const struct fw_column weight_columns[] = {
    {"tensors", "tensors", "how many", FW_UNIT_COUNT, 0},
    {"elements", "elements", "as they are stored", FW_UNIT_COUNT, 0},
    {"params", "parameters", "what they stand for", FW_UNIT_COUNT, 0},
    {"bytes", "bytes", "of all tensors", FW_UNIT_BYTES, 0},
    {"checked", "checked", "true: compared with the network", FW_UNIT_NONE, 0},
    {"expected", "expected", "tensors that the network's parameters make", FW_UNIT_COUNT, 0},
    {"files", "files", "files they stand in", FW_UNIT_NONE, 0},
    {"types", "types", "by type, role and scheme", FW_UNIT_NONE, 0},
    {"misfits", "misfits", "where files and network disagree", FW_UNIT_NONE, 0},
    {"list", "list", "every tensor", FW_UNIT_NONE, 0},
};

static enum fw_status add_tables(struct stored *s, struct fw_error *err)
{
    const struct fw_weights *w = s->w;
    struct fw_table *files = NEW_TABLE(s, file_columns, w->n_files, file_cell);
    struct fw_table *kinds = NEW_TABLE(s, kind_columns, s->n_kinds, kind_cell);
    struct fw_table *misfits = NEW_TABLE(s, misfit_columns, w->n_misfits, misfit_cell);
    struct fw_table *list = NEW_TABLE(s, tensor_columns, w->n, tensor_cell);
    if (files == NULL || kinds == NULL || misfits == NULL || list == NULL)
        return fw_fail_memory(err);
    const struct fw_value values[] = {
        fw_value_int(w->n),
        fw_value_count(s->all.elements),
        s->all.open ? fw_value_kind(FW_VALUE_NULL) : fw_value_count(s->all.params),
        fw_value_count(s->all.bytes),
        fw_value_bool(w->checked),
        w->checked ? fw_value_int(w->n_expected) : fw_value_kind(FW_VALUE_NULL),
        {.kind = FW_VALUE_TABLE, .table = files},
        {.kind = FW_VALUE_TABLE, .table = kinds},
        {.kind = FW_VALUE_TABLE, .table = misfits},
        {.kind = FW_VALUE_TABLE, .table = list}};
    static const struct fw_table head = {.key = "weights", .flags = FW_TABLE_JSON_ONLY};
    FW_TRY(
        fw_report_record(s->r, &head, weight_columns, values, sizeof values / sizeof *values, err));
    struct fw_table *shown = fw_arena_copy(&s->r->arena, kinds, sizeof *kinds);
    if (shown == NULL)
        return fw_fail_memory(err);
    shown->key = "weight_types";
    shown->title = w->n_files == 1
                       ? "Weights in the file"
                       : fw_arena_printf(&s->r->arena, "Weights in %u files", w->n_files);
    shown->flags = FW_TABLE_PEOPLE | FW_TABLE_EXACT;
    fw_report_add(s->r, shown);
    shown = fw_arena_copy(&s->r->arena, misfits, sizeof *misfits);
    if (shown == NULL)
        return fw_fail_memory(err);
    shown->key = "misfits";
    shown->title = "Weights that do not fit the network";
    shown->flags = FW_TABLE_PEOPLE | FW_TABLE_SKIP_EMPTY;
    shown->is_free = is_harmless;
    shown->free_text = "buffers and second copies of tied tables";
    if (w->n_misfits > w->n_harmless)
        fw_report_add(s->r, shown);
    return add_verdict(s, err);
}

static enum fw_status make_shapes(struct stored *s, struct fw_error *err)
{
    const struct fw_weights *w = s->w;
    size_t n = 0;
    for (uint32_t i = 0; i < w->n; i++)
        n += w->tensors[i].rank;
    fw_dim *dims = fw_arena_array(&s->r->arena, n + 1, sizeof *dims);
    s->shapes = fw_arena_array(&s->r->arena, (size_t)w->n + 1, sizeof *s->shapes);
    if (dims == NULL || s->shapes == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < w->n; i++) {
        s->shapes[i] = dims;
        for (unsigned k = 0; k < w->tensors[i].rank; k++)
            *dims++ = fw_dim_int(w->tensors[i].dims[k]);
    }
    return FW_OK;
}

enum fw_status fw_report_add_weights(struct fw_report *r, struct fw_analysis *a,
                                     struct fw_error *err)
{
    const struct fw_weights *w = a->model.weights;
    if (w == NULL)
        return FW_OK;
    struct stored *s = fw_arena_zalloc(&r->arena, sizeof *s);
    struct kind *kinds = fw_arena_array(&r->arena, (size_t)w->n + 1, sizeof *kinds);
    if (s == NULL || kinds == NULL)
        return fw_fail_memory(err);
    *s = (struct stored){.r = r, .sym = a->model.sym, .w = w, .kinds = kinds};
    FW_TRY(make_shapes(s, err));
    for (uint32_t i = 0; i < w->n; i++)
        gather(s, &w->tensors[i]);
    if ((s->all.open || w->n_misfits > w->n_harmless) && r->status == FW_OK)
        r->status = FW_UNSUPPORTED;
    return add_tables(s, err);
}
