/* Out of memory in every command: the n-th request for memory fails, for one n after the other, and
 * so do all behind it or that one alone. The program must end with exit code 8 and say so, or not
 * need the memory and answer as ever; nothing that was allocated may be left.
 *
 * Usage: flopwise-faults [-n MOST] TOP
 * Each call runs in a process of its own, in which fw_mem_resize() is wrapped (meson.build). MOST
 * (16): requests tried of a command, spread over all of them; 0 tries every one. Ends in the
 * closing line: one test for each command and way of failing. */
#define _GNU_SOURCE 1

#define main flopwise_main
#include "cli/main.c" // NOLINT(bugprone-suspicious-include): the program, called as a function
#undef main

#include "base/arena.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { MAX_WORDS = 24, MAX_OUT = 1 << 22, MAX_ERR = 1 << 14 };

#ifdef FW_COVERAGE
void __gcov_dump(void);
#endif

struct shared {
    long calls, live;
};
static struct shared *shared;
static long fail_at = -1;
static bool once;

void *__real_fw_mem_resize(const struct fw_alloc *, void *, size_t, size_t);
void *__wrap_fw_mem_resize(const struct fw_alloc *, void *, size_t, size_t);

/* Requests are counted where they reach the system, not where a meter passes them on. */
void *__wrap_fw_mem_resize(const struct fw_alloc *alloc, void *old, size_t old_bytes, size_t bytes)
{
    if (alloc != &fw_alloc_default)
        return __real_fw_mem_resize(alloc, old, old_bytes, bytes);
    if (bytes > 0) {
        long n = __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
        if (fail_at >= 0 && (n == fail_at || (n > fail_at && !once)))
            return NULL;
    }
    void *p = __real_fw_mem_resize(alloc, old, old_bytes, bytes);
    if (bytes > 0 && old == NULL && p != NULL)
        __atomic_fetch_add(&shared->live, 1, __ATOMIC_RELAXED);
    if (bytes == 0 && old != NULL)
        __atomic_fetch_sub(&shared->live, 1, __ATOMIC_RELAXED);
    return p;
}

struct outcome {
    int exit_code; // -1: it crashed
    size_t n_out, n_err;
    char out[MAX_OUT], err[MAX_ERR];
};

static void read_back(int fd, char *to, size_t room, size_t *ret_n)
{
    ssize_t n = pread(fd, to, room - 1, 0);
    *ret_n = n > 0 ? (size_t)n : 0;
    to[*ret_n] = '\0';
    (void)close(fd);
}

static void run_child(char **argv, int argc, int out, int err)
{
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    int code = flopwise_main(argc, argv);
    (void)fflush(NULL);
#ifdef FW_COVERAGE
    __gcov_dump(); // what exit() would do
#endif
    _exit(code);
}

static void call(const char *command, long at, bool alone, struct outcome *ret)
{
    static char words[1024];
    char *argv[MAX_WORDS + 1] = {NULL}, *rest = words;
    int argc = 0, status = 0;
    (void)snprintf(words, sizeof words, "flopwise %s", command);
    for (char *w; argc < MAX_WORDS && (w = strsep(&rest, " ")) != NULL;)
        argv[argc++] = w;
    *shared = (struct shared){0, 0};
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    fail_at = at;
    once = alone;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        run_child(argv, argc, out, err);
    ret->exit_code = -1;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
        ret->exit_code = WEXITSTATUS(status);
    read_back(out, ret->out, sizeof ret->out, &ret->n_out);
    read_back(err, ret->err, sizeof ret->err, &ret->n_err);
}

struct row {
    const char *command;
    bool varies; // measures: no two answers are the same
};

static const struct row rows[] = {
    {"count tests/models/lstm_dyn.onnx --format json", false},
    {"count tests/models/lstm_dyn.onnx --convention torch --by module --format md", false},
    {"count zoo:resnet18 --top 3", false},
    {"count zoo:mlp,depth=L,width=K --batch n --format tree", false},
    {"memory tests/models/lstm_dyn.onnx --batch 2 --seq 3 --format json", false},
    {"memory zoo:mlp --batch 4 --optimizer adam --recompute full --format svg", false},
    {"ratio zoo:mlp --sweep batch=1..64 --format svg", false},
    {"field zoo:alexnet --format html", false},
    {"init zoo:mlp,depth=2,width=8 --batch 4 --simulate --draws 1", false},
    {"optimizer adam --simulate --steps 5 --format md", false},
    {"optimizer", false},
    {"explain 6nt zoo:mlp --batch 4 --format html", false},
    {"explain memory", false},
    {"diff zoo:mlp zoo:mlp,depth=3 --format csv", false},
    {"check zoo:mlp --max-params 5 --max-memory 1GiB", false},
    {"run zoo:mlp,depth=2,width=8 --batch 2 --train --mode exact --threads 1", true},
    {"run zoo:mlp,depth=2,width=8 --batch 2 --mode exact --threads 2 --outputs /dev/null", true},
    {"run zoo:mlp,depth=2,width=4,in=3,out=2,batch=2 --mode exact --threads 1 --input "
     "tests/fuzz/corpus/arrays/input.npz",
     true},
    {"count tests/models/weights/shards --format json", false},
    {"count tests/models/weights/llama.gguf --infer", false},
    {"memory tests/fuzz/corpus/hf/bloom.json --seq 4 --infer", false},
    {"count tests/fuzz/corpus/onnx_text/bodies.onnxtxt", false},
    {"estimate --run tests/fuzz/corpus/run/phases.txt", false},
    {"estimate --check tests/fuzz/corpus/claims/small.csv", false},
    {"count zoo:mlp --sandbox", false},
    {"ops Conv*", false},
    {"estimate --params 7e9 --tokens 1e12 --hardware A100 --gpu-hours 1e5 --format json", false},
    {"estimate --model zoo:mlp --examples 1e6 --report md", false},
    {"hardware H100", false},
    {"hardware --year", false},
    {"formats --format csv", false},
    {"limits --format md", false},
    {"zoo vgg*", false},
    {"version", false},
    {"help count", false},
    {"count zoo:mlp --limit nodes=x", false},
    {"count /nowhere --format json", false},
};

static const char *complaint(const struct row *row, const struct outcome *whole,
                             const struct outcome *now)
{
    if (now->exit_code < 0)
        return "it crashed";
    if (shared->live != 0)
        return "memory is left";
    if (now->exit_code == FW_MEMORY)
        return strstr(now->err, "memory") != NULL ? NULL : "no word about memory";
    if (now->exit_code != whole->exit_code)
        return "an exit code that means something else";
    if (now->exit_code != FW_OK && now->n_out == 0)
        return NULL; // it failed anyway, and had no memory for JSON about it
    bool same = now->n_out == whole->n_out && memcmp(now->out, whole->out, now->n_out) == 0;
    return row->varies || same ? NULL : "another answer";
}

/* Whether all was well with this command. */
static bool try_command(const struct row *row, bool alone, long most, long *tried)
{
    static struct outcome whole, now;
    call(row->command, -1, alone, &whole);
    long n = shared->calls;
    const char *bad = whole.exit_code < 0 ? "it crashes without a fault"
                      : shared->live != 0 ? "memory is left without a fault"
                                          : NULL;
    long step = most > 0 && n > most ? n / most + 1 : 1;
    for (long at = 0; at < n && bad == NULL; at += at < 8 ? 1 : step) {
        call(row->command, at, alone, &now);
        ++*tried;
        bad = complaint(row, &whole, &now);
        if (bad != NULL)
            printf("FAILED %s: request %ld of %ld fails%s: %s (exit code %d)\n%s", row->command, at,
                   n, alone ? " alone" : "", bad, now.exit_code, now.err);
    }
    if (bad != NULL && whole.exit_code < 0)
        printf("FAILED %s: %s\n%s", row->command, bad, whole.err);
    return bad == NULL;
}

int main(int argc, char **argv)
{
    long most = 16, tried = 0;
    int failed = 0, passed = 0, i = 1;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        most = strtol(argv[2], NULL, 10);
        i = 3;
    }
    if (i + 1 != argc || chdir(argv[i]) != 0) {
        fprintf(stderr, "usage: flopwise-faults [-n MOST] TOP\n");
        return 2;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 3;
    for (unsigned k = 0; k < sizeof rows / sizeof *rows; k++)
        for (unsigned alone = 0; alone < 2; alone++)
            if (try_command(&rows[k], alone != 0, most, &tried))
                passed++;
            else
                failed++;
    printf("%ld requests failed on purpose in %zu commands\n", tried, sizeof rows / sizeof *rows);
    printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed > 0;
}
