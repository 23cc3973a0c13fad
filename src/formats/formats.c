/* Chooses the reader: by content first, by ending second; see formats.h. */
#include "formats/formats.h"

#include "base/folder.h"
#include "formats/folder.h"

#include <stdbool.h>
#include <string.h>

#define FW_FORMAT_ROW(name) extern const struct fw_format fw_format_##name;
#include "formats/formats.def"
#undef FW_FORMAT_ROW

/* In the order they are asked. */
static const struct fw_format *const formats[] = {
#define FW_FORMAT_ROW(name) &fw_format_##name,
#include "formats/formats.def"
#undef FW_FORMAT_ROW
};
static const unsigned n_formats = sizeof formats / sizeof *formats;

/* Files people have at hand and give by mistake. */
struct magic {
    uint32_t at;
    const char *bytes;
    uint32_t len;
    const char *what;
};
static const struct magic magics[] = {
    {0, "PK\3\4", 4,
     "a zip archive (PyTorch .pt and .pth, Keras .keras and .npz are such): export the network to "
     "ONNX"},
    {0, "\x1f\x8b", 2, "gzip-compressed: unpack it first"},
    {0, "BZh", 3, "bzip2-compressed: unpack it first"},
    {0,
     "\xfd"
     "7zXZ",
     5, "xz-compressed: unpack it first"},
    {0, "\x28\xb5\x2f\xfd", 4, "zstd-compressed: unpack it first"},
    {257, "ustar", 5, "a tar archive: unpack it first"},
    {0, "\x89HDF\r\n\x1a\n", 8, "HDF5 (Keras .h5): export the network to ONNX"},
    {4, "TFL3", 4, "a TensorFlow Lite model: convert it to ONNX"},
    {4, "ORTM", 4, "an ONNX Runtime model (.ort): give the .onnx file it was made from"},
    {0, "\x93NUMPY", 6, "a NumPy array, which holds no network"},
    {0, "version https://git-lfs", 23,
     "a Git LFS pointer, not the file itself: fetch it with `git lfs pull`"},
    {0,
     "\x7f"
     "ELF",
     4, "a program"},
    {0, "%PDF", 4, "a PDF document"},
    {0, "\x89PNG", 4, "a PNG image"},
    {0, "\x80\x02", 2, "a Python pickle (PyTorch): export the network to ONNX"},
    {0, "\x80\x03", 2, "a Python pickle: export the network to ONNX"},
    {0, "\x80\x04", 2, "a Python pickle: export the network to ONNX"},
    {0, "\x80\x05", 2, "a Python pickle: export the network to ONNX"},
};

static bool is_text(const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size && i < 512; i++)
        if (data[i] == 0x7f || (data[i] < ' ' && (data[i] < '\t' || data[i] > '\r')))
            return false;
    return true;
}

/* Known by its first bytes, or NULL. */
static const char *known_kind(const unsigned char *data, size_t size)
{
    if (size == 0)
        return "empty";
    for (unsigned i = 0; i < sizeof magics / sizeof *magics; i++)
        if (size >= (size_t)magics[i].at + magics[i].len &&
            memcmp(data + magics[i].at, magics[i].bytes, magics[i].len) == 0)
            return magics[i].what;
    return NULL;
}

/* What these bytes seem to be: "a zip archive (...)"; "of no kind known here" when nothing fits. */
static const char *sniff(const unsigned char *data, size_t size)
{
    const char *kind = known_kind(data, size);
    if (kind != NULL)
        return kind;
    if (!is_text(data, size))
        return "of no kind known here";
    size_t i = 0;
    while (i < size && (data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r')))
        i++;
    if (i < size && (data[i] == '{' || data[i] == '['))
        return "JSON text without a reader here";
    if (i < size && data[i] == '<')
        return "HTML or XML text (a web page saved in place of the file?)";
    return "text";
}

static bool has_extension(const char *name, const char *extensions)
{
    size_t len = strlen(name);
    for (const char *p = extensions; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (n > 0 && n <= len && memcmp(name + len - n, p, n) == 0)
            return true;
        p += n;
        p += *p == ' ';
    }
    return false;
}

bool fw_format_takes(const char *name)
{
    for (unsigned i = 0; i < n_formats; i++)
        if (has_extension(name, formats[i]->extensions))
            return true;
    return false;
}

static const struct fw_format *choose(const unsigned char *data, size_t size, const char *name)
{
    for (unsigned i = 0; i < n_formats; i++)
        if (formats[i]->match(data, size) == 0)
            return formats[i];
    if (known_kind(data, size) != NULL)
        return NULL;
    for (unsigned i = 0; i < n_formats; i++)
        if (has_extension(name, formats[i]->extensions))
            return formats[i];
    return NULL;
}

enum fw_status fw_format_read_bytes(struct fw_model *model, const void *data, size_t size,
                                    const char *name, struct fw_error *err)
{
    static const unsigned char nothing[1] = {0};
    const unsigned char *bytes = data != NULL ? data : nothing;
    model->path = fw_arena_strndup(&model->arena, name, strlen(name));
    if (model->path == NULL)
        return fw_fail_memory(err);
    const struct fw_format *format = choose(bytes, size, name);
    if (format == NULL)
        return fw_fail(err, FW_FORMAT, size == 0 ? -1 : 0, "a model file is wanted, this one is %s",
                       sniff(bytes, size));
    model->format = format->name;
    FW_TRY(format->read(model, bytes, size, err));
    bool beside = model->whole_folder && model->weights == NULL;
    return beside ? fw_folder_weights(model, err) : FW_OK;
}

enum fw_status fw_format_read(struct fw_model *model, const char *path, struct fw_error *err)
{
    FW_TRY(fw_file_open(&model->file, path, 0, model->alloc, err));
    return fw_format_read_bytes(model, model->file.data, model->file.size, path, err);
}
