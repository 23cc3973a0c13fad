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

/* A network made in code: two layers with one weight, sizes in letters, several questions. */
static int check_builder(void)
{
    struct fw_error err;
    struct fw_builder *b = NULL;
    struct fw_net *net = NULL;
    struct fw_report *report = NULL;
    int bad = 0;
    if (fw_builder_new(&b, "twice", &err) != FW_OK)
        return check(0, "opening a builder");
    int64_t dims[2] = {fw_size(b, "batch"), fw_size(b, "K")};
    int64_t square[2] = {dims[1], dims[1]};
    int x = fw_input(b, "x", "float32", 2, dims);
    int w = fw_parameter(b, "w", 2, square);
    x = fw_relu(b, fw_linear_with(b, x, "first", w, -1));
    fw_output(b, fw_linear_with(b, x, "second", w, -1));
    bad += check(fw_builder_ok(b) && fw_builder_finish(&net, b, &err) == FW_OK, "building");
    if (net == NULL)
        return 1;
    bad += check(fw_count_report(&report, net, NULL, &err) == FW_OK, "counting what was built");
    const char *mac = fw_report_text(report, "totals/forward/mac");
    bad += check(mac != NULL && strcmp(mac, "2*K^2*batch") == 0, "letters");
    const char *params = fw_report_text(report, "totals/params");
    bad += check(params != NULL && strcmp(params, "K^2") == 0, "a shared weight counts once");
    fw_report_free(report);
    report = NULL;
    bad += check(fw_net_set(net, "K", "10", &err) == FW_OK &&
                     fw_memory_report(&report, net, NULL, &err) == FW_OK,
                 "a second question, with a value");
    fw_net_free(net);
    fw_report_free(report);
    if (fw_builder_new(&b, "wrong", &err) != FW_OK)
        return check(0, "opening a second builder");
    x = fw_relu(b, fw_conv2d(b, 99, "conv", 3, 3, 1, 1));
    bad += check(x == -1 && !fw_builder_ok(b), "the first error stays");
    bad += check(fw_builder_finish(&net, b, &err) == FW_USAGE, "and is reported at the end");
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
    bad += check_builder();
    bad += check(fw_net_open(&net, "/nowhere/model", &err) == FW_IO &&
                     strncmp(err.message, "/nowhere/model: ", 16) == 0,
                 "an error names the file");
    return bad != 0;
}
