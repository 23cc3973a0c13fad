/* oneDNN, the fast kernels. It is loaded when it is first wanted, so the program starts as fast as
 * without it and runs where it is not installed. */
#ifndef FW_ENGINE_DNN_H
#define FW_ENGINE_DNN_H

#include <stdbool.h>

/* "oneDNN 2.6.3", or "none" where it is not installed or flopwise was built without. */
const char *fw_dnn_version(void);
/* c = a * a of n x n numbers. False when oneDNN is not there. */
bool fw_dnn_square_gemm(int n, const float *a, float *c, unsigned n_threads);

#endif
