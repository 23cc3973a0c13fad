/* Headers of safetensors files, for the reader of one file and for that of many shards. */
#ifndef FW_FORMATS_SAFETENSORS_H
#define FW_FORMATS_SAFETENSORS_H

#include "formats/weights.h"

/* Which tensors of a shard are taken. */
struct fw_safetensors_filter {
    bool (*wanted)(struct fw_safetensors_filter *self, const char *name);
};

/* Adds the tensors of a file, whose bytes are data, to the model's last weight file; only those
 * that the filter wants where there is one. */
enum fw_status fw_safetensors_header(struct fw_model *m, const unsigned char *data, size_t size,
                                     struct fw_safetensors_filter *filter, struct fw_error *err);

/* The same for a file of the model's folder, as one more weight file. */
enum fw_status fw_safetensors_shard(struct fw_model *m, const char *name,
                                    struct fw_safetensors_filter *filter, struct fw_error *err);
/* Adds all tensors of an index, whose bytes are data. */
enum fw_status fw_safetensors_index(struct fw_model *m, const unsigned char *data, size_t size,
                                    struct fw_error *err);

#endif
