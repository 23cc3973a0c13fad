/* The whole way from a file to the answers, through the public header alone: every question about
 * any bytes gets an answer that can be written, or an error with a message. The length of the file
 * chooses among the options, so that every input means the same thing each time. */
#define _GNU_SOURCE 1

#include <flopwise.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int swallow(void *ctx, const char *text, size_t len)
{
    size_t *sum = ctx;
    for (size_t i = 0; i < len; i++)
        *sum += (unsigned char)text[i];
    return 0;
}

static void write_all(struct fw_report *report)
{
    static const char *const formats[] = {"json", "table", "tree", "csv", "md", "svg"};
    struct fw_error err;
    struct fw_style style = {.width = 80, .color = 1, .ascii = 0};
    size_t sum = 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        enum fw_status status = fw_report_write(report, formats[i], &style, swallow, &sum, &err);
        // FW_USAGE: not among this report's formats; FW_UNSUPPORTED: a picture of letters
        if (status != FW_OK && status != FW_USAGE && status != FW_UNSUPPORTED)
            abort();
    }
}

static void ask(const char *path, size_t choice)
{
    struct fw_error err = {0};
    struct fw_net *net;
    if (fw_net_open(&net, path, &err) != FW_OK)
        return;
    const char *last = fw_convention_name(choice % 8);
    struct fw_options options = fw_options_default();
    options.input_grad = choice % 2 != 0;
    options.optimizer = fw_optimizer_name(choice % 4);
    options.precision = fw_precision_name(choice % 3);
    options.recompute = choice % 5 == 1 ? "full" : NULL;
    struct fw_report *report;
    if (choice % 4 == 3)
        (void)fw_net_set(net, "batch", "3", &err);
    if (fw_memory_report(&report, net, &options, &err) == FW_OK) {
        write_all(report);
        fw_report_free(report);
    } else if (err.message[0] == '\0') {
        abort();
    }
    const char *sweep = choice % 2 ? "batch=1..8" : NULL;
    if (fw_ratio_report(&report, net, &options, sweep, &err) == FW_OK) {
        write_all(report);
        fw_report_free(report);
    } else if (err.message[0] == '\0') {
        abort();
    }
    if (fw_field_report(&report, net, NULL, NULL, &err) == FW_OK) {
        write_all(report);
        fw_report_free(report);
    } else if (err.message[0] == '\0') {
        abort();
    }
    options.convention = last;
    options.by = (enum fw_group)(choice % 3);
    if (fw_count_report(&report, net, &options, &err) == FW_OK) {
        write_all(report);
        fw_report_free(report);
    } else if (err.message[0] == '\0') {
        abort();
    }
    fw_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int file = memfd_create("model", 0);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    ask(path, size);
    (void)close(file);
    return 0;
}
