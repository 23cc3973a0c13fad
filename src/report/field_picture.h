/* The field of one output element, and of its neighbour, on the input. */
#ifndef FW_REPORT_FIELD_PICTURE_H
#define FW_REPORT_FIELD_PICTURE_H

#include "passes/field.h"

enum { FW_PICTURE_AXES = 3 };

struct fw_picture_axis {
    struct fw_field field;
    unsigned dim;   // of the input
    fw_dim size;    // of the input along it
    fw_dim outputs; // positions of the output along it
};

struct fw_field_picture {
    const char *name; // of the node
    unsigned n;
    struct fw_picture_axis axes[FW_PICTURE_AXES]; // (n)
};

/* As a report's picture: two axes as an area, one or three as strips. FW_UNSUPPORTED where sizes
 * are left open. */
enum fw_status fw_field_draw(const void *picture, struct fw_str *out, struct fw_error *err);

#endif
