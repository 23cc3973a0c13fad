/* Makes a broken file out of good ones, the same one for the same seed. */
#ifndef TESTS_HOSTILE_MUTATE_H
#define TESTS_HOSTILE_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    unsigned char *p; // (n) in room for cap
    size_t n, cap;
    size_t behind; // of a header: bytes of the file behind it
};

void bytes_add(struct bytes *b, const void *data, size_t n); // ends the program out of memory
void bytes_free(struct bytes *b);

struct dice {
    uint64_t state;
};
uint64_t dice_next(struct dice *d);          // SplitMix64
size_t dice_below(struct dice *d, size_t n); // 0..n-1; 0 for n = 0

enum made_of { MADE_OF_FIELDS = 1, MADE_OF_TEXT = 2, MADE_OF_WORDS = 4 };

struct mutator {
    const char *name;
    unsigned suits; // enum made_of: protocol buffers, text, binary numbers
    /* out is empty on entry; other is a second good file of the same format. */
    void (*make)(struct bytes *out, const struct bytes *model, const struct bytes *other,
                 struct dice *d);
};
extern const struct mutator mutators[];
extern const size_t n_mutators;

#endif
