/* The main table as a tree of modules: names are paths, numbers are summed upwards. */
#include "report/grid.h"
#include "report/writer.h"

#include "base/map.h"

#include <string.h>

enum {
    MAX_DEPTH = 64,
    MAX_SUMS = 16,
    GAP = 2,         // between columns
    LEAST_NAME = 16, // columns that are left of a name
    EASY_NAME = 28,  // for which formulas make room
    FORMULA_MOST = 24,
    FORMULA_LEAST = 12
};

struct module {
    const char *name;           // last part of the path
    uint32_t len;               // bytes of name
    uint32_t row;               // row of the table that has this path, or UINT32_MAX
    uint32_t first, last, next; // children, sibling; 0 = none (the root is nobody's child)
    uint32_t n_children;
    fw_count sums[MAX_SUMS]; // (n_sums)
};

struct tree {
    const struct fw_report *r;
    const struct fw_table *t;
    const struct fw_style *style;
    struct fw_error *err;
    struct fw_arena arena;
    struct fw_map map; // path -> module
    struct module *modules;
    uint32_t n, cap;
    uint32_t sums[MAX_SUMS]; // columns
    uint32_t n_sums;
    uint32_t op_column; // or UINT32_MAX
    char separator;
    char **cells;
    uint32_t n_lines;
    enum fw_number_style numbers;
};

static bool can(const struct fw_report *r)
{
    const struct fw_table *t = fw_report_main(r);
    return t != NULL && (t->flags & FW_TABLE_TREE);
}

static void choose_columns(struct tree *tree)
{
    tree->op_column = UINT32_MAX;
    for (uint32_t c = 0; c < tree->t->n_columns; c++) {
        const struct fw_column *column = &tree->t->columns[c];
        if (strcmp(column->key, "op") == 0)
            tree->op_column = c;
        if ((column->views & FW_VIEW_TREE) && tree->n_sums < MAX_SUMS)
            tree->sums[tree->n_sums++] = c;
    }
}

static enum fw_status new_module(struct tree *tree, uint32_t parent, const char *name, size_t len,
                                 uint32_t *ret)
{
    if (tree->n == tree->cap) {
        uint32_t cap = tree->cap ? tree->cap * 2 : 64;
        struct module *more = fw_arena_array(&tree->arena, cap, sizeof *more);
        if (more == NULL)
            return fw_fail_memory(tree->err);
        if (tree->n > 0)
            memcpy(more, tree->modules, tree->n * sizeof *more);
        tree->modules = more;
        tree->cap = cap;
    }
    uint32_t id = tree->n++;
    tree->modules[id] = (struct module){.name = name, .len = (uint32_t)len, .row = UINT32_MAX};
    if (id != 0) {
        struct module *p = &tree->modules[parent];
        if (p->last != 0)
            tree->modules[p->last].next = id;
        else
            p->first = id;
        p->last = id;
        p->n_children++;
    }
    *ret = id;
    return FW_OK;
}

static void add_row(struct tree *tree, uint32_t id, uint32_t row)
{
    for (uint32_t k = 0; k < tree->n_sums; k++) {
        struct fw_value v = tree->t->cell(tree->t, row, tree->sums[k]);
        fw_count *sum = &tree->modules[id].sums[k];
        if (v.kind == FW_VALUE_COUNT)
            *sum = fw_count_add(tree->r->sym, *sum, v.count);
        else if (v.kind == FW_VALUE_INT)
            *sum = fw_count_add(tree->r->sym, *sum, fw_count_int(v.i));
    }
}

static enum fw_status insert(struct tree *tree, uint32_t row)
{
    const char *path = tree->t->cell(tree->t, row, 0).text;
    size_t len = strlen(path), at = 0;
    uint32_t id = 0;
    add_row(tree, 0, row);
    for (unsigned depth = 1; at < len; depth++) {
        while (at < len && path[at] == tree->separator)
            at++;
        size_t end = at;
        while (end < len && (depth == MAX_DEPTH || path[end] != tree->separator))
            end++;
        if (end == at)
            break;
        bool fresh;
        uint32_t *slot = fw_map_put(&tree->map, path, end, tree->n, &fresh);
        if (slot == NULL)
            return fw_fail_memory(tree->err);
        uint32_t child = *slot;
        if (fresh)
            FW_TRY(new_module(tree, id, path + at, end - at, &child));
        id = child;
        add_row(tree, id, row);
        at = end;
    }
    tree->modules[id].row = row;
    return FW_OK;
}

/* ---- lines ---- */

static enum fw_status add_line(struct tree *tree, const char *lead, uint32_t top, uint32_t id)
{
    struct fw_str text;
    fw_str_init(&text, tree->r->alloc);
    fw_str_add(&text, lead);
    for (uint32_t m = top;; m = tree->modules[m].first) { // a chain of only children is one line
        fw_str_addn(&text, tree->modules[m].name, tree->modules[m].len);
        if (m == id)
            break;
        fw_str_addc(&text, tree->separator);
    }
    const struct module *m = &tree->modules[id];
    if (m->row != UINT32_MAX && tree->op_column != UINT32_MAX) {
        struct fw_value op = tree->t->cell(tree->t, m->row, tree->op_column);
        if (op.kind == FW_VALUE_TEXT)
            fw_str_addf(&text, " (%s)", op.text);
    }
    char **cells = tree->cells + (size_t)tree->n_lines++ * (tree->n_sums + 1u);
    cells[0] = fw_arena_strndup(&tree->arena, fw_str_text(&text), text.len);
    bool ok = fw_str_ok(&text) && cells[0] != NULL;
    for (uint32_t k = 0; k < tree->n_sums && ok; k++) {
        struct fw_value v = fw_value_count(m->sums[k]);
        const struct fw_column *c = &tree->t->columns[tree->sums[k]];
        fw_str_reset(&text);
        fw_value_print(tree->r, &v, c->unit, tree->numbers, &text);
        cells[k + 1] = fw_arena_strndup(&tree->arena, fw_str_text(&text), text.len);
        ok = fw_str_ok(&text) && cells[k + 1] != NULL;
    }
    fw_str_free(&text);
    return ok ? FW_OK : fw_fail_memory(tree->err);
}

/* Depth is at most MAX_DEPTH. */
static enum fw_status add_children(struct tree *tree, uint32_t parent, const char *lead)
{
    bool ascii = tree->style->ascii != 0;
    for (uint32_t c = tree->modules[parent].first; c != 0; c = tree->modules[c].next) {
        bool last = tree->modules[c].next == 0;
        uint32_t id = c;
        while (tree->modules[id].n_children == 1 && tree->modules[id].row == UINT32_MAX)
            id = tree->modules[id].first;
        const char *branch =
            ascii ? (last ? "`- " : "|- ")
                  : (last ? "\xe2\x94\x94\xe2\x94\x80 " : "\xe2\x94\x9c\xe2\x94\x80 ");
        const char *bar = last ? "   " : ascii ? "|  " : "\xe2\x94\x82  ";
        char *line = fw_arena_printf(&tree->arena, "%s%s", lead, branch);
        char *deeper = fw_arena_printf(&tree->arena, "%s%s", lead, bar);
        if (line == NULL || deeper == NULL)
            return fw_fail_memory(tree->err);
        FW_TRY(add_line(tree, line, c, id));
        FW_TRY(add_children(tree, id, deeper));
    }
    return FW_OK;
}

static enum fw_status build(struct tree *tree)
{
    const struct fw_table *t = tree->t;
    choose_columns(tree);
    tree->separator = '.';
    for (uint32_t row = 0; row < t->n_rows && tree->separator == '.'; row++)
        if (strchr(t->cell(t, row, 0).text, '/') != NULL)
            tree->separator = '/';
    uint32_t root;
    FW_TRY(new_module(tree, 0, "model", 5, &root));
    for (uint32_t row = 0; row < t->n_rows; row++)
        if (tree->style->all || t->is_free == NULL || !t->is_free(t, row))
            FW_TRY(insert(tree, row));
    size_t n_cells = ((size_t)tree->n + 1) * (tree->n_sums + 1u);
    tree->cells = fw_arena_array(&tree->arena, n_cells, sizeof *tree->cells);
    if (tree->cells == NULL)
        return fw_fail_memory(tree->err);
    return FW_OK;
}

static enum fw_status fill(struct tree *tree, enum fw_number_style numbers)
{
    tree->numbers = numbers;
    tree->n_lines = 0;
    FW_TRY(add_line(tree, "", 0, 0));
    return add_children(tree, 0, "");
}

/* ---- width ---- */

static const char *title_of(const struct tree *tree, uint32_t k)
{
    return k == 0 ? "module" : tree->t->columns[tree->sums[k - 1]].title;
}

static size_t column_width(const struct tree *tree, uint32_t k)
{
    const char *title = title_of(tree, k);
    size_t widest = fw_text_columns(title, strlen(title));
    for (uint32_t line = 0; line < tree->n_lines; line++) {
        const char *cell = tree->cells[(size_t)line * (tree->n_sums + 1u) + k];
        size_t width = fw_text_columns(cell, strlen(cell));
        widest = width > widest ? width : widest;
    }
    return widest;
}

static enum fw_status shorten(struct tree *tree, uint32_t k, size_t room)
{
    struct fw_str text;
    enum fw_status status = FW_OK;
    fw_str_init(&text, tree->r->alloc);
    for (uint32_t line = 0; line < tree->n_lines && status == FW_OK; line++) {
        char **cell = &tree->cells[(size_t)line * (tree->n_sums + 1u) + k];
        if (fw_text_columns(*cell, strlen(*cell)) <= room)
            continue;
        fw_str_reset(&text);
        fw_text_shorten(*cell, room, false, tree->style->ascii != 0, &text);
        *cell = fw_arena_strndup(&tree->arena, fw_str_text(&text), text.len);
        if (!fw_str_ok(&text) || *cell == NULL)
            status = fw_fail_memory(tree->err);
    }
    fw_str_free(&text);
    return status;
}

static size_t sums_width(const struct tree *tree)
{
    size_t sum = 0;
    for (uint32_t k = 1; k <= tree->n_sums; k++)
        sum += GAP + column_width(tree, k);
    return sum;
}

/* As tables do: exact numbers where they fit the terminal, else rounded ones, shorter formulas and
 * shorter names. */
static enum fw_status fit(struct tree *tree)
{
    size_t limit = tree->style->width > 0 ? (size_t)tree->style->width : SIZE_MAX;
    const enum fw_number_style styles[] = {FW_NUMBER_EXACT, FW_NUMBER_HUMAN};
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        FW_TRY(fill(tree, styles[i]));
        if (sums_width(tree) + column_width(tree, 0) <= limit)
            return FW_OK;
    }
    size_t names = column_width(tree, 0);
    names = names < EASY_NAME ? names : EASY_NAME;
    for (size_t room = FORMULA_MOST; room >= FORMULA_LEAST && sums_width(tree) + names > limit;
         room -= GAP)
        for (uint32_t k = 1; k <= tree->n_sums; k++)
            FW_TRY(shorten(tree, k, room));
    size_t sums = sums_width(tree);
    return shorten(tree, 0, limit > sums + LEAST_NAME ? limit - sums : LEAST_NAME);
}

static enum fw_status print(struct tree *tree, struct fw_out *o)
{
    FW_TRY(build(tree));
    FW_TRY(fit(tree));
    struct fw_grid_column columns[MAX_SUMS + 1];
    for (uint32_t k = 0; k <= tree->n_sums; k++)
        columns[k] = (struct fw_grid_column){title_of(tree, k), k > 0};
    struct fw_grid grid = {columns, tree->n_sums + 1u, (const char *const *)tree->cells,
                           tree->n_lines, tree->style->color != 0};
    return fw_grid_print(&grid, &o->text, tree->err);
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *o, struct fw_error *err)
{
    struct tree tree = {.r = r, .t = fw_report_main(r), .style = style, .err = err};
    fw_arena_init(&tree.arena, r->alloc);
    fw_map_init(&tree.map, r->alloc);
    enum fw_status status = print(&tree, o);
    fw_map_free(&tree.map);
    fw_arena_clear(&tree.arena);
    return status;
}

const struct fw_writer fw_writer_tree = {.name = "tree", .can = can, .write = write};
