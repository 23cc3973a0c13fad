/* Checking published claims; see claims.h. */
#include "study/claims.h"

#include "base/csv.h"
#include "base/real.h"
#include "study/hardware.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

enum column {
    MODEL,
    COMPUTE,
    PARAMS,
    ACTIVE,
    DATA,
    EPOCHS,
    HOURS,
    DEVICE,
    COUNT,
    MFU,
    DOMAIN_NAME,
    FORMAT,
    BASE,
    FINETUNE,
    NOTES_PARAMS,
    NOTES_COMPUTE,
    NOTES_DATA,
    ABSTRACT,
    N_COLUMNS
};

enum { MAX_NAMES = 4 };

/* What Epoch AI calls a column, then short names. */
static const char *const names[N_COLUMNS][MAX_NAMES] = {
    [MODEL] = {"Model", "model", "name"},
    [COMPUTE] = {"Training compute (FLOP)", "flop", "compute"},
    [PARAMS] = {"Parameters", "params"},
    [ACTIVE] = {"Active parameters", "active-params"},
    [DATA] = {"Training dataset size (total)", "tokens"},
    [EPOCHS] = {"Epochs", "epochs"},
    [HOURS] = {"Training time (hours)", "hours"},
    [DEVICE] = {"Training hardware", "hardware"},
    [COUNT] = {"Hardware quantity", "count"},
    [MFU] = {"Hardware utilization (MFU)", "utilization", "utilisation"},
    [DOMAIN_NAME] = {"Domain", "domain"},
    [FORMAT] = {"Numerical format", "format"},
    [BASE] = {"Base model", "base"},
    [FINETUNE] = {"Finetune compute (FLOP)", "finetune-flop"},
    [NOTES_PARAMS] = {"Parameters notes"},
    [NOTES_COMPUTE] = {"Training compute notes", "notes"},
    [NOTES_DATA] = {"Dataset size notes"},
    [ABSTRACT] = {"Abstract"},
};

struct reader {
    struct fw_csv csv;
    uint32_t at[N_COLUMNS]; // FW_CSV_NONE where there is none
    uint32_t row;
    struct fw_hardware_table hardware;
};

static const char *cell(const struct reader *r, enum column c)
{
    return fw_csv_cell(&r->csv, r->row, r->at[c]);
}

static double number(const struct reader *r, enum column c, struct fw_claim *claim)
{
    const char *text = cell(r, c);
    size_t len;
    while (*text == ' ')
        text++;
    double v = fw_real_parse(text, &len);
    const char *rest = text + len;
    while (*rest == ' ')
        rest++;
    if (len > 0 && *rest == '\0' && isfinite(v))
        return v > 0 ? v : (double)NAN;
    if (text[0] != '\0' && claim->unreadable == NULL) {
        claim->flags |= FW_CLAIM_UNREADABLE;
        claim->unreadable = r->csv.name[r->at[c]];
    }
    return (double)NAN;
}

/* ---- words in notes ---- */

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/* Whether word (lower case) begins a word of text; whole: and ends it. */
static bool mentions(const char *text, const char *word, bool whole)
{
    for (const char *p = text; *p != '\0'; p++) {
        size_t n = 0;
        if (p > text && is_letter(p[-1]))
            continue;
        while (word[n] != '\0' && lower(p[n]) == word[n])
            n++;
        if (word[n] == '\0' && !(whole && is_letter(p[n])))
            return true;
    }
    return false;
}

static bool is_mixture(const struct reader *r)
{
    static const enum column where[] = {MODEL, NOTES_PARAMS, NOTES_COMPUTE, NOTES_DATA, ABSTRACT};
    for (unsigned i = 0; i < sizeof where / sizeof *where; i++) {
        const char *text = cell(r, where[i]);
        if (mentions(text, "moe", true) || mentions(text, "mixture of expert", false) ||
            mentions(text, "mixture-of-expert", false) || mentions(text, "activated", false) ||
            mentions(text, "active param", false) || mentions(text, "sparse", false) ||
            mentions(text, "sparsely", false))
            return true;
    }
    return false;
}

static const char *explain(const struct reader *r, const struct fw_claim *c)
{
    double once = isnan(c->epochs) ? c->method1 : c->method1 / c->epochs;
    if (cell(r, BASE)[0] != '\0')
        return "trained from another model, whose compute the claim may include";
    if (is_mixture(r))
        return "mixture of experts or sparse";
    if (!isnan(c->epochs) && once <= 2 * c->own && once >= c->own / 2)
        return "epochs are in the data already";
    if (isnan(c->epochs) && c->method1 < c->own)
        return "epochs are not stated";
    return NULL;
}

/* ---- recomputing ---- */

static void find_device(struct reader *r, struct fw_claim *c, double *ret_peak)
{
    struct fw_hardware_match match;
    *ret_peak = (double)NAN;
    if (c->hardware[0] == '\0' || strchr(c->hardware, ',') != NULL)
        return; // several: how many of each is not said
    if (fw_hardware_find(&r->hardware, c->hardware, &match, NULL) != FW_OK) {
        c->flags |= FW_CLAIM_DEVICE;
        return;
    }
    enum fw_figure figure = fw_hardware_usual_peak(match.device);
    double fp8 = fw_hardware_figure(match.device, FW_FIGURE_FP8, NULL);
    c->device = match.device->name;
    if (strstr(cell(r, FORMAT), "FP8") != NULL && fp8 > 0)
        *ret_peak = fp8;
    else if (figure != FW_N_PEAKS)
        *ret_peak = fw_hardware_figure(match.device, figure, NULL);
}

static void judge(struct reader *r, struct fw_claim *c)
{
    double peak;
    bool language = c->domain[0] == '\0' || strstr(c->domain, "Language") != NULL ||
                    strstr(c->domain, "language") != NULL;
    double usual = language ? 0.3 : 0.4;
    find_device(r, c, &peak);
    c->method1 =
        language ? 6 * c->params * c->data * (isnan(c->epochs) ? 1 : c->epochs) : (double)NAN;
    double most = c->hours * 3600 * c->count * peak;
    c->method2 = most * (isnan(c->utilisation) ? usual : c->utilisation);
    c->implied = c->own / most;
    bool over = c->implied > 1;
    bool off = c->method1 > 2 * c->own || c->method1 < c->own / 2;
    if (off || (over && cell(r, BASE)[0] != '\0'))
        c->explained = explain(r, c);
    if (over && (c->explained == NULL || cell(r, BASE)[0] == '\0'))
        c->flags |= FW_CLAIM_UTILISATION;
    if (off && c->explained == NULL)
        c->flags |= FW_CLAIM_6ND;
}

static void read_claim(struct reader *r, struct fw_claim *c)
{
    *c = (struct fw_claim){
        .model = cell(r, MODEL), .domain = cell(r, DOMAIN_NAME), .hardware = cell(r, DEVICE)};
    c->claimed = number(r, COMPUTE, c);
    c->own = cell(r, BASE)[0] != '\0' ? number(r, FINETUNE, c) : (double)NAN;
    if (isnan(c->own))
        c->own = c->claimed;
    c->note = cell(r, NOTES_COMPUTE);
    c->params = number(r, ACTIVE, c);
    if (isnan(c->params))
        c->params = number(r, PARAMS, c);
    c->data = number(r, DATA, c);
    c->epochs = number(r, EPOCHS, c);
    c->hours = number(r, HOURS, c);
    c->count = number(r, COUNT, c);
    c->utilisation = number(r, MFU, c);
    judge(r, c);
}

enum fw_status fw_claims_read(struct fw_arena *arena, const void *data, size_t n,
                              struct fw_claims *ret, struct fw_error *err)
{
    struct reader *r = fw_arena_zalloc(arena, sizeof *r);
    if (r == NULL)
        return fw_fail_memory(err);
    FW_TRY(fw_csv_parse(arena, data, n, ',', &r->csv, err));
    FW_TRY(fw_hardware_load(arena, &r->hardware, err));
    for (unsigned c = 0; c < N_COLUMNS; c++) {
        r->at[c] = FW_CSV_NONE;
        for (unsigned k = 0; k < MAX_NAMES && names[c][k] != NULL && r->at[c] == FW_CSV_NONE; k++)
            r->at[c] = fw_csv_column(&r->csv, names[c][k]);
    }
    FW_REQUIRE(r->at[MODEL] != FW_CSV_NONE && r->at[COMPUTE] != FW_CSV_NONE, err, FW_FORMAT,
               "columns 'Model' and 'Training compute (FLOP)' (or model and flop) are wanted");
    ret->n = r->csv.n_rows;
    ret->claim = fw_arena_array(arena, ret->n + 1, sizeof *ret->claim);
    if (ret->claim == NULL)
        return fw_fail_memory(err);
    for (r->row = 0; r->row < ret->n; r->row++)
        read_claim(r, &ret->claim[r->row]);
    return FW_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double fw_quantile(double *values, uint32_t n, double p)
{
    if (n == 0)
        return (double)NAN;
    qsort(values, n, sizeof *values, compare);
    double at = p * (n - 1);
    uint32_t low = (uint32_t)at, high = low + (low + 1 < n);
    return values[low] + (values[high] - values[low]) * (at - low);
}
