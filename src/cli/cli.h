/* The program: commands, options, and how an answer gets to the terminal or a file. */
#ifndef FW_CLI_CLI_H
#define FW_CLI_CLI_H

#include "flopwise.h"

#include <stdbool.h>
#include <stddef.h>

enum { CLI_MAX_LIST = 256, CLI_MAX_POSITIONAL = 2, CLI_MAX_SETTINGS = 64 };

struct cli_option;

struct cli_list {
    const char *item[CLI_MAX_LIST];
    size_t n;
};

/* Everything a command line can say. */
struct cli_args {
    const char *positional[CLI_MAX_POSITIONAL];
    size_t n_positional;
    int help;
    bool complete; // the report says that nothing is missing
    bool answered; // an answer was written: what follows is no second one
    const char *format;
    const char *output;
    int strict, quiet, no_color, all;
    int sandbox;
    int years;
    struct fw_setting settings[CLI_MAX_SETTINGS]; // (n_settings) of a training run
    size_t n_settings;
    const char *run, *check, *report;
    int any_path;
    const char *batch, *seq;
    struct cli_list set, shape, freeze;
    struct cli_list limit;           // ends with NULL
    const struct cli_option *phases; // --train or --infer, whichever was given
    const char *by, *top;
    const char *sweep;
    const char *input, *at;
    const char *model; // of a command whose operands are no model
    char **program;    // (n_program) words behind the options of a command that runs a program
    int n_program;
    int exit_code; // of that program, which becomes this one's
    int *ret_exit_code;
    int fresh;
    struct fw_running running;
    struct cli_list inputs; // of running
    const char *mode;
    struct fw_program stat;
    struct fw_counter *counter; // open when the command is in CLI_COUNTER
    struct fw_options options;
    struct fw_init_options init;
    struct fw_trial_options trial;
    const char *topic, *layer;
    struct fw_budget budget;
};

/* Options come in groups; a command takes some of them. */
enum cli_group {
    CLI_OUTPUT = 1, // where and how the answer is written
    CLI_MODEL = 2,  // sizes the model leaves open
    CLI_TRAIN = 4,  // what is trained and how
    CLI_ROWS = 8,   // rows of the layer table
    CLI_BUDGET = 16,
    CLI_STRICT = 32,
    CLI_SWEEP = 64,
    CLI_FIELD = 256,
    CLI_LEARN = 128, // of CLI_TRAIN, what is learned and by which rule
    CLI_HARDWARE = 1024,
    CLI_PROGRAM = 4096,    // the first operand and all behind it are a program to run
    CLI_COUNTER = 8192,    // counts in hardware: the counter is opened before anything else
    CLI_SANDBOX = 2097152, // may give up rights once its models are open
    CLI_PEAK = 16384,
    CLI_ESTIMATE = 2048, // what a training run consists of
    CLI_FORWARD = 32768, // a forward pass unless --train is given
    CLI_RUN = 65536,     // executes the network
    CLI_INIT = 131072,
    CLI_TRIAL = 262144,
    CLI_EXPLAIN = 524288,
    CLI_CONVENTION = 1048576,
    CLI_ASK = CLI_OUTPUT | CLI_MODEL | CLI_SANDBOX // of a question that only analyses
};

enum cli_kind { CLI_SET, CLI_CLEAR, CLI_TEXT, CLI_LIST, CLI_SETTING };

struct cli_option {
    const char *name;  // "--batch"
    char letter;       // 'o' for -o, or 0
    const char *value; // "N"; NULL for a switch
    const char *help;  // NULL: the formats of the command
    enum cli_kind kind;
    unsigned groups; // enum cli_group
    size_t at;       // offset in struct cli_args; unused by CLI_SETTING
};

extern const struct cli_option cli_options[];
extern const size_t cli_n_options;

struct cli_command {
    const char *name;
    const char *operands; // "MODEL"
    size_t min, max;      // number of operands
    unsigned groups;
    const char *formats; // what --format takes
    const char *help;    // one line
    const char *example; // a call that works
    enum fw_status (*run)(const struct cli_command *self, struct cli_args *args,
                          struct fw_error *err);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_n_commands;
const struct cli_command *cli_command_find(const char *name, struct fw_error *err); // NULL: err

#define CLI_COMMAND(name, ...)                                                       \
    enum fw_status cmd_##name(const struct cli_command *self, struct cli_args *args, \
                              struct fw_error *err);
#include "cli/commands.def"
#undef CLI_COMMAND

/* Reads argv[0..n) behind the command's name. FW_USAGE names what is near. */
enum fw_status cli_parse(const struct cli_command *command, int n, char **argv,
                         struct cli_args *args, struct fw_error *err);
/* Help of one command, and of the program. */
enum fw_status cli_help_command(const struct cli_command *command, struct fw_error *err);
/* to: 1 standard output, 2 standard error. */
enum fw_status cli_help_all(int to, struct fw_error *err);

/* '?' for control characters: a file's name may hold some. */
void cli_clean(char *text);
/* Fills err and returns FW_USAGE. */
enum fw_status cli_usage(struct fw_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* ", did you mean 'X'?" or nothing; name_at as in fw_format_name. */
void cli_suggest(char *ret, size_t size, const char *word, const char *const *names);

/* Asks a question of the models on the command line and writes the answer: the output is opened
 * first, then the models. */
typedef enum fw_status cli_question(struct fw_report **ret, struct fw_net *const *nets,
                                    const struct cli_args *args, struct fw_error *err);
enum fw_status cli_answer(struct cli_args *args, size_t n_models, cli_question *ask,
                          struct fw_error *err);
/* What run and audit have in common. FW_USAGE. */
enum fw_status cli_read_running(struct cli_args *args, struct fw_error *err);
/* progress.c: from half a second on the terminal shows that work goes on ("counting x.onnx"); stop
 * wipes that away. Nothing without a terminal on standard error and with --quiet. */
void cli_progress_start(const struct cli_args *args, const char *what);
void cli_progress_stop(void);
/* A fw_work_begins whose ctx is the arguments: when work takes longer than it may, and no node ends
 * so that the library could say so, the program ends with FW_LIMIT. */
void cli_watch(void *ctx, const char *work, unsigned seconds);

/* With --format json a failure goes to standard output too, unless an answer stands there. */
void cli_report_error(const struct cli_args *args, const struct fw_error *err, fw_sink *sink,
                      void *ctx);
void cli_print_error(const struct cli_args *args, const struct fw_error *err);

#endif
