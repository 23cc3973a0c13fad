/* The bodies of a control flow node (branches of an If, the body of a Loop or Scan, the decoder of
 * a search): which of them is counted, how often it runs and what that costs. */
#include "report/bodies.h"

#include "passes/infer.h"

#include <string.h>

unsigned fw_row_bodies(struct fw_analysis *a, uint32_t node,
                       struct fw_body_entry ret[FW_MAX_BODIES])
{
    struct fw_graph *g = &a->model.graph;
    if (node == FW_NONE || (g->nodes[node].flags & (FW_NODE_SHAPE | FW_NODE_GAP)))
        return 0;
    struct fw_cx c = fw_cx_make(g, &g->nodes[node], a->precision, NULL);
    return fw_list_bodies(&c, ret);
}

const char *fw_body_label(struct fw_report *r, const struct fw_body_entry *e, unsigned n)
{
    const char *how = e->counts == FW_BODY_COUNTS     ? "counted"
                      : e->counts == FW_BODY_LEFT_OUT ? "not counted"
                                                      : "an upper bound with the other";
    bool several = n > 1 || e->counts != FW_BODY_COUNTS;
    struct fw_str times;
    fw_str_init(&times, r->alloc);
    if (n == 1 || !fw_count_is_const(e->trips) || e->trips.word > 1) {
        fw_str_add(&times, " x ");
        struct fw_value trips = fw_value_count(e->trips);
        fw_value_print(r, &trips, FW_UNIT_COUNT, FW_NUMBER_EXACT, &times);
    }
    const char *label =
        fw_arena_printf(&r->arena, "  %s%s%s%s%s", e->name, fw_str_text(&times),
                        several ? ", " : "", several ? how : "", e->complete ? "" : " (?)");
    fw_str_free(&times);
    return label;
}

/* ---- rows inside a row of the JSON form ---- */

enum { B_NAME, B_TRIPS, B_COUNTED, B_UPPER, B_COMPLETE, B_COST };

static const struct fw_column columns[B_COST + FW_N_MEMBERS] = {
    {"name", "body", "name of the attribute that holds it", FW_UNIT_NONE, 0},
    {"trips", "trips", "how often one execution of the node runs it", FW_UNIT_COUNT, 0},
    {"counted", "counted", "true: its cost is in the node's", FW_UNIT_NONE, 0},
    {"upper_bound", "upper bound",
     "true: letters leave open which branch costs more, the larger number of every class counts",
     FW_UNIT_NONE, 0},
    {"complete", "complete", "false: something in it is not counted", FW_UNIT_NONE, 0},
    {"mac", "MAC", "of all its runs", FW_UNIT_COUNT, 0},
    {"matmul_flop", "matmul FLOP", "of all its runs", FW_UNIT_FLOP, 0},
    {"flop", "FLOP", "of all its runs", FW_UNIT_FLOP, 0},
    {"fma", "fma", "of all its runs", FW_UNIT_COUNT, 0},
    {"add", "add", "of all its runs", FW_UNIT_FLOP, 0},
    {"mul", "mul", "of all its runs", FW_UNIT_FLOP, 0},
    {"div", "div", "of all its runs", FW_UNIT_FLOP, 0},
    {"sqrt", "sqrt", "of all its runs", FW_UNIT_FLOP, 0},
    {"minmax", "minmax", "of all its runs", FW_UNIT_FLOP, 0},
    {"special", "special", "of all its runs", FW_UNIT_FLOP, 0},
    {"read_bytes", "read", "of all its runs", FW_UNIT_BYTES, 0},
    {"write_bytes", "written", "of all its runs", FW_UNIT_BYTES, 0},
};

struct bodies {
    struct fw_table table;
    struct fw_symbols *sym;
    struct fw_body_entry entry[FW_MAX_BODIES]; // (table.n_rows)
};

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct bodies *b = t->ctx;
    const struct fw_body_entry *e = &b->entry[row];
    switch (column) {
    case B_NAME:
        return fw_value_text(e->name);
    case B_TRIPS:
        return fw_value_count(e->trips);
    case B_COUNTED:
        return fw_value_bool(e->counts != FW_BODY_LEFT_OUT);
    case B_UPPER:
        return e->counts == FW_BODY_CONTRIBUTES ? fw_value_bool(true)
                                                : fw_value_kind(FW_VALUE_ABSENT);
    case B_COMPLETE:
        return e->complete ? fw_value_kind(FW_VALUE_ABSENT) : fw_value_bool(false);
    default:
        return fw_value_count(fw_cost_member(b->sym, &e->cost, column - B_COST));
    }
}

struct fw_value fw_bodies_value(struct fw_report *r, struct fw_analysis *a, uint32_t node)
{
    struct fw_body_entry entry[FW_MAX_BODIES];
    unsigned n = fw_row_bodies(a, node, entry);
    if (n == 0)
        return fw_value_kind(FW_VALUE_ABSENT);
    struct bodies *b = fw_arena_zalloc(&r->arena, sizeof *b);
    if (b == NULL)
        return fw_value_kind(FW_VALUE_NULL);
    memcpy(b->entry, entry, n * sizeof *entry);
    b->sym = a->model.sym;
    b->table = (struct fw_table){.key = "bodies",
                                 .columns = columns,
                                 .n_columns = B_COST + FW_N_MEMBERS,
                                 .n_rows = n,
                                 .ctx = b,
                                 .cell = cell};
    return (struct fw_value){.kind = FW_VALUE_TABLE, .table = &b->table};
}
