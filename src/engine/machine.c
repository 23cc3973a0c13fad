#define _DEFAULT_SOURCE
#include "engine/machine.h"

#include "base/tsv.h"
#include "fw_data.h"

#include <stdio.h>
#include <string.h>
#if defined(__linux__) && defined(__aarch64__)
#include <sys/prctl.h>
#endif

const char *const fw_flop_part_names[FW_N_FLOP_PARTS] = {"all", "add", "mul", "div", "fma"};

static const char *const canary_names[FW_N_CANARIES] = {
    "none", "fma", "add", "mul", "div", "fma128d", "fma128", "fma256", "fma512"};

/* ---- /proc/cpuinfo: lines "key : value", the first processor counts ---- */

static bool line_value(const char *text, size_t n, const char *key, struct fw_tsv_cell *ret)
{
    size_t len = strlen(key);
    const char *end = text + n;
    for (const char *p = text; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (stop == NULL)
            stop = end;
        const char *colon = memchr(p, ':', (size_t)(stop - p));
        size_t key_len = colon != NULL ? (size_t)(colon - p) : 0;
        while (key_len > 0 && (p[key_len - 1] == ' ' || p[key_len - 1] == '\t'))
            key_len--;
        if (colon != NULL && key_len == len && memcmp(p, key, len) == 0) {
            const char *value = colon + 1;
            while (value < stop && *value == ' ')
                value++;
            *ret = (struct fw_tsv_cell){value, (size_t)(stop - value)};
            return true;
        }
        p = stop < end ? stop + 1 : end;
    }
    return false;
}

static void copy(char *to, size_t size, const struct fw_tsv_cell *from)
{
    size_t n = from->len < size ? from->len : size - 1;
    memcpy(to, from->text, n);
    to[n] = '\0';
}

static uint32_t number(const char *text, size_t n, const char *key)
{
    struct fw_tsv_cell cell;
    uint64_t v;
    bool found = line_value(text, n, key, &cell) && fw_tsv_number(&cell, &v) && v <= UINT32_MAX;
    return found ? (uint32_t)v : 0;
}

static bool has_word(const struct fw_tsv_cell *list, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= list->len; i++) {
        bool starts = i == 0 || list->text[i - 1] == ' ';
        bool ends = i + len == list->len || list->text[i + len] == ' ';
        if (starts && ends && memcmp(list->text + i, word, len) == 0)
            return true;
    }
    return false;
}

static void read_arm(struct fw_machine *m, const char *text, size_t n)
{
    struct fw_tsv_cell cell;
    m->family = number(text, n, "CPU implementer");
    m->model = number(text, n, "CPU part");
    (void)snprintf(m->vendor, sizeof m->vendor, "arm");
    (void)snprintf(m->name, sizeof m->name, "Arm implementer 0x%x part 0x%x", m->family, m->model);
    m->fma = true;
    m->sve = line_value(text, n, "Features", &cell) && has_word(&cell, "sve");
}

void fw_machine_read(struct fw_machine *ret, const char *text, size_t n)
{
    struct fw_tsv_cell cell;
    memset(ret, 0, sizeof *ret);
    if (line_value(text, n, "CPU implementer", &cell)) {
        read_arm(ret, text, n);
        return;
    }
    if (line_value(text, n, "vendor_id", &cell))
        copy(ret->vendor, sizeof ret->vendor, &cell);
    if (line_value(text, n, "model name", &cell))
        copy(ret->name, sizeof ret->name, &cell);
    ret->family = number(text, n, "cpu family");
    ret->model = number(text, n, "model");
    if (line_value(text, n, "flags", &cell)) {
        ret->fma = has_word(&cell, "fma");
        ret->avx2 = ret->fma && has_word(&cell, "avx2");
        ret->avx512 = ret->fma && has_word(&cell, "avx512f");
    }
}

void fw_machine_here(struct fw_machine *ret)
{
    enum { MAX_TEXT = 16384 }; // the first processor stands in the first few thousand bytes
    char text[MAX_TEXT];
    FILE *f = fopen("/proc/cpuinfo", "r");
    size_t n = f != NULL ? fread(text, 1, sizeof text, f) : 0;
    if (f != NULL)
        (void)fclose(f);
    fw_machine_read(ret, text, n);
#if defined(__linux__) && defined(PR_SVE_GET_VL)
    int bytes = prctl(PR_SVE_GET_VL);
    if (ret->sve && bytes > 0)
        ret->vector_bits = ((uint32_t)bytes & PR_SVE_VL_LEN_MASK) * 8;
#endif
}

/* ---- data/events.tsv ---- */

/* "*", or numbers and ranges with commas between them. */
static bool in_list(const struct fw_tsv_cell *list, uint32_t wanted)
{
    const char *p = list->text, *end = list->text + list->len;
    if (fw_tsv_is(list, "*"))
        return true;
    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma != NULL ? comma : end;
        const char *dash = memchr(p, '-', (size_t)(stop - p));
        struct fw_tsv_cell from = {p, (size_t)((dash != NULL ? dash : stop) - p)};
        struct fw_tsv_cell to =
            dash != NULL ? (struct fw_tsv_cell){dash + 1, (size_t)(stop - dash - 1)} : from;
        uint64_t low, high;
        if (fw_tsv_number(&from, &low) && fw_tsv_number(&to, &high) && wanted >= low &&
            wanted <= high)
            return true;
        p = comma != NULL ? comma + 1 : end;
    }
    return false;
}

static unsigned named(const struct fw_tsv_cell *cell, const char *const *names, unsigned n)
{
    unsigned i = 0;
    while (i < n && !fw_tsv_is(cell, names[i]))
        i++;
    return i;
}

/* Whether its canary's instruction is there: else nothing can retire that the event counts. */
static bool runs(const struct fw_machine *m, unsigned canary)
{
    switch (canary) {
    case FW_CANARY_FMA256:
        return m->avx2;
    case FW_CANARY_FMA512:
        return m->avx512;
    default:
        return true;
    }
}

enum { VENDOR, FAMILY, MODELS, EVENT, WEIGHT, PART, CANARY, COUNTS, N_CELLS };

static bool is_for(const struct fw_machine *m, const struct fw_tsv_cell *cell)
{
    bool arm = fw_tsv_is(&cell[VENDOR], "arm");
    return fw_tsv_is(&cell[VENDOR], m->vendor) && in_list(&cell[FAMILY], m->family) &&
           in_list(&cell[MODELS], m->model) && (!arm || m->sve);
}

unsigned fw_machine_events(const struct fw_machine *m, enum fw_flop_part part,
                           struct fw_event ret[FW_MAX_EVENTS])
{
    const char *text = fw_data_events;
    struct fw_tsv_cell cell[N_CELLS];
    unsigned n = 0;
    while (n < FW_MAX_EVENTS && fw_tsv_row(&text, cell, N_CELLS) == N_CELLS) {
        uint64_t code, weight = m->vector_bits / 128;
        unsigned canary = named(&cell[CANARY], canary_names, FW_N_CANARIES);
        if (!is_for(m, cell) || !fw_tsv_is(&cell[PART], fw_flop_part_names[part]) ||
            !runs(m, canary) || !fw_tsv_number(&cell[EVENT], &code))
            continue;
        if (!fw_tsv_is(&cell[WEIGHT], "vl") && !fw_tsv_number(&cell[WEIGHT], &weight))
            continue;
        ret[n++] = (struct fw_event){code, (uint32_t)weight, (uint8_t)part, (uint8_t)canary};
    }
    return n;
}
