/* What the files of the ONNX reader share.
 *
 * The binary file is walked in place (formats/pb.h); the text format is first turned into the same
 * bytes (onnx_text.c), so everything after that is one reader. Field numbers and meanings are those
 * of onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto .
 *
 *   onnx.c           the model: versions, list of operators used
 *   onnx_graph.c     one graph: names, inputs, initializers, outputs, annotations
 *   onnx_node.c      one node: its row, its attributes' slots, arity
 *   onnx_attr.c      attribute values
 *   onnx_tensor.c    stored tensors
 *   onnx_value.c     declared types and shapes
 *   onnx_function.c  functions of the model, written out where they are called
 *   onnx_forms.c     older forms of operators brought into the newest */
#ifndef FW_FORMATS_ONNX_H
#define FW_FORMATS_ONNX_H

#include "base/map.h"
#include "formats/pb.h"
#include "graph/model.h"
#include "ops/op.h"

/* AttributeProto.AttributeType */
enum fw_onnx_type {
    FW_ONNX_UNDEFINED,
    FW_ONNX_FLOAT,
    FW_ONNX_INT,
    FW_ONNX_STRING,
    FW_ONNX_TENSOR,
    FW_ONNX_GRAPH,
    FW_ONNX_FLOATS,
    FW_ONNX_INTS,
    FW_ONNX_STRINGS,
    FW_ONNX_TENSORS,
    FW_ONNX_GRAPHS,
    FW_ONNX_SPARSE_TENSOR,
    FW_ONNX_SPARSE_TENSORS,
    FW_ONNX_TYPE_PROTO,
    FW_ONNX_TYPE_PROTOS,
    FW_ONNX_N_TYPES
};

/* A piece of the file: not NUL-terminated. */
struct fw_onnx_text {
    const char *s;
    size_t len;
};

struct fw_onnx_scope;
struct fw_onnx_form;

/* One attribute as the file has it, references of functions resolved. */
struct fw_onnx_attr {
    struct fw_onnx_text name;
    enum fw_onnx_type type;
    int64_t i;
    double f;
    struct fw_onnx_text s;
    uint32_t n;                  // elements of a list
    const int64_t *ints;         // (n) of a list the reader made itself; else NULL: see message
    struct fw_pb message;        // the whole AttributeProto
    struct fw_pb sub;            // tensor, graph or sparse tensor in it
    struct fw_onnx_scope *scope; // where the names inside a graph are looked up
};

/* A function call's attribute under the name the function knows it by. */
struct fw_onnx_binding {
    struct fw_onnx_text name;
    struct fw_onnx_attr attr;
};

struct fw_onnx_capture {
    uint32_t inner; // input of the body
    uint32_t outer; // tensor of the graph that holds the body
};

/* Where names mean something: a graph, or a function written out into its caller's graph. */
struct fw_onnx_scope {
    struct fw_graph *g;
    struct fw_onnx_scope *outer; // of a body; NULL for the model's graph and for functions
    struct fw_map names;         // name -> tensor; FW_NONE: an input that the call leaves out
    uint32_t *made;              // (n_made) inputs or outputs of the graph being collected
    uint32_t n_made, cap_made;
    uint32_t n_pending; // tensors used whose node was not met yet
    struct fw_onnx_capture *captures;
    uint32_t n_captures, cap_captures;
    const struct fw_onnx_binding *bindings; // of the function around this
    uint32_t n_bindings;
    const char *prefix; // of node names: "" or "CALL/"
    int64_t opset;      // version of the default domain
    bool is_function;
    bool wants_shapes; // a body whose declared input shapes are read also where they have letters
};

struct fw_onnx_function {
    struct fw_pb message;
    struct fw_onnx_text domain, name, overload;
    int64_t opset;
    bool active; // being written out: a call of it is a recursion
};

/* Attributes that nodes of one operator had before: networks repeat themselves, and equal bytes
 * give equal slots. */
#define FW_ONNX_KNOWN 4
struct fw_onnx_known {
    const unsigned char *at; // the run of AttributeProto fields in the file
    size_t len;
    const struct fw_attr *attr; // what they gave
};

/* What an (operator, domain) of the file turned out to be. */
struct fw_onnx_row {
    const char *name;
    const char *domain;
    const struct fw_op *op;           // a gap row where nothing is known
    const struct fw_attr *defaults;   // (op->n_attrs)
    const struct fw_onnx_form *forms; // (n_forms) older forms, see onnx_forms.c
    uint32_t n_forms;
    uint32_t function; // index, or FW_NONE
    bool holds_graphs; // some attribute is a body
    struct fw_onnx_known known[FW_ONNX_KNOWN];
    uint32_t n_known; // ever kept; the oldest is overwritten
    bool stores;      // no operation: its output is a stored tensor
};

struct fw_onnx {
    struct fw_model *m;
    struct fw_error *err;
    bool keep_offsets; // of nodes; false where the bytes are not the file's own
    struct fw_map row_map;
    struct fw_onnx_row **rows;
    uint32_t n_rows, cap_rows;
    struct fw_onnx_function *functions;
    uint32_t n_functions, cap_functions;
    uint32_t n_nodes; // met so far, calls and copies included
    uint32_t depth;   // of bodies and calls
    bool has_overloads;
};

struct fw_onnx_port {
    struct fw_onnx_text name;
    uint32_t id;
};

#define FW_ONNX_SMALL 12
struct fw_onnx_ports {
    struct fw_onnx_port *v; // (n)
    uint32_t n, cap;
    struct fw_onnx_port small[FW_ONNX_SMALL];
};
struct fw_onnx_attrs {
    struct fw_onnx_attr *v; // (n)
    uint32_t n, cap;
    struct fw_onnx_attr small[FW_ONNX_SMALL];
};

/* A node on its way from the file to the graph; forms change it before its row is applied. */
struct fw_onnx_node {
    struct fw_onnx_scope *scope;
    struct fw_onnx_row *row;
    struct fw_onnx_text op, domain, overload, given_name;
    const char *name; // in the arena
    struct fw_onnx_ports in, out;
    struct fw_onnx_attrs attrs;
    struct fw_pb attr_run;       // the fields that hold attributes, when they stand together
    const struct fw_attr *slots; // attributes known from an earlier node, or NULL
    int32_t at;
    bool again; // an output has been made by another node already
    bool done;  // nothing is left to append
};

struct fw_onnx_tensor {
    struct fw_onnx_text name;
    enum fw_dtype dtype;
    unsigned rank;
    fw_dim dims[FW_MAX_RANK];
    struct fw_data data;
};

/* onnx.c */
enum fw_status fw_onnx_read_model(struct fw_model *m, const unsigned char *data, size_t size,
                                  bool keep_offsets, struct fw_error *err);
enum fw_status fw_onnx_row_find(struct fw_onnx *rd, struct fw_onnx_text domain,
                                struct fw_onnx_text name, struct fw_onnx_row **ret);
/* A row of domain "flopwise", which no file can name. */
enum fw_status fw_onnx_row_internal(struct fw_onnx *rd, const char *name, struct fw_onnx_row **ret);
enum fw_status fw_onnx_opset_read(struct fw_onnx *rd, struct fw_pb pb,
                                  struct fw_onnx_text *ret_domain, int64_t *ret_version);
char *fw_onnx_dup(struct fw_onnx *rd, struct fw_onnx_text text); // NULL = out of memory
bool fw_onnx_is(struct fw_onnx_text text, const char *word);
bool fw_onnx_same(struct fw_onnx_text a, struct fw_onnx_text b);
static inline struct fw_onnx_text fw_onnx_text_of(const struct fw_pb_field *f)
{
    return (struct fw_onnx_text){(const char *)f->data, f->len};
}
struct fw_onnx_text fw_onnx_word(const char *word);
/* A longer array with room for one more, old contents kept. */
enum fw_status fw_onnx_grow(struct fw_onnx *rd, void **items, uint32_t n, uint32_t *cap,
                            size_t bytes);

/* onnx_graph.c */
void fw_onnx_scope_clear(struct fw_onnx *rd, struct fw_onnx_scope *scope);
enum fw_status fw_onnx_graph(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb);
/* The tensor of a node's output; *ret_fresh false: something else has made it already. */
enum fw_status fw_onnx_define(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                              struct fw_onnx_text name, bool *ret_fresh, uint32_t *ret);
enum fw_status fw_onnx_check_pending(struct fw_onnx *rd, const struct fw_onnx_scope *scope);
/* A GRAPH attribute: builds the body; scope->captures tells what it needs from around it. */
enum fw_status fw_onnx_body(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                            struct fw_onnx_node *holder, uint32_t n_own, struct fw_graph **ret);
/* The tensor of a name. *ret is FW_NONE where a function's caller left an input out. */
enum fw_status fw_onnx_resolve(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                               struct fw_onnx_text name, uint32_t *ret);

/* onnx_node.c */
enum fw_status fw_onnx_node(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb);
enum fw_status fw_onnx_node_append(struct fw_onnx *rd, struct fw_onnx_node *node);
enum fw_status fw_onnx_port_push(struct fw_onnx *rd, struct fw_onnx_ports *ports, uint32_t id);
/* Error with the node in front: "node 'x' (Conv): ...". Returns code. */
enum fw_status fw_onnx_node_fail(struct fw_onnx *rd, const struct fw_onnx_node *node,
                                 enum fw_status code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
enum fw_status fw_onnx_node_limit(struct fw_onnx *rd, const struct fw_onnx_node *node,
                                  enum fw_limit which);

/* onnx_attr.c */
extern const char *const fw_onnx_type_names[FW_ONNX_N_TYPES];
/* Reads one AttributeProto; *ret_given false: it refers to an attribute that the call leaves out.
 */
enum fw_status fw_onnx_attr_read(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb,
                                 struct fw_onnx_attr *ret, bool *ret_given);
struct fw_onnx_attr *fw_onnx_attr_find(struct fw_onnx_node *node, const char *name);
enum fw_status fw_onnx_attr_add(struct fw_onnx *rd, struct fw_onnx_node *node,
                                const struct fw_onnx_attr *attr);
enum fw_status fw_onnx_attr_ints(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                                 const int64_t **ret);
enum fw_status fw_onnx_attr_floats(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                                   const double **ret);
/* The value into a row's slot of the type the row wants. */
enum fw_status fw_onnx_attr_slot(struct fw_onnx *rd, struct fw_onnx_node *node,
                                 const struct fw_onnx_attr *attr, const struct fw_attr_spec *spec,
                                 uint32_t n_own, struct fw_attr *ret);

/* onnx_tensor.c */
enum fw_status fw_onnx_dtype(struct fw_onnx *rd, const struct fw_pb *pb, uint64_t code,
                             enum fw_dtype *ret);
enum fw_status fw_onnx_tensor_read(struct fw_onnx *rd, struct fw_pb pb, struct fw_onnx_tensor *ret);
enum fw_status fw_onnx_sparse_read(struct fw_onnx *rd, struct fw_pb pb, struct fw_onnx_tensor *ret);
/* Makes tensor id of g the stored tensor t. */
enum fw_status fw_onnx_store(struct fw_onnx *rd, struct fw_graph *g, uint32_t id,
                             const struct fw_onnx_tensor *t);
/* A Constant node: its attribute becomes the contents of its output. */
enum fw_status fw_onnx_constant(struct fw_onnx *rd, struct fw_onnx_node *node);
/* New stored tensor of numbers: rank 1, or a scalar with rank 0 (n = 1). */
enum fw_status fw_onnx_ints(struct fw_onnx *rd, struct fw_graph *g, const int64_t *v, uint32_t n,
                            unsigned rank, uint32_t *ret);
enum fw_status fw_onnx_floats(struct fw_onnx *rd, struct fw_graph *g, const double *v, uint32_t n,
                              unsigned rank, uint32_t *ret);

/* onnx_value.c */
/* ValueInfoProto of a graph input: its name, and what it declares into tensor id. */
enum fw_status fw_onnx_value_name(struct fw_onnx *rd, struct fw_pb pb, struct fw_onnx_text *ret);
enum fw_status fw_onnx_value_input(struct fw_onnx *rd, struct fw_graph *g, struct fw_pb pb,
                                   uint32_t id);
/* An annotation. new_letters: unknown sizes may become new symbols; else such a shape is left. */
enum fw_status fw_onnx_value_hint(struct fw_onnx *rd, struct fw_graph *g, struct fw_pb pb,
                                  uint32_t id, bool new_letters);

/* onnx_function.c */
enum fw_status fw_onnx_function_add(struct fw_onnx *rd, struct fw_pb pb);
uint32_t fw_onnx_function_find(const struct fw_onnx *rd, struct fw_onnx_text domain,
                               struct fw_onnx_text name, struct fw_onnx_text overload);
enum fw_status fw_onnx_function_call(struct fw_onnx *rd, struct fw_onnx_node *node, uint32_t index);

/* onnx_forms.c: rows in the order of the operator's name. */
struct fw_onnx_form {
    const char *op;   // of the default domain
    int16_t from, to; // versions of the domain that have this form; 0 = no end
    enum fw_status (*apply)(struct fw_onnx *rd, struct fw_onnx_node *node,
                            const struct fw_onnx_form *form);
    const char *attr; // the attribute it is about
    const char *text; // the new name or value
    int64_t number;   // an input's place, or a default
};
void fw_onnx_forms_of(const char *domain, const char *name, struct fw_onnx_row *row);

#endif
