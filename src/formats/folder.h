/* A model given as a folder: which file in it describes it, and which hold its weights. */
#ifndef FW_FORMATS_FOLDER_H
#define FW_FORMATS_FOLDER_H

#include "formats/weights.h"

/* The file to begin with: a config.json, else an index, else weights, else one ONNX file. Errors:
 * those of fw_folder_list, FW_UNSUPPORTED where there is none or no telling which. */
enum fw_status fw_folder_main(const char *folder, struct fw_arena *arena, const char **ret,
                              struct fw_error *err);
/* Reads the headers of the weight files beside the description that the model was read from, if
 * there are any, and compares them with the network. */
enum fw_status fw_folder_weights(struct fw_model *m, struct fw_error *err);
/* "model-00002-of-00017.safetensors": the number of the part (from 1), of how many, and the bytes
 * of what stands before the number. False: not such a name. */
bool fw_part_name(const char *name, uint32_t *ret_part, uint32_t *ret_parts, size_t *ret_stem);

#endif
