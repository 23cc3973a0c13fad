/* A chart: series of points over two axes, drawn as SVG. It knows nothing of what it shows.
 *
 * Points that an axis cannot show (not finite, or not positive on a logarithmic axis) are left out,
 * and the picture says how many. */
#ifndef FW_REPORT_CHART_H
#define FW_REPORT_CHART_H

#include "base/err.h"
#include "report/axis.h"

struct fw_point {
    double x, y;
    const char *label; // of the tooltip, or NULL: the series' name
};

enum fw_series_kind {
    FW_SERIES_LINE,    // joined, each point marked
    FW_SERIES_SCATTER, // marks only
    FW_SERIES_STEP,    // holds its value up to the next point
    FW_SERIES_DASHED   // joined, no marks: for what the others are compared with
};

struct fw_series {
    const char *name; // in the legend; NULL: not there
    enum fw_series_kind kind;
    uint32_t n;
    const struct fw_point *points; // (n), in the order they are joined
};

struct fw_chart {
    const char *title;
    struct fw_axis x, y;
    uint32_t n_series;
    const struct fw_series *series; // (n_series)
};

/* Adds the picture to out. Errors: FW_UNSUPPORTED where no point can be shown. */
enum fw_status fw_chart_draw(const struct fw_chart *chart, struct fw_str *out,
                             struct fw_error *err);
/* The same as a report's picture. */
enum fw_status fw_chart_picture(const void *chart, struct fw_str *out, struct fw_error *err);

#endif
