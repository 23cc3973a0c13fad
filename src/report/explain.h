/* Derivations with a model's own numbers: one writer per topic. */
#ifndef FW_REPORT_EXPLAIN_H
#define FW_REPORT_EXPLAIN_H

#include "report/answers.h"
#include "report/document.h"

enum { FW_MAX_FACTS = 24 };
#define FW_LESSON_MAX_WORK 1e9 // multiply-adds of a layer that a lesson runs

struct fw_lesson {
    struct fw_report *r;
    struct fw_document *d;
    struct fw_analysis *a; // a training step with a loss, all sizes numbers, memory planned
    const struct fw_optimizer *optimizer;
    uint32_t layer;    // the node that is looked at, or FW_NONE
    const char *sizes; // that were chosen here, or ""
    struct fw_column fact_columns[FW_MAX_FACTS];
    struct fw_value facts[FW_MAX_FACTS];
    unsigned n_facts;
    struct fw_error *err;
};

struct fw_topic {
    const char *name;
    const char *title;
    enum fw_status (*write)(struct fw_lesson *l);
    bool layer; // it is about one layer
};
extern const struct fw_topic fw_topics[];
extern const unsigned fw_n_topics;

enum fw_status fw_lesson_6nt(struct fw_lesson *l);
enum fw_status fw_lesson_layer(struct fw_lesson *l);
enum fw_status fw_lesson_memory(struct fw_lesson *l);
enum fw_status fw_lesson_init(struct fw_lesson *l);
enum fw_status fw_lesson_adam(struct fw_lesson *l);
enum fw_status fw_lesson_field(struct fw_lesson *l);
enum fw_status fw_lesson_ratio(struct fw_lesson *l);
/* dL/dW by finite differences on real values, a part of the lessons on a layer. */
enum fw_status fw_lesson_proof(struct fw_lesson *l);

/* A number that the JSON form has under facts/NAME. */
void fw_lesson_fact(struct fw_lesson *l, const char *name, double v);
/* A table of these columns in the text and in JSON. Errors: FW_MEMORY. */
enum fw_status fw_lesson_table(struct fw_lesson *l, const struct fw_table *head,
                               const struct fw_column *columns, uint32_t n_columns,
                               const struct fw_value *values, uint32_t n_rows);
const char *fw_lesson_node(struct fw_lesson *l, uint32_t node); // its name for the text
const char *fw_lesson_shape(struct fw_lesson *l, uint32_t tensor);
/* Operations of one class (FW_FMA ...) of a phase over all nodes, or of one layer; with
 * FW_N_CLASSES all FLOP. */
double fw_lesson_cost(struct fw_lesson *l, unsigned phase, uint32_t layer, unsigned class);
/* Rows of the first input: examples; or tokens, where an input is a matrix of whole numbers or a
 * layer walks along sequences. */
double fw_lesson_tokens(const struct fw_lesson *l, bool *ret_tokens);
const char *fw_lesson_rows(struct fw_lesson *l);    // "128 tokens"
double fw_lesson_params(const struct fw_lesson *l); // trained values

#endif
