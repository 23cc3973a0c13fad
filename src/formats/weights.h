/* From the headers of weight files to a checkpoint (graph/weights.h), for every reader of such
 * files: adding tensors, finding out what they are for, and standing in for a network where none is
 * described. */
#ifndef FW_FORMATS_WEIGHTS_H
#define FW_FORMATS_WEIGHTS_H

#include "graph/model.h"

/* Appends a file; its number is weights->n_files - 1. */
enum fw_status fw_weights_file(struct fw_model *m, const char *name, int64_t bytes,
                               struct fw_error *err);
/* Appends a tensor of the last file: name, dims, storage, bytes, at and holds are taken over (the
 * first two copied), the rest is found out later. header_at: where the header speaks of it.
 * Errors: FW_FORMAT for a name that is there already, for bytes that are not those of the shape,
 * FW_LIMIT, FW_MEMORY. */
enum fw_status fw_weights_add(struct fw_model *m, const struct fw_stored *t, int64_t header_at,
                              struct fw_error *err);
/* Product of dims, at most INT64_MAX, and the bytes they take; -1 where it is larger or no whole
 * number of blocks (of the last dimension, when rows is true). */
int64_t fw_storage_elements(const int64_t *dims, unsigned rank);
int64_t fw_storage_bytes(const struct fw_storage *s, const int64_t *dims, unsigned rank, bool rows);

/* When all files are read: roles, and what packed tensors stand for (weights_roles.c). */
enum fw_status fw_weights_roles(struct fw_model *m, struct fw_error *err);
/* Gives in ret what the files call a tensor: "a+b" for what they split in two, "a|b" for one way
 * or another, the last one with the ending of all. False: no name is known. */
typedef bool fw_weights_translate(const void *ctx, const char *name, char *ret, size_t size);
/* Compares them with the model's network (weights_check.c); fills in what only it tells. translate
 * NULL: both use the same names. */
enum fw_status fw_weights_check(struct fw_model *m, fw_weights_translate *translate,
                                const void *ctx, struct fw_error *err);
/* Why Hugging Face weights without their config.json have no network. */
const char *fw_weights_want_config(const struct fw_model *m);
/* A graph of one node per module, without a rule: parameters are counted, operations are named as
 * missing, for the reason `why`. */
enum fw_status fw_weights_graph(struct fw_model *m, const char *why, struct fw_error *err);

#endif
