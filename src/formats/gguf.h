/* GGUF metadata, as the reader hands it to what builds the network. */
#ifndef FW_FORMATS_GGUF_H
#define FW_FORMATS_GGUF_H

#include "base/json.h"
#include "formats/weights.h"

struct fw_gguf_value {
    const char *key;
    uint32_t type; // enum of the format; of an array: of its elements
    bool array;
    uint64_t n;          // elements of an array
    int64_t i;           // whole numbers, truth values
    double f;            // numbers
    const char *s;       // texts
    const int64_t *ints; // (n) of a short array of whole numbers or truth values, else NULL
};

struct fw_gguf {
    struct fw_gguf_value *values; // (n)
    uint32_t n;
};

const struct fw_gguf_value *fw_gguf_find(const struct fw_gguf *g, const char *key);
/* A whole number; for an array of equal ones (a size per layer) the first. */
int64_t fw_gguf_int(const struct fw_gguf *g, const char *key, int64_t absent);

/* Builds the network that the metadata describe, through the families of config.json, and compares
 * it with the tensors; where no family fits, a graph of weights that says so (gguf_config.c). */
enum fw_status fw_gguf_network(struct fw_model *m, const struct fw_gguf *g, struct fw_error *err);

#endif
