/* The report's picture on its own. */
#include "report/writer.h"

static bool can(const struct fw_report *r)
{
    return r->picture.draw != NULL;
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *out, struct fw_error *err)
{
    (void)style;
    return r->picture.draw(r->picture.what, &out->text, err);
}

const struct fw_writer fw_writer_svg = {.name = "svg", .can = can, .write = write};
