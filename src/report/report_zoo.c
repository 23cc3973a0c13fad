/* flopwise.zoo/1: the networks that are built in, with what their rows say and their parameters,
 * which come from building each with its defaults. */
#include "report/answers.h"

#include "base/glob.h"
#include "zoo/zoo.h"

#include <string.h>

struct networks {
    const struct fw_zoo_net **nets; // (n)
    struct fw_value *params;        // (n)
    uint32_t n;
    struct fw_arena *arena;
};

struct keys {
    const struct fw_zoo_net *net;
    struct fw_table table;
};

static const struct fw_column key_columns[] = {
    {"name", "key", "name of the key", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"default", "default", "its value where none is given", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"meaning", "meaning", "what it says", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
};

static struct fw_value key_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct keys *keys = t->ctx;
    const struct fw_zoo_key *key = &keys->net->keys[row];
    if (column == 0)
        return fw_value_text(key->name);
    if (column == 2)
        return fw_value_text(key->doc);
    return fw_value_text(key->value[0] == '=' ? key->value + 1 : key->value);
}

static struct fw_table *key_table(struct fw_arena *arena, const struct fw_zoo_net *net)
{
    struct keys *keys = fw_arena_alloc(arena, sizeof *keys);
    if (keys == NULL)
        return NULL;
    keys->net = net;
    keys->table = (struct fw_table){.key = "keys",
                                    .title = "Keys",
                                    .columns = key_columns,
                                    .n_columns = sizeof key_columns / sizeof *key_columns,
                                    .n_rows = net->n_keys,
                                    .ctx = keys,
                                    .cell = key_cell};
    return &keys->table;
}

static const struct fw_column columns[] = {
    {"name", "network", "zoo:NAME opens it", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"params", "params", "learnable elements with the default keys", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"about", "what it is", "in one line", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
    {"key_names", "keys", "what can be chosen", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WRAP | FW_VIEW_PEOPLE},
    {"keys", "keys", "keys with defaults and meanings", FW_UNIT_NONE, FW_VIEW_NESTED},
};

static struct fw_value key_names(struct networks *all, const struct fw_zoo_net *net)
{
    const char *text = "";
    for (unsigned i = 0; i < net->n_keys && text != NULL; i++)
        text = fw_arena_printf(all->arena, "%s%s%s", text, i > 0 ? " " : "", net->keys[i].name);
    return fw_value_text(text);
}

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct networks *all = t->ctx;
    const struct fw_zoo_net *net = all->nets[row];
    switch (column) {
    case 0:
        return fw_value_text(net->name);
    case 1:
        return all->params[row];
    case 2:
        return fw_value_text(net->doc);
    case 3:
        return key_names(all, net);
    default:
        break;
    }
    const struct fw_table *keys = key_table(all->arena, net);
    if (keys == NULL)
        return fw_value_kind(FW_VALUE_NULL);
    return (struct fw_value){.kind = FW_VALUE_TABLE, .table = keys};
}

static enum fw_status count_params(struct networks *all, uint32_t i, struct fw_error *err)
{
    struct fw_model m;
    FW_TRY(fw_model_init(&m, all->arena->alloc, err));
    enum fw_status status = fw_zoo_build(&m, all->nets[i]->name, err);
    if (status == FW_OK)
        all->params[i] = fw_value_count(fw_zoo_params(&m));
    fw_model_clear(&m);
    return status;
}

static void gather(struct networks *all, const char *pattern)
{
    const struct fw_zoo_net *one = pattern != NULL ? fw_zoo_find(pattern) : NULL;
    for (unsigned f = 0; f < fw_n_zoo_families; f++)
        for (unsigned i = 0; i < fw_zoo_families[f]->n; i++) {
            const struct fw_zoo_net *net = &fw_zoo_families[f]->nets[i];
            if (pattern == NULL || net == one || fw_glob(pattern, net->name))
                all->nets[all->n++] = net;
        }
}

/* Of one network the keys are shown too. */
static enum fw_status add_keys(struct fw_report *r, const struct networks *all,
                               struct fw_error *err)
{
    struct fw_table *t = key_table(&r->arena, all->nets[0]);
    if (t == NULL)
        return fw_fail_memory(err);
    t->flags = FW_TABLE_PEOPLE;
    fw_report_add(r, t);
    return FW_OK;
}

static enum fw_status build(struct fw_report *r, const char *pattern, struct fw_error *err)
{
    uint32_t most = 0;
    for (unsigned f = 0; f < fw_n_zoo_families; f++)
        most += fw_zoo_families[f]->n;
    struct networks *all = fw_arena_zalloc(&r->arena, sizeof *all);
    struct fw_table *t = fw_arena_zalloc(&r->arena, sizeof *t);
    if (all == NULL || t == NULL)
        return fw_fail_memory(err);
    all->arena = &r->arena;
    all->nets = fw_arena_array(&r->arena, most + 1u, sizeof *all->nets);
    all->params = fw_arena_array(&r->arena, most + 1u, sizeof *all->params);
    if (all->nets == NULL || all->params == NULL)
        return fw_fail_memory(err);
    gather(all, pattern);
    FW_REQUIRE(all->n > 0, err, FW_USAGE, "no built-in network is named '%.60s'",
               pattern != NULL ? pattern : "*");
    for (uint32_t i = 0; i < all->n; i++)
        FW_TRY(count_params(all, i, err));
    *t = (struct fw_table){.key = "networks",
                           .columns = columns,
                           .n_columns = sizeof columns / sizeof *columns,
                           .n_rows = all->n,
                           .flags = FW_TABLE_MAIN,
                           .ctx = all,
                           .cell = cell};
    fw_report_add(r, t);
    return all->n == 1 ? add_keys(r, all, err) : FW_OK;
}

enum fw_status fw_answer_zoo(struct fw_report **ret, const char *pattern,
                             const struct fw_alloc *alloc, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.zoo/1");
    if (r == NULL)
        return fw_fail_memory(err);
    r->title = "flopwise zoo";
    enum fw_status status = build(r, pattern, err);
    return fw_report_finish(ret, r, status);
}
