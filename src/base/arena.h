/* Arena: allocations that live and die together (a model, a pass).
 *
 * Nothing inside an arena is freed by hand. All memory of the library comes through struct
 * fw_alloc, so that tests can make the n-th request fail and programs can supply their own. */
#ifndef FW_BASE_ARENA_H
#define FW_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct fw_limits;

struct fw_alloc {
    void *(*resize)(void *ctx, void *old, size_t old_bytes, size_t bytes); // bytes 0 frees
    void *ctx;
    struct fw_limits *limits; // limits.h; NULL: the usual ones, without a limit of time
};

/* malloc; blocks from 2 MiB up are mapped and ask for huge pages where there are any. */
extern const struct fw_alloc fw_alloc_default;

/* realloc over the seam: old NULL allocates, bytes 0 frees (and returns NULL); NULL = out of
 * memory, old is then still valid. Memory is uninitialised and aligned for any type. */
void *fw_mem_resize(const struct fw_alloc *alloc, void *old, size_t old_bytes, size_t bytes);

struct fw_arena_block;
struct fw_arena {
    const struct fw_alloc *alloc;
    struct fw_arena_block *head; // newest block
    unsigned char *next;         // first free byte of head
    unsigned char *end;          // one past the last byte of head
    size_t total_bytes;          // sum of all blocks
};

void fw_arena_init(struct fw_arena *arena, const struct fw_alloc *alloc);
void fw_arena_clear(struct fw_arena *arena); // frees every block; the arena may be used again

/* Scratch use: everything allocated after the mark is freed by the release. Marks nest. */
struct fw_arena_mark {
    struct fw_arena_block *head;
    struct fw_arena_block *older; // the block behind head then
    unsigned char *next;
};
struct fw_arena_mark fw_arena_mark(const struct fw_arena *arena);
void fw_arena_release(struct fw_arena *arena, struct fw_arena_mark mark);

/* The slow path: opens a new block (sizes double up to 4 MiB). Returns NULL when out of memory. */
void *fw_arena_refill(struct fw_arena *arena, size_t bytes);

/* Uninitialised memory, 16-byte aligned; NULL when out of memory.
 * bytes = 0 gives a valid unique pointer. */
static inline void *fw_arena_alloc(struct fw_arena *arena, size_t bytes)
{
    size_t need = (bytes + 15u) & ~(size_t)15u;
    if (need - 1u < (size_t)(arena->end - arena->next)) {
        void *p = arena->next;
        arena->next += need;
        return p;
    }
    return fw_arena_refill(arena, bytes);
}

void *fw_arena_zalloc(struct fw_arena *arena, size_t bytes);               // zeroed
void *fw_arena_array(struct fw_arena *arena, size_t n, size_t elem_bytes); // overflow-checked
void *fw_arena_copy(struct fw_arena *arena, const void *src, size_t bytes);
char *fw_arena_strndup(struct fw_arena *arena, const char *s, size_t len); // adds the final NUL
char *fw_arena_printf(struct fw_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
