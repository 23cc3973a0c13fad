/* Detection from descriptions of machines, and everything that can go wrong with a counter, on a
 * counter made of variables. */
#include "engine/counter.h"
#include "engine/stat.h"

#include "base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- machines ---- */

static void machine_from(const char *name, struct fw_machine *ret)
{
    char path[512];
    struct fw_file file;
    (void)snprintf(path, sizeof path, "%s/tests/machines/%s.cpuinfo", FW_TOP, name);
    assert_int_equal(fw_file_open(&file, path, 0, &fw_alloc_default, NULL), FW_OK);
    fw_machine_read(ret, (const char *)file.data, file.size);
    fw_file_close(&file);
}

void test_counter__detection(void **state)
{
    static const struct {
        const char *machine;
        unsigned n;
        struct fw_event first; // of all operations
        uint64_t fused;        // event of fused multiply-adds alone, 0: none
    } cases[] = {
        {"amd-zen1", 1, {0xff03, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0x8803},
        {"amd-zen2", 1, {0x0f03, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0x0803},
        {"amd-zen3", 1, {0x0f03, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0x0803},
        {"amd-zen4", 1, {0x1f03, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0x0803},
        {"amd-zen5", 1, {0x1f03, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0x0803},
        {"intel-sapphire-rapids", 5, {0x03c7, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0},
        {"intel-coffee-lake", 4, {0x03c7, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0}, // no AVX-512
        {"intel-atom", 0, {0}, 0},
        {"arm-neoverse-v1", 2, {0x80c1, 1, FW_FLOP_ALL, FW_CANARY_FMA}, 0},
        {"arm-neoverse-n1", 0, {0}, 0}, // no scalable vectors
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_machine m;
        struct fw_event events[FW_MAX_EVENTS];
        machine_from(cases[i].machine, &m);
        assert_true(m.name[0] != '\0');
        assert_int_equal(fw_machine_events(&m, FW_FLOP_ALL, events), cases[i].n);
        const struct fw_event *first = &cases[i].first;
        if (cases[i].n > 0)
            assert_true(events[0].code == first->code && events[0].weight == first->weight &&
                        events[0].part == first->part && events[0].canary == first->canary);
        unsigned fused = fw_machine_events(&m, FW_FLOP_FMA, events);
        assert_int_equal(fused, cases[i].fused != 0);
        if (fused > 0)
            assert_true(events[0].code == cases[i].fused);
    }
}

void test_counter__scalable_vectors(void **state)
{
    struct fw_machine m;
    struct fw_event events[FW_MAX_EVENTS];
    (void)state;
    machine_from("arm-neoverse-v1", &m);
    m.vector_bits = 256;
    assert_int_equal(fw_machine_events(&m, FW_FLOP_ALL, events), 2);
    assert_int_equal(events[1].code, 0x80c0);
    assert_int_equal(events[1].weight, 2); // counts are of 128 bits
}

/* ---- a counter made of variables ---- */

static struct {
    int open_error, read_error;
    uint64_t value, code;
    uint64_t stolen; // ns another counter had it
    uint64_t sings;  // what a canary adds
    unsigned opened, closed;
} fake;

static int fake_open(uint64_t code, int *ret_fd)
{
    fake.code = code;
    fake.opened += fake.open_error == 0;
    *ret_fd = fake.open_error == 0 ? 7 : -1;
    return fake.open_error;
}

static int fake_read(int fd, struct fw_reading *ret)
{
    assert_int_equal(fd, 7);
    *ret = (struct fw_reading){fake.value, 1000, 1000 - fake.stolen};
    return fake.read_error;
}

static void fake_close(int fd)
{
    assert_int_equal(fd, 7);
    fake.closed++;
}

static void fake_canary(enum fw_canary kind)
{
    (void)kind;
    fake.value += fake.sings;
}

static const struct fw_counter_os fake_os = {fake_open, fake_read, fake_close, fake_canary};

static struct fw_counter *open_fake(const char *machine)
{
    struct fw_machine m;
    struct fw_counter *c;
    machine_from(machine, &m);
    assert_int_equal(fw_counter_open_with(&c, &fw_alloc_default, &fake_os, &m, NULL), FW_OK);
    return c;
}

static void start(void)
{
    memset(&fake, 0, sizeof fake);
    fake.sings = 2000;
    fake.value = 12345; // readings are differences
}

void test_counter__trusted(void **state)
{
    uint64_t n;
    (void)state;
    start();
    struct fw_counter *c = open_fake("amd-zen5");
    assert_int_equal(fake.code, 0x1f03);
    assert_int_equal(fw_counter_check(c, NULL), FW_OK);
    assert_int_equal(fw_counter_alone(c, NULL), FW_OK);
    assert_int_equal(fw_counter_read(c, &n, NULL), FW_OK);
    assert_int_equal(n, 12345 + 4000);
    fw_counter_close(c);
    assert_int_equal(fake.opened, fake.closed);
}

static void expect_failure(struct fw_counter *c, const char *words)
{
    struct fw_error err = {.code = FW_OK};
    assert_int_equal(fw_counter_check(c, &err), FW_COUNTER);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    assert_non_null(strstr(err.message, "hardware counter not available"));
    fw_counter_close(c);
}

void test_counter__not_there(void **state)
{
    static const struct {
        int error;
        const char *words;
    } cases[] = {{EACCES, "perf_event_paranoid"}, {EPERM, "containers"},
                 {ENOENT, "virtual machines"},    {ENOSYS, "no perf_event_open"},
                 {EOPNOTSUPP, "counting unit"},   {ENODEV, "No such device"}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        start();
        fake.open_error = cases[i].error;
        expect_failure(open_fake("amd-zen5"), cases[i].words);
    }
    start();
    expect_failure(open_fake("intel-atom"), "no event is known for Intel(R) Celeron(R)");
}

void test_counter__not_to_be_trusted(void **state)
{
    (void)state;
    start();
    fake.sings = 0;
    expect_failure(open_fake("amd-zen5"), "1000 known instructions read 0, not 2000");
    start();
    fake.sings = 2016; // masked lanes of something else
    expect_failure(open_fake("amd-zen5"), "read 2016, not 2000");
    start();
    fake.stolen = 1;
    expect_failure(open_fake("amd-zen5"), "another program counts as well");
    start();
    fake.value = (uint64_t)1 << 46;
    expect_failure(open_fake("amd-zen5"), "no run can reach");
}

/* The same program once for each event; each count has the weight of its event. */
void test_counter__stat_runs(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct fw_stat stat;
    (void)state;
    start();
    struct fw_counter *c = open_fake("intel-sapphire-rapids");
    assert_int_equal(fw_counter_alone(c, NULL), FW_COUNTER);
    assert_int_equal(fw_stat_program(c, argv, false, &stat, NULL), FW_OK);
    assert_int_equal(stat.n_runs, 5);
    assert_int_equal(stat.ended.exit_code, 0);
    assert_true(stat.known[FW_FLOP_ALL] && !stat.known[FW_FLOP_ADD]);
    assert_true(stat.flop[FW_FLOP_ALL] == 0); // nothing but canaries sang
    fw_counter_close(c);

    start();
    c = open_fake("amd-zen3");
    struct fw_error err;
    assert_int_equal(fw_stat_program(c, argv, true, &stat, &err), FW_COUNTER);
    assert_non_null(strstr(err.message, "read 2000, not 1000")); // additions are no pairs
    fw_counter_close(c);
}

void test_counter__program(void **state)
{
    static const char *const fails[] = {"sh", "-c", "exit 3", NULL};
    static const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
    static const char *const nothing[] = {"/no/such/program", NULL};
    struct fw_ended ended;
    struct fw_error err;
    (void)state;
    assert_int_equal(fw_program_run(fails, &ended, NULL), FW_OK);
    assert_int_equal(ended.exit_code, 3);
    assert_int_equal(fw_program_run(killed, &ended, NULL), FW_OK);
    assert_int_equal(ended.exit_code, 128 + 9);
    assert_int_equal(fw_program_run(nothing, &ended, &err), FW_IO);
    assert_string_equal(err.message, "/no/such/program: cannot be run: No such file or directory");
}
