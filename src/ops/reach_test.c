/* Every row that a file can name says how far its elements reach. */
#include "ops/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_reach__every_row_has_a_field(void **state)
{
    (void)state;
    unsigned n = 0;
    for (uint32_t t = 0; t < fw_n_op_tables; t++)
        for (uint32_t i = 0; i < fw_op_tables[t]->n; i++) {
            const struct fw_op *op = &fw_op_tables[t]->rows[i];
            if (op->flags & FW_OP_INTERNAL)
                continue;
            if (op->field == NULL)
                fail_msg("%s:%s has no field", op->domain, op->name);
            n++;
        }
    assert_true(n > 200);
}
