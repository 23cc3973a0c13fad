/* Arena blocks: a list, newest first. The first holds 64 KiB, each further one twice the last, up
 * to 4 MiB; a request that would waste more than a quarter of a block gets a block of its own,
 * linked behind the newest so that the rest of that one stays in use. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_BLOCK_BYTES ((size_t)64 << 10)
#define LAST_BLOCK_BYTES ((size_t)4 << 20)
#define LARGE_SHARE 4 // a request over 1/4 of the next block stands alone

struct fw_arena_block {
    struct fw_arena_block *older;
    size_t bytes; // whole block, this header included
};

#define HEADER_BYTES ((sizeof(struct fw_arena_block) + 15u) & ~(size_t)15u)

void fw_arena_init(struct fw_arena *arena, const struct fw_alloc *alloc)
{
    *arena = (struct fw_arena){.alloc = alloc};
}

static void free_block(struct fw_arena *arena, struct fw_arena_block **link)
{
    struct fw_arena_block *block = *link;
    *link = block->older;
    arena->total_bytes -= block->bytes;
    (void)fw_mem_resize(arena->alloc, block, block->bytes, 0);
}

void fw_arena_clear(struct fw_arena *arena)
{
    while (arena->head)
        free_block(arena, &arena->head);
    fw_arena_init(arena, arena->alloc);
}

static unsigned char *block_end(struct fw_arena_block *block)
{
    return (unsigned char *)block + block->bytes;
}

static struct fw_arena_block *new_block(struct fw_arena *arena, size_t bytes)
{
    struct fw_arena_block *block = fw_mem_resize(arena->alloc, NULL, 0, bytes);
    if (!block)
        return NULL;
    block->bytes = bytes;
    arena->total_bytes += bytes;
    return block;
}

void *fw_arena_refill(struct fw_arena *arena, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - HEADER_BYTES - 16u)
        return NULL;
    size_t need = bytes ? (bytes + 15u) & ~(size_t)15u : 16u;
    if (need <= (size_t)(arena->end - arena->next)) {
        arena->next += need;
        return arena->next - need;
    }
    size_t size = FIRST_BLOCK_BYTES;
    while (size <= arena->total_bytes && size < LAST_BLOCK_BYTES)
        size *= 2;
    bool alone = need > size / LARGE_SHARE && arena->head;
    if (alone || need > size - HEADER_BYTES)
        size = need + HEADER_BYTES;
    struct fw_arena_block *block = new_block(arena, size);
    if (!block)
        return NULL;
    unsigned char *first = (unsigned char *)block + HEADER_BYTES;
    if (alone) {
        block->older = arena->head->older;
        arena->head->older = block;
        return first;
    }
    block->older = arena->head;
    arena->head = block;
    arena->next = first + need;
    arena->end = block_end(block);
    return first;
}

struct fw_arena_mark fw_arena_mark(const struct fw_arena *arena)
{
    struct fw_arena_block *head = arena->head;
    return (struct fw_arena_mark){head, head ? head->older : NULL, arena->next};
}

void fw_arena_release(struct fw_arena *arena, struct fw_arena_mark mark)
{
    while (arena->head != mark.head)
        free_block(arena, &arena->head);
    while (mark.head && mark.head->older != mark.older) // blocks of single large requests
        free_block(arena, &mark.head->older);
    arena->next = mark.next;
    arena->end = mark.head ? block_end(mark.head) : NULL;
}

void *fw_arena_zalloc(struct fw_arena *arena, size_t bytes)
{
    void *p = fw_arena_alloc(arena, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void *fw_arena_array(struct fw_arena *arena, size_t n, size_t elem_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, elem_bytes, &bytes))
        return NULL;
    return fw_arena_alloc(arena, bytes);
}

void *fw_arena_copy(struct fw_arena *arena, const void *src, size_t bytes)
{
    void *p = fw_arena_alloc(arena, bytes);
    if (p && bytes)
        memcpy(p, src, bytes);
    return p;
}

char *fw_arena_strndup(struct fw_arena *arena, const char *s, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *p = fw_arena_alloc(arena, len + 1);
    if (!p)
        return NULL;
    if (len)
        memcpy(p, s, len);
    p[len] = 0;
    return p;
}

char *fw_arena_printf(struct fw_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *p = n < 0 ? NULL : fw_arena_alloc(arena, (size_t)n + 1);
    if (p)
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}
