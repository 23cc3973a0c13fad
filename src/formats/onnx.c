/* ONNX models: versions, functions, the list of operators met; see onnx.h. */
#include "formats/onnx.h"

#include "formats/formats.h"

#include <inttypes.h>
#include <string.h>

#define NEWEST_OPSET \
    1000            // what a file without a version is taken for: every operator's newest form
#define MAX_KEY 256 // bytes of operator and domain that are looked up without copying

enum { IR_VERSION = 1, PRODUCER = 2, GRAPH = 7, OPSET_IMPORT = 8, FUNCTIONS = 25 };
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };

bool fw_onnx_is(struct fw_onnx_text text, const char *word)
{
    return text.len == strlen(word) && (text.len == 0 || memcmp(text.s, word, text.len) == 0);
}

bool fw_onnx_same(struct fw_onnx_text a, struct fw_onnx_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

struct fw_onnx_text fw_onnx_word(const char *word)
{
    return (struct fw_onnx_text){word, strlen(word)};
}

char *fw_onnx_dup(struct fw_onnx *rd, struct fw_onnx_text text)
{
    char *copy = fw_arena_alloc(&rd->m->arena, text.len + 1);
    if (copy == NULL) {
        (void)fw_fail_memory(rd->err);
        return NULL;
    }
    if (text.len > 0)
        memcpy(copy, text.s, text.len);
    copy[text.len] = '\0';
    return copy;
}

enum fw_status fw_onnx_grow(struct fw_onnx *rd, void **items, uint32_t n, uint32_t *cap,
                            size_t bytes)
{
    if (n < *cap)
        return FW_OK;
    FW_WITHIN(rd->m->alloc, FW_MOST_items, *cap, -1, rd->err);
    uint32_t more = *cap == 0 ? 64 : *cap * 2;
    void *p = fw_mem_resize(rd->m->alloc, *items, *cap * bytes, more * bytes);
    if (p == NULL)
        return fw_fail_memory(rd->err);
    *items = p;
    *cap = more;
    return FW_OK;
}

enum fw_status fw_onnx_opset_read(struct fw_onnx *rd, struct fw_pb pb,
                                  struct fw_onnx_text *ret_domain, int64_t *ret_version)
{
    struct fw_pb_field f;
    int more;
    *ret_domain = (struct fw_onnx_text){"", 0};
    *ret_version = 0;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        if (f.number == OPSET_DOMAIN) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "opset_import.domain", rd->err));
            *ret_domain = fw_onnx_text_of(&f);
        } else if (f.number == OPSET_VERSION) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_VARINT, "opset_import.version", rd->err));
            *ret_version = (int64_t)f.value;
        }
    }
    if (fw_onnx_is(*ret_domain, "ai.onnx"))
        *ret_domain = (struct fw_onnx_text){"", 0};
    return more < 0 ? FW_FORMAT : FW_OK;
}

static enum fw_status add_opset(struct fw_onnx *rd, struct fw_pb pb)
{
    struct fw_onnx_text domain;
    int64_t version;
    FW_TRY(fw_onnx_opset_read(rd, pb, &domain, &version));
    FW_REQUIRE(version >= 0, rd->err, FW_FORMAT,
               "opset_import: a version of at least 1 is wanted, found %" PRId64, version);
    if (rd->m->n_opsets == FW_MODEL_OPSETS)
        return FW_OK; // only the default domain's version is acted upon
    const char *copy = fw_onnx_dup(rd, domain);
    if (copy == NULL)
        return FW_MEMORY;
    rd->m->opsets[rd->m->n_opsets++] = (struct fw_opset){copy, version};
    return FW_OK;
}

/* The version of the default domain; a file that states none is taken by its age. */
static int64_t default_opset(const struct fw_onnx *rd)
{
    for (unsigned i = 0; i < rd->m->n_opsets; i++)
        if (rd->m->opsets[i].domain[0] == '\0' && rd->m->opsets[i].version > 0)
            return rd->m->opsets[i].version;
    return rd->m->ir_version > 0 && rd->m->ir_version < 3 ? 1 : NEWEST_OPSET;
}

/* ---- operators met ---- */

static enum fw_status infer_gap(struct fw_cx *c)
{
    for (unsigned i = 0; i < c->node->n_out; i++)
        FW_TRY(fw_set_out_unknown(c, i, FW_UNKNOWN, FW_RANK_UNKNOWN));
    return FW_OK;
}

static enum fw_status make_gap(struct fw_onnx *rd, struct fw_onnx_row *row)
{
    struct fw_op *op = fw_arena_zalloc(&rd->m->arena, sizeof *op);
    if (op == NULL)
        return fw_fail_memory(rd->err);
    *op = (struct fw_op){
        .name = row->name,
        .domain = row->domain,
        .formula = "not known",
        .doc = "not known",
        .max_in = UINT16_MAX,
        .max_out = UINT16_MAX,
        .flags = FW_OP_GAP | FW_OP_UNKNOWN_OK,
        .infer = infer_gap,
        .cost = fw_cost_free,
        .grad = fw_grad_none,
    };
    row->op = op;
    return FW_OK;
}

static enum fw_status fill_defaults(struct fw_onnx *rd, struct fw_onnx_row *row)
{
    const struct fw_op *op = row->op;
    if (op->n_attrs == 0)
        return FW_OK;
    struct fw_attr *attr = fw_arena_array(&rd->m->arena, op->n_attrs, sizeof *attr);
    if (attr == NULL)
        return fw_fail_memory(rd->err);
    for (unsigned i = 0; i < op->n_attrs; i++) {
        attr[i] = op->attrs[i].value;
        attr[i].given = false;
    }
    row->holds_graphs = fw_op_has_bodies(op);
    row->defaults = attr;
    return FW_OK;
}

static enum fw_status make_row(struct fw_onnx *rd, struct fw_onnx_text domain,
                               struct fw_onnx_text name, struct fw_onnx_row *row)
{
    row->name = fw_onnx_dup(rd, name);
    row->domain = fw_onnx_dup(rd, domain);
    if (row->name == NULL || row->domain == NULL)
        return FW_MEMORY;
    fw_onnx_forms_of(row->domain, row->name, row);
    row->op = fw_op_find(row->domain, row->name);
    if (row->op != NULL && (row->op->flags & FW_OP_INTERNAL))
        row->op = NULL; // a file cannot name what only the program makes
    row->function = fw_onnx_function_find(rd, domain, name, fw_onnx_word(""));
    if (row->op != NULL && !(row->op->flags & FW_OP_GAP))
        row->function = FW_NONE; // a rule of our own is exact and has the better gradient
    if (row->op == NULL)
        FW_TRY(make_gap(rd, row));
    return fill_defaults(rd, row);
}

enum fw_status fw_onnx_row_find(struct fw_onnx *rd, struct fw_onnx_text domain,
                                struct fw_onnx_text name, struct fw_onnx_row **ret)
{
    char small[MAX_KEY];
    char *key = small;
    size_t len = name.len + domain.len + 1;
    if (fw_onnx_is(domain, "ai.onnx")) {
        domain.len = 0;
        len = name.len + 1;
    }
    if (len > MAX_KEY && (key = fw_arena_alloc(&rd->m->arena, len)) == NULL)
        return fw_fail_memory(rd->err);
    if (name.len > 0)
        memcpy(key, name.s, name.len);
    key[name.len] = '\0';
    if (domain.len > 0)
        memcpy(key + name.len + 1, domain.s, domain.len);
    const uint32_t *known = fw_map_get(&rd->row_map, key, len);
    if (known != NULL) {
        *ret = rd->rows[*known];
        return FW_OK;
    }
    void *items = rd->rows;
    FW_TRY(fw_onnx_grow(rd, &items, rd->n_rows, &rd->cap_rows, sizeof *rd->rows));
    rd->rows = items;
    struct fw_onnx_row *row = fw_arena_zalloc(&rd->m->arena, sizeof *row);
    const char *kept = fw_arena_copy(&rd->m->arena, key, len);
    if (row == NULL || kept == NULL)
        return fw_fail_memory(rd->err);
    FW_TRY(make_row(rd, domain, name, row));
    if (fw_map_put(&rd->row_map, kept, len, rd->n_rows, NULL) == NULL)
        return fw_fail_memory(rd->err);
    rd->rows[rd->n_rows++] = row;
    *ret = row;
    return FW_OK;
}

enum fw_status fw_onnx_row_internal(struct fw_onnx *rd, const char *name, struct fw_onnx_row **ret)
{
    struct fw_onnx_row *row = fw_arena_zalloc(&rd->m->arena, sizeof *row);
    if (row == NULL)
        return fw_fail_memory(rd->err);
    row->name = name;
    row->domain = "flopwise";
    row->function = FW_NONE;
    row->op = fw_op_find(row->domain, name);
    *ret = row;
    if (row->op == NULL)
        FW_TRY(make_gap(rd, row));
    return fill_defaults(rd, row);
}

/* ---- the model ---- */

static enum fw_status model_field(struct fw_onnx *rd, const struct fw_pb *pb,
                                  const struct fw_pb_field *f, struct fw_pb *graph)
{
    switch (f->number) {
    case IR_VERSION:
        FW_TRY(fw_pb_want(pb, f, FW_PB_VARINT, "ir_version", rd->err));
        rd->m->ir_version = (int64_t)f->value;
        return FW_OK;
    case PRODUCER:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "producer_name", rd->err));
        rd->m->producer = fw_onnx_dup(rd, fw_onnx_text_of(f));
        return rd->m->producer != NULL ? FW_OK : FW_MEMORY;
    case GRAPH:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "graph", rd->err));
        if (graph->at != NULL)
            return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(pb),
                           "one graph is wanted, found a second");
        *graph = fw_pb_inside(pb, f);
        return FW_OK;
    case OPSET_IMPORT:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "opset_import", rd->err));
        return add_opset(rd, fw_pb_inside(pb, f));
    case FUNCTIONS:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "functions", rd->err));
        return fw_onnx_function_add(rd, fw_pb_inside(pb, f));
    default:
        return FW_OK;
    }
}

static enum fw_status read_model(struct fw_onnx *rd, struct fw_pb pb)
{
    struct fw_pb graph = {NULL, NULL, NULL};
    struct fw_pb_field f;
    int more;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0)
        FW_TRY(model_field(rd, &pb, &f, &graph));
    if (more < 0)
        return FW_FORMAT;
    if (graph.at == NULL)
        return fw_fail(rd->err, FW_FORMAT, 0, "a model with a graph is wanted, found none");
    struct fw_onnx_scope scope = {.g = &rd->m->graph, .prefix = "", .opset = default_opset(rd)};
    fw_map_init(&scope.names, rd->m->alloc);
    enum fw_status status = fw_onnx_graph(rd, &scope, graph);
    fw_onnx_scope_clear(rd, &scope);
    return status;
}

enum fw_status fw_onnx_read_model(struct fw_model *m, const unsigned char *data, size_t size,
                                  bool keep_offsets, struct fw_error *err)
{
    struct fw_error none = {0}; // so that readers below need not ask whether there is one
    struct fw_onnx rd = {.m = m, .err = err != NULL ? err : &none, .keep_offsets = keep_offsets};
    fw_map_init(&rd.row_map, m->alloc);
    enum fw_status status = read_model(&rd, fw_pb_range(data, size, data));
    fw_map_free(&rd.row_map);
    fw_mem_resize(m->alloc, rd.rows, rd.cap_rows * sizeof *rd.rows, 0);
    fw_mem_resize(m->alloc, rd.functions, rd.cap_functions * sizeof *rd.functions, 0);
    return status;
}

/* ---- the format ---- */

/* Wire types of ModelProto's fields by number; -1: no such field. */
static int model_wire(uint32_t number)
{
    static const signed char wires[] = {-1, 0,  2,  2,  2,  0,  2, 2,  2,  -1, -1, -1, -1, -1,
                                        2,  -1, -1, -1, -1, -1, 2, -1, -1, -1, -1, 2,  2};
    return number < sizeof wires ? wires[number] : -1;
}

/* ModelProto has no magic number: its first fields must be of its kind. A file that is cut off
 * later still is ONNX, and the reader says where it ends. */
static int match(const unsigned char *data, size_t size)
{
    struct fw_pb pb = fw_pb_range(data, size, data);
    struct fw_pb_field f;
    bool graph = false;
    bool version = false;
    int more = 0;
    for (unsigned n = 0; n < 64 && (more = fw_pb_next(&pb, &f, NULL)) > 0; n++) {
        if (model_wire(f.number) != (int)f.wire)
            return 1;
        if (n == 0 && f.number == IR_VERSION)
            version = f.value < 256;
        graph = graph || f.number == GRAPH;
    }
    return graph || (version && (more < 0 || size > 2)) ? 0 : 1;
}

static enum fw_status read(struct fw_model *m, const unsigned char *data, size_t size,
                           struct fw_error *err)
{
    return fw_onnx_read_model(m, data, size, true, err);
}

const struct fw_format fw_format_onnx = {
    .name = "onnx",
    .extensions = ".onnx",
    .match = match,
    .read = read,
};
