/* What control flow and its gradients share. */
#ifndef FW_OPS_CONTROL_H
#define FW_OPS_CONTROL_H

#include "ops/op.h"

#define FW_CONTROL_FLAGS (FW_OP_OWN_BYTES | FW_OP_UNKNOWN_OK | FW_OP_OPEN_OK | FW_OP_CONTRACTION)

/* Input i of the node with its contents, as a value. */
struct fw_tensor fw_body_outer(struct fw_cx *c, unsigned i);
bool fw_is_stored(const struct fw_tensor *t); // in the file, or made from what is
/* Gives input k of a body a shape; where there is none to give the file's annotation stays. */
void fw_body_give(struct fw_graph *body, uint32_t k, const struct fw_tensor *t, bool weight_side);
unsigned fw_body_depth(const struct fw_graph *g);
/* Checks the body in an attribute and hands in what it captures. */
enum fw_status fw_body_open(struct fw_cx *c, unsigned attr, struct fw_graph **ret);
/* Hands in what a body captures. */
enum fw_status fw_body_take_in(struct fw_cx *c, struct fw_graph *body);
/* Infers a body anew, forgetting what an earlier inference found. */
enum fw_status fw_body_infer(struct fw_cx *c, struct fw_graph *body);
/* Output k of a body with its contents, as a value. */
struct fw_tensor fw_body_out(struct fw_graph *body, uint32_t k);
/* Output i of the node gets a tensor's shape, with contents where value is set. */
enum fw_status fw_set_out_from(struct fw_cx *c, unsigned i, const struct fw_tensor *t,
                               const fw_dim *value);
/* Two contents of a tensor of shape t; either may be NULL. */
bool fw_same_value(const struct fw_graph *g, const struct fw_tensor *t, const fw_dim *a,
                   const fw_dim *b);

/* A node's body or two branches as their gradient sees them. */
struct fw_branches {
    const struct fw_op *row;  // of the gradient
    struct fw_graph *body[2]; // the second may be NULL
    uint32_t n_state;         // values carried from one iteration to the next,
    uint32_t first_state;     // input first_state + k of the body (and of the node),
    uint32_t first_out;       // output first_out + k of the body, k of the node (all outputs)
};

/* Appends the gradients of the node: one node per phase. */
enum fw_status fw_grad_bodies(struct fw_grad *gr, const struct fw_branches *b);

/* Makes outputs of the forward node of what the gradient of its body reads of every turn: *ret
 * (ret_n), to be inputs of the gradient nodes. Sets to FW_NONE those of the forward inputs `in`
 * (one per input of the node) that the gradient does not read. */
enum fw_status fw_keep_turns(struct fw_grad *gr, const struct fw_branches *b, struct fw_graph *back,
                             uint32_t *in, uint32_t **ret, uint32_t *ret_n);

/* cost += the larger of trips * cost in one phase (FW_N_PHASES: all); either may be NULL. */
void fw_cost_bodies(struct fw_cx *c, struct fw_graph *a, struct fw_graph *b, unsigned phase,
                    struct fw_cost *cost);
void fw_cost_body(struct fw_cx *c, struct fw_cost *cost); // trips * the body in attribute 0

/* One body of a node, as a report shows it. */
struct fw_body_entry {
    const char *name;    // of the attribute: then_branch, body, decoder ...
    fw_count trips;      // how often one execution of the node runs it
    struct fw_cost cost; // of all these runs, all phases
    bool complete;       // false: a part of it is a gap
    enum fw_body_counts {
        FW_BODY_COUNTS,     // its cost is part of the node's
        FW_BODY_LEFT_OUT,   // another branch costs more, or it never runs
        FW_BODY_CONTRIBUTES // branches whose letters leave open which costs more: the larger number
                            // of every class counts, an upper bound
    } counts;
};
enum { FW_MAX_BODIES = 4 }; // a node has at most
/* Lists the bodies of a node in the order of its attributes; 0 for a node without. Shapes must have
 * been inferred. */
unsigned fw_list_bodies(struct fw_cx *c, struct fw_body_entry ret[FW_MAX_BODIES]);

/* control_grad.c */
extern const struct fw_op *const fw_op_if_grad;
extern const struct fw_op *const fw_op_loop_grad;
extern const struct fw_op *const fw_op_scan_grad;

#endif
