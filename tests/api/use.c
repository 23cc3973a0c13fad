/* A program that knows only the public header: counts a model, asks for single values, writes. */
#include <flopwise.h>

#include <stdio.h>
#include <string.h>

static int check(int ok, const char *what)
{
    printf("%s %s\n", ok ? "ok" : "FAILED", what);
    return !ok;
}

static int count_bytes(void *ctx, const char *text, size_t len)
{
    *(size_t *)ctx += len;
    return text[0] == '\0';
}

static int refuse(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    (void)text;
    return len > 0;
}

static int check_values(struct fw_report *report)
{
    struct fw_error err;
    int64_t mac = 0;
    int bad = 0;
    const char *text = fw_report_text(report, "totals/forward/mac");
    bad += check(text != NULL && strcmp(text, "1814073344") == 0, "a value as text");
    bad +=
        check(fw_report_int(report, "totals/forward/mac", &mac, &err) == FW_OK && mac == 1814073344,
              "a value as a number");
    text = fw_report_text(report, "layers/0/op");
    bad += check(text != NULL && strcmp(text, "Conv") == 0, "a value of a row");
    text = fw_report_text(report, "model/inputs/0/dtype");
    bad += check(text != NULL && strcmp(text, "float32") == 0, "a value of a row inside a row");
    text = fw_report_text(report, "layers/0/output_shape");
    bad += check(text != NULL && strcmp(text, "8x64x112x112") != 0 &&
                     strcmp(text, "1x64x112x112") == 0,
                 "a shape as text");
    bad += check(fw_report_text(report, "totals/nothing") == NULL, "no such value");
    bad += check(fw_report_text(report, "layers/100000/op") == NULL, "no such row");
    bad +=
        check(fw_report_int(report, "model/path", &mac, &err) == FW_USAGE, "a text is no number");
    return bad;
}

int main(int argc, char **argv)
{
    struct fw_error err;
    struct fw_net *net = NULL;
    struct fw_report *report = NULL;
    struct fw_options options = fw_options_default();
    size_t bytes = 0;
    int bad = 0;
    if (argc != 2 || fw_net_open(&net, argv[1], &err) != FW_OK)
        return check(0, "opening the model");
    bad += check(fw_count_report(&report, net, &options, &err) == FW_OK, "counting");
    fw_net_free(net); /* the report keeps what it needs */
    if (report == NULL)
        return 1;
    bad += check_values(report);
    bad += check(fw_report_status(report) == FW_OK, "complete");
    bad += check(fw_report_write(report, "json", NULL, count_bytes, &bytes, &err) == FW_OK &&
                     bytes > 10000,
                 "writing");
    bad += check(fw_report_write(report, "json", NULL, refuse, NULL, &err) == FW_IO,
                 "a sink that refuses");
    bad += check(fw_report_write(report, "svg", NULL, count_bytes, &bytes, &err) == FW_USAGE,
                 "a format that it has not");
    fw_report_free(report);
    fw_report_free(NULL);
    fw_net_free(NULL);
    bad += check(fw_net_open(&net, "/nowhere/model", &err) == FW_IO &&
                     strncmp(err.message, "/nowhere/model: ", 16) == 0,
                 "an error names the file");
    return bad != 0;
}
