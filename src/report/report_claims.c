/* flopwise.claims/1: published compute beside what follows from parameters, data and hardware. */
#include "report/answers.h"

#include "study/claims.h"

#include <math.h>
#include <string.h>

struct claims_report {
    struct fw_report *r;
    struct fw_claims claims;
    struct fw_error *err;
};

static struct fw_value number(double v)
{
    return isnan(v) ? fw_value_kind(FW_VALUE_NULL) : fw_value_float(v);
}

static struct fw_value text(const char *t)
{
    return fw_value_text(t != NULL && t[0] != '\0' ? t : NULL);
}

/* ---- rows ---- */

static const struct fw_column columns[] = {
    {"model", "model", "name", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"domain", "domain", "as the table says", FW_UNIT_NONE, 0},
    {"claimed", "claimed", "FLOP", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"own", "own", "of it without the model it was trained from, where that is stated",
     FW_UNIT_MEASURE, 0},
    {"method1", "6ND", "6 x parameters x tokens x epochs", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"ratio1", "6ND/claimed", "method 1 over own", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"method2", "hardware", "hours x devices x peak x utilisation", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"ratio2", "hw/claimed", "method 2 over own", FW_UNIT_MEASURE, FW_VIEW_WIDE},
    {"implied_utilisation", "implied", "utilisation that the claim implies", FW_UNIT_MEASURE,
     FW_VIEW_TABLE},
    {"device", "device", "what the hardware was taken for", FW_UNIT_NONE, 0},
    {"flags/unreadable", "unreadable", "column of a cell that is no number", FW_UNIT_NONE, 0},
    {"flags/utilisation", "over the peak", "implied utilisation over 1", FW_UNIT_NONE, 0},
    {"flags/6nd", "6ND off", "by more than 2 with nothing to explain it", FW_UNIT_NONE, 0},
    {"flags/device", "unknown device", "hardware that is not in the table", FW_UNIT_NONE, 0},
    {"explained", "explained by", "why it may be off", FW_UNIT_NONE, 0},
    {"note", "note", "what the table says about the claim", FW_UNIT_NONE, 0},
    {"remark", "what is wrong", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP | FW_VIEW_PEOPLE},
};

enum { N_COLUMNS = sizeof columns / sizeof *columns };

static const struct fw_claim *claim_at(const struct fw_table *t, uint32_t row)
{
    return &((const struct claims_report *)t->ctx)->claims.claim[row];
}

static struct fw_value remark(const struct claims_report *cr, const struct fw_claim *c)
{
    const char *list = "";
    if (c->flags & FW_CLAIM_UTILISATION)
        list = "more than the hardware can do";
    if (c->flags & FW_CLAIM_6ND)
        list = fw_arena_printf(&cr->r->arena, "%s%s6ND is off", list, *list ? "; " : "");
    if (c->flags & FW_CLAIM_UNREADABLE)
        list = fw_arena_printf(&cr->r->arena, "%s%s%s is no number", list, *list ? "; " : "",
                               c->unreadable);
    if (c->flags & FW_CLAIM_DEVICE)
        list =
            fw_arena_printf(&cr->r->arena, "%s%sunknown: %s", list, *list ? "; " : "", c->hardware);
    return text(list);
}

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct fw_claim *c = claim_at(t, row);
    switch (column) {
    case 0:
        return fw_value_text(c->model);
    case 1:
        return text(c->domain);
    case 2:
        return number(c->claimed);
    case 3:
        return number(c->own);
    case 4:
        return number(c->method1);
    case 5:
        return number(c->method1 / c->own);
    case 6:
        return number(c->method2);
    case 7:
        return number(c->method2 / c->own);
    case 8:
        return number(c->implied);
    case 9:
        return text(c->device);
    case 10:
        return text(c->unreadable);
    case 11:
        return fw_value_bool((c->flags & FW_CLAIM_UTILISATION) != 0);
    case 12:
        return fw_value_bool((c->flags & FW_CLAIM_6ND) != 0);
    case 13:
        return fw_value_bool((c->flags & FW_CLAIM_DEVICE) != 0);
    case 14:
        return text(c->explained);
    case 15:
        return text(c->note);
    default:
        return remark(t->ctx, c);
    }
}

static bool is_consistent(const struct fw_table *t, uint32_t row)
{
    return claim_at(t, row)->flags == 0;
}

/* ---- summary ---- */

static const struct fw_column summary_columns[] = {
    {"quantity", "quantity", "what is summed up", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"models", "models", "that have it", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"q05", "5 %", "quantile", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"q25", "25 %", "quantile", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"median", "median", "quantile", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"q75", "75 %", "quantile", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"q95", "95 %", "quantile", FW_UNIT_MEASURE, FW_VIEW_TABLE},
};

enum { N_SUMMARIES = 3, N_SUMMARY_COLUMNS = 7 };

static double summed(const struct fw_claim *c, unsigned which)
{
    return which == 0 ? c->method1 / c->own : which == 1 ? c->method2 / c->own : c->implied;
}

static enum fw_status add_summary(struct claims_report *cr)
{
    static const char *const what[N_SUMMARIES] = {"6ND / claimed, language models",
                                                  "hardware / claimed", "implied utilisation"};
    static const double p[5] = {0.05, 0.25, 0.5, 0.75, 0.95};
    struct fw_value values[N_SUMMARIES * N_SUMMARY_COLUMNS];
    double *list = fw_arena_array(&cr->r->arena, cr->claims.n + 1, sizeof *list);
    if (list == NULL)
        return fw_fail_memory(cr->err);
    for (unsigned k = 0; k < N_SUMMARIES; k++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < cr->claims.n; i++) {
            double v = summed(&cr->claims.claim[i], k);
            if (!isnan(v))
                list[n++] = v;
        }
        struct fw_value *v = values + (size_t)k * N_SUMMARY_COLUMNS;
        v[0] = fw_value_text(what[k]);
        v[1] = fw_value_int(n);
        for (unsigned q = 0; q < 5; q++)
            v[2 + q] = number(fw_quantile(list, n, p[q]));
    }
    static const struct fw_table head = {.key = "summary",
                                         .title = "Recomputed over claimed",
                                         .columns = summary_columns,
                                         .n_columns = N_SUMMARY_COLUMNS};
    return fw_report_rows(cr->r, &head, values, N_SUMMARIES, cr->err);
}

static enum fw_status add_counts(struct claims_report *cr)
{
    static const struct fw_column heads[] = {
        {"rows", "rows", "models in the table", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"claimed", "with a claim", "that state their compute", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"over_peak", "over the peak", "implied utilisation over 1", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"off_6nd", "6ND off", "by more than 2, unexplained", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"explained", "off, explained", "for a reason that the row states", FW_UNIT_COUNT,
         FW_VIEW_TABLE},
        {"unreadable", "unreadable", "rows with a cell that is no number", FW_UNIT_COUNT,
         FW_VIEW_TABLE},
        {"unknown_devices", "unknown device", "rows with hardware that is not known", FW_UNIT_COUNT,
         FW_VIEW_TABLE},
    };
    int64_t n[7] = {cr->claims.n};
    for (uint32_t i = 0; i < cr->claims.n; i++) {
        const struct fw_claim *c = &cr->claims.claim[i];
        n[1] += !isnan(c->claimed);
        n[2] += (c->flags & FW_CLAIM_UTILISATION) != 0;
        n[3] += (c->flags & FW_CLAIM_6ND) != 0;
        n[4] += c->explained != NULL;
        n[5] += (c->flags & FW_CLAIM_UNREADABLE) != 0;
        n[6] += (c->flags & FW_CLAIM_DEVICE) != 0;
    }
    struct fw_value values[7];
    for (unsigned i = 0; i < 7; i++)
        values[i] = fw_value_int(n[i]);
    static const struct fw_table head = {.key = "counts"};
    return fw_report_record(cr->r, &head, heads, values, 7, cr->err);
}

/* ---- the report ---- */

static enum fw_status build(struct claims_report *cr, const void *data, size_t n)
{
    FW_TRY(fw_claims_read(&cr->r->arena, data, n, &cr->claims, cr->err));
    FW_TRY(add_counts(cr));
    FW_TRY(add_summary(cr));
    struct fw_table *t = fw_arena_zalloc(&cr->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(cr->err);
    *t = (struct fw_table){.key = "models",
                           .title = "Models whose numbers do not fit together",
                           .empty = "there is none",
                           .columns = columns,
                           .n_columns = N_COLUMNS,
                           .n_rows = cr->claims.n,
                           .flags = FW_TABLE_MAIN,
                           .free_text = "they fit together as far as they are given",
                           .ctx = cr,
                           .cell = cell,
                           .is_free = is_consistent};
    fw_report_add(cr->r, t);
    return FW_OK;
}

enum fw_status fw_answer_claims(struct fw_report **ret, const void *data, size_t n,
                                const char *path, const struct fw_alloc *alloc,
                                struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.claims/1");
    struct claims_report *cr = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *cr) : NULL;
    if (cr == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    *cr = (struct claims_report){.r = r, .err = err};
    r->title = fw_arena_printf(&r->arena, "flopwise estimate --check %s", path);
    enum fw_status status = build(cr, data, n);
    cr->err = NULL; // the caller's
    return fw_report_finish(ret, r, status);
}
