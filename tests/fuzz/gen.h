/* Random models out of bytes: operators from the table, wired, with attributes of the right kinds,
 * sizes that may be letters, bodies. The same bytes give the same model, so that a fuzzer that
 * changes bytes changes models; what is written is a well-formed file, which shapes may or may not
 * fit. A model can be written as ONNX and in ONNX's text format. */
#ifndef TESTS_FUZZ_GEN_H
#define TESTS_FUZZ_GEN_H

#include "base/str.h"
#include "ops/op.h"

enum {
    GEN_VALUES = 192,
    GEN_NODES = 12, // of one graph
    GEN_GRAPHS = 8, // bodies included
    GEN_PORTS = 9,
    GEN_ATTRS = 8,
    GEN_LIST = 8, // elements of a stored tensor with contents, of an attribute's list
    GEN_RANK = 5,
    GEN_LETTERS = 3
};

enum gen_kind { GEN_INPUT, GEN_STORED, GEN_MADE };

/* A tensor; number k is called "tk". */
struct gen_value {
    uint8_t kind;           // enum gen_kind
    uint8_t dtype;          // TensorProto.DataType; 0: not known
    uint8_t rank;           // FW_RANK_UNKNOWN: not known
    uint8_t graph;          // the one it belongs to
    bool used;              // something reads it
    bool contents;          // stored: v holds them; else they are in a file of weights
    int64_t dims[GEN_RANK]; // -1 - k is letter k
    int64_t n;              // of v
    int64_t v[GEN_LIST];
};

struct gen_graph;

struct gen_attr {
    const struct fw_attr_spec *spec;
    unsigned n;
    int64_t i[GEN_LIST];     // numbers; floats are i / 4
    const char *s[GEN_LIST]; // texts
    struct gen_graph *graph; // a body
    struct gen_value tensor;
};

struct gen_node {
    const struct fw_op *op;
    unsigned n_in, n_out, n_attrs;
    int in[GEN_PORTS];  // values; -1: left out
    int out[GEN_PORTS]; // values
    struct gen_attr attrs[GEN_ATTRS];
};

struct gen_graph {
    int inputs[GEN_PORTS], outputs[GEN_VALUES];
    unsigned n_inputs, n_outputs, n_nodes;
    int first_value; // values of this graph have at least this number; stored ones are its own
    int end_value;
    struct gen_node nodes[GEN_NODES];
};

struct gen_model {
    const unsigned char *p, *end; // bytes that are left
    struct gen_value values[GEN_VALUES];
    int n_values;
    struct gen_graph graphs[GEN_GRAPHS]; // [0] is the model's
    unsigned n_graphs;
    unsigned depth; // of the graph being made
    bool wild;      // nodes stay although their shapes do not fit
};

typedef void gen_make(struct gen_model *m, const unsigned char *data, size_t n);
gen_make gen_model;
/* A model of one node; any operator without a body, sizes are numbers. */
gen_make gen_alone;
unsigned gen_draw(struct gen_model *m, unsigned below); // 0 when there are no bytes left

/* ONNX, and ONNX's text format; both end with the same outputs in the same order. */
void gen_write_onnx(const struct gen_model *m, struct fw_str *out);
void gen_write_text(const struct gen_model *m, struct fw_str *out);

extern const char *const gen_letters[GEN_LETTERS];

#endif
