/* What the report of an estimate and its document share. */
#ifndef FW_REPORT_REPORT_ESTIMATE_H
#define FW_REPORT_REPORT_ESTIMATE_H

#include "report/report.h"
#include "study/threshold.h"

enum fw_estimate_table {
    FW_EST_RESULT, // central values with intervals, for people
    FW_EST_PHASES,
    FW_EST_FLEETS,
    FW_EST_PLAN,
    FW_EST_THRESHOLDS,
    FW_EST_INPUTS,
    FW_EST_REMARKS,
    FW_N_EST_TABLES
};

struct fw_estimate_report {
    struct fw_report *r;
    const struct fw_estimate *e;
    const struct fw_verdict *verdicts; // (n_verdicts)
    uint32_t n_verdicts;
    const struct fw_table *table[FW_N_EST_TABLES]; // NULL where empty
};

/* "2.3e25 (2.0e25 .. 2.6e25)"; "unit" behind it unless empty. NULL = out of memory. */
const char *fw_interval_text(struct fw_arena *arena, struct fw_quantity q, const char *unit);
/* Adds the table "remarks": what a reader should know about how the inputs were taken
 * (estimate_remarks.c). */
enum fw_status fw_estimate_remarks(struct fw_estimate_report *er, struct fw_error *err);
/* The document a compliance person attaches (estimate_document.c). */
enum fw_status fw_estimate_document(const struct fw_estimate_report *er, struct fw_error *err);

#endif
