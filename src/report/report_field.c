/* flopwise.field/1: how much of the input each node sees, along each axis of it. */
#include "report/answers.h"
#include "report/field_picture.h"

#include <string.h>

struct field {
    struct fw_report *r;
    struct fw_analysis *a;
    const struct fw_fields *f;
    unsigned axes[FW_MAX_RANK], n_axes;
    uint32_t *nodes; // (n) that depend on the input, in order
    uint32_t n;
    struct fw_field_picture picture;
};

enum { C_NAME, C_OP, C_ALIGNED, C_AXES, N_COLUMNS };
static const struct fw_column columns[N_COLUMNS] = {
    [C_NAME] = {"name", "", "name of the node", FW_UNIT_NONE, 0},
    [C_OP] = {"op", "", "operator", FW_UNIT_NONE, 0},
    [C_ALIGNED] = {"aligned", "",
                   "all paths have the same stride and centre; null: sizes that are open decide it",
                   FW_UNIT_NONE, 0},
    [C_AXES] = {"axes", "", "one row for each axis of the input", FW_UNIT_NONE, FW_VIEW_NESTED},
};

/* For people, and one line a node: the axes beside each other. */
enum { P_NAME, P_OP, P_OUTPUT, P_SIZE, P_STRIDE, P_PADDING, P_CENTRE, P_NOTE, N_PEOPLE };
static const struct fw_column people[N_PEOPLE] = {
    [P_NAME] = {"name", "name", "name of the node", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    [P_OP] = {"op", "op", "operator", FW_UNIT_NONE, FW_VIEW_WIDE},
    [P_OUTPUT] = {"output", "output", "shape of the output", FW_UNIT_NONE, FW_VIEW_TABLE},
    [P_SIZE] = {"field", "field", "positions of the input an element depends on", FW_UNIT_NONE,
                FW_VIEW_TABLE},
    [P_STRIDE] = {"stride", "stride", "positions of the input between two neighbours", FW_UNIT_NONE,
                  FW_VIEW_TABLE},
    [P_PADDING] = {"padding", "padding", "positions the first field begins before the input",
                   FW_UNIT_NONE, FW_VIEW_TABLE},
    [P_CENTRE] = {"centre", "centre", "middle of the first field", FW_UNIT_NONE, FW_VIEW_WIDE},
    [P_NOTE] = {"note", "", "why it is the whole input, or branches that are not aligned",
                FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
};

static const struct fw_tensor *output_of(const struct field *m, uint32_t row, uint32_t *ret_id)
{
    const struct fw_node *n = &m->a->model.graph.nodes[m->nodes[row]];
    unsigned o = 0;
    while (n->out[o] == FW_NONE)
        o++;
    *ret_id = n->out[o];
    return &m->a->model.graph.tensors[*ret_id];
}

/* ---- numbers of one axis ---- */

/* Standing still over all of an input of known size. */
static bool covers(const struct field *m, const struct fw_field *f, unsigned axis)
{
    fw_dim size = m->a->model.graph.tensors[m->f->input].dims[m->axes[axis]];
    return f->kind == FW_FIELD_FIXED && !f->floating && fw_dim_is_const(size) && f->lo[0] <= 0 &&
           f->hi[0] >= size.word - 1;
}

static const struct fw_field *field_of(const struct field *m, uint32_t row, unsigned axis)
{
    static const struct fw_field whole = {
        .kind = FW_FIELD_ALL, .aligned = true, .node = FW_NONE, .why = "flattening"};
    uint32_t id;
    (void)output_of(m, row, &id);
    const struct fw_field *f = fw_field_at(m->f, id, m->axes[axis]);
    return covers(m, f, axis) ? &whole : f;
}

static bool is_placed(const struct fw_field *f)
{
    bool has = f->kind == FW_FIELD_ALONG || f->kind == FW_FIELD_FIXED;
    return has && !f->floating && f->lo[0] <= f->hi[0];
}

static struct fw_value quotient(int64_t a, int64_t b)
{
    return a % b == 0 ? fw_value_int(a / b) : fw_value_float((double)a / (double)b);
}

static struct fw_value size_value(const struct fw_field *f)
{
    switch ((enum fw_field_kind)f->kind) {
    case FW_FIELD_ALL:
        return fw_value_text("all");
    case FW_FIELD_NONE:
        return fw_value_int(0);
    default:
        return fw_value_int(fw_field_size(f));
    }
}

static struct fw_value stride_value(const struct fw_field *f)
{
    return f->kind == FW_FIELD_ALONG ? quotient(f->shift, f->period) : fw_value_kind(FW_VALUE_NULL);
}

static struct fw_value padding_value(const struct fw_field *f)
{
    bool along = f->kind == FW_FIELD_ALONG && is_placed(f);
    return along ? fw_value_int(-f->lo[0]) : fw_value_kind(FW_VALUE_NULL);
}

/* That of the end where it differs. */
static struct fw_value end_value(const struct fw_field *f)
{
    bool differs = f->kind == FW_FIELD_ALONG && is_placed(f) && !f->even && f->period == 1 &&
                   f->end != -f->lo[0] && f->end >= 0;
    return differs ? fw_value_int(f->end) : fw_value_kind(FW_VALUE_ABSENT);
}

static struct fw_value centre_value(const struct fw_field *f)
{
    return is_placed(f) ? quotient(f->lo[0] + f->hi[0], 2) : fw_value_kind(FW_VALUE_NULL);
}

enum { A_SIZE, A_STRIDE, A_PADDING, A_END, A_CENTRE, A_OUTPUT, A_WHY };
static const struct fw_column axis_columns[] = {
    [A_SIZE] = {"size", "", "positions, or \"all\": the whole input", FW_UNIT_NONE, 0},
    [A_STRIDE] = {"stride", "", "null where it does not move along the axis", FW_UNIT_NONE, 0},
    [A_PADDING] = {"padding", "", "null where open sizes decide it", FW_UNIT_NONE, 0},
    [A_END] = {"padding_end", "", "where it differs from that of the beginning", FW_UNIT_NONE, 0},
    [A_CENTRE] = {"centre", "", "of the first field, 0 being the first position", FW_UNIT_NONE, 0},
    [A_OUTPUT] = {"output_size", "", "of the dimension that moves along it", FW_UNIT_COUNT, 0},
    [A_WHY] = {"why", "", "why it is the whole input", FW_UNIT_NONE, 0},
};

struct axis_rows {
    const struct field *m;
    uint32_t row;
};

static struct fw_value axis_cell(const struct fw_table *t, uint32_t axis, uint32_t column)
{
    const struct axis_rows *rows = t->ctx;
    const struct fw_field *f = field_of(rows->m, rows->row, axis);
    uint32_t id;
    const struct fw_tensor *y = output_of(rows->m, rows->row, &id);
    switch (column) {
    case A_SIZE:
        return size_value(f);
    case A_STRIDE:
        return stride_value(f);
    case A_PADDING:
        return padding_value(f);
    case A_END:
        return end_value(f);
    case A_CENTRE:
        return centre_value(f);
    case A_OUTPUT:
        if (f->kind != FW_FIELD_ALONG || y->rank == FW_RANK_UNKNOWN)
            return fw_value_kind(FW_VALUE_ABSENT);
        return fw_value_count(fw_count_of(y->dims[f->dim]));
    default:
        return f->kind == FW_FIELD_ALL ? fw_value_text(f->why) : fw_value_kind(FW_VALUE_ABSENT);
    }
}

static struct fw_value axes_value(const struct field *m, uint32_t row)
{
    struct axis_rows *rows = fw_arena_alloc(&m->r->arena, sizeof *rows);
    struct fw_table *t = fw_arena_zalloc(&m->r->arena, sizeof *t);
    if (rows == NULL || t == NULL)
        return fw_value_kind(FW_VALUE_NULL);
    *rows = (struct axis_rows){m, row};
    *t = (struct fw_table){.columns = axis_columns,
                           .n_columns = sizeof axis_columns / sizeof *axis_columns,
                           .n_rows = m->n_axes,
                           .ctx = rows,
                           .cell = axis_cell};
    return (struct fw_value){.kind = FW_VALUE_TABLE, .table = t};
}

/* ---- rows for people ---- */

/* "195x195" with one value for each axis. */
static struct fw_value by_axes(const struct field *m, uint32_t row,
                               struct fw_value (*of)(const struct fw_field *f))
{
    struct fw_str text;
    bool any = false, whole = true;
    for (unsigned k = 0; k < m->n_axes; k++)
        whole &= field_of(m, row, k)->kind == FW_FIELD_ALL;
    if (whole)
        return m->n_axes > 0 ? of(field_of(m, row, 0)) : fw_value_kind(FW_VALUE_NULL);
    fw_str_init(&text, m->r->alloc);
    for (unsigned k = 0; k < m->n_axes; k++) {
        struct fw_value v = of(field_of(m, row, k));
        fw_str_add(&text, k > 0 ? "x" : "");
        any |= v.kind != FW_VALUE_NULL;
        if (v.kind == FW_VALUE_NULL)
            fw_str_addc(&text, '-');
        else
            fw_value_print(m->r, &v, FW_UNIT_NONE, FW_NUMBER_EXACT, &text);
    }
    const char *kept = fw_arena_strndup(&m->r->arena, fw_str_text(&text), text.len);
    fw_str_free(&text);
    return any ? fw_value_text(kept) : fw_value_kind(FW_VALUE_NULL);
}

static bool is_aligned(const struct field *m, uint32_t row, bool *ret_open)
{
    bool aligned = true;
    *ret_open = false;
    for (unsigned k = 0; k < m->n_axes; k++) {
        const struct fw_field *f = field_of(m, row, k);
        aligned &= f->kind == FW_FIELD_NONE || f->aligned;
        *ret_open |= f->open;
    }
    return aligned;
}

/* Why it is everything, where it became that: in the first node that says so, or another. */
static struct fw_value note(const struct field *m, uint32_t row)
{
    for (unsigned k = 0; k < m->n_axes; k++) {
        const struct fw_field *f = field_of(m, row, k);
        if (f->kind == FW_FIELD_ALL)
            return f->node == m->nodes[row] ? fw_value_text(f->why) : fw_value_kind(FW_VALUE_NULL);
    }
    bool open;
    return is_aligned(m, row, &open) ? fw_value_kind(FW_VALUE_NULL)
                                     : fw_value_text("branches not aligned");
}

static struct fw_value people_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct field *m = t->ctx;
    struct fw_graph *g = &m->a->model.graph;
    uint32_t id;
    const struct fw_tensor *y = output_of(m, row, &id);
    switch (column) {
    case P_NAME:
        return fw_value_text(fw_node_label(g, m->nodes[row], &m->r->arena));
    case P_OP:
        return fw_value_text(g->nodes[m->nodes[row]].op->name);
    case P_OUTPUT:
        if (y->rank == FW_RANK_UNKNOWN)
            return fw_value_kind(FW_VALUE_NULL);
        return (struct fw_value){.kind = FW_VALUE_SHAPE, .shape = {y->dims, y->rank}};
    case P_SIZE:
        return by_axes(m, row, size_value);
    case P_STRIDE:
        return by_axes(m, row, stride_value);
    case P_PADDING:
        return by_axes(m, row, padding_value);
    case P_CENTRE:
        return by_axes(m, row, centre_value);
    default:
        return note(m, row);
    }
}

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct field *m = t->ctx;
    if (column == C_AXES)
        return axes_value(m, row);
    if (column != C_ALIGNED)
        return people_cell(t, row, column == C_NAME ? P_NAME : P_OP);
    bool open, aligned = is_aligned(m, row, &open);
    return aligned && open ? fw_value_kind(FW_VALUE_NULL) : fw_value_bool(aligned);
}

/* The nodes whose first output depends on the input. */
static void gather(struct field *m)
{
    const struct fw_graph *g = &m->a->model.graph;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        unsigned o = 0;
        bool depends = false;
        while (o < n->n_out && n->out[o] == FW_NONE)
            o++;
        for (unsigned k = 1; o < n->n_out && k <= m->f->n; k++)
            depends |= fw_field_at(m->f, n->out[o], k)->kind != FW_FIELD_NONE;
        if (depends)
            m->nodes[m->n++] = id;
    }
}

static enum fw_status add_layers(struct field *m, struct fw_error *err)
{
    struct fw_arena *arena = &m->r->arena;
    m->nodes = fw_arena_array(arena, m->a->model.graph.n_nodes + 1u, sizeof *m->nodes);
    struct fw_table *t = fw_arena_zalloc(arena, 2 * sizeof *t);
    if (m->nodes == NULL || t == NULL)
        return fw_fail_memory(err);
    gather(m);
    t[0] = (struct fw_table){.key = "layers",
                             .columns = columns,
                             .n_columns = N_COLUMNS,
                             .n_rows = m->n,
                             .flags = FW_TABLE_JSON_ONLY,
                             .ctx = m,
                             .cell = cell};
    t[1] = (struct fw_table){.key = "fields",
                             .title = "Receptive fields",
                             .empty = "no node depends on this input",
                             .columns = people,
                             .n_columns = N_PEOPLE,
                             .n_rows = m->n,
                             .flags = FW_TABLE_MAIN | FW_TABLE_PEOPLE,
                             .ctx = m,
                             .cell = people_cell};
    fw_report_add(m->r, &t[0]);
    fw_report_add(m->r, &t[1]);
    return FW_OK;
}

/* ---- the input ---- */

static const struct fw_column input_columns[] = {
    {"name", "input", "input the fields are about", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"shape", "shape", "its shape", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"axes", "axes", "its dimensions that are space, counted from 0", FW_UNIT_NONE, 0},
    {"axis_names", "axes", "its dimensions that are space", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"smallest", "smallest", "smallest size of each axis for which every window fits", FW_UNIT_NONE,
     FW_VIEW_TABLE},
};

static enum fw_status add_input(struct field *m, struct fw_error *err)
{
    const struct fw_graph *g = &m->a->model.graph;
    const struct fw_tensor *x = &g->tensors[m->f->input];
    fw_dim *dims = fw_arena_array(&m->r->arena, (size_t)2 * FW_MAX_RANK, sizeof *dims);
    char *names = fw_arena_strndup(&m->r->arena, "dimension", 9);
    if (dims == NULL)
        return fw_fail_memory(err);
    fw_dim *least = dims + FW_MAX_RANK;
    for (unsigned k = 0; k < m->n_axes && names != NULL; k++) {
        dims[k] = fw_dim_int(m->axes[k]);
        least[k] = fw_dim_int(m->f->least[m->axes[k]]);
        names = fw_arena_printf(&m->r->arena, "%s%s %u", names,
                                k == 0 ? (m->n_axes > 1 ? "s" : "") : ",", m->axes[k]);
    }
    struct fw_value values[] = {
        fw_value_text(x->name != NULL ? x->name : ""),
        {.kind = FW_VALUE_SHAPE, .shape = {x->dims, x->rank}},
        {.kind = FW_VALUE_SHAPE, .shape = {dims, m->n_axes}},
        fw_value_text(names),
        {.kind = FW_VALUE_SHAPE, .shape = {least, m->n_axes}},
    };
    static const struct fw_table head = {.key = "input", .title = ""};
    return fw_report_record(m->r, &head, input_columns, values, sizeof values / sizeof *values,
                            err);
}

/* ---- the picture ---- */

/* The node that is asked for by name or pattern; without, the last whose field is not everything,
 * else the last. */
static enum fw_status find_node(struct field *m, const char *at, uint32_t *ret,
                                struct fw_error *err)
{
    struct fw_graph *g = &m->a->model.graph;
    *ret = m->n > 0 ? m->n - 1 : 0;
    for (uint32_t row = m->n; row-- > 0;) {
        bool along = true;
        for (unsigned k = 0; k < m->n_axes; k++)
            along &= field_of(m, row, k)->kind == FW_FIELD_ALONG;
        const char *name = fw_node_label(g, m->nodes[row], &m->r->arena);
        if (name == NULL)
            return fw_fail_memory(err);
        if (at != NULL ? strcmp(at, name) == 0 : along) {
            *ret = row;
            return FW_OK;
        }
    }
    FW_REQUIRE(at == NULL, err, FW_USAGE, "no node '%s' depends on the input", at);
    return FW_OK;
}

static enum fw_status add_picture(struct field *m, const char *at, struct fw_error *err)
{
    uint32_t row, id;
    const struct fw_tensor *x = &m->a->model.graph.tensors[m->f->input];
    FW_TRY(find_node(m, at, &row, err));
    if (m->n == 0)
        return FW_OK;
    const struct fw_tensor *y = output_of(m, row, &id);
    struct fw_field_picture *p = &m->picture;
    p->name = fw_node_label(&m->a->model.graph, m->nodes[row], &m->r->arena);
    for (p->n = 0; p->n < m->n_axes && p->n < FW_PICTURE_AXES; p->n++) {
        struct fw_picture_axis *axis = &p->axes[p->n];
        axis->field = *field_of(m, row, p->n);
        axis->dim = m->axes[p->n];
        axis->size = x->dims[axis->dim];
        bool moves = axis->field.kind == FW_FIELD_ALONG && y->rank != FW_RANK_UNKNOWN;
        axis->outputs = moves ? y->dims[axis->field.dim] : fw_dim_int(1);
    }
    m->r->picture = (struct fw_picture){fw_field_draw, p};
    return FW_OK;
}

static enum fw_status build(struct field *m, const struct fw_asked *asked, const char *at,
                            struct fw_error *err)
{
    m->n_axes = fw_field_axes(m->f, &m->a->model.graph, m->axes);
    FW_TRY(fw_report_add_model(m->r, m->a, asked, err));
    FW_TRY(add_input(m, err));
    FW_TRY(add_layers(m, err));
    FW_TRY(add_picture(m, at, err));
    return fw_report_add_missing(m->r, m->a, m->a->totals.n_missing == 0, err);
}

enum fw_status fw_answer_field(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, const struct fw_fields *f,
                               const char *at, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.field/1");
    struct field *m = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *m) : NULL;
    if (m == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    m->r = r;
    m->a = a;
    m->f = f;
    r->title = fw_arena_printf(&r->arena, "flopwise field: %s", a->model.path);
    enum fw_status status = build(m, asked, at, err);
    return fw_report_finish(ret, r, status);
}
