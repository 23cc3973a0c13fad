/* The trajectory of an optimizer under given gradients, beside its closed form. */
#include "report/answers.h"
#include "report/document.h"
#include "study/trial.h"

#include <string.h>

enum {
    STEP,
    GRADIENT,
    VALUE,
    CLOSED,
    DIFFERENCE,
    FIRST_STATE,
    N_COLUMNS = FIRST_STATE + FW_MAX_STATES
};
enum { SHOWN_FIRST = 10, SHOWN_MORE = 10 };

static const struct fw_column columns[FIRST_STATE] = {
    [STEP] = {"step", "step", "from 1", FW_UNIT_COUNT, FW_VIEW_TABLE},
    [GRADIENT] = {"gradient", "gradient", "", FW_UNIT_NONE, FW_VIEW_TABLE},
    [VALUE] = {"w", "w", "the parameter after the step; 0 before the first", FW_UNIT_NONE,
               FW_VIEW_TABLE},
    [CLOSED] = {"closed_form", "closed form", "what w is by the formula", FW_UNIT_NONE,
                FW_VIEW_TABLE},
    [DIFFERENCE] = {"difference", "difference", "w less the closed form", FW_UNIT_NONE,
                    FW_VIEW_TABLE},
};

/* On the terminal the first steps are shown and then some at equal distances, with the last. */
static bool is_between(const struct fw_table *t, uint32_t row)
{
    uint32_t apart = t->n_rows / SHOWN_MORE + 1;
    return row >= SHOWN_FIRST && (row + 1) % apart != 0 && row + 1 != t->n_rows;
}

static void fill(const struct fw_trial_result *r, uint32_t i, struct fw_value *v)
{
    const struct fw_trial_step *s = &r->steps[i];
    v[STEP] = fw_value_int(i + 1);
    v[GRADIENT] = fw_value_float(s->gradient);
    v[VALUE] = fw_value_float(s->w);
    v[CLOSED] = v[DIFFERENCE] = fw_value_kind(FW_VALUE_ABSENT);
    if (r->form != NULL) {
        v[CLOSED] = fw_value_float(s->closed);
        v[DIFFERENCE] = fw_value_float(s->difference);
    }
    for (unsigned k = 0; k < r->used->n_states; k++)
        v[FIRST_STATE + k] = fw_value_float(s->state[k]);
}

/* Of a parameter of several elements the columns are norms, and are called so. */
static struct fw_column *make_columns(struct fw_report *r, const struct fw_trial_result *result,
                                      bool single)
{
    static const struct fw_column norms[] = {
        [GRADIENT] = {"norm_gradient", "|g|", "norm of the gradient", FW_UNIT_NONE, FW_VIEW_TABLE},
        [VALUE] = {"norm_w", "|w|", "norm of the parameter after the step; 0 before the first",
                   FW_UNIT_NONE, FW_VIEW_TABLE},
        [CLOSED] = {"norm_closed_form", "|w|, closed form", "what it is by the formula",
                    FW_UNIT_NONE, FW_VIEW_TABLE},
        [DIFFERENCE] = {"largest_difference", "difference",
                        "of w from the formula, of the element that differs most", FW_UNIT_NONE,
                        FW_VIEW_TABLE},
    };
    struct fw_column *c = fw_arena_zalloc(&r->arena, N_COLUMNS * sizeof *c);
    if (c == NULL)
        return NULL;
    memcpy(c, columns, sizeof columns);
    if (!single)
        memcpy(c + GRADIENT, norms + GRADIENT, sizeof norms - GRADIENT * sizeof *norms);
    for (unsigned k = 0; k < result->used->n_states; k++) {
        const char *name = result->used->states[k].name;
        c[FIRST_STATE + k] = (struct fw_column){
            fw_arena_printf(&r->arena, single ? "state_%s" : "norm_state_%s", name),
            fw_arena_printf(&r->arena, single ? "%s" : "|%s|", name), "", FW_UNIT_NONE,
            FW_VIEW_TABLE};
    }
    if (result->form == NULL)
        c[CLOSED].views = c[DIFFERENCE].views = 0;
    return c;
}

static const struct fw_table *make_table(struct fw_report *r, const struct fw_trial *trial,
                                         const struct fw_trial_result *result)
{
    static const struct fw_table head = {.key = "steps",
                                         .title = "Trajectory",
                                         .free_text = "between those shown; --all shows them",
                                         .flags = FW_TABLE_MAIN,
                                         .is_free = is_between};
    uint32_t n = FIRST_STATE + result->used->n_states;
    struct fw_column *c = make_columns(r, result, fw_trial_elements(trial) == 1);
    struct fw_value *v = fw_arena_array(&r->arena, (size_t)trial->steps * n + 1, sizeof *v);
    if (c == NULL || v == NULL)
        return NULL;
    for (uint32_t i = 0; i < trial->steps; i++)
        fill(result, i, v + (size_t)i * n);
    return fw_rows_new(r, &head, c, n, v, trial->steps);
}

/* Every element after the last step. */
static bool is_late(const struct fw_table *t, uint32_t row)
{
    (void)t;
    return row >= SHOWN_FIRST + SHOWN_MORE;
}

static const struct fw_table *make_elements(struct fw_report *r, const struct fw_trial *trial,
                                            const struct fw_trial_result *result)
{
    enum { ROW, COLUMN, G, W, FORM, OFF, N };
    static const struct fw_column c[N] = {
        [ROW] = {"row", "row", "from 1", FW_UNIT_COUNT, FW_VIEW_TABLE},
        [COLUMN] = {"column", "column", "from 1", FW_UNIT_COUNT, FW_VIEW_TABLE},
        [G] = {"gradient", "gradient", "in the last step", FW_UNIT_NONE, FW_VIEW_TABLE},
        [W] = {"w", "w", "after the last step", FW_UNIT_NONE, FW_VIEW_TABLE},
        [FORM] = {"closed_form", "closed form", "null: there is none", FW_UNIT_NONE, FW_VIEW_TABLE},
        [OFF] = {"difference", "difference", "w less the closed form", FW_UNIT_NONE, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "elements",
                                         .title = "The parameter after the last step",
                                         .free_text = "more; --all shows them",
                                         .is_free = is_late};
    size_t n = fw_trial_elements(trial), side = trial->rank > 1 ? (size_t)trial->dims[1] : 1;
    struct fw_value *v = fw_arena_array(&r->arena, n * N, sizeof *v);
    const double *g = trial->gradients + n * (trial->n_gradients - 1);
    for (size_t i = 0; v != NULL && i < n; i++) {
        v[i * N + ROW] = fw_value_int((int64_t)(i / side) + 1);
        v[i * N + COLUMN] = fw_value_int((int64_t)(i % side) + 1);
        v[i * N + G] = fw_value_float(g[i]);
        v[i * N + W] = fw_value_float(result->w[i]);
        v[i * N + FORM] = v[i * N + OFF] = fw_value_kind(FW_VALUE_NULL);
        if (result->closed != NULL) {
            v[i * N + FORM] = fw_value_float(result->closed[i]);
            v[i * N + OFF] = fw_value_float(result->w[i] - result->closed[i]);
        }
    }
    return v != NULL ? fw_rows_new(r, &head, c, N, v, (uint32_t)n) : NULL;
}

static void write_form(struct fw_document *d, const struct fw_trial *trial,
                       const struct fw_trial_result *r)
{
    bool single = fw_trial_elements(trial) == 1;
    if (r->form == NULL) {
        fw_doc_text(d, trial->n_gradients == 1
                           ? "There is no closed form for this rule with these numbers."
                           : "The gradient changes: there is no closed form.");
        return;
    }
    if (single)
        fw_doc_text(d, "With a constant gradient $c = %s$ every moment is a geometric sum, and",
                    fw_doc_double(d, trial->gradients[0], 10));
    else
        fw_doc_text(d, "With a constant gradient, $c$ being that of an element or $g$ all of it,");
    fw_doc_formula(d, "%s", r->form->formula);
    if (r->form->where != NULL)
        fw_doc_text(d, "%s", r->form->where);
    if (r->largest == 0)
        fw_doc_text(d, "In every step the kernel and this formula are the same to the last bit.");
    else
        fw_doc_text(d, "Over all steps the kernel and this formula differ by at most %s of %s.",
                    fw_doc_double(d, r->largest, 3), single ? "$w$" : "the largest element");
}

static void write_text(struct fw_document *d, const struct fw_trial *trial,
                       const struct fw_trial_result *r)
{
    const struct fw_hyper *h = &trial->hyper;
    fw_doc_heading(d, 1, "%u steps from $w = 0$", trial->steps);
    fw_doc_text(
        d, "With `lr` %s, `beta1` %s, `beta2` %s, `eps` %s, `decay` %s, in double precision.",
        fw_doc_double(d, h->lr, 10), fw_doc_double(d, h->beta1, 10), fw_doc_double(d, h->beta2, 10),
        fw_doc_double(d, h->eps, 10), fw_doc_double(d, h->decay, 10));
    if (trial->rank > 1)
        fw_doc_text(d, "The parameter is a matrix of %s rows and %s columns.",
                    fw_doc_int(d, trial->dims[0]), fw_doc_int(d, trial->dims[1]));
    if (r->used != trial->optimizer)
        fw_doc_text(d, "It is no matrix: its rule is that of %s.", r->used->name);
    write_form(d, trial, r);
    fw_doc_text(d,
                "Each step executed %s FLOP as counted while it ran; the table of operations "
                "says %s.",
                fw_doc_int(d, (int64_t)r->executed), fw_doc_int(d, (int64_t)r->predicted));
}

enum fw_status fw_report_add_trial(struct fw_report *r, struct fw_document *d,
                                   const struct fw_trial *trial, struct fw_error *err)
{
    static const struct fw_table head = {.key = "trial", .flags = FW_TABLE_JSON_ONLY};
    static const struct fw_column c[] = {
        {"shape", "shape", "of the parameter", FW_UNIT_NONE, 0},
        {"steps", "steps", "", FW_UNIT_COUNT, 0},
        {"lr", "lr", "", FW_UNIT_NONE, 0},
        {"beta1", "beta1", "", FW_UNIT_NONE, 0},
        {"beta2", "beta2", "", FW_UNIT_NONE, 0},
        {"eps", "eps", "", FW_UNIT_NONE, 0},
        {"decay", "decay", "", FW_UNIT_NONE, 0},
        {"closed_form", "closed form", "null: there is none", FW_UNIT_NONE, 0},
        {"executed_flop", "executed", "of a step, counted as it ran", FW_UNIT_FLOP, 0},
        {"predicted_flop", "predicted", "of a step", FW_UNIT_FLOP, 0},
        {"largest_difference", "difference", "of any step, as part of the largest element",
         FW_UNIT_NONE, 0},
    };
    struct fw_trial_result result;
    FW_TRY(fw_trial_run(trial, &r->arena, &result, err));
    const struct fw_hyper *h = &trial->hyper;
    fw_dim *dims = fw_arena_array(&r->arena, 2, sizeof *dims);
    if (dims == NULL)
        return fw_fail_memory(err);
    for (unsigned k = 0; k < trial->rank; k++)
        dims[k] = fw_dim_int(trial->dims[k]);
    struct fw_value v[] = {{.kind = FW_VALUE_SHAPE, .shape = {dims, trial->rank}},
                           fw_value_int(trial->steps),
                           fw_value_float(h->lr),
                           fw_value_float(h->beta1),
                           fw_value_float(h->beta2),
                           fw_value_float(h->eps),
                           fw_value_float(h->decay),
                           fw_value_text(result.form != NULL ? result.form->formula : NULL),
                           fw_value_int((int64_t)result.executed),
                           fw_value_int((int64_t)result.predicted),
                           result.form != NULL ? fw_value_float(result.largest)
                                               : fw_value_kind(FW_VALUE_NULL)};
    FW_TRY(fw_report_record(r, &head, c, v, sizeof c / sizeof *c, err));
    write_text(d, trial, &result);
    const struct fw_table *tables[] = {
        make_table(r, trial, &result),
        fw_trial_elements(trial) > 1 ? make_elements(r, trial, &result) : NULL};
    for (unsigned i = 0; i < 2; i++) {
        if (tables[i] == NULL && (i == 0 || fw_trial_elements(trial) > 1))
            return fw_fail_memory(err);
        if (tables[i] == NULL)
            continue;
        fw_report_add(r, tables[i]);
        fw_doc_table(d, tables[i]);
    }
    return FW_OK;
}
