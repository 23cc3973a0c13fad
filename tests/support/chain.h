/* A chain of linear layers without bias or activation, the network of the textbook's exercise. */
#ifndef FW_TESTS_CHAIN_H
#define FW_TESTS_CHAIN_H

#include "graph/model.h"

/* layers products of (batch, width) with (width, width); batch and width as text ("n", "64"). The
 * model must be freed by fw_model_clear. Shapes are inferred, weights are parameters. */
void chain_make(struct fw_model *m, unsigned layers, const char *batch, const char *width);
/* The count as text equals want; fails the test otherwise. */
void assert_count(const struct fw_symbols *sym, fw_count found, const char *want);

#endif
