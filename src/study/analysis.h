/* The pipeline behind every answer: read, bind, infer, classify, train, cost, memory. */
#ifndef FW_STUDY_ANALYSIS_H
#define FW_STUDY_ANALYSIS_H

#include "graph/model.h"
#include "passes/cost.h"
#include "passes/memory.h"
#include "passes/train.h"

/* "batch" = "8", or for shapes "input" = "1x3x224x224" (name NULL: the only input). */
struct fw_binding {
    const char *name;
    const char *value;
};

struct fw_analysis_options {
    const struct fw_model *built; // a network to copy, which outlives the analysis; NULL: a file
    const struct fw_binding *symbols; // (n_symbols)
    size_t n_symbols;
    const struct fw_binding *shapes; // (n_shapes)
    size_t n_shapes;
    const struct fw_optimizer *optimizer;
    const struct fw_precision *precision;
    enum fw_loss loss;
    const char *const *freeze; // (n_freeze) patterns
    size_t n_freeze;
    const char *folder;    // where the model's other files may be opened, or NULL: nowhere
    bool whole_folder;     // the model was given as this folder
    const char *recompute; // "none", "full" or a pattern
    bool bare;             // a description's model without its head
    bool further;          // with the layers that predict further words
    bool flash;            // attention that can computes its probabilities again
    const char *lora;      // adapters (passes/lora.h), or NULL
    bool inference;        // no backward, no update
    bool input_grad;
    bool memory;   // fill the two memory answers
    bool timeline; // with the bytes alive at every node
};

struct fw_analysis {
    struct fw_model model;
    struct fw_totals totals;
    struct fw_memory inference; // of the forward graph, when memory was asked for
    struct fw_memory training;  // of the training graph, when memory was asked for
    const struct fw_precision *precision;
    uint32_t n_forward; // nodes of the file; loss, gradients and updates follow
    bool trained;
};

/* data must outlive the analysis; path only names it in messages. After an error nothing needs to
 * be freed. Errors: those of the reader and of the passes, FW_USAGE for a binding that fits
 * nothing. */
enum fw_status fw_analyse(struct fw_analysis *a, const void *data, size_t size, const char *path,
                          const struct fw_alloc *alloc, const struct fw_analysis_options *options,
                          struct fw_error *err);
void fw_analysis_clear(struct fw_analysis *a); // NULL-safe

#endif
