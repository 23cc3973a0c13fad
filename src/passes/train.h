/* The training graph: loss, gradients and update appended as nodes. */
#ifndef FW_PASSES_TRAIN_H
#define FW_PASSES_TRAIN_H

#include "graph/graph.h"
#include "ops/update.h"

enum fw_loss {
    FW_LOSS_AUTO, // cross-entropy for a class-like output, else the sum of squares
    FW_LOSS_CROSS_ENTROPY,
    FW_LOSS_SQUARES,
    FW_LOSS_NONE // the outputs' gradients are given from outside
};

struct fw_train_options {
    enum fw_loss loss;
    const struct fw_optimizer *optimizer; // NULL: no update nodes
    bool input_grad;                      // the network's float inputs want a gradient
};

/* Switches rows to their training form, appends loss nodes (phase forward), gradient nodes
 * (backward_input, backward_weight) and one update node per trainable parameter. The graph must be
 * inferred and classified. Errors name the node. */
enum fw_status fw_train(struct fw_graph *g, const struct fw_train_options *options,
                        struct fw_error *err);

/* The gradient of a body for the gradient rows of control flow: a copy of the body to which the
 * gradient nodes are appended; its outputs are the gradients of those inputs for which in_grad is
 * set. The gradients of those outputs for which out_grad is set become its last inputs. */
enum fw_status fw_grad_body(struct fw_cx *c, struct fw_graph *body, const bool *out_grad,
                            const bool *in_grad, struct fw_graph **ret);
/* A second body with the same nodes and tensors, whose stored tensors are not counted. Bodies
 * inside it are shared. */
enum fw_status fw_copy_body(struct fw_cx *c, struct fw_graph *body, struct fw_graph **ret);

#endif
