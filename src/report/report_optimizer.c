/* flopwise.optimizer/1: the optimizer table, or the page of one optimizer. */
#include "report/answers.h"
#include "report/document.h"
#include "study/optimizer.h"

#include <string.h>

struct page {
    struct fw_report *r;
    struct fw_document *d;
    const struct fw_optimizer *o;
};

/* ---- values as texts ---- */

static const char *keep(struct fw_report *r, struct fw_str *s)
{
    const char *text = fw_str_ok(s) ? fw_arena_strndup(&r->arena, fw_str_text(s), s->len) : NULL;
    fw_str_free(s);
    return text;
}

static const char *text_of(struct fw_report *r, const struct fw_per_param *p)
{
    struct fw_str s;
    fw_str_init(&s, r->alloc);
    fw_per_param_print(p, &s);
    return keep(r, &s);
}

/* The formula as people see it in a table: one line. */
static const char *rule_of(struct fw_report *r, const struct fw_optimizer *o)
{
    const char *bad;
    struct fw_str s;
    const struct fw_math *m = fw_math_parse(&r->arena, o->formula, strlen(o->formula), &bad);
    fw_str_init(&s, r->alloc);
    if (m != NULL)
        fw_math_text(m, true, &s);
    struct fw_str line;
    fw_str_init(&line, r->alloc);
    for (const char *p = fw_str_text(&s); *p != '\0'; p++)
        fw_str_addn(&line, *p == '\n' ? "; " : p, *p == '\n' ? 2 : 1);
    line.failed |= s.failed;
    fw_str_free(&s);
    return keep(r, &line);
}

static struct fw_value by_sides(struct fw_report *r, const struct fw_per_param *p)
{
    return fw_per_param_has_sides(p) ? fw_value_text(text_of(r, p)) : fw_value_text(NULL);
}

/* ---- the record of one optimizer ---- */

enum {
    NAME,
    FLOP,
    STATE,
    PEOPLE_FLOP,
    PEOPLE_STATE,
    FLOP_SIDES,
    STATE_SIDES,
    ONCE,
    RULE,
    SOURCE,
    NOTE,
    VECTORS,
    N_COLUMNS
};

#define SIDES "of an m x n matrix, per parameter; null where the sides do not matter"
static const struct fw_column columns[N_COLUMNS] = {
    [NAME] = {"name", "optimizer", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    [FLOP] = {"flop_per_parameter", "FLOP", "per parameter and step, without what depends on sides",
              FW_UNIT_FLOP, 0},
    [STATE] = {"state_values_per_parameter", "state", "values kept, without those of the sides",
               FW_UNIT_NONE, 0},
    [PEOPLE_FLOP] = {"flop", "FLOP/param", "per parameter and step", FW_UNIT_NONE,
                     FW_VIEW_TABLE | FW_VIEW_PEOPLE | FW_VIEW_WRAP},
    [PEOPLE_STATE] = {"state", "state/param", "values kept per parameter", FW_UNIT_NONE,
                      FW_VIEW_TABLE | FW_VIEW_PEOPLE | FW_VIEW_WRAP},
    [FLOP_SIDES] = {"flop_by_sides", "FLOP", SIDES, FW_UNIT_NONE, 0},
    [STATE_SIDES] = {"state_by_sides", "state", SIDES, FW_UNIT_NONE, 0},
    [ONCE] = {"flop_per_tensor", "once", "FLOP done once for a whole tensor", FW_UNIT_FLOP, 0},
    [RULE] = {"formula", "rule", "w parameter, g gradient", FW_UNIT_FORMULA,
              FW_VIEW_WIDE | FW_VIEW_WRAP},
    [SOURCE] = {"source", "source", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
    [NOTE] = {"note", "note", "", FW_UNIT_NONE, 0},
    [VECTORS] = {"vectors_by", "vectors by", "the optimizer of parameters that are no matrices",
                 FW_UNIT_NONE, 0},
};

static void fill(struct fw_report *r, const struct fw_optimizer *o, struct fw_value *v)
{
    struct fw_per_param flop = fw_optimizer_operations(o, FW_N_CLASSES);
    struct fw_per_param state = fw_optimizer_values(o, FW_MAX_STATES);
    v[NAME] = fw_value_text(o->name);
    v[FLOP] = fw_value_int((int64_t)fw_per_param_plain(&flop));
    v[STATE] = fw_value_float(fw_per_param_plain(&state));
    v[PEOPLE_FLOP] = fw_value_text(text_of(r, &flop));
    v[PEOPLE_STATE] = fw_value_text(text_of(r, &state));
    v[FLOP_SIDES] = by_sides(r, &flop);
    v[STATE_SIDES] = by_sides(r, &state);
    v[ONCE] = fw_value_int(fw_optimizer_once(o));
    v[RULE] = fw_value_text(rule_of(r, o));
    v[SOURCE] = fw_value_text(o->source);
    v[NOTE] = fw_value_text(o->note);
    v[VECTORS] = fw_value_text(o->plain != NULL ? o->plain->name : o->name);
}

static enum fw_status write_list(struct fw_report *r, struct fw_error *err)
{
    static const struct fw_table head = {.key = "optimizers", .flags = FW_TABLE_MAIN};
    struct fw_value *v = fw_arena_array(&r->arena, (size_t)fw_n_optimizers * N_COLUMNS, sizeof *v);
    for (unsigned i = 0; i < fw_n_optimizers && v != NULL; i++)
        fill(r, &fw_optimizers[i], v + (size_t)i * N_COLUMNS);
    const struct fw_table *t =
        v != NULL ? fw_rows_new(r, &head, columns, N_COLUMNS, v, fw_n_optimizers) : NULL;
    if (t == NULL)
        return fw_fail_memory(err);
    fw_report_add(r, t);
    return FW_OK;
}

/* ---- one optimizer ---- */

/* Puts a table into the report and, where it is not only for JSON, into the document. */
static enum fw_status add(struct page *p, const struct fw_table *t, struct fw_error *err)
{
    if (t == NULL)
        return fw_fail_memory(err);
    fw_report_add(p->r, t);
    fw_doc_table(p->d, t);
    return FW_OK;
}

static const char *const classes[] = {"multiply-add",    "add",         "multiply",
                                      "divide",          "square root", "min, max, compare",
                                      "special function"};

static enum fw_status add_operations(struct page *p, struct fw_error *err)
{
    enum { N = 3 };
    static const struct fw_column c[N] = {
        {"class", "operation", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"per_parameter", "per parameter", "of a matrix of m x n", FW_UNIT_NONE,
         FW_VIEW_TABLE | FW_VIEW_WRAP},
        {"per_tensor", "once per tensor", "", FW_UNIT_COUNT, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "operations", .title = "Operations of one step"};
    struct fw_value v[(FW_N_CLASSES + 1) * N];
    uint32_t n = 0;
    for (unsigned k = 0; k <= FW_N_CLASSES; k++) {
        struct fw_per_param each = fw_optimizer_operations(p->o, k);
        unsigned once = k < FW_N_CLASSES ? p->o->once[k] : fw_optimizer_once(p->o);
        if (once == 0 && fw_per_param_plain(&each) == 0 && !fw_per_param_has_sides(&each))
            continue;
        v[(size_t)n * N] = fw_value_text(k < FW_N_CLASSES ? classes[k] : "FLOP");
        v[n * N + 1] = fw_value_text(text_of(p->r, &each));
        v[n++ * N + 2] = fw_value_int(once);
    }
    return add(p, fw_rows_new(p->r, &head, c, N, v, n), err);
}

static enum fw_status add_states(struct page *p, struct fw_error *err)
{
    enum { N = 4 };
    static const char *const shapes[] = {[FW_STATE_LIKE] = "as the parameter",
                                         [FW_STATE_M] = "one per row",
                                         [FW_STATE_N] = "one per column",
                                         [FW_STATE_MM] = "m x m",
                                         [FW_STATE_NN] = "n x n",
                                         [FW_STATE_CODES] = "as the parameter, 1 byte",
                                         [FW_STATE_SCALES] = "one per 256, float32"};
    static const struct fw_column c[N] = {
        {"name", "state", "as in the formula", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"shape", "shape", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"values_per_parameter", "values per parameter", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"bytes_per_parameter", "bytes (fp32)", "per parameter", FW_UNIT_NONE, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "states", .title = "State"};
    struct fw_value v[FW_MAX_STATES * N];
    for (unsigned i = 0; i < p->o->n_states; i++) {
        struct fw_per_param values = fw_optimizer_values(p->o, i);
        struct fw_per_param bytes = fw_optimizer_bytes(p->o, i, fw_precision_find("fp32"));
        v[(size_t)i * N] = fw_value_text(p->o->states[i].name);
        v[i * N + 1] = fw_value_text(shapes[p->o->states[i].shape]);
        v[i * N + 2] = fw_value_text(text_of(p->r, &values));
        v[i * N + 3] = fw_value_text(text_of(p->r, &bytes));
    }
    return add(p, fw_rows_new(p->r, &head, c, N, v, p->o->n_states), err);
}

static enum fw_status add_bytes(struct page *p, struct fw_error *err)
{
    enum { N = 6, MAX = 16 };
    static const struct fw_column c[N] = {
        {"precision", "precision", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"weight", "weight", "bytes per parameter", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"master", "master", "a copy, bytes per parameter", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"gradient", "gradient", "bytes per parameter", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"state", "state", "bytes per parameter", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
        {"total", "in all", "bytes per parameter", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
    };
    static const struct fw_table head = {.key = "bytes",
                                         .title = "Bytes per parameter while training"};
    struct fw_value v[MAX * N];
    unsigned n = fw_n_precisions < MAX ? fw_n_precisions : MAX;
    for (unsigned i = 0; i < n; i++) {
        const struct fw_precision *q = &fw_precisions[i];
        struct fw_per_param state = fw_optimizer_bytes(p->o, FW_MAX_STATES, q);
        struct fw_value *row = v + (size_t)i * N;
        row[4] = fw_value_text(text_of(p->r, &state));
        state.at[1][1] += (q->weight_bits + q->master_bits + q->gradient_bits) / 8.0;
        row[0] = fw_value_text(q->name);
        row[1] = fw_value_float(q->weight_bits / 8.0);
        row[2] = fw_value_float(q->master_bits / 8.0);
        row[3] = fw_value_float(q->gradient_bits / 8.0);
        row[5] = fw_value_text(text_of(p->r, &state));
    }
    return add(p, fw_rows_new(p->r, &head, c, N, v, n), err);
}

static const char *classes_once(const struct fw_optimizer *o)
{
    return fw_optimizer_once(o) > 0 ? " What is done once for a whole tensor stands apart." : "";
}

/* The letter of the formula that a value goes by: the first of those in names, one blank between
 * them, that the formula has. */
static const char *letter_of(const char *formula, const char *names)
{
    static char const ends[] = " *+-/^(),;=";
    for (size_t n = 0; *names != '\0'; names += n + (names[n] == ' ')) {
        n = strcspn(names, " ");
        for (const char *p = formula; *p != '\0'; p++) {
            bool starts = p == formula || strchr(ends, p[-1]) != NULL;
            if (starts && strncmp(p, names, n) == 0 && strchr(ends, p[n]) != NULL)
                return names;
        }
    }
    return NULL;
}

static void write_usual(struct page *p)
{
    const struct fw_hyper *h = &p->o->hyper;
    const struct {
        const char *name, *letters;
        double value;
    } usual[] = {{"lr", "", h->lr},
                 {"beta1", "b1 mu rho b", h->beta1},
                 {"beta2", "b2", h->beta2},
                 {"eps", "", h->eps},
                 {"decay", "", h->decay}};
    struct fw_str s;
    fw_str_init(&s, p->r->alloc);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        const char *letter = letter_of(p->o->formula, usual[i].letters);
        if (usual[i].value == 0)
            continue;
        fw_str_addf(&s, "%s`%s` ", s.len > 0 ? ", " : "", usual[i].name);
        if (letter != NULL)
            fw_str_addf(&s, "($%.*s$) ", (int)strcspn(letter, " "), letter);
        fw_str_add_double(&s, usual[i].value, 6);
    }
    const char *text = keep(p->r, &s);
    fw_doc_text(p->d, "Usual values: %s.", text != NULL ? text : "?");
}

static void write_rule(struct page *p)
{
    struct fw_document *d = p->d;
    fw_doc_text(d, "For a parameter $w$ with its gradient $g$, one step is");
    fw_doc_formula(d, "%s", p->o->formula);
    fw_doc_text(d, "Source: %s.", p->o->source);
    if (p->o->note != NULL)
        fw_doc_text(d, "Note: %s.", p->o->note);
    write_usual(p);
}

static enum fw_status write_page(struct fw_report *r, const struct fw_optimizer *o,
                                 const struct fw_trial *trial, struct fw_error *err)
{
    static const struct fw_table head = {.key = "optimizer", .flags = FW_TABLE_JSON_ONLY};
    struct fw_value v[N_COLUMNS];
    struct page p = {r, fw_document_new(r), o};
    if (p.d == NULL)
        return fw_fail_memory(err);
    fill(r, o, v);
    FW_TRY(fw_report_record(r, &head, columns, v, N_COLUMNS, err));
    write_rule(&p);
    struct fw_per_param flop = fw_optimizer_operations(o, FW_N_CLASSES);
    fw_doc_text(p.d,
                "One step costs $%s$ FLOP per parameter%s. Constants that all parameters "
                "share are computed outside and cost nothing here.%s",
                text_of(r, &flop),
                fw_per_param_has_sides(&flop) ? ", the parameter being a matrix of m x n" : "",
                classes_once(o));
    FW_TRY(add_operations(&p, err));
    if (o->n_states > 0)
        FW_TRY(add_states(&p, err));
    else
        fw_doc_text(p.d, "It keeps no state.");
    FW_TRY(add_bytes(&p, err));
    if (trial != NULL)
        FW_TRY(fw_report_add_trial(r, p.d, trial, err));
    return fw_document_end(p.d, r, err);
}

enum fw_status fw_answer_optimizer(struct fw_report **ret, const struct fw_optimizer *o,
                                   const struct fw_trial *trial, const struct fw_alloc *alloc,
                                   struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.optimizer/1");
    if (r == NULL)
        return fw_fail_memory(err);
    r->title =
        o != NULL ? fw_arena_printf(&r->arena, "Optimizer %s", o->name) : "flopwise optimizer";
    enum fw_status status = o != NULL ? write_page(r, o, trial, err) : write_list(r, err);
    return fw_report_finish(ret, r, status);
}
