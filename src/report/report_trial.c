/* The trajectory of an optimizer under given gradients, beside its closed form. */
#include "report/answers.h"
#include "report/document.h"
#include "study/trial.h"

#include <math.h>
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

static bool is_constant(const struct fw_trial *trial)
{
    for (uint32_t i = 1; i < trial->n_gradients; i++)
        if (trial->gradients[i] != trial->gradients[0])
            return false;
    return true;
}

static void fill(const struct fw_trial *trial, const struct fw_trial_result *r,
                 const struct fw_closed_form *form, uint32_t i, struct fw_value *v)
{
    const struct fw_trial_step *s = &r->steps[i];
    v[STEP] = fw_value_int(i + 1);
    v[GRADIENT] = fw_value_float(s->gradient);
    v[VALUE] = fw_value_float(s->w);
    v[CLOSED] = v[DIFFERENCE] = fw_value_kind(FW_VALUE_ABSENT);
    if (form != NULL) {
        double w = form->w(&trial->hyper, s->gradient, i + 1);
        v[CLOSED] = fw_value_float(w);
        v[DIFFERENCE] = fw_value_float(s->w - w);
    }
    for (unsigned k = 0; k < r->used->n_states; k++)
        v[FIRST_STATE + k] = fw_value_float(s->state[k]);
}

static const struct fw_table *make_table(struct fw_report *r, const struct fw_trial *trial,
                                         const struct fw_trial_result *result,
                                         const struct fw_closed_form *form)
{
    static const struct fw_table head = {.key = "steps",
                                         .title = "Trajectory",
                                         .free_text = "between those shown; --all shows them",
                                         .flags = FW_TABLE_MAIN,
                                         .is_free = is_between};
    uint32_t n = FIRST_STATE + result->used->n_states;
    struct fw_column *c = fw_arena_zalloc(&r->arena, N_COLUMNS * sizeof *c);
    struct fw_value *v = fw_arena_array(&r->arena, (size_t)trial->steps * n + 1, sizeof *v);
    if (c == NULL || v == NULL)
        return NULL;
    memcpy(c, columns, sizeof columns);
    for (unsigned k = 0; k < result->used->n_states; k++)
        c[FIRST_STATE + k] =
            (struct fw_column){fw_arena_printf(&r->arena, "state_%s", result->used->states[k].name),
                               result->used->states[k].name, "", FW_UNIT_NONE, FW_VIEW_TABLE};
    if (form == NULL)
        c[CLOSED].views = c[DIFFERENCE].views = 0;
    for (uint32_t i = 0; i < trial->steps; i++)
        fill(trial, result, form, i, v + (size_t)i * n);
    return fw_rows_new(r, &head, c, n, v, trial->steps);
}

static double largest_difference(const struct fw_trial *trial, const struct fw_trial_result *r,
                                 const struct fw_closed_form *form)
{
    double most = 0;
    for (uint32_t i = 0; i < trial->steps; i++) {
        double w = form->w(&trial->hyper, r->steps[i].gradient, i + 1);
        most = fmax(most, fabs(r->steps[i].w - w) / fmax(fabs(w), 1e-300));
    }
    return most;
}

static void write_text(struct fw_document *d, const struct fw_trial *trial,
                       const struct fw_trial_result *r, const struct fw_closed_form *form)
{
    const struct fw_hyper *h = &trial->hyper;
    fw_doc_heading(d, 1, "%u steps from $w = 0$", trial->steps);
    fw_doc_text(
        d, "With `lr` %s, `beta1` %s, `beta2` %s, `eps` %s, `decay` %s, in double precision.",
        fw_doc_double(d, h->lr, 10), fw_doc_double(d, h->beta1, 10), fw_doc_double(d, h->beta2, 10),
        fw_doc_double(d, h->eps, 10), fw_doc_double(d, h->decay, 10));
    if (r->used != trial->optimizer)
        fw_doc_text(d, "A single parameter is no matrix: its rule is that of %s.", r->used->name);
    if (form != NULL) {
        fw_doc_text(d, "With a constant gradient $c = %s$ every moment is a geometric sum, and",
                    fw_doc_double(d, trial->gradients[0], 10));
        fw_doc_formula(d, "%s", form->formula);
        fw_doc_text(d, "Over all steps the kernel and this formula differ by at most %s of $w$.",
                    fw_doc_double(d, largest_difference(trial, r, form), 3));
    } else {
        fw_doc_text(d, is_constant(trial) ? "There is no closed form for this rule."
                                          : "The gradient changes: there is no closed form.");
    }
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
        {"steps", "steps", "", FW_UNIT_COUNT, 0},
        {"lr", "lr", "", FW_UNIT_NONE, 0},
        {"beta1", "beta1", "", FW_UNIT_NONE, 0},
        {"beta2", "beta2", "", FW_UNIT_NONE, 0},
        {"eps", "eps", "", FW_UNIT_NONE, 0},
        {"decay", "decay", "", FW_UNIT_NONE, 0},
        {"closed_form", "closed form", "null: there is none", FW_UNIT_NONE, 0},
        {"executed_flop", "executed", "of a step, counted as it ran", FW_UNIT_FLOP, 0},
        {"predicted_flop", "predicted", "of a step", FW_UNIT_FLOP, 0},
    };
    struct fw_trial_result result;
    FW_TRY(fw_trial_run(trial, &r->arena, &result, err));
    const struct fw_closed_form *form =
        is_constant(trial) ? fw_closed_form_find(result.used->name) : NULL;
    const struct fw_hyper *h = &trial->hyper;
    struct fw_value v[] = {fw_value_int(trial->steps),
                           fw_value_float(h->lr),
                           fw_value_float(h->beta1),
                           fw_value_float(h->beta2),
                           fw_value_float(h->eps),
                           fw_value_float(h->decay),
                           fw_value_text(form != NULL ? form->formula : NULL),
                           fw_value_int((int64_t)result.executed),
                           fw_value_int((int64_t)result.predicted)};
    FW_TRY(fw_report_record(r, &head, c, v, sizeof c / sizeof *c, err));
    write_text(d, trial, &result, form);
    const struct fw_table *t = make_table(r, trial, &result, form);
    if (t == NULL)
        return fw_fail_memory(err);
    fw_report_add(r, t);
    fw_doc_table(d, t);
    return FW_OK;
}
