/* flopwise.stat/1: what a program retired, beside what this machine can do and what a model was
 * predicted to take. */
#include "report/answers.h"

#include "engine/peak.h"

static const struct fw_column columns[] = {
    {"command", "program", "the program that was run", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"exit_code", "exit code", "of the program", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"runs", "runs", "how often it was run: once for each event", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"counter", "counted by", "processor and event", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"seconds", "time", "of the first run, on the wall", FW_UNIT_SECONDS, FW_VIEW_TABLE},
    {"retired_flop", "retired FLOP", "operations the processor finished, children included",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop_per_second", "rate", "retired operations a second", FW_UNIT_FLOP_RATE, FW_VIEW_TABLE},
    {"peak_flop_per_second", "peak", "the fastest fused multiply-adds of all cores",
     FW_UNIT_FLOP_RATE, FW_VIEW_TABLE},
    {"share_of_peak", "share of peak", "rate / peak", FW_UNIT_SHARE, FW_VIEW_TABLE},
};

static enum fw_status add_program(struct fw_report *r, const struct fw_counter *c,
                                  const struct fw_stat *s, const char *command,
                                  const struct fw_peak *peak, struct fw_error *err)
{
    static const struct fw_table head = {.key = "program", .flags = FW_TABLE_MERGE};
    double rate = (double)s->flop[FW_FLOP_ALL] / s->ended.seconds;
    uint64_t most = fw_peak_sure(peak, peak->cores);
    const char *counter = fw_arena_printf(&r->arena, "%s, event 0x%04llx%s", c->machine.name,
                                          (unsigned long long)c->events[0].code,
                                          c->n_events > 1 ? " and others" : "");
    struct fw_value values[] = {
        fw_value_text(command),
        fw_value_int(s->ended.exit_code),
        fw_value_int(s->n_runs),
        fw_value_text(counter),
        fw_value_float(s->ended.seconds),
        fw_value_count(fw_count_int((fw_i128)s->flop[FW_FLOP_ALL])),
        fw_value_float(rate),
        most == 0 ? fw_value_kind(FW_VALUE_NULL) : fw_value_int((int64_t)most),
        most == 0 ? fw_value_kind(FW_VALUE_NULL) : fw_value_float(rate / (double)most)};
    return fw_report_record(r, &head, columns, values, sizeof values / sizeof *values, err);
}

static const struct fw_column split_columns[] = {
    {"add", "additions", "additions and subtractions", FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"mul", "products", "multiplications", FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"div", "divisions", "divisions and square roots", FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"fma", "fused", "fused multiply-adds, two operations each", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
};

static enum fw_status add_split(struct fw_report *r, const struct fw_stat *s, struct fw_error *err)
{
    enum { N = FW_N_FLOP_PARTS - FW_FLOP_ADD };
    static const struct fw_table head = {.key = "split", .title = "Retired FLOP by class"};
    struct fw_value values[N];
    if (!s->known[FW_FLOP_ADD])
        return FW_OK;
    for (unsigned i = 0; i < N; i++)
        values[i] = fw_value_count(fw_count_int((fw_i128)s->flop[FW_FLOP_ADD + i]));
    return fw_report_record(r, &head, split_columns, values, N, err);
}

static const struct fw_column predicted_columns[] = {
    {"model", "model", "file or name of the network", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"steps", "steps", "how often the program runs it", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"matmul_flop", "matmul FLOP", "multiply-adds of contractions, two operations each, all steps",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop", "all FLOP", "operations of every class, all steps", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"retired_to_predicted", "retired / predicted", "retired over all predicted operations",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"utilisation", "utilisation", "predicted matmul FLOP a second over the peak", FW_UNIT_SHARE,
     FW_VIEW_TABLE},
};

static enum fw_status add_predicted(struct fw_report *r, struct fw_analysis *a,
                                    const struct fw_stat *s, uint64_t steps,
                                    const struct fw_peak *peak, struct fw_error *err)
{
    static const struct fw_table head = {.key = "predicted", .title = "Predicted from the model"};
    struct fw_symbols *sym = a->model.sym;
    struct fw_cost step = fw_cost_step(sym, a->totals.phase);
    fw_count times = fw_count_int((fw_i128)steps);
    fw_count matmul = fw_count_mul(sym, fw_cost_matmul_flop(sym, &step), times);
    fw_count all = fw_count_mul(sym, fw_cost_flop(sym, &step), times);
    FW_REQUIRE(fw_count_is_const(all), err, FW_USAGE,
               "%s: its operations depend on open sizes: --batch, --seq and --set give them values",
               a->model.path);
    uint64_t most = fw_peak_sure(peak, peak->cores);
    double possible = (double)most * s->ended.seconds;
    struct fw_value values[] = {fw_value_text(a->model.path),
                                fw_value_int((int64_t)steps),
                                fw_value_count(matmul),
                                fw_value_count(all),
                                fw_value_float((double)s->flop[FW_FLOP_ALL] / (double)all.word),
                                most == 0 ? fw_value_kind(FW_VALUE_NULL)
                                          : fw_value_float((double)matmul.word / possible)};
    return fw_report_record(r, &head, predicted_columns, values, sizeof values / sizeof *values,
                            err);
}

enum fw_status fw_answer_stat(struct fw_report **ret, const struct fw_counter *c,
                              const struct fw_stat *s, const char *command, struct fw_analysis *a,
                              uint64_t steps, struct fw_error *err)
{
    struct fw_peak peak;
    struct fw_report *r = fw_report_new(c->alloc, "flopwise.stat/1");
    if (r == NULL)
        return fw_fail_memory(err);
    r->title = "flopwise stat";
    command = fw_arena_printf(&r->arena, "%s", command);
    enum fw_status status = fw_peak_get(&c->machine, false, &peak, err);
    if (status == FW_OK)
        status = add_program(r, c, s, command, &peak, err);
    if (status == FW_OK)
        status = add_split(r, s, err);
    if (status == FW_OK && a != NULL) {
        r->sym = a->model.sym;
        status = add_predicted(r, a, s, steps, &peak, err);
    }
    return fw_report_finish(ret, r, status);
}
