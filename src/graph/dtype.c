/* The table of element types. */
#include "graph/dtype.h"

const struct fw_dtype_info fw_dtypes[FW_N_DTYPES] = {
#define FW_DTYPE_ROW(name, text, bits, class) [FW_##name] = {text, bits, class},
    FW_DTYPE_LIST(FW_DTYPE_ROW)
#undef FW_DTYPE_ROW
};
