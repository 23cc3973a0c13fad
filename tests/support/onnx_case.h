/* The cases of the ONNX backend's tests: folders that hold model.onnx and, below test_data_set_0,
 * input_N.pb and output_N.pb. Not part of the library. */
#ifndef FW_TESTS_SUPPORT_ONNX_CASE_H
#define FW_TESTS_SUPPORT_ONNX_CASE_H

#include "base/file.h"
#include "formats/formats.h"
#include "formats/npy.h"

enum verdict { PASSED, FAILED, SKIPPED };

/* Runs every case of some folders and keeps the sums. */
struct onnx_cases {
    /* m is empty; why is printed behind the name of a case that did not pass. */
    enum verdict (*check)(struct onnx_cases *self, const char *folder, struct fw_model *m,
                          struct fw_str *why);
    bool verbose; // name those that passed, too
    unsigned count[3];
};

/* Arguments: [-v] FOLDER..., each with a folder per case. */
void onnx_cases_run(struct onnx_cases *cases, int argc, char **argv);
/* Prints the closing line; the exit code. */
int onnx_cases_close(const struct onnx_cases *cases);

/* Reads the case's model.onnx. */
enum fw_status onnx_case_model(const char *folder, struct fw_model *m, struct fw_error *err);

/* A stored input or output. */
struct onnx_stored {
    struct fw_file file;
    struct fw_arena arena;
    struct fw_array array;
};

/* kind: "input" or "output". False where there is none or where it is no tensor. Of strings only
 * type and shape are read. */
bool onnx_stored_open(struct onnx_stored *ret, const char *folder, const char *kind, unsigned i);
void onnx_stored_close(struct onnx_stored *s);
/* Gives a graph's tensor the stored shape; dims live in m's arena. */
void onnx_stored_shape(const struct onnx_stored *s, struct fw_model *m, struct fw_tensor *t);

#endif
