/* flopwise explain: derivations with a model's own numbers. */
#include "cli/cli.h"

#include <string.h>

/* The network where none is given. */
static const char small[] = "zoo:mlp,depth=3,width=64,in=48,out=10,act=relu";
static const char windows[] = "zoo:alexnet";

static bool is_topic(const char *word)
{
    for (size_t i = 0; fw_topic_name(i) != NULL; i++)
        if (strcmp(fw_topic_name(i), word) == 0)
            return true;
    return false;
}

/* A word that is no file may be a topic with a slip in it. */
static void suggest_topic(const char *word, struct fw_error *err)
{
    enum { MAX_TOPICS = 32 };
    const char *names[MAX_TOPICS + 1] = {NULL};
    for (size_t i = 0; i < MAX_TOPICS && fw_topic_name(i) != NULL; i++)
        names[i] = fw_topic_name(i);
    struct fw_error cause = *err;
    const char *near = fw_nearest(word, names);
    if (near != NULL)
        (void)cli_usage(err, "%.400s; did you mean the topic '%s'?", cause.message, near);
    err->code = cause.code;
}

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_explain_report(ret, nets[0], args->topic, args->layer, &args->options, err);
}

enum fw_status cmd_explain(const struct cli_command *self, struct cli_args *args,
                           struct fw_error *err)
{
    (void)self;
    if (is_topic(args->positional[0])) {
        args->topic = args->positional[0];
        args->positional[0] = args->positional[1];
    } else if (args->n_positional > 1) {
        args->topic = args->positional[1];
    }
    if (args->positional[0] == NULL) {
        args->positional[0] = strcmp(args->topic, "field") == 0 ? windows : small;
        args->batch = args->batch != NULL ? args->batch : "8";
    }
    args->n_positional = 1;
    enum fw_status status = cli_answer(args, 1, ask, err);
    if (status == FW_IO && args->topic == NULL && args->output == NULL)
        suggest_topic(args->positional[0], err);
    return status;
}
