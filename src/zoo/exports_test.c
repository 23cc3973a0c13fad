/* Built-in networks against the exports of the same networks: parameters, running statistics,
 * multiply-accumulates and backward operations of every row of tests/models/EXPECTED.tsv whose
 * name is in the zoo, and layer by layer where the file is at hand. */
#include "zoo/zoo.h"

#include "base/file.h"
#include "ops/update.h"
#include "study/analysis.h"
#include "support/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct row {
    const char *spec; // of the network in the zoo
    char name[64], committed[8], shape[80];
    char params[24], buffers[24], mac[24], backward[24], backward_input[24];
};

/* Files whose network is one of the zoo under other keys. */
static const struct alias {
    const char *file, *spec;
} aliases[] = {{"unet", "unet,depth=2,width=16"},
               {"inception_v3", "inception_v3,aux=0"},
               {"gpt2_124m_nobias", NULL}, // without biases: another network
               {"lstm", "lstm,seq=32"},
               {"lstm_2layer", "lstm,seq=32,layers=2"},
               {"lstm_bi", "lstm,seq=32,both=1"},
               {"lstm_bi_2layer", "lstm,seq=32,both=1,layers=2"},
               {"gru", "gru,seq=32"},
               {"gru_2layer", "gru,seq=32,layers=2"},
               {"gru_bi", "gru,seq=32,both=1"},
               {"gru_bi_2layer", "gru,seq=32,both=1,layers=2"},
               {"rnn", "rnn,seq=32"},
               {"rnn_2layer", "rnn,seq=32,layers=2"},
               {"rnn_bi", "rnn,seq=32,both=1"},
               {"rnn_bi_2layer", "rnn,seq=32,both=1,layers=2"}};

/* The specification for a file's name, or NULL. */
static const char *spec_of(const char *file)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].file, file) == 0)
            return aliases[i].spec;
    return fw_zoo_find(file) != NULL ? file : NULL;
}

/* Copies field number n of a line of tab-separated fields. */
static void field(const char *line, unsigned n, char *to, size_t bytes)
{
    for (; n > 0 && line != NULL; n--) {
        line = strchr(line, '\t');
        line += line != NULL;
    }
    size_t len = line != NULL ? strcspn(line, "\t\n") : 0;
    len = len < bytes ? len : bytes - 1;
    memcpy(to, line != NULL ? line : "", len);
    to[len] = '\0';
}

static bool read_row(const char *line, struct row *r)
{
    field(line, 0, r->name, sizeof r->name);
    char *dot = strstr(r->name, ".onnx");
    if (dot == NULL)
        return false;
    *dot = '\0';
    field(line, 1, r->committed, sizeof r->committed);
    field(line, 2, r->shape, sizeof r->shape);
    field(line, 3, r->params, sizeof r->params);
    field(line, 4, r->buffers, sizeof r->buffers);
    field(line, 5, r->mac, sizeof r->mac);
    field(line, 6, r->backward, sizeof r->backward);
    field(line, 7, r->backward_input, sizeof r->backward_input);
    r->spec = spec_of(r->name);
    return r->spec != NULL;
}

static struct fw_analysis_options options_for(const struct fw_model *built)
{
    static const struct fw_binding one = {"batch", "1"};
    return (struct fw_analysis_options){.built = built,
                                        .symbols = built != NULL ? &one : NULL,
                                        .n_symbols = built != NULL ? 1 : 0,
                                        .optimizer = fw_optimizer_find("sgd"),
                                        .precision = fw_precision_find("fp32")};
}

/* The network at the size of the row's images; m must outlive a. */
static void analyse_zoo(const struct row *r, struct fw_model *m, struct fw_analysis *a)
{
    char spec[160];
    struct fw_error err = {.code = FW_OK};
    const char *size = strrchr(r->shape, 'x');
    if (strncmp(r->shape, "1x3x", 4) == 0)
        (void)snprintf(spec, sizeof spec, "%s,size=%s", r->spec, size + 1);
    else
        (void)snprintf(spec, sizeof spec, "%s", r->spec);
    struct fw_analysis_options how = options_for(m);
    assert_int_equal(fw_model_init(m, &fw_alloc_default, NULL), FW_OK);
    if (fw_zoo_build(m, spec, &err) != FW_OK ||
        fw_analyse(a, NULL, 0, spec, &fw_alloc_default, &how, &err) != FW_OK)
        fail_msg("%s: %s", spec, err.message);
    assert_int_equal(a->totals.n_missing, 0);
}

static void assert_number(struct fw_symbols *s, const char *name, const char *what, fw_count found,
                          const char *want)
{
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    fw_count_print(s, found, 0, &text);
    if (strcmp(want, "-") != 0 && strcmp(fw_str_text(&text), want) != 0)
        fail_msg("%s: %s %s is wanted, found %s", name, what, want, fw_str_text(&text));
    fw_str_free(&text);
}

static fw_count backward(const struct fw_analysis *a)
{
    fw_count input = a->totals.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA];
    fw_count weight = a->totals.phase[FW_PHASE_BACKWARD_WEIGHT].n[FW_FMA];
    return fw_count_mul(a->model.sym, fw_count_add(a->model.sym, input, weight), fw_count_int(2));
}

static void check_totals(const struct row *r, const struct fw_analysis *a)
{
    struct fw_symbols *s = a->model.sym;
    assert_number(s, r->name, "parameters", a->totals.params, r->params);
    assert_number(s, r->name, "buffers", a->totals.buffers, r->buffers);
    assert_number(s, r->name, "MAC", a->totals.phase[FW_PHASE_FORWARD].n[FW_FMA], r->mac);
    assert_number(s, r->name, "backward FLOP", backward(a), r->backward);
}

/* The next forward node at or after `from` that multiplies, or FW_NONE. */
static uint32_t next_layer(const struct fw_analysis *a, uint32_t from)
{
    const struct fw_graph *g = &a->model.graph;
    for (uint32_t id = from; id < a->n_forward; id++)
        if (g->nodes[id].op->flags & FW_OP_CONTRACTION)
            return id;
    return FW_NONE;
}

/* Adds the products of the next layer to sum. False at the end. */
static bool add_next(struct fw_analysis *a, uint32_t *at, fw_i128 *sum)
{
    struct fw_cost cost;
    uint32_t id = next_layer(a, *at);
    if (id == FW_NONE)
        return false;
    assert_true(fw_node_cost(&a->model.graph, id, a->precision, &cost));
    assert_true(fw_count_is_const(cost.n[FW_FMA]));
    *sum += cost.n[FW_FMA].word;
    *at = id + 1;
    return true;
}

/* The same products layer by layer in the same order; where the file has several nodes for one of
 * ours (attention), they must be as much together. */
static void check_layers(const struct row *r, struct fw_analysis *zoo)
{
    char path[512];
    struct fw_error err = {.code = FW_OK};
    struct fw_file file;
    struct fw_analysis file_a;
    struct fw_analysis_options how = options_for(NULL);
    (void)snprintf(path, sizeof path, "%s/tests/models/%s.onnx", FW_TOP, r->name);
    if (fw_file_open(&file, path, 0, &fw_alloc_default, &err) != FW_OK ||
        fw_analyse(&file_a, file.data, file.size, path, &fw_alloc_default, &how, &err) != FW_OK)
        fail_msg("%s: %s", path, err.message);
    uint32_t id = 0;
    uint32_t k = 0;
    fw_i128 ours = 0;
    fw_i128 theirs = 0;
    while (add_next(zoo, &id, &ours)) {
        while (theirs < ours && add_next(&file_a, &k, &theirs))
            continue;
        if (theirs != ours)
            fail_msg("%s: '%s' and '%s' differ", r->name, zoo->model.graph.nodes[id - 1].name,
                     file_a.model.graph.nodes[k - 1].name);
    }
    assert_false(add_next(&file_a, &k, &theirs));
    fw_analysis_clear(&file_a);
    fw_file_close(&file);
}

void test_exports__totals_and_layers(void **state)
{
    (void)state;
    char path[512];
    char line[512];
    struct row r;
    unsigned n_rows = 0;
    unsigned n_files = 0;
    (void)snprintf(path, sizeof path, "%s/tests/models/EXPECTED.tsv", FW_TOP);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        if (!read_row(line, &r))
            continue;
        struct fw_model m;
        struct fw_analysis a;
        analyse_zoo(&r, &m, &a);
        check_totals(&r, &a);
        n_rows++;
        if (strcmp(r.committed, "yes") == 0) {
            check_layers(&r, &a);
            n_files++;
        }
        fw_analysis_clear(&a);
        fw_model_clear(&m);
    }
    (void)fclose(f);
    print_message("%u networks as their exports, %u of them layer by layer\n", n_rows, n_files);
    assert_true(n_rows >= 20 && n_files >= 10);
}

/* Published numbers of torchvision's own documentation: parameters and MAC as our recount of them
 * has them. */
void test_exports__published(void **state)
{
    (void)state;
    char path[512];
    char line[512];
    unsigned n = 0;
    (void)snprintf(path, sizeof path, "%s/tests/models/PUBLISHED.tsv", FW_TOP);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        char source[64], metric[32], holds[8], computed[32];
        struct row r;
        field(line, 0, source, sizeof source);
        field(line, 2, r.name, sizeof r.name);
        field(line, 3, r.shape, sizeof r.shape);
        field(line, 4, metric, sizeof metric);
        field(line, 8, computed, sizeof computed);
        field(line, 10, holds, sizeof holds);
        r.name[strcspn(r.name, ".")] = '\0';
        bool params = strcmp(metric, "params") == 0;
        r.spec = r.name;
        bool ours = fw_zoo_find(r.name) != NULL && strcmp(holds, "yes") == 0;
        if (!ours || strcmp(source, "pytorch/vision") != 0 ||
            !(params || strcmp(metric, "macs") == 0))
            continue;
        struct fw_model m;
        struct fw_analysis a;
        analyse_zoo(&r, &m, &a);
        assert_number(a.model.sym, r.name, metric,
                      params ? a.totals.params : a.totals.phase[FW_PHASE_FORWARD].n[FW_FMA],
                      computed);
        fw_analysis_clear(&a);
        fw_model_clear(&m);
        n++;
    }
    (void)fclose(f);
    assert_true(n >= 60);
}
