/* The table of accelerators and its names; see hardware.h. */
#include "study/hardware.h"

#include "base/csv.h"
#include "base/real.h"
#include "base/str.h"
#include "fw_data.h"

#include <math.h>
#include <string.h>

const struct fw_figure_info fw_figures[FW_N_FIGURES] = {
    [FW_FIGURE_FP64] = {"fp64", "fp64", "FLOP/s"},
    [FW_FIGURE_FP32] = {"fp32", "fp32", "FLOP/s"},
    [FW_FIGURE_TF32] = {"tf32", "tf32", "FLOP/s"},
    [FW_FIGURE_MATRIX16] = {"matrix16", "fp16/bf16", "FLOP/s"},
    [FW_FIGURE_FP16] = {"fp16", "fp16 vector", "FLOP/s"},
    [FW_FIGURE_FP8] = {"fp8", "fp8", "FLOP/s"},
    [FW_FIGURE_FP4] = {"fp4", "fp4", "FLOP/s"},
    [FW_FIGURE_INT8] = {"int8", "int8", "OP/s"},
    [FW_FIGURE_INT4] = {"int4", "int4", "OP/s"},
    [FW_FIGURE_SPARSITY] = {"sparsity", "sparsity", "x"},
    [FW_FIGURE_MEMORY] = {"memory", "memory", "B"},
    [FW_FIGURE_BANDWIDTH] = {"bandwidth", "memory bandwidth", "B/s"},
    [FW_FIGURE_SCALE_UP] = {"scale_up", "link to neighbours", "B/s"},
    [FW_FIGURE_SCALE_OUT] = {"scale_out", "network", "bit/s"},
    [FW_FIGURE_POWER] = {"power", "power", "W"},
    [FW_FIGURE_PRICE] = {"price", "price at launch", "US$"},
};

/* ---- words of names ---- */

enum { MAX_NAME = 96 };

/* Words that say who made it and not what it is. */
static bool is_family(const char *word, size_t len)
{
    static const char *const words[] = {
        "nvidia",  "google", "amd",    "amazon",   "aws", "huawei", "intel", "tesla",
        "geforce", "quadro", "radeon", "instinct", "gpu", "gpus",   "chip",  "habana"};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
            return true;
    return false;
}

/* Lower-case words with one blank around each, " a100 sxm4 80gb "; family words left out. */
static void normalise(const char *name, char ret[MAX_NAME])
{
    size_t n = 0, start;
    ret[n++] = ' ';
    for (const char *p = name; *p != '\0' && n < MAX_NAME - 2;) {
        start = n;
        for (; n < MAX_NAME - 2; p++) {
            char c = *p;
            if (c >= 'A' && c <= 'Z')
                c = (char)(c - 'A' + 'a');
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
                break;
            ret[n++] = c;
        }
        if (*p != '\0' && n == start)
            p++;
        bool size = n - start == 2 && memcmp(ret + start, "gb", 2) == 0 && start > 1 &&
                    ret[start - 2] >= '0' && ret[start - 2] <= '9';
        if (size) { // "80 GB" is one word
            memmove(ret + start - 1, ret + start, 2);
            n--;
        }
        if (n > start && is_family(ret + start, n - start))
            n = start;
        else if (n > start || size)
            ret[n++] = ' ';
    }
    ret[n] = '\0';
}

static const char *words_of(const char *name, struct fw_arena *arena)
{
    char words[MAX_NAME];
    normalise(name, words);
    return fw_arena_strndup(arena, words, strlen(words));
}

/* ---- loading ---- */

static struct fw_hardware_row read_row(const struct fw_csv *csv, uint32_t row)
{
    struct fw_hardware_row r = {.source = fw_csv_text(csv, row, "source"),
                                .name = fw_csv_text(csv, row, "name"),
                                .released = fw_csv_text(csv, row, "released"),
                                .reference = fw_csv_text(csv, row, "reference"),
                                .note = fw_csv_text(csv, row, "note")};
    size_t len;
    for (unsigned f = 0; f < FW_N_FIGURES; f++)
        r.figure[f] = fw_real_parse(fw_csv_text(csv, row, fw_figures[f].name), &len);
    return r;
}

enum fw_status fw_hardware_load(struct fw_arena *arena, struct fw_hardware_table *ret,
                                struct fw_error *err)
{
    struct fw_csv csv;
    FW_TRY(fw_csv_parse(arena, fw_data_hardware, strlen(fw_data_hardware), '\t', &csv, err));
    struct fw_hardware *devices = fw_arena_array(arena, csv.n_rows, sizeof *devices);
    if (devices == NULL)
        return fw_fail_memory(err);
    uint32_t n = 0;
    for (uint32_t i = 0; i < csv.n_rows; i++) { // rows of one device stand together
        const char *name = fw_csv_text(&csv, i, "device");
        if (n == 0 || strcmp(devices[n - 1].name, name) != 0)
            devices[n++] = (struct fw_hardware){.name = name,
                                                .vendor = fw_csv_text(&csv, i, "vendor"),
                                                .kind = fw_csv_text(&csv, i, "kind"),
                                                .per = fw_csv_text(&csv, i, "per"),
                                                .shorthand = fw_csv_text(&csv, i, "short")};
        struct fw_hardware *h = &devices[n - 1];
        if (h->words == NULL)
            h->words = words_of(name, arena);
        if (h->n_rows == FW_HARDWARE_SOURCES)
            continue;
        struct fw_hardware_row *row = &h->row[h->n_rows++];
        *row = read_row(&csv, i);
        row->words = words_of(row->name, arena);
        if (h->words == NULL || row->words == NULL)
            return fw_fail_memory(err);
    }
    *ret = (struct fw_hardware_table){devices, n};
    return FW_OK;
}

/* ---- figures ---- */

double fw_hardware_figure(const struct fw_hardware *h, enum fw_figure figure,
                          const char **ret_source)
{
    for (unsigned i = 0; i < h->n_rows; i++) {
        if (h->row[i].figure[figure] == 0)
            continue;
        if (ret_source != NULL)
            *ret_source = h->row[i].source;
        return h->row[i].figure[figure];
    }
    return 0;
}

const char *fw_hardware_released(const struct fw_hardware *h)
{
    for (unsigned i = 0; i < h->n_rows; i++)
        if (h->row[i].released[0] != '\0')
            return h->row[i].released;
    return "";
}

bool fw_hardware_disagrees(const struct fw_hardware *h, enum fw_figure figure)
{
    if (h->n_rows < 2 || figure == FW_FIGURE_SCALE_UP)
        return false;
    double a = h->row[0].figure[figure], b = h->row[1].figure[figure];
    return a != 0 && b != 0 && fabs(a / b - 1) > 0.01;
}

enum fw_figure fw_hardware_usual_peak(const struct fw_hardware *h)
{
    static const enum fw_figure order[] = {FW_FIGURE_MATRIX16, FW_FIGURE_FP32, FW_FIGURE_FP16,
                                           FW_FIGURE_FP8, FW_FIGURE_INT8};
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
        if (fw_hardware_figure(h, order[i], NULL) != 0)
            return order[i];
    return FW_N_PEAKS;
}

/* ---- names ---- */

/* " word" of len bytes stands in text; with prefix as the beginning of a longer one, where a number
 * does not go on: "k40" begins "k40s" and not "k4000". */
static bool has_word(const char *word, size_t len, const char *text, bool prefix)
{
    for (const char *at = strchr(text, ' '); at != NULL; at = strchr(at + 1, ' ')) {
        if (strncmp(at, word, len) != 0)
            continue;
        bool number = word[len - 1] >= '0' && word[len - 1] <= '9';
        bool goes_on = at[len] >= '0' && at[len] <= '9';
        if (at[len] == ' ' || (prefix && !(number && goes_on)))
            return true;
    }
    return false;
}

/* All words of a are words of b, or with prefix the beginnings of words. */
static bool has_words(const char *a, const char *b, bool prefix)
{
    for (const char *w = a; w[1] != '\0';) {
        size_t len = strcspn(w + 1, " ");
        if (!has_word(w, len + 1, b, prefix))
            return false;
        w += len + 1;
    }
    return true;
}

/* Whether the letters of a, run together, begin those of b. */
static bool begins(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        if (*a == '\0' || *a != *b)
            return *a == '\0';
    }
}

/* 4: the same, 3: all words, 2: beginnings of all words, 1: the same letters run together, 0. */
static int fit(const char *query, const char *name)
{
    if (query[1] == '\0' || name[1] == '\0')
        return 0;
    if (strcmp(query, name) == 0)
        return 4;
    if (has_words(query, name, false))
        return 3;
    if (has_words(query, name, true))
        return 2;
    return begins(query, name) ? 1 : 0;
}

static int fit_device(const char *query, const struct fw_hardware *h)
{
    int best = fit(query, h->words);
    for (unsigned i = 0; i < h->n_rows; i++) {
        int one = fit(query, h->row[i].words);
        best = one > best ? one : best;
    }
    return best;
}

static double usual(const struct fw_hardware *h)
{
    enum fw_figure f = fw_hardware_usual_peak(h);
    return f == FW_N_PEAKS ? 0 : fw_hardware_figure(h, f, NULL);
}

/* Which of several candidates is meant: the one whose family name was given, or any when their
 * peaks are the same; NULL when that is not clear. */
static const struct fw_hardware *choose(const char *query, const struct fw_hardware *const *list,
                                        unsigned n)
{
    char b[MAX_NAME];
    bool same = true;
    if (n == 1)
        return list[0];
    for (unsigned i = 0; i < n; i++) {
        normalise(list[i]->shorthand, b);
        if (b[1] != '\0' && has_words(b, query, false))
            return list[i];
        same &= usual(list[0]) != 0 && fabs(usual(list[i]) / usual(list[0]) - 1) < 0.01;
    }
    return same ? list[0] : NULL;
}

static enum fw_status fail_ambiguous(const char *name, const struct fw_hardware *const *list,
                                     unsigned n, struct fw_error *err)
{
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    for (unsigned i = 0; i < n; i++)
        fw_str_addf(&text, "%s'%s'", i ? ", " : "", list[i]->name);
    enum fw_status status = fw_fail(
        err, FW_USAGE, -1, "hardware '%.100s' fits several devices of different peaks: %s%s", name,
        fw_str_text(&text), n == FW_HARDWARE_OTHERS ? ", ..." : "");
    fw_str_free(&text);
    return status;
}

/* Length of the longest beginning that a word of the query and one of the name have in common. */
static size_t common(const char *a, const char *b)
{
    size_t best = 0;
    for (const char *p = a; p[1] != '\0'; p += 1 + strcspn(p + 1, " "))
        for (const char *q = b; q[1] != '\0'; q += 1 + strcspn(q + 1, " ")) {
            size_t n = 1;
            while (p[n] != ' ' && p[n] == q[n])
                n++;
            best = n - 1 > best ? n - 1 : best;
        }
    return best;
}

static enum fw_status fail_unknown(const struct fw_hardware_table *table, const char *name,
                                   struct fw_error *err)
{
    enum { LEAST = 2, SHOWN = 4 }; // letters in common, suggestions
    char a[MAX_NAME];
    const struct fw_hardware *near[SHOWN] = {NULL};
    size_t score[SHOWN] = {0};
    normalise(name, a);
    for (uint32_t i = 0; i < table->n; i++) {
        size_t one = common(a, table->devices[i].words), k = SHOWN;
        while (k > 0 && one >= LEAST && one > score[k - 1])
            k--;
        if (k == SHOWN)
            continue;
        memmove(near + k + 1, near + k, (SHOWN - 1 - k) * sizeof *near);
        memmove(score + k + 1, score + k, (SHOWN - 1 - k) * sizeof *score);
        near[k] = &table->devices[i];
        score[k] = one;
    }
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    for (unsigned i = 0; i < SHOWN && near[i] != NULL && score[i] == score[0]; i++)
        fw_str_addf(&text, "%s'%s'", i ? ", " : "; near it: ", near[i]->name);
    enum fw_status status =
        fw_fail(err, FW_USAGE, -1, "there is no hardware '%.100s'%s; 'flopwise hardware' lists all",
                name, fw_str_text(&text));
    fw_str_free(&text);
    return status;
}

enum fw_status fw_hardware_find(const struct fw_hardware_table *table, const char *name,
                                struct fw_hardware_match *ret, struct fw_error *err)
{
    const struct fw_hardware *list[FW_HARDWARE_OTHERS];
    char query[MAX_NAME];
    unsigned n = 0;
    int best = 1;
    normalise(name, query);
    for (uint32_t i = 0; i < table->n; i++) {
        int one = fit_device(query, &table->devices[i]);
        if (one > best)
            n = 0;
        best = one > best ? one : best;
        if (one == best && n < FW_HARDWARE_OTHERS)
            list[n++] = &table->devices[i];
    }
    if (n == 0)
        return fail_unknown(table, name, err);
    *ret = (struct fw_hardware_match){.device = choose(query, list, n)};
    if (ret->device == NULL)
        return fail_ambiguous(name, list, n, err);
    for (unsigned i = 0; i < n; i++)
        if (list[i] != ret->device)
            ret->others[ret->n_others++] = list[i];
    return FW_OK;
}
