/* Options as a table, the parser over it and the help made from it. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AT(field) offsetof(struct cli_args, field)

#define SETTING(name, value, help)                         \
    {                                                      \
        name, 0, value, help, CLI_SETTING, CLI_ESTIMATE, 0 \
    }

const struct cli_option cli_options[] = {
    // help: the formats of the command
    {"--format", 0, "NAME", NULL, CLI_TEXT, CLI_OUTPUT, AT(format)},
    {"--output", 'o', "FILE", "write there, all or nothing; - is standard output", CLI_TEXT,
     CLI_OUTPUT, AT(output)},
    {"--no-color", 0, NULL, "no colour, as with NO_COLOR in the environment", CLI_SET, CLI_OUTPUT,
     AT(no_color)},
    {"--all", 0, NULL, "tables show rows too that they leave out, as those that cost nothing",
     CLI_SET, CLI_OUTPUT, AT(all)},
    {"--quiet", 0, NULL, "no remarks and no progress on standard error", CLI_SET, CLI_OUTPUT,
     AT(quiet)},
    {"--strict", 0, NULL, "exit with 5 when something could not be counted", CLI_SET, CLI_STRICT,
     AT(strict)},
    {"--batch", 0, "N", "size of the batch, a number or a letter", CLI_TEXT, CLI_MODEL, AT(batch)},
    {"--seq", 0, "N", "length of the sequence, a number or a letter", CLI_TEXT, CLI_MODEL, AT(seq)},
    {"--set", 0, "NAME=VALUE", "value of any open size, by its name in the file", CLI_LIST,
     CLI_MODEL, AT(set)},
    {"--shape", 0, "INPUT=DIMS", "shape of an input, as in x=1x3x224x224", CLI_LIST, CLI_MODEL,
     AT(shape)},
    {"--limit", 0, "NAME=VALUE",
     "what a model may ask for at most, as in time=5; 'limits' lists all", CLI_LIST, CLI_MODEL,
     AT(limit)},
    {"--sandbox", 0, NULL, "once the models are open: no other file, no network, no program",
     CLI_SET, CLI_SANDBOX, AT(sandbox)},
    {"--train", 0, NULL, "a whole training step (default; of run and audit the forward pass is)",
     CLI_CLEAR, CLI_TRAIN, AT(options.inference)},
    {"--infer", 0, NULL, "the forward pass only", CLI_SET, CLI_TRAIN, AT(options.inference)},
    {"--optimizer", 0, "NAME", "rule of the update, sgd (default); names below", CLI_TEXT,
     CLI_TRAIN | CLI_LEARN, AT(options.optimizer)},
    {"--precision", 0, "NAME", "sizes of numbers, fp32 (default); names below", CLI_TEXT, CLI_TRAIN,
     AT(options.precision)},
    {"--loss", 0, "NAME", "loss that is attached: auto (default), cross-entropy, squares, none",
     CLI_TEXT, CLI_TRAIN, AT(options.loss)},
    {"--freeze", 0, "PATTERN", "parameters or layers that are not trained, as in 'layer1*'",
     CLI_LIST, CLI_TRAIN | CLI_LEARN, AT(freeze)},
    {"--input-grad", 0, NULL, "the network's input wants a gradient too", CLI_SET,
     CLI_TRAIN | CLI_LEARN, AT(options.input_grad)},
    {"--recompute", 0, "WHAT",
     "what runs twice to save memory: none (default), full, layers (all but what "
     "numbered layers hand on), selective (what attention makes on its way), a pattern",
     CLI_TEXT, CLI_TRAIN, AT(options.recompute)},
    {"--attention", 0, "HOW",
     "of a config.json: plain (default) keeps its probabilities for the gradient, flash "
     "computes them again",
     CLI_TEXT, CLI_TRAIN, AT(options.attention)},
    {"--head", 0, "WHICH",
     "of a config.json: model (default), the one that architectures names; none, without its "
     "head; mtp, with its layers that predict further words",
     CLI_TEXT, CLI_TRAIN, AT(options.head)},
    {"--lora", 0, "SPEC",
     "low-rank adapters are trained and nothing else, as in r=16,targets=q_proj+v_proj; a target "
     "is a pattern over the last part of a layer's name",
     CLI_TEXT, CLI_TRAIN, AT(options.lora)},
    {"--sweep", 0, "NAME=LIST", "values for a size, as in batch=1,2,4..1024 (.. doubles)", CLI_TEXT,
     CLI_SWEEP, AT(sweep)},
    {"--input", 0, "NAME", "input that is meant; default: the first that windows slide along",
     CLI_TEXT, CLI_FIELD, AT(input)},
    {"--at", 0, "NODE", "node the picture is about; default: the last that has a field", CLI_TEXT,
     CLI_FIELD, AT(at)},
    {"--by", 0, "ROWS", "rows are layer (default), op or module", CLI_TEXT, CLI_ROWS, AT(by)},
    {"--top", 0, "N", "only the N costliest rows", CLI_TEXT, CLI_ROWS, AT(top)},
    {"--convention", 0, "NAME", "another tool's way of counting beside; names below", CLI_TEXT,
     CLI_CONVENTION, AT(options.convention)},
    {"--max-params", 0, "N", "at most this many parameters, as in 5M", CLI_TEXT, CLI_BUDGET,
     AT(budget.max_params)},
    {"--max-mac", 0, "N", "at most this many multiply-adds of a forward pass", CLI_TEXT, CLI_BUDGET,
     AT(budget.max_mac)},
    {"--max-flop", 0, "N", "at most this many operations of a forward pass, as in 10G", CLI_TEXT,
     CLI_BUDGET, AT(budget.max_flop)},
    {"--max-step-flop", 0, "N", "at most this many operations of a training step", CLI_TEXT,
     CLI_BUDGET, AT(budget.max_step_flop)},
    {"--max-memory", 0, "BYTES", "at most this much at the peak, as in 2GiB; --infer: of inference",
     CLI_TEXT, CLI_BUDGET, AT(budget.max_memory)},
    {"--year", 0, NULL, "peaks by year of release instead of by device: mean, median and largest",
     CLI_SET, CLI_HARDWARE, AT(years)},
    {"--mode", 0, "NAME", "kernels: fast (oneDNN, default) or exact (plain C)", CLI_TEXT, CLI_RUN,
     AT(mode)},
    {"--threads", 0, "N", "threads that compute: all cores (default) or fewer", CLI_TEXT, CLI_RUN,
     AT(running.threads)},
    {"--winograd", 0, NULL, "convolutions need not take the direct algorithm", CLI_SET, CLI_RUN,
     AT(running.winograd)},
    {"--steps", 0, "N", "how often: 1 (default), or as many as the data have batches", CLI_TEXT,
     CLI_RUN, AT(running.steps)},
    {"--lr", 0, "X", "learning rate instead of the optimizer's usual one", CLI_TEXT, CLI_RUN,
     AT(running.learning_rate)},
    {"--seed", 0, "N", "of what is drawn: weights, inputs, the order of the data; 1 (default)",
     CLI_TEXT, CLI_RUN, AT(running.seed)},
    {"--input", 0, "[NAME=]FILE", "data for inputs: .npy, .npz (not compressed), ONNX's .pb",
     CLI_LIST, CLI_RUN, AT(inputs)},
    {"--weights", 0, "FILE", "weights to begin with: .safetensors or .npz", CLI_TEXT, CLI_RUN,
     AT(running.weights)},
    {"--save", 0, "FILE", "write the weights there at the end, as .safetensors", CLI_TEXT, CLI_RUN,
     AT(running.save)},
    {"--outputs", 0, "FILE", "write the outputs of a forward pass there, as .npz", CLI_TEXT,
     CLI_RUN, AT(running.outputs)},
    {"--model", 0, "MODEL", "a network whose predicted operations stand beside", CLI_TEXT,
     CLI_PROGRAM, AT(model)},
    {"--steps", 0, "N", "how often the program runs it: 1 (default) or more", CLI_TEXT, CLI_PROGRAM,
     AT(stat.steps)},
    {"--split", 0, NULL, "additions, products, divisions, fused ones apart: a run each", CLI_SET,
     CLI_PROGRAM, AT(stat.split)},
    {"--fresh", 0, NULL, "measure again what an earlier call left in the cache", CLI_SET, CLI_PEAK,
     AT(fresh)},
    SETTING("--model", "MODEL", "network whose exact training step is counted"),
    SETTING("--params", "N", "parameters, as in 70B: 6 operations per token and parameter"),
    SETTING("--active-params", "N",
            "of these, those that compute for a token (mixture of experts)"),
    SETTING("--tokens", "N", "tokens of the training data, as in 1.4e12+-10% or 1T..1.4T"),
    SETTING("--examples", "N", "examples of the training data, instead of tokens"),
    SETTING("--epochs", "N", "times the data was seen, 1 (default)"),
    {"--sequence-length", 0, "N", "the same as --seq: mean length of an example", CLI_TEXT,
     CLI_ESTIMATE, AT(seq)},
    SETTING("--flop", "N", "the compute itself, where it is known"),
    SETTING("--hardware", "NAME", "device, as 'flopwise hardware' knows it"),
    SETTING("--count", "N", "how many of it"),
    SETTING("--peak-flops", "N", "dense peak of one, as in 312T, instead of the table's"),
    SETTING("--time", "T", "from beginning to end, as in 90d or 12h; without unit seconds"),
    SETTING("--gpu-hours", "N", "devices times hours, instead of --time"),
    SETTING("--utilization", "SHARE", "part of the peak that was used: 40% or 0.3..0.5"),
    SETTING("--utilisation", "SHARE", "the same"),
    SETTING("--deadline", "T", "asks how many devices are needed to finish within"),
    SETTING("--price", "US$", "of a device hour; asks for the cost"),
    SETTING("--budget", "US$", "asks how many tokens it pays for"),
    SETTING("--flop-budget", "N", "asks how many tokens so many operations train on"),
    SETTING("--power", "W", "of one device, instead of the table's"),
    SETTING("--pue", "N", "power of the site over that of its devices"),
    SETTING("--carbon", "G", "grams of CO2e per kWh; asks for emissions"),
    SETTING("--modifies", "FLOP", "compute of the model that is modified, or unknown"),
    SETTING("--domain", "NAME", "language or other: which utilisation is usual"),
    {"--run", 0, "FILE", "description of a run of several phases and fleets", CLI_TEXT,
     CLI_ESTIMATE, AT(run)},
    {"--any-path", 0, NULL, "models that a run file names may stand outside of its folder", CLI_SET,
     CLI_ESTIMATE, AT(any_path)},
    {"--check", 0, "FILE", "a CSV of published claims, computed again by both methods", CLI_TEXT,
     CLI_ESTIMATE, AT(check)},
    {"--report", 0, "FORM", "md or html: a text to attach, with method, inputs and sources",
     CLI_TEXT, CLI_ESTIMATE, AT(report)},
    {"--scheme", 0, "NAME", "how weights are drawn, he (default); names below", CLI_TEXT, CLI_INIT,
     AT(init.scheme)},
    {"--simulate", 0, NULL, "draw weights and inputs, execute, and measure", CLI_SET, CLI_INIT,
     AT(init.simulate)},
    {"--draws", 0, "N", "how often they are drawn; without it until errors are about 1 %", CLI_TEXT,
     CLI_INIT, AT(init.draws)},
    {"--seed", 0, "N", "of the random numbers, 1 (default)", CLI_TEXT, CLI_INIT, AT(init.seed)},
    {"--simulate", 0, NULL, "run the kernel on a parameter that starts at 0", CLI_SET, CLI_TRIAL,
     AT(trial.simulate)},
    {"--gradient", 0, "LIST",
     "1 (default), a number for each step, the last of which stays, or @FILE; of a matrix one "
     "number for all elements, or one for each, row by row, for each step",
     CLI_TEXT, CLI_TRIAL, AT(trial.gradient)},
    {"--shape", 0, "MxN",
     "rows and columns of the parameter; default: 4x3 where the rule wants a "
     "matrix, else one element",
     CLI_TEXT, CLI_TRIAL, AT(trial.shape)},
    {"--steps", 0, "N", "how many steps, 100 (default)", CLI_TEXT, CLI_TRIAL, AT(trial.steps)},
    {"--lr", 0, "X", "step size; the usual values of the optimizer where not given", CLI_TEXT,
     CLI_TRIAL, AT(trial.lr)},
    {"--beta1", 0, "X", "momentum, or decay of the first moment", CLI_TEXT, CLI_TRIAL,
     AT(trial.beta1)},
    {"--beta2", 0, "X", "decay of the second moment", CLI_TEXT, CLI_TRIAL, AT(trial.beta2)},
    {"--eps", 0, "X", "what keeps a division finite", CLI_TEXT, CLI_TRIAL, AT(trial.eps)},
    {"--decay", 0, "X", "decay of the weights", CLI_TEXT, CLI_TRIAL, AT(trial.decay)},
    {"--layer", 0, "PATTERN",
     "the layer that is looked at; else the largest linear one that can be run", CLI_TEXT,
     CLI_EXPLAIN, AT(layer)},
    {"--help", 'h', NULL, "this text", CLI_SET, ~0u, AT(help)},
};
const size_t cli_n_options = sizeof cli_options / sizeof *cli_options;

const struct cli_command cli_commands[] = {
#define CLI_COMMAND(name, operands, least, most, groups, formats, help, example) \
    {#name, operands, least, most, groups, formats, help, example, cmd_##name},
#include "cli/commands.def"
#undef CLI_COMMAND
};
const size_t cli_n_commands = sizeof cli_commands / sizeof *cli_commands;

/* ---- messages ---- */

void cli_clean(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        bool wide = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; // U+0080 to U+009F
        if (wide)
            c[1] = '?';
        if (wide || *c < 0x20 || *c == 0x7f)
            *c = '?';
    }
}

enum fw_status cli_usage(struct fw_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start stands above
    (void)vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    cli_clean(err->message);
    err->code = FW_USAGE;
    err->at = -1;
    return FW_USAGE;
}

void cli_suggest(char *ret, size_t size, const char *word, const char *const *names)
{
    const char *near = fw_nearest(word, names);
    ret[0] = '\0';
    if (near != NULL)
        (void)snprintf(ret, size, "; did you mean '%s'?", near);
}

const struct cli_command *cli_command_find(const char *name, struct fw_error *err)
{
    enum { MAX_COMMANDS = 64 };
    const char *names[MAX_COMMANDS + 1] = {NULL};
    char near[80];
    for (size_t i = 0; i < cli_n_commands && i < MAX_COMMANDS; i++) {
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
        names[i] = cli_commands[i].name;
    }
    cli_suggest(near, sizeof near, name, names);
    (void)cli_usage(err, "there is no command '%.100s'%s", name,
                    near[0] ? near : "; 'flopwise help' lists them");
    return NULL;
}

/* ---- parsing ---- */

static bool takes(const struct cli_command *command, const struct cli_option *o)
{
    return o->groups == ~0u || (o->groups & command->groups);
}

/* An option by its spelling up to '=', or NULL. */
static const struct cli_option *find(const struct cli_command *command, const char *word,
                                     size_t len)
{
    for (size_t i = 0; i < cli_n_options; i++) {
        const struct cli_option *o = &cli_options[i];
        bool is_long = strlen(o->name) == len && memcmp(o->name, word, len) == 0;
        bool is_short = o->letter != 0 && len == 2 && word[0] == '-' && word[1] == o->letter;
        if ((is_long || is_short) && takes(command, o))
            return o;
    }
    return NULL;
}

static enum fw_status unknown(const struct cli_command *command, const char *word, size_t len,
                              struct fw_error *err)
{
    enum { MAX_OPTIONS = 64 };
    const char *names[MAX_OPTIONS + 1] = {NULL};
    char text[100], near[80];
    size_t n = 0;
    (void)snprintf(text, sizeof text, "%.*s", (int)(len < 90 ? len : 90), word);
    for (size_t i = 0; i < cli_n_options; i++) {
        const struct cli_option *o = &cli_options[i];
        if (takes(command, o) && n < MAX_OPTIONS)
            names[n++] = o->name;
        else if (strcmp(o->name, text) == 0)
            return cli_usage(err, "'%s' is no option of '%s'", text, command->name);
    }
    cli_suggest(near, sizeof near, text, names);
    return cli_usage(err, "'%s' is no option of '%s'%s", text, command->name, near);
}

static enum fw_status store(const struct cli_option *o, const char *value, struct cli_args *args,
                            struct fw_error *err)
{
    char *at = (char *)args + o->at;
    switch (o->kind) {
    case CLI_SET:
    case CLI_CLEAR:
        if (o->at == AT(options.inference)) {
            if (args->phases != NULL && args->phases != o)
                return cli_usage(err, "--train and --infer exclude each other");
            args->phases = o;
        }
        *(int *)(void *)at = o->kind == CLI_SET;
        return FW_OK;
    case CLI_TEXT:
        if (*(const char **)(void *)at != NULL) // the first would be lost
            return cli_usage(err, "%s is given twice", o->name);
        *(const char **)(void *)at = value;
        return FW_OK;
    case CLI_SETTING:
        if (args->n_settings == CLI_MAX_SETTINGS)
            return cli_usage(err, "more than %d settings", CLI_MAX_SETTINGS);
        args->settings[args->n_settings++] = (struct fw_setting){o->name + 2, value};
        return FW_OK;
    case CLI_LIST:
        break;
    }
    struct cli_list *list = (struct cli_list *)(void *)at;
    if (list->n == CLI_MAX_LIST)
        return cli_usage(err, "%s is given more than %d times", o->name, CLI_MAX_LIST);
    list->item[list->n++] = value;
    return FW_OK;
}

static enum fw_status parse_option(const struct cli_command *command, int n, char **argv, int *i,
                                   struct cli_args *args, struct fw_error *err)
{
    const char *word = argv[*i];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct cli_option *o = find(command, word, len);
    if (o == NULL)
        return unknown(command, word, len, err);
    if (o->value == NULL && equals != NULL)
        return cli_usage(err, "%s takes no value", o->name);
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (o->value != NULL && equals == NULL) {
        if (*i + 1 >= n)
            return cli_usage(err, "%s wants a value: %s %s", o->name, o->name, o->value);
        value = argv[++*i];
    }
    return store(o, value, args, err);
}

static enum fw_status check_operands(const struct cli_command *command, const struct cli_args *args,
                                     struct fw_error *err)
{
    bool enough =
        command->groups & CLI_PROGRAM ? args->n_program > 0 : args->n_positional >= command->min;
    if (args->help || enough)
        return FW_OK;
    return cli_usage(err, "%s wants %s; 'flopwise help %s' tells more", command->name,
                     command->operands, command->name);
}

/* What a forward pass makes nothing of is not left out in silence. */
static enum fw_status check_phases(const struct cli_args *args, struct fw_error *err)
{
    const struct fw_options *o = &args->options;
    const struct {
        const char *option, *value, *why;
    } training[] = {{"--optimizer", o->optimizer, "updates nothing"},
                    {"--loss", o->loss, "wants no gradient"},
                    {"--recompute", o->recompute, "keeps nothing for later"},
                    {"--input-grad", o->input_grad ? "" : NULL, "has no gradients"}};
    for (size_t i = 0; o->inference && i < sizeof training / sizeof *training; i++)
        if (training[i].value != NULL && strcmp(training[i].value, "none") != 0)
            return cli_usage(err, "%s goes with --train: a forward pass %s", training[i].option,
                             training[i].why);
    return FW_OK;
}

enum fw_status cli_parse(const struct cli_command *command, int n, char **argv,
                         struct cli_args *args, struct fw_error *err)
{
    bool options = true;
    memset(args, 0, sizeof *args);
    args->options = fw_options_default();
    args->options.inference = (command->groups & CLI_FORWARD) != 0;
    for (int i = 0; i < n; i++) {
        bool ends = options && strcmp(argv[i], "--") == 0;
        if (command->groups & CLI_PROGRAM && (ends || argv[i][0] != '-')) {
            args->program = argv + i + ends; // every word from here on is the program's
            args->n_program = n - i - ends;
            break;
        }
        if (ends) {
            options = false;
            continue;
        }
        if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            enum fw_status status = parse_option(command, n, argv, &i, args, err);
            if (status != FW_OK)
                return status;
            continue;
        }
        if (args->n_positional == command->max)
            return cli_usage(err, "'%.200s' is one word too many; %s takes %s", argv[i],
                             command->name, command->max ? command->operands : "none");
        args->positional[args->n_positional++] = argv[i];
    }
    enum fw_status status = check_operands(command, args, err);
    return status == FW_OK ? check_phases(args, err) : status;
}

/* ---- help ---- */

static enum fw_status flush(FILE *out, struct fw_error *err)
{
    if (fflush(out) == 0 && !ferror(out))
        return FW_OK;
    (void)cli_usage(err, "the help could not be written");
    err->code = FW_IO;
    return FW_IO;
}

enum { HELP_COLUMNS = 80, HELP_INDENT = 27 };

/* What an option does and a remark, behind its spelling, in lines of at most HELP_COLUMNS. */
static void print_help(const char *help, const char *remark)
{
    char all[400];
    const char *text = all;
    size_t room = HELP_COLUMNS - HELP_INDENT;
    (void)snprintf(all, sizeof all, "%s%s", help, remark);
    while (strlen(text) > room) {
        size_t n = room;
        while (n > 0 && text[n] != ' ')
            n--;
        if (n == 0)
            break;
        printf("%.*s\n%*s", (int)n, text, HELP_INDENT, "");
        text += n + 1;
    }
    printf("%s\n", text);
}

/* "Optimizers: sgd, momentum, ..." in lines of at most 80 columns. */
static void list_names(const char *title, const char *(*name)(size_t i))
{
    int at = printf("\n%s:", title);
    for (size_t i = 0; name(i) != NULL; i++) {
        int len = (int)strlen(name(i));
        if (at + len + 2 > HELP_COLUMNS)
            at = printf("\n ") - 1;
        at += printf(" %s%s", name(i), name(i + 1) != NULL ? "," : "");
    }
}

/* Groups with a list of names behind the options. */
enum { LISTS = CLI_TRAIN | CLI_LEARN | CLI_CONVENTION | CLI_EXPLAIN | CLI_INIT };

enum fw_status cli_help_command(const struct cli_command *command, struct fw_error *err)
{
    bool some = command->groups != 0;
    printf("Usage: flopwise %s%s%s%s\n\n%s\n\nOptions:\n", command->name, some ? " [options]" : "",
           command->operands[0] ? " " : "", command->operands, command->help);
    for (size_t i = 0; i < cli_n_options; i++) {
        const struct cli_option *o = &cli_options[i];
        if (!takes(command, o))
            continue;
        char spelling[64];
        char letter[8] = "";
        if (o->letter != 0)
            (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
        (void)snprintf(spelling, sizeof spelling, "%s%s%s%s", letter, o->name,
                       o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
        printf("  %-23s  ", spelling);
        print_help(o->help != NULL ? o->help : command->formats,
                   o->kind == CLI_LIST ? "; may be repeated" : "");
    }
    if (command->groups & (CLI_TRAIN | CLI_LEARN))
        list_names("Optimizers", fw_optimizer_name);
    if (command->groups & CLI_TRAIN)
        list_names("Precisions", fw_precision_name);
    if (command->groups & CLI_CONVENTION)
        list_names("Conventions", fw_convention_name);
    if (command->groups & CLI_EXPLAIN)
        list_names("Topics", fw_topic_name);
    if (command->groups & CLI_INIT)
        list_names("Schemes", fw_init_scheme_name);
    printf("%s\nExample:\n  %s\n", command->groups & LISTS ? "\n" : "", command->example);
    return flush(stdout, err);
}

enum fw_status cli_help_all(int to, struct fw_error *err)
{
    FILE *out = to == 2 ? stderr : stdout;
    fprintf(out,
            "flopwise: what a neural network costs to train and to run, from its file alone\n\n"
            "Usage: flopwise COMMAND [options] [MODEL]\n\nCommands:\n");
    for (size_t i = 0; i < cli_n_commands; i++)
        fprintf(out, "  %-9s %s\n", cli_commands[i].name, cli_commands[i].help);
    fprintf(out,
            "\nMODEL is an ONNX file, binary or text, a config.json, a safetensors file or\n"
            "index, a GGUF file, a folder with one, zoo:NAME, or - for standard input.\n"
            "'flopwise help COMMAND' lists the options of a command.\n\nExample:\n  %s\n",
            cli_commands[0].example);
    return flush(out, err);
}
