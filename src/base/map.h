/* Hash map from byte strings to 32-bit numbers; keys are not copied and must outlive the map.
 * Open addressing, grown by doubling; seeded, so that a file cannot choose collisions.
 *
 * What is probed is a table of 8-byte slots; keys and values stand apart, in the order of
 * insertion. A table of a few hundred thousand names then mostly stays in the cache, and names that
 * were put in together are found together. */
#ifndef FW_BASE_MAP_H
#define FW_BASE_MAP_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fw_map_slot {
    uint32_t hash;
    uint32_t entry; // number of the entry + 1; 0 = empty
};

struct fw_map_entry {
    const char *key;
    uint32_t len;
    uint32_t value;
};

struct fw_map {
    const struct fw_alloc *alloc;
    struct fw_map_slot *slots;    // (cap)
    struct fw_map_entry *entries; // (n), room for three quarters of cap; behind the slots
    size_t cap;                   // a power of two, or 0
    size_t n;
    uint64_t seed; // of the hash, differs from map to map
};

void fw_map_init(struct fw_map *map, const struct fw_alloc *alloc);
void fw_map_free(struct fw_map *map);
bool fw_map_reserve(struct fw_map *map, size_t n); // false = out of memory
/* The value's place for key, created with value `fresh` when absent; *ret_added says so (may be
 * NULL). NULL = out of memory. The pointer is valid until the next insertion. */
uint32_t *fw_map_put(struct fw_map *map, const char *key, size_t len, uint32_t fresh,
                     bool *ret_added);
/* Asks the processor for what a look-up of key will touch first. */
void fw_map_prefetch(const struct fw_map *map, const char *key, size_t len);
/* NULL when absent. */
const uint32_t *fw_map_get(const struct fw_map *map, const char *key, size_t len);
uint64_t fw_hash_bytes(const void *data, size_t len, uint64_t seed); // reads 8 bytes at a time

#endif
