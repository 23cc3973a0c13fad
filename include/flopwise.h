/* flopwise: what a neural network costs to train and to run, from the model file alone.
 *
 * The library never prints, never exits and keeps no global state; every handle may be used by one
 * thread at a time, different handles by different threads. Strings are UTF-8. Numbers of
 * operations and bytes are exact integers of any size up to 10^37 and may contain letters, so they
 * are handed out as text (and as int64 where they fit). */
#ifndef FLOPWISE_H
#define FLOPWISE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FW_API __attribute__((visibility("default")))
#else
#define FW_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* How a call ended. The value is also the exit code of the command-line program. */
enum fw_status {
    FW_OK = 0,
    FW_CHECK_FAILED = 1, /* a budget check failed */
    FW_USAGE = 2,        /* the call itself is wrong */
    FW_IO = 3,           /* a file could not be read or written */
    FW_FORMAT = 4,       /* malformed file */
    FW_UNSUPPORTED = 5,  /* not supported, or incomplete where completeness was asked for */
    FW_SHAPE = 6,        /* shapes do not fit */
    FW_LIMIT = 7,        /* a limit was exceeded */
    FW_MEMORY = 8,       /* out of memory */
    FW_COUNTER = 9       /* hardware counter not available */
};

/* What went wrong: filled when a call returns anything but FW_OK. */
struct fw_error {
    enum fw_status code;
    int64_t at;        /* byte offset in the file, or -1 */
    char message[512]; /* complete sentence, UTF-8, no line break */
};

/* Version of the library, "MAJOR.MINOR.PATCH". */
FW_API const char *fw_version(void);

/* ---- models ---- */

/* A model file, opened but not yet read: what is in it is found out by the first question. */
struct fw_net;

/* path: a file, the folder of a model, "-" for standard input, or "zoo:NAME,key=value,..." for a
 * built-in network. On success *ret is to be freed with fw_net_free; reports made from it may
 * outlive it. Errors: FW_IO, FW_LIMIT, FW_MEMORY, and of a built-in network FW_USAGE, FW_SHAPE. */
FW_API enum fw_status fw_net_open(struct fw_net **ret, const char *path, struct fw_error *err);
FW_API void fw_net_free(struct fw_net *net); /* NULL is fine */
/* The same with limits on what the model may ask for, "nodes=1000000", "time=5" (NULL-terminated;
 * NULL for the usual ones, which fw_limits_report lists). What asks for more is FW_LIMIT. */
FW_API enum fw_status fw_net_open_within(struct fw_net **ret, const char *path,
                                         const char *const *limits, struct fw_error *err);

/* Binds a symbol of the model's dimensions ("batch", "seq", a dim_param) to a value: an integer or
 * an expression with letters ("8", "n", "2*k"). "batch" and "seq" also find the model's own name
 * for that dimension (batch_size, N, sequence_length ...). What it names is looked up by the first
 * question, which then fails with FW_USAGE. Errors here: FW_USAGE (given twice), FW_MEMORY. */
FW_API enum fw_status fw_net_set(struct fw_net *net, const char *symbol, const char *value,
                                 struct fw_error *err);
/* Gives an input a shape: "1x3x224x224"; each dimension an integer or an expression. Looked up as
 * above. */
FW_API enum fw_status fw_net_set_shape(struct fw_net *net, const char *input, const char *shape,
                                       struct fw_error *err);

/* Gives up rights of the whole process for good: afterwards it reads files only in the folders of
 * those models that may consist of several, gives a name only to output (NULL: none, opened before)
 * in its folder, has no network and starts no program. To be called before there are threads.
 * FW_UNSUPPORTED where the kernel has no Landlock or no seccomp. */
FW_API enum fw_status fw_sandbox(struct fw_net *const *nets, size_t n, const char *output,
                                 struct fw_error *err);

/* ---- building a network ---- */

/* A network under construction. Tensors are numbers: a call gives that of what it made, -1 stands
 * for a tensor left out. Sizes are numbers, or what fw_size() gives for an expression with letters.
 * The first error stays, later calls do nothing and fw_builder_finish reports it (FW_USAGE,
 * FW_SHAPE, FW_LIMIT, FW_MEMORY), so that code reads x = fw_relu(b, fw_conv2d(b, x, "conv1", 64, 7,
 * 2, 3)). A layer stands under the scopes entered ("layer1.0.conv1", made unique) and its
 * parameters under it ("layer1.0.conv1.weight"). */
struct fw_builder;
FW_API enum fw_status fw_builder_new(struct fw_builder **ret, const char *name,
                                     struct fw_error *err);
FW_API int fw_builder_ok(const struct fw_builder *b); /* 0 after an error: loops should end */
FW_API enum fw_status fw_builder_finish(struct fw_net **ret, struct fw_builder *b,
                                        struct fw_error *err);        /* frees b in any case */
FW_API int64_t fw_size(struct fw_builder *b, const char *expression); /* "2*K" */
FW_API int64_t fw_size_plus(struct fw_builder *b, int64_t x, int64_t y);
FW_API int64_t fw_size_times(struct fw_builder *b, int64_t x, int64_t y);
FW_API int64_t fw_size_over(struct fw_builder *b, int64_t x, int64_t y); /* rounded down */
FW_API int64_t fw_size_of(struct fw_builder *b, int x, int axis);        /* axis -1: the last */
FW_API int fw_rank_of(struct fw_builder *b, int x);
FW_API void fw_enter(struct fw_builder *b, const char *scope);
FW_API void fw_enter_number(struct fw_builder *b, const char *scope, int64_t number);
FW_API void fw_leave(struct fw_builder *b);
FW_API void fw_label(struct fw_builder *b, int x, const char *name); /* renames what made x */
FW_API void fw_separator(struct fw_builder *b, char separator);      /* between scopes; '.' */
FW_API int fw_input(struct fw_builder *b, const char *name, const char *type, int rank,
                    const int64_t *dims); /* type: "float32", "int64" ... */
FW_API void fw_output(struct fw_builder *b, int x);
/* Tensors that no node makes: learnt, given (a table of angles), one number, a list of sizes. */
FW_API int fw_parameter(struct fw_builder *b, const char *name, int rank, const int64_t *dims);
FW_API int fw_constant(struct fw_builder *b, const char *name, int rank, const int64_t *dims);
FW_API int fw_number(struct fw_builder *b, double value);
FW_API int fw_sizes(struct fw_builder *b, int n, const int64_t *sizes);

/* Layers; bias: 0 or 1. Those with _with take their parameters, which layers may so share (weight
 * of fw_linear_with: (out, in) for a matrix, (in, out) for more axes). */
FW_API int fw_linear(struct fw_builder *b, int x, const char *name, int64_t out, int bias);
FW_API int fw_linear_with(struct fw_builder *b, int x, const char *name, int weight, int bias);
struct fw_window_spec {
    int axes; /* 1 to 3; x has 2 more, batch and channels first */
    int64_t kernel[3], stride[3], dilation[3], pad[3], pad_end[3]; /* stride, dilation 0: 1 */
    int same;              /* padded so that the output is the input over the stride */
    int ceil, count_pad;   /* of pooling: sizes rounded up; padding is part of the mean */
    int64_t groups;        /* of convolution; 0: 1 */
    int no_bias;           /* of convolution */
    int transposed;        /* of convolution */
    int64_t output_pad[3]; /* of transposed convolution */
};
FW_API struct fw_window_spec fw_window_of(int axes, int64_t kernel, int64_t stride, int64_t pad);
FW_API int fw_conv(struct fw_builder *b, int x, const char *name, int64_t filters,
                   const struct fw_window_spec *window);
FW_API int fw_conv_with(struct fw_builder *b, int x, const char *name, int weight, int bias,
                        const struct fw_window_spec *window);
FW_API int fw_conv2d(struct fw_builder *b, int x, const char *name, int64_t filters, int64_t kernel,
                     int64_t stride, int64_t pad);
FW_API int fw_max_pool(struct fw_builder *b, int x, const struct fw_window_spec *window);
FW_API int fw_average_pool(struct fw_builder *b, int x, const struct fw_window_spec *window);
FW_API int fw_max_pool2d(struct fw_builder *b, int x, int64_t kernel, int64_t stride, int64_t pad);
FW_API int fw_average_pool2d(struct fw_builder *b, int x, int64_t kernel, int64_t stride,
                             int64_t pad);
FW_API int fw_global_average_pool(struct fw_builder *b, int x);
FW_API int fw_batch_norm(struct fw_builder *b, int x, const char *name);
FW_API int fw_layer_norm(struct fw_builder *b, int x, const char *name, int bias);
FW_API int fw_rms_norm(struct fw_builder *b, int x, const char *name);
FW_API int fw_group_norm(struct fw_builder *b, int x, const char *name, int64_t groups);
FW_API int fw_activation(struct fw_builder *b, int x, const char *name); /* "gelu", "none" ... */
FW_API int fw_relu(struct fw_builder *b, int x);
FW_API int fw_dropout(struct fw_builder *b, int x, double rate);
FW_API int fw_embedding(struct fw_builder *b, int ids, const char *name, int64_t entries,
                        int64_t width);
FW_API int fw_embedding_with(struct fw_builder *b, int ids, const char *name, int table);
/* q (batch, queries, heads*width), k and v (batch, keys, kv_heads*width); window 0: all keys. */
FW_API int fw_attention(struct fw_builder *b, int q, int k, int v, int64_t heads, int64_t kv_heads,
                        int causal, int64_t window);
/* kind "rnn", "gru", "lstm"; x (batch, seq, width). */
FW_API int fw_recurrent(struct fw_builder *b, const char *kind, int x, const char *name,
                        int64_t hidden, int bidirectional);

FW_API int fw_add(struct fw_builder *b, int x, int y);
FW_API int fw_mul(struct fw_builder *b, int x, int y);
FW_API int fw_matmul(struct fw_builder *b, int x, int y);
FW_API int fw_einsum(struct fw_builder *b, const char *equation, const int *xs, int n);
FW_API int fw_concat(struct fw_builder *b, const int *xs, int n, int axis);
FW_API int fw_reshape(struct fw_builder *b, int x, int rank, const int64_t *dims);
FW_API int fw_transpose(struct fw_builder *b, int x, const int64_t *perm);
FW_API int fw_flatten(struct fw_builder *b, int x); /* all but the batch */
/* Elements from..to-1; a negative number counts from the end. */
FW_API int fw_slice(struct fw_builder *b, int x, int axis, int64_t from, int64_t to);
/* n parts, equal without sizes: the numbers after the one given are the other parts. */
FW_API int fw_split(struct fw_builder *b, int x, int axis, int n, const int64_t *sizes);
FW_API int fw_softmax(struct fw_builder *b, int x, int axis);
FW_API int fw_mean(struct fw_builder *b, int x, int n, const int64_t *axes, int keep);
/* Layers in turns: fw_repeat gives what a turn finds (x, or what the turn before left) and
 * fw_repeat_end what the last one leaves. Every turn has its own of the parameters made in between;
 * tensors made before are the same for all. times may hold letters. */
FW_API int fw_repeat(struct fw_builder *b, const char *name, int64_t times, int x);
FW_API int fw_repeat_end(struct fw_builder *b, int y);
/* Any operator of `flopwise ops`: attributes "kernel_shape=3,3 auto_pad=SAME_UPPER" or NULL. */
FW_API int fw_node(struct fw_builder *b, const char *domain, const char *op, const char *name,
                   const char *attributes, const int *in, int n_in, int n_out);

/* ---- questions ----
 *
 * On success *ret is to be freed with fw_report_free; on failure it is left alone. Beside the
 * errors named at a question: FW_FORMAT, a malformed file or no known format (the message says what
 * it seems to be); FW_USAGE, a name or number in what is asked that the model or the program does
 * not know; FW_SHAPE, shapes that do not fit; FW_UNSUPPORTED, what is asked cannot be had of this
 * model; FW_LIMIT, FW_IO, FW_MEMORY. */

enum fw_group { FW_BY_LAYER, FW_BY_OP, FW_BY_MODULE };

/* What is asked. Start from fw_options_default(). Texts may be NULL for the default. */
struct fw_options {
    int inference;             /* 1: leaves backward and update out */
    const char *optimizer;     /* "sgd" */
    const char *precision;     /* "fp32" */
    const char *loss;          /* "auto", "cross-entropy", "squares" */
    const char *const *freeze; /* (n_freeze) patterns over parameter and layer names */
    size_t n_freeze;
    int input_grad;        /* 1: the network's input wants a gradient */
    const char *recompute; /* "none", "full", "layers", "selective" or a pattern over layer names */
    const char *head;      /* "none": the bare model of a config.json; "mtp": with MTP layers */
    const char *attention; /* "plain" keeps probabilities, "flash" computes them again */
    const char *lora;      /* "r=16,targets=q_proj+v_proj": adapters are trained, all else is not */
    const char *convention; /* "flopwise": whose way of counting */
    enum fw_group by;       /* rows of the layer table */
    size_t top;             /* only the costliest rows; 0: all */
};
FW_API struct fw_options fw_options_default(void);

/* An answer: a few tables and records that can be written in several formats. */
struct fw_report;
FW_API void fw_report_free(struct fw_report *report); /* NULL is fine */

/* Parameters, operations and bytes, per layer and in all (schema flopwise.count/1). */
FW_API enum fw_status fw_count_report(struct fw_report **ret, struct fw_net *net,
                                      const struct fw_options *options, struct fw_error *err);
/* Peak memory of inference and of a training step (schema flopwise.memory/1). */
FW_API enum fw_status fw_memory_report(struct fw_report **ret, struct fw_net *net,
                                       const struct fw_options *options, struct fw_error *err);
/* The backward:forward ratio of a training step (schema flopwise.ratio/1). sweep: NULL, or values
 * for a letter: "batch=1,2,4..1024", where A..B doubles from A on. */
FW_API enum fw_status fw_ratio_report(struct fw_report **ret, struct fw_net *net,
                                      const struct fw_options *options, const char *sweep,
                                      struct fw_error *err);
/* How much of an input every node depends on, along each axis (schema flopwise.field/1). input: its
 * name, or NULL for the first that windows slide along; at: the node the picture is about, or NULL.
 */
FW_API enum fw_status fw_field_report(struct fw_report **ret, struct fw_net *net, const char *input,
                                      const char *at, struct fw_error *err);
/* Two models side by side (schema flopwise.diff/1). */
FW_API enum fw_status fw_diff_report(struct fw_report **ret, struct fw_net *a, struct fw_net *b,
                                     const struct fw_options *options, struct fw_error *err);
/* Budgets: texts such as "5M", "10G", "2GiB", "1e9"; NULL for none (schema flopwise.check/1).
 * fw_report_status() tells whether all were kept. */
struct fw_budget {
    const char *max_params;
    const char *max_mac;       /* forward */
    const char *max_flop;      /* forward, all classes */
    const char *max_step_flop; /* a whole training step */
    const char *max_memory;    /* peak of inference, or of training without options->inference */
};
FW_API enum fw_status fw_check_report(struct fw_report **ret, struct fw_net *net,
                                      const struct fw_options *options,
                                      const struct fw_budget *budget, struct fw_error *err);
/* The table of operators (schema flopwise.ops/1); pattern over names, NULL for all. */
FW_API enum fw_status fw_ops_report(struct fw_report **ret, const char *pattern,
                                    struct fw_error *err);
/* The limits on what a model may ask for (schema flopwise.limits/1). */
FW_API enum fw_status fw_limits_report(struct fw_report **ret, struct fw_error *err);
/* The networks that are built in (schema flopwise.zoo/1). */
FW_API enum fw_status fw_zoo_report(struct fw_report **ret, const char *pattern,
                                    struct fw_error *err);

/* What a training run took or will take, by counting operations and from its hardware, with 90 %
 * intervals; time, cost, energy; rules that name an amount (schema flopwise.estimate/1). */
struct fw_setting {
    const char *name, *value; /* "tokens" = "1.4e12+-5%"; names as in flopwise-estimate(1) */
};
struct fw_run_request {
    const struct fw_setting *settings; /* (n_settings) */
    size_t n_settings;
    const char *file; /* a run file, or NULL; its models are looked for in its folder */
    int any_path;     /* 1: they may stand anywhere else too */
    struct fw_options options;
    int document;              /* 1: a text to attach instead of tables, in md and html */
    const char *const *limits; /* of its models, as of fw_net_open_within */
};
FW_API enum fw_status fw_estimate_report(struct fw_report **ret,
                                         const struct fw_run_request *request,
                                         struct fw_error *err);
/* Published claims in a CSV such as Epoch AI's "Notable AI Models", computed again by both methods,
 * with what cannot be consistent (schema flopwise.claims/1). */
FW_API enum fw_status fw_claims_report(struct fw_report **ret, const char *path,
                                       struct fw_error *err);
/* Accelerators with their dense peaks and who says so: all (name NULL), one by a name such as
 * "H100" or "a100 80gb", or with years the peaks of each year (schema flopwise.hardware/1). */
FW_API enum fw_status fw_hardware_report(struct fw_report **ret, const char *name, int years,
                                         struct fw_error *err);
/* Number formats with their ranges and precisions (schema flopwise.formats/1). */
FW_API enum fw_status fw_formats_report(struct fw_report **ret, struct fw_error *err);

/* ---- measuring ---- */

/* The processor's counter of floating-point operations, to be opened first thing in main, before
 * any library starts threads. Having none is no error: questions that need one give FW_COUNTER. */
struct fw_counter;
FW_API enum fw_status fw_counter_open(struct fw_counter **ret, struct fw_error *err);
FW_API void fw_counter_close(struct fw_counter *counter); /* NULL is fine */

/* Runs a program and counts what it and its children retire (schema flopwise.stat/1). */
struct fw_program {
    const char *const *argv; /* NULL-terminated; argv[0] is found along PATH */
    int split;               /* 1: additions, products, divisions, fused ones too, a run each */
    struct fw_net *net;      /* a model whose predicted operations stand beside, or NULL */
    const char *steps;       /* how often the program runs it, a number; NULL: once */
};
FW_API enum fw_status fw_stat_report(struct fw_report **ret, struct fw_counter *counter,
                                     const struct fw_program *program,
                                     const struct fw_options *options, struct fw_error *err);
/* What this machine can do at most (schema flopwise.peak/1). fresh: 1 measures again what an
 * earlier call left in the user's cache. */
FW_API enum fw_status fw_peak_report(struct fw_report **ret, int fresh, struct fw_error *err);

/* Initialisation: variances of activations and gradients, predicted and measured (schema
 * flopwise.init/1). Texts may be NULL for the default. */
struct fw_init_options {
    const char *scheme; /* "he" */
    int simulate;       /* 1: execute it and measure */
    const char *draws;  /* how often, a number; NULL: until the errors are about 1 % */
    const char *seed;   /* "1" */
};
FW_API enum fw_status fw_init_report(struct fw_report **ret, struct fw_net *net,
                                     const struct fw_options *options,
                                     const struct fw_init_options *init, struct fw_error *err);

/* A worked derivation with the model's own numbers, as text, Markdown or HTML (schema
 * flopwise.explain/1). topic: NULL for "layer", names by fw_topic_name; layer: a pattern over layer
 * names, or NULL. */
FW_API enum fw_status fw_explain_report(struct fw_report **ret, struct fw_net *net,
                                        const char *topic, const char *layer,
                                        const struct fw_options *options, struct fw_error *err);

/* A run of an optimizer's kernel on one parameter that starts at 0. Texts may be NULL for the
 * default: the optimizer's usual values. */
struct fw_trial_options {
    int simulate;
    const char *gradient; /* "1": a number, a list "1,-2,3" (the last one stays), "@FILE" */
    const char *shape;    /* "4x3" or "4,3": of the parameter, NULL: what the rule wants */
    const char *steps;    /* "100" */
    const char *lr, *beta1, *beta2, *eps, *decay;
};
/* The table of optimizers (name NULL), or the page of one: its rule, its state, its cost per
 * parameter, and its trajectory (schema flopwise.optimizer/1). */
FW_API enum fw_status fw_optimizer_report(struct fw_report **ret, const char *name,
                                          const struct fw_trial_options *trial,
                                          struct fw_error *err);

/* Told when a step or another piece of work begins that has the limit `time` for itself: "step 1"
 * and its seconds; NULL and 0 when it has ended. The limit is held between nodes: a kernel is not
 * left in the middle, unless who is told ends the process in time. */
typedef void fw_work_begins(void *ctx, const char *work, unsigned seconds);

/* Executes a network (schema flopwise.run/1): the forward pass, or training steps unless
 * options->inference is set. An open batch is 1; texts may be NULL for the default. */
struct fw_running {
    int exact;    /* 1: plain C kernels only, no oneDNN */
    int winograd; /* 1: convolutions need not take the direct algorithm */
    const char *threads, *steps, *seed;
    const char *learning_rate;
    const char *const *inputs; /* (n_inputs) "FILE" or "NAME=FILE": .npy, .npz, ONNX's .pb */
    size_t n_inputs;
    const char *weights;    /* .safetensors or .npz read before the first step */
    const char *save;       /* .safetensors written after the last one */
    const char *outputs;    /* .npz of a forward pass */
    fw_work_begins *begins; /* or NULL */
    void *begins_ctx;
};
FW_API enum fw_status fw_run_report(struct fw_report **ret, struct fw_net *net,
                                    const struct fw_options *options,
                                    const struct fw_running *running, struct fw_error *err);

/* Executes it and puts beside each other, by layer and phase, the operations that the rules count,
 * those its kernels retire by their closed forms, those that counting kernels executed and those
 * the hardware counted (schema flopwise.audit/1). counter: NULL, or one without a usable event: the
 * report says why nothing was counted. */
FW_API enum fw_status fw_audit_report(struct fw_report **ret, struct fw_net *net,
                                      struct fw_counter *counter, const struct fw_options *options,
                                      const struct fw_running *running, struct fw_error *err);

/* FW_OK, FW_CHECK_FAILED for a budget that was exceeded, FW_UNSUPPORTED for an answer that is only
 * a lower bound because something is missing. */
FW_API enum fw_status fw_report_status(const struct fw_report *report);
/* One value by its path in the JSON form ("totals/forward/mac"), as text; NULL when there is none.
 * Belongs to the report. */
FW_API const char *fw_report_text(struct fw_report *report, const char *path);
/* The same as a number. FW_USAGE: no such value; FW_LIMIT: symbolic or larger than int64. */
FW_API enum fw_status fw_report_int(struct fw_report *report, const char *path, int64_t *ret,
                                    struct fw_error *err);

/* ---- writing ---- */

struct fw_style {
    int width; /* columns of the terminal, 0: unlimited */
    int color; /* 1: escape sequences for colour */
    int ascii; /* 1: lines, marks and bars from ASCII characters only */
    int all; /* 1: tables show the rows too that they leave out (which cost nothing, or the same) */
};
/* Receives the output piece by piece; anything but 0 stops the writing with FW_IO. */
typedef int fw_sink(void *ctx, const char *text, size_t len);

/* format: "table", "tree", "json", "csv", "md", "html" or "svg", as far as the report has it;
 * FW_USAGE names those it has. */
FW_API enum fw_status fw_report_write(struct fw_report *report, const char *format,
                                      const struct fw_style *style, fw_sink *sink, void *ctx,
                                      struct fw_error *err);
/* "table, tree, json, ..." of this report; belongs to it. */
FW_API const char *fw_report_formats(struct fw_report *report);
/* An error as a report (schema flopwise.error/1), to be written as JSON. */
FW_API enum fw_status fw_error_report(struct fw_report **ret, const struct fw_error *what,
                                      struct fw_error *err);

/* A file that appears whole or not at all: written beside the target and renamed on commit. path
 * "-" is standard output; that, pipes and devices are written directly. Errors: FW_IO, FW_MEMORY.
 */
struct fw_output;
FW_API enum fw_status fw_output_open(struct fw_output **ret, const char *path,
                                     struct fw_error *err);
FW_API enum fw_status fw_output_write(struct fw_output *out, const void *data, size_t n,
                                      struct fw_error *err);
/* Frees out always. */
FW_API enum fw_status fw_output_commit(struct fw_output *out, struct fw_error *err);
/* Removes what was written so far and frees out; NULL is fine. */
FW_API void fw_output_abandon(struct fw_output *out);

/* ---- names ---- */

/* The name of the list (NULL-terminated) that word was most likely meant to be, or NULL when none
 * is near. */
FW_API const char *fw_nearest(const char *word, const char *const *names);
/* Name number i of what an option takes; NULL behind the last. */
FW_API const char *fw_optimizer_name(size_t i);
FW_API const char *fw_precision_name(size_t i);
FW_API const char *fw_convention_name(size_t i);
FW_API const char *fw_loss_name(size_t i);
FW_API const char *fw_init_scheme_name(size_t i);
FW_API const char *fw_topic_name(size_t i);
FW_API const char *fw_format_name(size_t i);
FW_API const char *fw_limit_name(size_t i);

#ifdef __cplusplus
}
#endif
#endif
