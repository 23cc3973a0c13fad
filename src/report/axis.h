/* One axis of a picture: its range, its ticks, and how they are written. */
#ifndef FW_REPORT_AXIS_H
#define FW_REPORT_AXIS_H

#include "report/table.h"

enum fw_scale { FW_SCALE_LINEAR, FW_SCALE_LOG2, FW_SCALE_LOG10 };

struct fw_axis {
    const char *title; // with its unit: "batch size (examples)"
    enum fw_scale scale;
    enum fw_unit unit; // how ticks are written; bytes go in powers of two
    bool given;        // from and to are the range, else it is that of the data
    double from, to;
};

enum { FW_MAX_TICKS = 64 };

struct fw_ticks {
    enum fw_scale scale;
    double from, to; // of the axis: round numbers where the range is not given
    unsigned n;
    double at[FW_MAX_TICKS];
    unsigned every;        // of the ticks every so many has its number,
    unsigned every_narrow; // and this many, a multiple, where the picture is narrow
};

/* A value that the axis can show: finite, within a given range, and positive where the scale is
 * logarithmic. */
bool fw_axis_shows(const struct fw_axis *axis, double v);
/* For data between least and most, along so many units of the picture; alloc serves scratch. */
void fw_axis_fit(struct fw_ticks *ret, const struct fw_axis *axis, double least, double most,
                 double length, bool upright, const struct fw_alloc *alloc);
double fw_axis_place(const struct fw_ticks *t, double v); // 0 at the beginning, 1 at the end
/* A number of the axis as text: "0.5", "16 MiB", "2 G"; on a logarithmic axis "10^21". */
void fw_tick_print(const struct fw_axis *axis, double v, struct fw_str *out);

#endif
