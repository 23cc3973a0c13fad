/*
 * Times the analysis from inside, and whole processes from outside.
 *
 *   flopwise-bench stages [-n RUNS] FILE.onnx
 *       opens the file and walks through the stages of src/study/analysis.c, one after the other,
 *       as `--optimizer sgd --precision fp32` does: one line per stage with the milliseconds of
 *       its best run, then `total` (the best whole run), `peak_kib` and the size of the graph.
 *   flopwise-bench process [-n RUNS] COMMAND [ARGUMENT...]
 *       starts a process and waits for it: best milliseconds and the largest peak memory. Output of
 *       the process is thrown away.
 *
 * Lines are NAME, tab, NUMBER. A separate program and not a script because a process inherits the
 * peak memory of whoever started it, which for a Python script is more than what is measured here.
 */
#define _DEFAULT_SOURCE

#include "base/file.h"
#include "formats/formats.h"
#include "passes/classify.h"
#include "passes/infer.h"
#include "study/analysis.h"
#include "study/bind.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct work {
    const char *path;
    struct fw_file file;
    struct fw_analysis_options options;
    struct fw_analysis answer;
    uint32_t n_nodes; // with gradients and updates
    struct fw_error err;
};

static enum fw_status stage_read(struct work *w)
{
    FW_TRY(fw_file_open(&w->file, w->path, 0, &fw_alloc_default, &w->err));
    FW_TRY(fw_model_init(&w->answer.model, &fw_alloc_default, &w->err));
    FW_TRY(fw_format_read_bytes(&w->answer.model, w->file.data, w->file.size, w->path, &w->err));
    return fw_bind(&w->answer.model, &w->options, &w->err);
}

static enum fw_status stage_infer(struct work *w)
{
    return fw_infer(&w->answer.model.graph, &w->err);
}

static enum fw_status stage_classify(struct work *w)
{
    return fw_classify(&w->answer.model.graph, &w->err);
}

static enum fw_status stage_plan_inference(struct work *w)
{
    return fw_plan_memory(&w->answer.model.graph, w->options.precision, false,
                          &w->answer.inference, &w->err);
}

static enum fw_status stage_grad(struct work *w)
{
    struct fw_train_options how = {.loss = FW_LOSS_AUTO, .optimizer = w->options.optimizer};
    enum fw_status status = fw_train(&w->answer.model.graph, &how, &w->err);
    w->n_nodes = w->answer.model.graph.n_nodes;
    return status;
}

static enum fw_status stage_plan_training(struct work *w)
{
    return fw_plan_memory(&w->answer.model.graph, w->options.precision, false, &w->answer.training,
                          &w->err);
}

static enum fw_status stage_cost(struct work *w)
{
    return fw_total_cost(&w->answer.model.graph, w->options.precision, &w->answer.totals, &w->err);
}

static enum fw_status stage_free(struct work *w)
{
    fw_analysis_clear(&w->answer);
    fw_file_close(&w->file);
    return FW_OK;
}

static const struct stage {
    const char *name;
    enum fw_status (*run)(struct work *w);
} stages[] = {
    {"read", stage_read},
    {"infer", stage_infer},
    {"classify", stage_classify},
    {"memory_inference", stage_plan_inference},
    {"grad", stage_grad},
    {"memory_training", stage_plan_training},
    {"cost", stage_cost},
    {"free", stage_free},
};
#define N_STAGES (sizeof stages / sizeof stages[0])

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static int run_stages(unsigned runs, char **argv)
{
    struct work w = {.path = argv[0]};
    double best[N_STAGES], best_total = 1e300;
    for (size_t i = 0; i < N_STAGES; i++)
        best[i] = 1e300;
    w.options.optimizer = fw_optimizer_find("sgd");
    w.options.precision = fw_precision_find("fp32");
    for (unsigned run = 0; run < runs; run++) {
        double begin = now_ms(), last = begin;
        for (size_t i = 0; i < N_STAGES; i++) {
            if (stages[i].run(&w) != FW_OK) {
                fprintf(stderr, "flopwise-bench: %s: %s\n", stages[i].name, w.err.message);
                return 1;
            }
            double now = now_ms();
            best[i] = least(best[i], now - last);
            last = now;
        }
        best_total = least(best_total, last - begin);
    }
    for (size_t i = 0; i < N_STAGES; i++)
        printf("%s\t%.3f\n", stages[i].name, best[i]);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("total\t%.3f\npeak_kib\t%ld\nnodes\t%u\n", best_total, usage.ru_maxrss, w.n_nodes);
    return 0;
}

/* The child's side; returns only when the command cannot be started. */
static void become(char **command)
{
    int nowhere = open("/dev/null", O_RDWR);
    if (nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0) {
        execvp(command[0], command);
        perror(command[0]);
    }
    _exit(127);
}

static int run_process(unsigned runs, char **argv)
{
    double best = 1e300;
    long peak = 0;
    for (unsigned run = 0; run < runs; run++) {
        double begin = now_ms();
        pid_t child = fork();
        if (child == 0)
            become(argv);
        int status = 0;
        struct rusage usage;
        if (child < 0 || wait4(child, &status, 0, &usage) != child) {
            perror("flopwise-bench");
            return 1;
        }
        best = least(best, now_ms() - begin);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "flopwise-bench: %s failed\n", argv[0]);
            return 1;
        }
        peak = usage.ru_maxrss > peak ? usage.ru_maxrss : peak;
    }
    printf("total\t%.3f\npeak_kib\t%ld\n", best, peak);
    return 0;
}

int main(int argc, char **argv)
{
    int at = 2;
    unsigned long runs = 1;
    if (argc > 4 && strcmp(argv[2], "-n") == 0) {
        runs = strtoul(argv[3], NULL, 10);
        at = 4;
    }
    if (at < argc && runs > 0 && runs < 100000) {
        if (strcmp(argv[1], "stages") == 0 && at + 1 == argc)
            return run_stages((unsigned)runs, argv + at);
        if (strcmp(argv[1], "process") == 0)
            return run_process((unsigned)runs, argv + at);
    }
    fprintf(stderr, "usage: flopwise-bench stages [-n RUNS] FILE\n"
                    "       flopwise-bench process [-n RUNS] COMMAND [ARGUMENT...]\n");
    return 2;
}
