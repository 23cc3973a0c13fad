/* Model files: which format it is and who reads it.
 *
 * A reader only builds the graph: it infers no shapes, counts nothing and reads no weights. To add
 * a format: one file that defines `const struct fw_format fw_format_NAME`, and a line in
 * formats.def. */
#ifndef FW_FORMATS_FORMATS_H
#define FW_FORMATS_FORMATS_H

#include "graph/model.h"

struct fw_format {
    const char *name;       // what fw_model.format says
    const char *extensions; // ".onnx .onnxtxt": asked only when no content matches
    /* Does this look like mine? 0 yes, 1 no. Looks at the bytes, moves and allocates nothing. */
    int (*match)(const unsigned char *data, size_t size);
    /* Builds model->graph from data, which lives as long as the model. */
    enum fw_status (*read)(struct fw_model *model, const unsigned char *data, size_t size,
                           struct fw_error *err);
};

/* Opens path ("-": standard input) into model->file and reads it. model must be fresh from
 * fw_model_init; after an error it is fit for fw_model_clear only. */
enum fw_status fw_format_read(struct fw_model *model, const char *path, struct fw_error *err);
/* The same from memory, which must outlive the model; name stands for the path. */
enum fw_status fw_format_read_bytes(struct fw_model *model, const void *data, size_t size,
                                    const char *name, struct fw_error *err);
/* Whether a reader's ending fits this name. */
bool fw_format_takes(const char *name);

#endif
