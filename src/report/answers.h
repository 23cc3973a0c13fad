/* From an analysis to a report; one file per answer. */
#ifndef FW_REPORT_ANSWERS_H
#define FW_REPORT_ANSWERS_H

#include "engine/stat.h"
#include "passes/field.h"
#include "report/layers.h"
#include "study/audit.h"
#include "study/ratio.h"

/* What the reports of a model say about it. */
struct fw_asked {
    const struct fw_options *options;
    const struct fw_binding *symbols; // (n_symbols) as given by the caller
    size_t n_symbols;
};

/* The analysis must outlive the report. Each gives *ret a report to be freed by fw_report_free. */
enum fw_status fw_answer_count(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, struct fw_error *err);
enum fw_status fw_answer_memory(struct fw_report **ret, struct fw_analysis *a,
                                const struct fw_asked *asked, struct fw_error *err);
enum fw_status fw_answer_diff(struct fw_report **ret, struct fw_analysis *a, struct fw_analysis *b,
                              struct fw_error *err);
/* A curve of ratios, its limit and its formula; the report copies it. */
struct fw_ratio_curve {
    const char *symbol;                  // what is swept: "batch"
    const struct fw_ratio_point *points; // (n)
    uint32_t n;
    const char *letter; // that grows in the limit, or NULL: there is no limit
    struct fw_ratio_parts limit;
    struct fw_value formula; // of the ratio, made by fw_quotient
    const char *open;        // "seq is": why there are no points, or NULL
};
enum fw_status fw_answer_ratio(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, const struct fw_ratio_curve *curve,
                               struct fw_error *err);
/* at: the node the picture is about, NULL for the last that has a field. */
enum fw_status fw_answer_field(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, const struct fw_fields *f,
                               const char *at, struct fw_error *err);
enum fw_status fw_answer_check(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, const struct fw_budget *budget,
                               struct fw_error *err);
enum fw_status fw_answer_ops(struct fw_report **ret, const char *pattern,
                             const struct fw_alloc *alloc, struct fw_error *err);
struct fw_estimate;
/* Fills r, in whose arena the run of the estimate stands. */
enum fw_status fw_answer_estimate(struct fw_report *r, const struct fw_estimate *e, bool document,
                                  struct fw_error *err);
/* data: the table at path, which need not outlive the call. */
enum fw_status fw_answer_claims(struct fw_report **ret, const void *data, size_t n,
                                const char *path, const struct fw_alloc *alloc,
                                struct fw_error *err);
enum fw_status fw_answer_hardware(struct fw_report **ret, const char *name, bool years,
                                  const struct fw_alloc *alloc, struct fw_error *err);
enum fw_status fw_answer_formats(struct fw_report **ret, const struct fw_alloc *alloc,
                                 struct fw_error *err);
enum fw_status fw_answer_zoo(struct fw_report **ret, const char *pattern,
                             const struct fw_alloc *alloc, struct fw_error *err);
/* What is asked about initialisation. */
struct fw_init_scheme;
struct fw_init_asked {
    const struct fw_init_scheme *scheme;
    bool simulate;
    uint32_t draws; // 0: as many as are needed
    uint64_t seed;
};
enum fw_status fw_answer_init(struct fw_report **ret, struct fw_analysis *a,
                              const struct fw_asked *asked, const struct fw_init_asked *init,
                              struct fw_error *err);
/* A derivation with the model's numbers. */
struct fw_topic;
struct fw_explain_asked {
    const struct fw_topic *topic;
    const struct fw_optimizer *optimizer;
    uint32_t layer;    // node that is looked at, or FW_NONE
    const char *sizes; // "batch = 1, seq = 128": left open by the caller; "" where nothing was
};
enum fw_status fw_answer_explain(struct fw_report **ret, struct fw_analysis *a,
                                 const struct fw_explain_asked *asked, struct fw_error *err);
/* o NULL: the list of all. trial: what is run, or NULL. */
struct fw_trial;
enum fw_status fw_answer_optimizer(struct fw_report **ret, const struct fw_optimizer *o,
                                   const struct fw_trial *trial, const struct fw_alloc *alloc,
                                   struct fw_error *err);
/* Text and tables of a run. */
struct fw_document;
enum fw_status fw_report_add_trial(struct fw_report *r, struct fw_document *d,
                                   const struct fw_trial *trial, struct fw_error *err);
enum fw_status fw_answer_error(struct fw_report **ret, const struct fw_error *what,
                               const struct fw_alloc *alloc, struct fw_error *err);

/* Limits on what a model may ask for (schema flopwise.limits/1). */
enum fw_status fw_answer_limits(struct fw_report **ret, const struct fw_alloc *alloc,
                                struct fw_error *err);
/* command: the program as it was called; a: a model whose prediction stands beside, or NULL, run
 * `steps` times. */
enum fw_status fw_answer_stat(struct fw_report **ret, const struct fw_counter *c,
                              const struct fw_stat *s, const char *command, struct fw_analysis *a,
                              uint64_t steps, struct fw_error *err);
/* fresh: measured now, whatever the cache holds. */
enum fw_status fw_answer_peak(struct fw_report **ret, const struct fw_alloc *alloc, bool fresh,
                              struct fw_error *err);

/* top/bottom: a number, the formula as text in the arena where letters are left, null for none. */
struct fw_value fw_quotient(struct fw_symbols *sym, fw_count top, fw_count bottom,
                            struct fw_arena *arena);
/* The execution must outlive the report. */
enum fw_status fw_answer_run(struct fw_report **ret, struct fw_execution *x,
                             const struct fw_asked *asked, const struct fw_execute_options *how,
                             struct fw_error *err);

/* The audit must outlive the report. */
enum fw_status fw_answer_audit(struct fw_report **ret, struct fw_audit *au,
                               const struct fw_asked *asked, bool fast, struct fw_error *err);

/* The table "model": file, format, nodes, inputs, letters. */
enum fw_status fw_report_add_model(struct fw_report *r, struct fw_analysis *a,
                                   const struct fw_asked *asked, struct fw_error *err);
/* What weight files hold, by type and tensor, and what does not fit the network; nothing where
 * there are none. */
enum fw_status fw_report_add_weights(struct fw_report *r, struct fw_analysis *a,
                                     struct fw_error *err);
/* "complete" and the list of what is missing; sets the report's status. */
enum fw_status fw_report_add_missing(struct fw_report *r, struct fw_analysis *a, bool complete,
                                     struct fw_error *err);

/* What is asked of language models, where it is one. */
enum fw_status fw_report_add_language(struct fw_report *r, struct fw_analysis *a,
                                      struct fw_error *err);
/* n over the tokens of a pass: a whole number where it comes out even, else as fw_quotient. */
struct fw_value fw_per_token(struct fw_report *r, struct fw_symbols *sym, fw_count n,
                             fw_count tokens);
/* Another convention's number beside ours, and the operators or parts that make the difference.
 * FW_UNSUPPORTED where it counts language models and this is none. */
struct fw_convention;
enum fw_status fw_report_add_convention(struct fw_report *r, struct fw_analysis *a,
                                        const struct fw_convention *convention,
                                        struct fw_error *err);

#endif
