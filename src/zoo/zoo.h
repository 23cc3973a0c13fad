/* Networks built in: each is one row in the table of its family's file, and zoo.def has one line
 * per family. A family function reads its keys and calls the builder (flopwise.h), in the words of
 * the field. To add a network: docs/adding-a-network.md. */
#ifndef FW_ZOO_ZOO_H
#define FW_ZOO_ZOO_H

#include "build/builder.h"

struct fw_zoo_key {
    const char *name;
    const char *value; // the default; one that begins with '=' is that other key's value
    const char *doc;
};

struct fw_zoo;
struct fw_zoo_net {
    const char *name;
    const char *doc;
    void (*build)(struct fw_zoo *z);
    const void *variant;           // what differs between the networks of a family
    const struct fw_zoo_key *keys; // (n_keys)
    unsigned n_keys;
};

struct fw_zoo_family {
    const struct fw_zoo_net *nets;
    unsigned n;
};
extern const struct fw_zoo_family *const fw_zoo_families[]; // in the order of zoo.def
extern const unsigned fw_n_zoo_families;

/* ---- for family functions ---- */

enum { FW_ZOO_MAX_KEYS = 16 };

/* One network being built. */
struct fw_zoo {
    struct fw_builder *b;
    const struct fw_zoo_net *net;
    const void *variant;
    const char *value[FW_ZOO_MAX_KEYS]; // of each key
};
/* The value of a key as a size, which may hold letters, */
int64_t fw_zoo_size(struct fw_zoo *z, const char *key);
/* as a number of things the network has (min to limit `layers`), */
int64_t fw_zoo_number(struct fw_zoo *z, const char *key, int64_t min);
/* the same where a letter is welcome (see fw_repeat), */
int64_t fw_zoo_turns(struct fw_zoo *z, const char *key, int64_t min);
/* as 0 or 1, */
int fw_zoo_flag(struct fw_zoo *z, const char *key);
/* as a positive factor such as 0.75, */
double fw_zoo_scale(struct fw_zoo *z, const char *key);
/* as a word. */
const char *fw_zoo_text(struct fw_zoo *z, const char *key);

#define FW_ZOO_KEYS(list) .keys = (list), .n_keys = sizeof(list) / sizeof *(list)
/* A row; list: its keys. */
#define FW_ZOO_NET(id, what, function, differs, list)                                             \
    {                                                                                             \
        .name = (id), .doc = (what), .build = (function), .variant = (differs), FW_ZOO_KEYS(list) \
    }
/* Keys that most networks have. */
#define FW_ZOO_BATCH                            \
    {                                           \
        "batch", "batch", "examples in a batch" \
    }
#define FW_ZOO_CLASSES(n)                  \
    {                                      \
        "classes", n, "classes told apart" \
    }
#define FW_ZOO_SIZE(n)                          \
    {                                           \
        "size", n, "height and width of images" \
    }

/* ---- for everybody else ---- */

/* NULL: there is no such network. */
const struct fw_zoo_net *fw_zoo_find(const char *name);
/* spec: "NAME" or "NAME,key=value,...". model: fresh from fw_model_init. Errors: FW_USAGE for an
 * unknown name or key (naming the nearest) or a value that is none, FW_SHAPE, FW_LIMIT, FW_MEMORY.
 */
enum fw_status fw_zoo_build(struct fw_model *model, const char *spec, struct fw_error *err);
/* The name that was most likely meant, or NULL: found by the caller's own way of guessing. */
typedef const char *fw_zoo_guess(const char *word, const char *const *names);
/* Fails: no network has this name, which guess may know better. */
enum fw_status fw_zoo_unknown(const char *name, fw_zoo_guess *guess, struct fw_error *err);
/* fw_zoo_build with "did you mean" from guess, which may be NULL. */
enum fw_status fw_zoo_build_guess(struct fw_model *model, const char *spec, fw_zoo_guess *guess,
                                  struct fw_error *err);
/* Whether the network of a specification has such a key. */
bool fw_zoo_has_key(const char *spec, const char *key, struct fw_arena *scratch);
/* The specification with that key at another value. NULL = out of memory. */
char *fw_zoo_with(const char *spec, const char *key, const char *value, struct fw_arena *arena);
/* Learnable elements of a built model. */
fw_count fw_zoo_params(const struct fw_model *model);

#endif
