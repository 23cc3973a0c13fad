#include "engine/stat.h"

#include <string.h>

/* One run of the program under one event. */
static enum fw_status count_run(struct fw_counter *c, const struct fw_event *event,
                                const char *const *argv, struct fw_stat *ret, struct fw_error *err)
{
    struct fw_ended ended;
    uint64_t before, after;
    if (c->fd < 0 || c->event.code != event->code)
        FW_TRY(fw_counter_switch(c, event, err));
    FW_TRY(fw_counter_check(c, err));
    FW_TRY(fw_counter_read(c, &before, err));
    FW_TRY(fw_program_run(argv, &ended, err));
    FW_TRY(fw_counter_read(c, &after, err));
    FW_TRY(fw_counter_check(c, err));
    if (ret->n_runs++ == 0)
        ret->ended = ended;
    FW_REQUIRE(ended.exit_code == ret->ended.exit_code, err, FW_COUNTER,
               "%s: run %u ended with exit code %d, the first with %d: runs that differ cannot be "
               "counted one event after the other",
               argv[0], ret->n_runs, ended.exit_code, ret->ended.exit_code);
    ret->flop[event->part] += after - before;
    ret->known[event->part] = true;
    return FW_OK;
}

enum fw_status fw_stat_program(struct fw_counter *c, const char *const *argv, bool split,
                               struct fw_stat *ret, struct fw_error *err)
{
    memset(ret, 0, sizeof *ret);
    FW_TRY(fw_counter_check(c, err));
    for (unsigned i = 0; i < c->n_events; i++)
        FW_TRY(count_run(c, &c->events[i], argv, ret, err));
    for (unsigned part = FW_FLOP_ADD; part < FW_N_FLOP_PARTS && split; part++) {
        struct fw_event events[FW_MAX_EVENTS];
        unsigned n = fw_machine_events(&c->machine, (enum fw_flop_part)part, events);
        FW_REQUIRE(n > 0, err, FW_COUNTER,
                   "hardware counter not available: %s has no event for %s alone", c->machine.name,
                   fw_flop_part_names[part]);
        for (unsigned i = 0; i < n; i++)
            FW_TRY(count_run(c, &events[i], argv, ret, err));
    }
    return FW_OK;
}
