/* flopwise.explain/1: what the lessons share, and which there are. */
#include "ops/reach.h"
#include "report/explain.h"
#include "study/gradient_check.h"

#include <math.h>
#include <string.h>

const struct fw_topic fw_topics[] = {
    {"layer", "The backward pass of a layer, product by product", fw_lesson_layer, true},
    {"6nt", "Why training takes 6*N*T operations", fw_lesson_6nt, true},
    {"memory", "What training has to keep", fw_lesson_memory, false},
    {"init", "How weights are drawn so that variances last", fw_lesson_init, false},
    {"adam", "Adam and momentum with a constant gradient", fw_lesson_adam, false},
    {"field", "The receptive field, window by window", fw_lesson_field, false},
    {"ratio", "Operations backward for each forward", fw_lesson_ratio, false},
};
const unsigned fw_n_topics = sizeof fw_topics / sizeof *fw_topics;

void fw_lesson_fact(struct fw_lesson *l, const char *name, double v)
{
    if (l->n_facts == FW_MAX_FACTS)
        return;
    bool whole = v == floor(v) && fabs(v) < 9e15;
    l->fact_columns[l->n_facts] = (struct fw_column){name, name, "", FW_UNIT_NONE, 0};
    l->facts[l->n_facts++] = isnan(v) ? fw_value_kind(FW_VALUE_NULL)
                             : whole  ? fw_value_int((int64_t)v)
                                      : fw_value_float(v);
}

enum fw_status fw_lesson_table(struct fw_lesson *l, const struct fw_table *head,
                               const struct fw_column *columns, uint32_t n_columns,
                               const struct fw_value *values, uint32_t n_rows)
{
    const struct fw_table *t = fw_rows_new(l->r, head, columns, n_columns, values, n_rows);
    if (t == NULL)
        return fw_fail_memory(l->err);
    fw_report_add(l->r, t);
    fw_doc_table(l->d, t);
    return FW_OK;
}

const char *fw_lesson_node(struct fw_lesson *l, uint32_t node)
{
    const struct fw_node *n = &l->a->model.graph.nodes[node];
    return fw_doc_name(l->d, n->name != NULL && n->name[0] != '\0' ? n->name : n->op->name);
}

const char *fw_lesson_shape(struct fw_lesson *l, uint32_t tensor)
{
    struct fw_str s;
    fw_str_init(&s, l->r->alloc);
    fw_shape_print(&l->a->model.graph, &l->a->model.graph.tensors[tensor], &s);
    const char *text = fw_doc_name(l->d, fw_str_text(&s));
    fw_str_free(&s);
    return text;
}

static double of_class(const struct fw_cost *c, unsigned class)
{
    double sum = 0;
    if (class < FW_N_CLASSES)
        return (double)c->n[class].word;
    for (unsigned k = 0; k < FW_N_CLASSES; k++)
        sum += (double)c->n[k].word * (k == FW_FMA ? 2 : 1);
    return sum;
}

double fw_lesson_cost(struct fw_lesson *l, unsigned phase, uint32_t layer, unsigned class)
{
    struct fw_graph *g = &l->a->model.graph;
    double sum = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        struct fw_cost c = {0};
        if (g->nodes[i].phase != phase || (layer != FW_NONE && g->nodes[i].layer != layer))
            continue;
        (void)fw_node_cost(g, i, l->a->precision, &c);
        sum += of_class(&c, class);
    }
    return sum;
}

/* Examples times steps of the first recurrent layer with weights, or 0. */
static double steps_of(const struct fw_lesson *l)
{
    const struct fw_graph *g = &l->a->model.graph;
    for (uint32_t i = 0; i < l->a->n_forward; i++) {
        const struct fw_node *n = &g->nodes[i];
        const struct fw_tensor *x = n->n_in > 0 ? fw_tensor_at(g, n->in[0]) : NULL;
        if (fw_op_recurs(n->op) && x != NULL && x->rank == 3 && fw_gradient_has_weights(g, i))
            return (double)x->dims[0].word * (double)x->dims[1].word;
    }
    return 0;
}

double fw_lesson_tokens(const struct fw_lesson *l, bool *ret_tokens)
{
    const struct fw_graph *g = &l->a->model.graph;
    const struct fw_tensor *t = g->n_inputs > 0 ? &g->tensors[g->inputs[0]] : NULL;
    *ret_tokens = false;
    for (uint32_t i = 0; i < g->n_inputs; i++) { // images may come before the words
        const struct fw_tensor *x = &g->tensors[g->inputs[i]];
        if (x->rank == 2 && (x->dtype == FW_I64 || x->dtype == FW_I32)) {
            t = x;
            break;
        }
    }
    if (t == NULL || t->rank == FW_RANK_UNKNOWN || t->rank == 0)
        return 1;
    double steps = steps_of(l);
    *ret_tokens = (fw_dtypes[t->dtype].class != 'f' && t->rank > 1) || steps > 0;
    if (fw_dtypes[t->dtype].class == 'f' && steps > 0)
        return steps;
    return *ret_tokens ? (double)fw_tensor_elements(g, t).word : (double)t->dims[0].word;
}

const char *fw_lesson_rows(struct fw_lesson *l)
{
    bool is_tokens;
    double n = fw_lesson_tokens(l, &is_tokens);
    const char *text = fw_arena_printf(&l->r->arena, "%s %s%s", fw_doc_int(l->d, (int64_t)n),
                                       is_tokens ? "token" : "example", n == 1 ? "" : "s");
    return text != NULL ? text : "";
}

double fw_lesson_params(const struct fw_lesson *l)
{
    return (double)l->a->totals.trainable_params.word;
}

/* ---- the whole ---- */

static enum fw_status write(struct fw_lesson *l, const struct fw_topic *topic)
{
    static const struct fw_table head = {.flags = FW_TABLE_MERGE | FW_TABLE_JSON_ONLY};
    static const struct fw_table facts = {.key = "facts", .flags = FW_TABLE_JSON_ONLY};
    static const struct fw_column c[] = {
        {"topic", "topic", "", FW_UNIT_NONE, 0},
        {"network", "network", "", FW_UNIT_NONE, 0},
        {"layer", "layer", "the one that is looked at; null: none", FW_UNIT_NONE, 0},
    };
    const struct fw_node *n = l->layer != FW_NONE ? &l->a->model.graph.nodes[l->layer] : NULL;
    struct fw_value v[] = {fw_value_text(topic->name), fw_value_text(l->a->model.path),
                           fw_value_text(n != NULL ? n->name : NULL)};
    FW_TRY(fw_report_record(l->r, &head, c, v, 3, l->err));
    if (l->sizes[0] != '\0')
        fw_doc_text(
            l->d,
            "The network is %s. Sizes that were left open are %s here; `--batch`, `--seq` and "
            "`--set` give others.",
            fw_doc_name(l->d, l->a->model.path), fw_doc_name(l->d, l->sizes));
    else
        fw_doc_text(l->d, "The network is %s.", fw_doc_name(l->d, l->a->model.path));
    FW_TRY(topic->write(l));
    struct fw_column *columns =
        fw_arena_copy(&l->r->arena, l->fact_columns, sizeof l->fact_columns);
    if (columns == NULL)
        return fw_fail_memory(l->err);
    FW_TRY(fw_report_record(l->r, &facts, columns, l->facts, l->n_facts, l->err));
    return fw_document_end(l->d, l->r, l->err);
}

enum fw_status fw_answer_explain(struct fw_report **ret, struct fw_analysis *a,
                                 const struct fw_explain_asked *asked, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.explain/1");
    if (r == NULL)
        return fw_fail_memory(err);
    struct fw_lesson l = {.r = r,
                          .d = fw_document_new(r),
                          .a = a,
                          .optimizer = asked->optimizer,
                          .layer = asked->layer,
                          .sizes = asked->sizes != NULL ? asked->sizes : "",
                          .err = err};
    r->sym = a->model.sym;
    r->title = asked->topic->title;
    enum fw_status status = l.d == NULL ? fw_fail_memory(err) : write(&l, asked->topic);
    return fw_report_finish(ret, r, status);
}
