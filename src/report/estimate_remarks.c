/* Remarks of an estimate: names that fit several devices, what 6ND leaves out, what only a part of
 * the parameters does. */
#include "report/report_estimate.h"

#include <math.h>

struct remarks {
    struct fw_estimate_report *er;
    struct fw_value *v; // (room)
    uint32_t n, room;
    bool no_memory;
};

static void add(struct remarks *m, const char *text)
{
    m->no_memory |= text == NULL;
    if (m->n < m->room)
        m->v[m->n++] = fw_value_text(text);
}

/* "H100" was taken for one of several; once for each device. */
static void add_device(struct remarks *m, const struct fw_run *run, uint32_t fleet)
{
    struct fw_arena *arena = &m->er->r->arena;
    const struct fw_hardware_match *match = &run->fleets[fleet].match;
    const char *list = NULL;
    for (uint32_t i = 0; i < fleet; i++)
        if (run->fleets[i].match.device == match->device)
            return;
    for (unsigned i = 0; i < match->n_others; i++)
        list = fw_arena_printf(arena, "%s%s%s", list != NULL ? list : "", list != NULL ? ", " : "",
                               match->others[i]->name);
    if (list != NULL)
        add(m, fw_arena_printf(arena, "'%s' is taken for %s; it also fits %s",
                               run->fleets[fleet].hardware, match->device->name, list));
}

/* Attention scores, which 6ND leaves out: 12*L*h*s operations a token beside 6*12*L*h^2, half of
 * them in a causal model. The width h of N parameters is that of a transformer of usual shape, 128
 * times as wide as it is deep: N = 12*L*h^2 = (12/128)*h^3. */
static void add_context(struct remarks *m, const struct fw_run *run, const struct fw_run_phase *p)
{
    const struct fw_quantity *seq = fw_run_value(run, p->in[FW_IN_SEQ]);
    const struct fw_quantity *params = fw_run_value(run, p->in[FW_IN_ACTIVE_PARAMS]);
    if (params == NULL)
        params = fw_run_value(run, p->in[FW_IN_PARAMS]);
    if (seq == NULL || params == NULL || p->in[FW_IN_TOKENS] == FW_NO_INPUT)
        return;
    double width = cbrt(params->mid * 128 / 12);
    add(m, fw_arena_printf(
               &m->er->r->arena,
               "%s: attention scores are left out; over %.0f tokens they add about %.2g %% "
               "in a causal transformer of usual shape (width near %.0f); a model counts "
               "them",
               p->name, seq->mid, 100 * seq->mid / (12 * width), 100 * round(width / 100)));
}

static void add_phase(struct remarks *m, const struct fw_run *run, const struct fw_run_phase *p)
{
    add_context(m, run, p);
    if (p->in[FW_IN_PARAMS] != FW_NO_INPUT && p->in[FW_IN_ACTIVE_PARAMS] != FW_NO_INPUT)
        add(m, fw_arena_printf(&m->er->r->arena,
                               "%s: the active parameters compute, all of them are only stored",
                               p->name));
    if (p->step != NULL && !p->step->complete)
        add(m, fw_arena_printf(&m->er->r->arena,
                               "%s: some operators of %s have no count: a lower bound", p->name,
                               p->model));
}

enum fw_status fw_estimate_remarks(struct fw_estimate_report *er, struct fw_error *err)
{
    static const struct fw_column columns[] = {{"remark", "remarks",
                                                "what to know about the inputs", FW_UNIT_NONE,
                                                FW_VIEW_TABLE | FW_VIEW_WRAP}};
    static const struct fw_table head = {
        .key = "remarks", .columns = columns, .n_columns = 1, .flags = FW_TABLE_SKIP_EMPTY};
    const struct fw_run *run = er->e->run;
    struct remarks m = {.er = er, .room = 3 * run->n_phases + run->n_fleets + 2};
    m.v = fw_arena_array(&er->r->arena, m.room + 1, sizeof *m.v);
    if (m.v == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < run->n_phases; i++)
        add_phase(&m, run, &run->phases[i]);
    for (uint32_t i = 0; i < run->n_fleets; i++)
        add_device(&m, run, i);
    if (run->n_fleets > 0 && isnan(er->e->q[FW_Q_METHOD1].mid) && isnan(er->e->q[FW_Q_METHOD2].mid))
        add(&m, "nothing is estimated: a device computes for some time (--time or --gpu-hours), or "
                "for some work (--params and --tokens, or --model)");
    if (er->e->q[FW_Q_MFU].mid > 1)
        add(&m, "the inputs contradict each other: method 1 is more than the peak of the hardware "
                "allows in its time");
    if (m.no_memory)
        return fw_fail_memory(err);
    FW_TRY(fw_report_rows(er->r, &head, m.v, m.n, err));
    if (m.n > 0)
        er->table[FW_EST_REMARKS] = er->r->tables[er->r->n_tables - 1];
    return FW_OK;
}
