/* Hash map: linear probing, at most three quarters full. */
#include "base/map.h"

#include <string.h>

__extension__ typedef unsigned __int128 u128; // for the product of two words

#define MIN_CAP 16u

static uint64_t fold(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Reads 8 bytes at a time and folds each into the state by a 64x64 -> 128 bit product. */
uint64_t fw_hash_bytes(const void *data, size_t len, uint64_t seed)
{
    const uint64_t k0 = 0x9e3779b97f4a7c15u;
    const uint64_t k1 = 0xd1b54a32d192ed03u;
    const unsigned char *p = data;
    uint64_t h = fold(seed ^ k0, (uint64_t)len ^ k1);
    uint64_t word;
    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = fold(h ^ word, k0);
    }
    if (len) {
        word = 0;
        memcpy(&word, p, len);
        h = fold(h ^ word, k1);
    }
    return fold(h ^ k1, k0);
}

void fw_map_init(struct fw_map *map, const struct fw_alloc *alloc)
{
    *map = (struct fw_map){.alloc = alloc};
}

static size_t room(size_t cap)
{
    return cap / 4 * 3;
}

/* Of slots and entries, which are one allocation; false when that is too large. */
static bool bytes_of(size_t cap, size_t *ret)
{
    size_t slots, entries;
    return !__builtin_mul_overflow(cap, sizeof(struct fw_map_slot), &slots) &&
           !__builtin_mul_overflow(room(cap), sizeof(struct fw_map_entry), &entries) &&
           !__builtin_add_overflow(slots, entries, ret);
}

void fw_map_free(struct fw_map *map)
{
    size_t bytes = 0;
    (void)bytes_of(map->cap, &bytes);
    (void)fw_mem_resize(map->alloc, map->slots, bytes, 0);
    fw_map_init(map, map->alloc);
}

static struct fw_map_slot *probe(const struct fw_map *map, const char *key, size_t len,
                                 uint32_t hash)
{
    size_t mask = map->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct fw_map_slot *slot = &map->slots[i];
        if (slot->entry == 0)
            return slot;
        if (slot->hash != hash)
            continue;
        const struct fw_map_entry *entry = &map->entries[slot->entry - 1];
        if (entry->len == len && memcmp(entry->key, key, len) == 0)
            return slot;
    }
}

static bool rehash(struct fw_map *map, size_t cap)
{
    size_t bytes;
    if (!bytes_of(cap, &bytes))
        return false;
    struct fw_map_slot *slots = fw_mem_resize(map->alloc, NULL, 0, bytes);
    if (!slots)
        return false;
    memset(slots, 0, cap * sizeof *slots);
    struct fw_map old = *map;
    map->slots = slots;
    map->entries = (struct fw_map_entry *)(void *)(slots + cap);
    map->cap = cap;
    if (!map->seed) // where the system loads and allocates is what a file cannot know
        map->seed = fold((uintptr_t)slots ^ 0xa0761d6478bd642fu, (uintptr_t)&fw_map_init) | 1u;
    if (old.n > 0)
        memcpy(map->entries, old.entries, old.n * sizeof *old.entries);
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].entry == 0)
            continue;
        size_t at = old.slots[i].hash & (cap - 1);
        while (slots[at].entry != 0)
            at = (at + 1) & (cap - 1);
        slots[at] = old.slots[i];
    }
    fw_map_free(&old);
    return true;
}

bool fw_map_reserve(struct fw_map *map, size_t n)
{
    if (n >= UINT32_MAX)
        return false;
    size_t cap = map->cap ? map->cap : MIN_CAP;
    while (room(cap) < n)
        cap *= 2;
    return cap == map->cap || rehash(map, cap);
}

uint32_t *fw_map_put(struct fw_map *map, const char *key, size_t len, uint32_t fresh,
                     bool *ret_added)
{
    if (ret_added)
        *ret_added = false;
    if (len > UINT32_MAX || !fw_map_reserve(map, map->n + 1))
        return NULL;
    uint32_t hash = (uint32_t)fw_hash_bytes(key, len, map->seed);
    struct fw_map_slot *slot = probe(map, key ? key : "", len, hash);
    if (slot->entry == 0) {
        map->entries[map->n] = (struct fw_map_entry){key ? key : "", (uint32_t)len, fresh};
        *slot = (struct fw_map_slot){hash, (uint32_t)++map->n};
        if (ret_added)
            *ret_added = true;
    }
    return &map->entries[slot->entry - 1].value;
}

void fw_map_prefetch(const struct fw_map *map, const char *key, size_t len)
{
    if (map->cap == 0)
        return;
    uint32_t hash = (uint32_t)fw_hash_bytes(key, len, map->seed);
    __builtin_prefetch(&map->slots[hash & (map->cap - 1)]);
}

const uint32_t *fw_map_get(const struct fw_map *map, const char *key, size_t len)
{
    if (map->n == 0 || len > UINT32_MAX)
        return NULL;
    uint32_t hash = (uint32_t)fw_hash_bytes(key, len, map->seed);
    const struct fw_map_slot *slot = probe(map, key ? key : "", len, hash);
    return slot->entry == 0 ? NULL : &map->entries[slot->entry - 1].value;
}
