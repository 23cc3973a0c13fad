/* Giving values to the letters of a model before its shapes are inferred. */
#ifndef FW_STUDY_BIND_H
#define FW_STUDY_BIND_H

#include "study/analysis.h"

/* Errors: FW_USAGE naming the symbols or inputs there are, FW_SHAPE for a rank that differs. */
enum fw_status fw_bind(struct fw_model *m, const struct fw_analysis_options *options,
                       struct fw_error *err);

#endif
