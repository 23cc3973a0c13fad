/*
 * Peer for the speed comparison: unpacks an ONNX file with protobuf-c and does nothing else.
 * The file is read whole into memory, as a protobuf reader needs it; the message is freed again.
 * Prints nodes, initializers and the milliseconds of unpacking and of the whole run.
 *
 *   protoc-c --proto_path=DIR_OF_ONNX_PROTO --c_out=BUILD onnx.proto
 *   cc -O2 -I BUILD bench/pbc_unpack.c BUILD/onnx.pb-c.c -lprotobuf-c -o BUILD/pbc_unpack
 */
#include "onnx.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static unsigned char *read_all(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    unsigned char *bytes = NULL;
    long length = -1;
    if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) > 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        bytes = malloc((size_t)length);
    }
    if (bytes != NULL && fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    *size = (size_t)length;
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: pbc_unpack FILE.onnx\n");
        return 2;
    }
    double start = now_ms();
    size_t size = 0;
    unsigned char *bytes = read_all(argv[1], &size);
    if (bytes == NULL) {
        fprintf(stderr, "pbc_unpack: cannot read %s\n", argv[1]);
        return 1;
    }
    double read = now_ms();
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    if (model == NULL || model->graph == NULL) {
        fprintf(stderr, "pbc_unpack: %s is not an ONNX model\n", argv[1]);
        free(bytes);
        return 1;
    }
    double unpacked = now_ms();
    printf("nodes %zu initializers %zu read_ms %.1f unpack_ms %.1f\n", model->graph->n_node,
           model->graph->n_initializer, read - start, unpacked - read);
    onnx__model_proto__free_unpacked(model, NULL);
    free(bytes);
    return 0;
}
