/* Stands in for libFuzzer's driver: feeds each file named on the command line to the target, so
 * that the corpus is replayed by any compiler and sanitizer; --random FIRST END makes inputs
 * of random bytes, each by its number. The name is printed first: after a crash the last line names
 * the culprit. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = 0;
    size_t capacity = 4096;
    uint8_t *data = malloc(capacity);
    while (data != NULL) {
        size_t n = fread(data + size, 1, capacity - size, file);
        size += n;
        if (n == 0) {
            break;
        }
        if (size == capacity) {
            uint8_t *grown = realloc(data, capacity * 2);
            if (grown == NULL) {
                free(data);
            }
            data = grown;
            capacity *= 2;
        }
    }
    int bad = data == NULL || ferror(file);
    fclose(file);
    if (!bad) {
        // an exact-size copy, so that a read past the end is caught
        uint8_t *exact = realloc(data, size > 0 ? size : 1);
        data = exact != NULL ? exact : data;
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return bad;
}

static void replay_random(unsigned long first, unsigned long end)
{
    for (unsigned long i = first; i < end; i++) {
        uint8_t data[256];
        uint64_t state = i;
        printf("random %lu\n", i);
        fflush(stdout);
        for (size_t k = 0; k < sizeof data; k++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            data[k] = (uint8_t)((state >> 56) ^ (state >> 40));
        }
        LLVMFuzzerTestOneInput(data, sizeof data);
    }
}

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc == 4 && strcmp(argv[1], "--random") == 0) {
        replay_random(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        printf("%s\n", argv[i]);
        fflush(stdout);
        bad |= replay(argv[i]);
    }
    return bad;
}
