/* What must hold of every answer about a model, whatever the model is:
 *     either an answer or an error with a message;
 *     a model means the same in ONNX and in ONNX's text format;
 *     totals are the sums of their nodes, peaks of their parts;
 *     training has the forward pass of inference;
 *     putting numbers for letters after counting gives what counting with numbers gives;
 *     small models execute, in the shapes that were inferred, as many operations as were counted;
 *     the fast kernels of a single node, and of its gradient, give what plain C gives. */
#ifndef TESTS_FUZZ_LAWS_H
#define TESTS_FUZZ_LAWS_H

#include "base/str.h"
#include "gen.h"
#include "study/analysis.h"

#include <stdint.h>

/* How to ask, by the last bytes (up to four), which are taken off size: those before keep their
 * place when a fuzzer changes the question. */
struct fw_analysis_options laws_options(const uint8_t *data, size_t *size);

/* Asks about a file in ONNX or ONNX's text format and aborts where a law is broken. text: the same
 * model in ONNX's text format, which is compared and shown with a finding; or NULL. */
void laws_check(const struct fw_str *file, const struct fw_str *text,
                const struct fw_analysis_options *o);
/* The same about a model that is made of the bytes before those that choose how to ask. */
void laws_check_made(const uint8_t *data, size_t size, gen_make *make);

#endif
