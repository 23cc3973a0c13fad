#define _DEFAULT_SOURCE
#include "support/onnx_case.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 1200 };

enum fw_status onnx_case_model(const char *folder, struct fw_model *m, struct fw_error *err)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    return fw_format_read(m, path, err);
}

bool onnx_stored_open(struct onnx_stored *ret, const char *folder, const char *kind, unsigned i)
{
    char path[PATH];
    struct fw_array *arrays = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%u.pb", folder, kind, i);
    if (fw_file_open(&ret->file, path, 0, &fw_alloc_default, NULL) != FW_OK)
        return false;
    fw_arena_init(&ret->arena, &fw_alloc_default);
    enum fw_status status =
        fw_arrays_read(ret->file.data, ret->file.size, &ret->arena, &arrays, &n, NULL);
    if (n == 1 && (status == FW_OK || arrays[0].dtype == FW_STRING)) {
        ret->array = arrays[0];
        return true;
    }
    onnx_stored_close(ret);
    return false;
}

void onnx_stored_close(struct onnx_stored *s)
{
    fw_arena_clear(&s->arena);
    fw_file_close(&s->file);
}

void onnx_stored_shape(const struct onnx_stored *s, struct fw_model *m, struct fw_tensor *t)
{
    fw_dim dims[FW_ARRAY_RANK];
    for (unsigned k = 0; k < s->array.rank; k++)
        dims[k] = fw_dim_int(s->array.dims[k]);
    t->rank = (uint8_t)s->array.rank;
    t->dims = fw_arena_copy(&m->arena, dims, s->array.rank * sizeof *dims);
}

static void check_case(struct onnx_cases *cases, const char *folder)
{
    static const char *const words[] = {"ok", "FAIL", "SKIP"};
    struct fw_model m;
    struct fw_str why;
    fw_str_init(&why, &fw_alloc_default);
    if (fw_model_init(&m, &fw_alloc_default, NULL) != FW_OK)
        exit(FW_MEMORY);
    enum verdict verdict = cases->check(cases, folder, &m, &why);
    cases->count[verdict]++;
    if (verdict != PASSED || cases->verbose)
        printf("%s %s %s\n", words[verdict], strrchr(folder, '/') + 1, fw_str_text(&why));
    fw_str_free(&why);
    fw_model_clear(&m);
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void check_folder(struct onnx_cases *cases, const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_case, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH - 100], model[PATH];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        snprintf(model, sizeof model, "%s/model.onnx", path);
        FILE *f = fopen(model, "rb");
        if (f != NULL) {
            fclose(f);
            check_case(cases, path);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free((void *)entries);
}

void onnx_cases_run(struct onnx_cases *cases, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            cases->verbose = true;
        else
            check_folder(cases, argv[i]);
    }
}

int onnx_cases_close(const struct onnx_cases *cases)
{
    printf("%u passed, %u failed, %u skipped\n", cases->count[PASSED], cases->count[FAILED],
           cases->count[SKIPPED]);
    return cases->count[FAILED] > 0;
}
