/* The default allocator: malloc for small blocks, pages straight from the system for large ones.
 *
 * A model of a million nodes is a few hundred megabytes that are touched once; with 4 KiB pages
 * most of that time is page faults. So on Linux blocks from 2 MiB up are mapped on the boundary of
 * a 2 MiB page and ask for such pages; growing moves page tables and copies nothing, and what is
 * freed is the system's again. Under AddressSanitizer everything stays with malloc, which it
 * watches. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1 // mremap
#endif
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif

#if defined(__linux__) && !defined(WATCHED)
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

static bool is_large(size_t bytes)
{
    return bytes >= HUGE_BYTES && bytes <= PTRDIFF_MAX - 2 * HUGE_BYTES;
}

static size_t whole_pages(size_t bytes)
{
    return (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

static void *map_large(size_t bytes)
{
    size_t wanted = whole_pages(bytes);
    size_t total = wanted + HUGE_BYTES;
    unsigned char *p =
        mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_BYTES - (uintptr_t)p % HUGE_BYTES) % HUGE_BYTES;
    if (before > 0)
        (void)munmap(p, before);
    if (before < HUGE_BYTES)
        (void)munmap(p + before + wanted, HUGE_BYTES - before);
    (void)madvise(p + before, wanted, MADV_HUGEPAGE); // advice only: without it pages stay small
    return p + before;
}

static void free_block(void *p, size_t bytes)
{
    if (p != NULL && is_large(bytes))
        (void)munmap(p, whole_pages(bytes));
    else
        free(p);
}

/* Both large: the pages move to a place that is as well aligned. */
static void *remap(void *old, size_t old_bytes, size_t bytes)
{
    if (whole_pages(old_bytes) == whole_pages(bytes))
        return old;
    void *to = map_large(bytes);
    if (to == NULL)
        return NULL;
    size_t kept = whole_pages(old_bytes < bytes ? old_bytes : bytes);
    if (mremap(old, kept, kept, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
        (void)munmap(to, whole_pages(bytes));
        return NULL;
    }
    if (kept < whole_pages(old_bytes))
        (void)munmap((unsigned char *)old + kept, whole_pages(old_bytes) - kept);
    return to;
}

static void *resize_default(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
    (void)ctx;
    if (bytes == 0) {
        free_block(old, old_bytes);
        return NULL;
    }
    if (old == NULL)
        return is_large(bytes) ? map_large(bytes) : malloc(bytes);
    if (!is_large(old_bytes) && !is_large(bytes))
        return realloc(old, bytes);
    if (is_large(old_bytes) && is_large(bytes))
        return remap(old, old_bytes, bytes);
    void *p = resize_default(NULL, NULL, 0, bytes);
    if (p == NULL)
        return NULL;
    memcpy(p, old, old_bytes < bytes ? old_bytes : bytes);
    free_block(old, old_bytes);
    return p;
}
#else
static void *resize_default(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
    (void)ctx;
    (void)old_bytes;
    if (bytes == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, bytes);
}
#endif

const struct fw_alloc fw_alloc_default = {resize_default, NULL, NULL};

void *fw_mem_resize(const struct fw_alloc *alloc, void *old, size_t old_bytes, size_t bytes)
{
    if (bytes == 0 && !old)
        return NULL;
    if (bytes > PTRDIFF_MAX)
        return NULL;
    return alloc->resize(alloc->ctx, old, old_bytes, bytes);
}
