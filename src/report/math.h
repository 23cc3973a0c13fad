/* Formulas: written once as plain text, shown as text, LaTeX and MathML.
 *
 * The language is what a person types: + - * / ^, parentheses, relations (= += -= <= >= ~= ~ ->),
 * |x| for a norm, x_i and x_(t+1) for an index, x' for a prime, f(a, b) for a call, "words" in
 * quotes, lists with a comma and a space. Greek letters stand by name (sigma); eps, lr, b1 and b2
 * are letters of optimizers. sqrt, partial, hat, bar, floor, ceil, norm, sum(k=1..n, x) and
 * prod(...) have a form of their own. Lines end with ; or a line break, and one that starts with a
 * relation carries the one above on. The text form of an answer's count is in this language too. */
#ifndef FW_REPORT_MATH_H
#define FW_REPORT_MATH_H

#include "base/arena.h"
#include "base/str.h"

enum fw_math_kind {
    FW_MATH_NUMBER,
    FW_MATH_NAME,
    FW_MATH_WORDS,
    FW_MATH_NOTHING, // the left side of a line that carries on
    FW_MATH_LINES,   // of formulas
    FW_MATH_LIST,    // between commas
    FW_MATH_RELATION,
    FW_MATH_SUM, // text is + or -
    FW_MATH_PRODUCT,
    FW_MATH_FRACTION,
    FW_MATH_NEGATIVE,
    FW_MATH_POWER,
    FW_MATH_INDEX,
    FW_MATH_PRIME,
    FW_MATH_GROUP, // in parentheses
    FW_MATH_NORM,  // between bars
    FW_MATH_CALL   // the function, then its arguments
};

struct fw_math {
    enum fw_math_kind kind;
    const char *text; // of a leaf, or the sign between the arguments; in the parsed text
    size_t len;
    const struct fw_math *arg;  // first argument
    const struct fw_math *next; // the next argument of the same parent
};

/* NULL when text is no formula: *ret_bad then points at what is wrong, or is NULL when memory is
 * short. text must live as long as the tree. */
const struct fw_math *fw_math_parse(struct fw_arena *arena, const char *text, size_t len,
                                    const char **ret_bad);
/* "m_t = c·(1 - b^t)/(1 - b)"; line breaks between lines, relations not aligned. */
void fw_math_text(const struct fw_math *m, bool ascii, struct fw_str *out);
/* Without dollar signs; several lines become an aligned environment. */
void fw_math_latex(const struct fw_math *m, struct fw_str *out);
/* A <math> element, block: on lines of its own. */
void fw_math_mathml(const struct fw_math *m, bool block, struct fw_str *out);

/* ---- for the renderers ---- */

const struct fw_math *fw_math_nth(const struct fw_math *m, unsigned i); // argument i, or NULL
bool fw_math_is(const struct fw_math *m, const char *text);             // its text is this

#endif
