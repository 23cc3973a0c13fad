/* From the command line to a written answer. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what the arguments say ---- */

static enum fw_status read_rows(struct cli_args *args, struct fw_error *err)
{
    static const char *const names[] = {"layer", "op", "module", NULL};
    static const enum fw_group groups[] = {FW_BY_LAYER, FW_BY_OP, FW_BY_MODULE};
    if (args->by != NULL) {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], args->by) != 0)
            i++;
        if (names[i] == NULL)
            return cli_usage(err, "--by '%.100s': layer, op or module is wanted", args->by);
        args->options.by = groups[i];
    }
    if (args->top != NULL) {
        char *end;
        unsigned long n = strtoul(args->top, &end, 10);
        if (*end != '\0' || args->top[0] < '0' || args->top[0] > '9' || n == 0)
            return cli_usage(err, "--top '%.100s': a whole number from 1 on is wanted", args->top);
        args->options.top = n;
    }
    args->options.freeze = args->freeze.item;
    args->options.n_freeze = args->freeze.n;
    return FW_OK;
}

/* The name is asked for before any work; whether the report has it is known later. */
static enum fw_status read_format(struct cli_args *args, struct fw_error *err)
{
    enum { MAX_FORMATS = 16 };
    const char *names[MAX_FORMATS + 1] = {NULL};
    char near[80];
    if (args->format == NULL)
        args->format = "table";
    for (size_t i = 0; i < MAX_FORMATS && fw_format_name(i) != NULL; i++) {
        if (strcmp(fw_format_name(i), args->format) == 0)
            return FW_OK;
        names[i] = fw_format_name(i);
    }
    cli_suggest(near, sizeof near, args->format, names);
    return cli_usage(err, "there is no format '%.100s'%s", args->format,
                     near[0] ? near : "; there are table, tree, json, csv, md, html, svg, text");
}

static enum fw_status set_pair(struct fw_net *net, const char *pair, bool shape,
                               struct fw_error *err)
{
    const char *equals = strrchr(pair, '=');
    if (equals == NULL && shape)
        return fw_net_set_shape(net, NULL, pair, err);
    if (equals == NULL || equals == pair)
        return cli_usage(err, "--set '%.200s': NAME=VALUE is wanted", pair);
    size_t len = (size_t)(equals - pair);
    char *name = malloc(len + 1);
    if (name == NULL) {
        (void)cli_usage(err, "out of memory");
        err->code = FW_MEMORY;
        return FW_MEMORY;
    }
    memcpy(name, pair, len);
    name[len] = '\0';
    enum fw_status status = shape ? fw_net_set_shape(net, name, equals + 1, err)
                                  : fw_net_set(net, name, equals + 1, err);
    free(name);
    return status;
}

static enum fw_status bind(struct fw_net *net, const struct cli_args *args, struct fw_error *err)
{
    enum fw_status status = FW_OK;
    if (args->batch != NULL)
        status = fw_net_set(net, "batch", args->batch, err);
    if (status == FW_OK && args->seq != NULL)
        status = fw_net_set(net, "seq", args->seq, err);
    for (size_t i = 0; i < args->set.n && status == FW_OK; i++)
        status = set_pair(net, args->set.item[i], false, err);
    for (size_t i = 0; i < args->shape.n && status == FW_OK; i++)
        status = set_pair(net, args->shape.item[i], true, err);
    return status;
}

/* ---- where it goes ---- */

static bool is_utf8_locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value == NULL || value[0] == '\0')
            continue;
        return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8") ||
               strstr(value, "utf-8");
    }
    return false;
}

static struct fw_style style_for(const struct cli_args *args)
{
    bool here = args->output == NULL || strcmp(args->output, "-") == 0;
    bool terminal = here && isatty(STDOUT_FILENO);
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR"), *columns = getenv("COLUMNS");
    struct fw_style style = {.ascii = !is_utf8_locale(), .all = args->all};
    style.color = terminal && !args->no_color && (no_color == NULL || no_color[0] == '\0') &&
                  term != NULL && strcmp(term, "dumb") != 0;
    struct winsize size;
    if (here && columns != NULL && columns[0] != '\0') {
        long n = strtol(columns, NULL, 10);
        style.width = n > 0 && n < 100000 ? (int)n : 0;
    } else if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        style.width = size.ws_col;
    }
    return style;
}

/* Puts the output's name in front of the message. */
static enum fw_status blame_output(const struct cli_args *args, enum fw_status status,
                                   struct fw_error *err)
{
    struct fw_error cause = *err;
    bool file = args->output != NULL && strcmp(args->output, "-") != 0;
    (void)cli_usage(err, "%.250s: %.250s", file ? args->output : "standard output", cause.message);
    err->code = cause.code;
    return status;
}

struct sink {
    struct fw_output *out;
    struct fw_error *err;
};

static int write_piece(void *ctx, const char *text, size_t len)
{
    struct sink *sink = ctx;
    return fw_output_write(sink->out, text, len, sink->err) != FW_OK;
}

static enum fw_status write_report(struct fw_report *report, const struct cli_args *args,
                                   struct fw_output *out, struct fw_error *err)
{
    struct fw_style style = style_for(args);
    struct fw_error cause = {.code = FW_OK};
    struct sink sink = {out, &cause};
    enum fw_status status = fw_report_write(report, args->format, &style, write_piece, &sink, err);
    if (status != FW_OK && cause.code != FW_OK) {
        *err = cause; // the sink knows why
        return blame_output(args, status, err);
    }
    if (status == FW_LIMIT && args->n_positional > 0) { // too much to write
        cause = *err;
        (void)cli_usage(err, "%.200s: %.300s", args->positional[0], cause.message);
        err->code = status;
    }
    return status;
}

/* ---- the whole way ---- */

static enum fw_status ask_and_write(struct cli_args *args, struct fw_net *const *nets,
                                    cli_question *ask, struct fw_output *out,
                                    enum fw_status *ret_verdict, struct fw_error *err)
{
    struct fw_report *report;
    cli_progress_start(args, "counting");
    enum fw_status status = ask(&report, nets, args, err);
    cli_progress_stop();
    if (status != FW_OK)
        return status;
    *ret_verdict = fw_report_status(report);
    const char *complete = fw_report_text(report, "complete");
    args->complete = complete != NULL && strcmp(complete, "true") == 0;
    status = write_report(report, args, out, err);
    fw_report_free(report);
    return status;
}

/* "resnet50" is no file, but zoo:resnet50 is there. */
static void suggest_built_in(const char *word, struct fw_error *err)
{
    char name[80];
    struct fw_net *net = NULL;
    struct fw_error cause = *err, ignored;
    int n = snprintf(name, sizeof name, "zoo:%s", word);
    if (n >= (int)sizeof name || strchr(word, '.') != NULL ||
        fw_net_open(&net, name, &ignored) != FW_OK)
        return;
    fw_net_free(net);
    (void)cli_usage(err, "%.350s; %s is built in", cause.message, name);
    err->code = cause.code;
    err->at = cause.at;
}

static enum fw_status open_and_ask(struct cli_args *args, size_t n_models, cli_question *ask,
                                   struct fw_output *out, enum fw_status *ret_verdict,
                                   struct fw_error *err)
{
    struct fw_net *nets[CLI_MAX_POSITIONAL] = {NULL};
    enum fw_status status = FW_OK;
    for (size_t i = 0; i < n_models && status == FW_OK; i++) {
        status = fw_net_open_within(&nets[i], args->positional[i], args->limit.item, err);
        if (status == FW_IO)
            suggest_built_in(args->positional[i], err);
        if (status == FW_OK)
            status = bind(nets[i], args, err);
    }
    if (status == FW_OK && args->sandbox)
        status = fw_sandbox(nets, n_models, args->output, err);
    if (status == FW_OK)
        status = ask_and_write(args, nets, ask, out, ret_verdict, err);
    for (size_t i = 0; i < n_models; i++)
        fw_net_free(nets[i]);
    return status;
}

/* What an answer that is no plain success means for the caller. */
static enum fw_status conclude(const struct cli_args *args, enum fw_status verdict,
                               struct fw_error *err)
{
    const char *model = args->n_positional > 0 ? args->positional[0] : "";
    if (verdict == FW_CHECK_FAILED) {
        (void)cli_usage(err, "%.300s: a budget is exceeded", model);
        return err->code = FW_CHECK_FAILED;
    }
    if (verdict != FW_UNSUPPORTED)
        return verdict;
    (void)cli_usage(err, "%.300s: %s", model,
                    args->complete ? "the weights do not fit the network, see what differs"
                                   : "something could not be counted: the answer is a lower bound");
    err->code = FW_UNSUPPORTED;
    if (args->strict)
        return FW_UNSUPPORTED;
    if (!args->quiet)
        fprintf(stderr, "flopwise: %s\n", err->message);
    return FW_OK;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x = {0}, y = {0};
    return a != NULL && b != NULL && stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* An answer in the place of what was asked about is a slip. */
static enum fw_status spare_inputs(const struct cli_args *args, size_t n_models,
                                   struct fw_error *err)
{
    const char *const outputs[] = {args->output, args->running.save, args->running.outputs};
    const char *inputs[CLI_MAX_POSITIONAL + 3] = {args->run, args->check, args->model};
    for (size_t i = 0; i < n_models; i++)
        inputs[3 + i] = args->positional[i];
    for (size_t o = 0; o < sizeof outputs / sizeof *outputs; o++)
        for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
            if (is_same_file(outputs[o], inputs[i]))
                return cli_usage(err, "%.300s: it would be written over: it is read", outputs[o]);
    return FW_OK;
}

enum fw_status cli_answer(struct cli_args *args, size_t n_models, cli_question *ask,
                          struct fw_error *err)
{
    struct fw_output *out = NULL;
    enum fw_status verdict = FW_OK;
    enum fw_status status = read_format(args, err);
    if (status == FW_OK)
        status = read_rows(args, err);
    if (status == FW_OK)
        status = spare_inputs(args, n_models, err);
    if (status != FW_OK)
        return status;
    status = fw_output_open(&out, args->output != NULL ? args->output : "-", err);
    if (status != FW_OK)
        return blame_output(args, status, err);
    status = open_and_ask(args, n_models, ask, out, &verdict, err);
    if (status != FW_OK) {
        fw_output_abandon(out);
        return status;
    }
    status = fw_output_commit(out, err);
    if (status != FW_OK)
        return blame_output(args, status, err);
    args->answered = true;
    return conclude(args, verdict, err);
}

static int write_stdout(void *ctx, const char *text, size_t len)
{
    return fwrite(text, 1, len, ctx) != len;
}

void cli_report_error(const struct cli_args *args, const struct fw_error *err, fw_sink *sink,
                      void *ctx)
{
    struct fw_report *report;
    struct fw_error ignored;
    if (args->answered || args->format == NULL || strcmp(args->format, "json") != 0)
        return;
    if (fw_error_report(&report, err, &ignored) != FW_OK)
        return;
    (void)fw_report_write(report, "json", NULL, sink, ctx, &ignored);
    fw_report_free(report);
}

void cli_print_error(const struct cli_args *args, const struct fw_error *err)
{
    cli_report_error(args, err, write_stdout, stdout);
    (void)fflush(stdout);
}
