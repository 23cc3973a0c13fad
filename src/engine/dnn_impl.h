/* oneDNN (2.x, the C API) as it is loaded: shared by dnn.c and dnn_library.c only. */
#ifndef FW_ENGINE_DNN_IMPL_H
#define FW_ENGINE_DNN_IMPL_H

#include <dnnl.h>
#include <stdbool.h>

struct fw_dnn_library {
#define FW_DNN_CALL(call) __typeof__(&call) call;
#include "engine/dnn_calls.def"
#undef FW_DNN_CALL
    void (*omp_set_num_threads)(int);
    int (*omp_pause_resource_all)(int);
    int (*omp_get_thread_num)(void);
    void (*gomp_parallel)(void (*)(void *), void *, unsigned, unsigned);
    bool there, avx2; // avx2: its kernels take that, and nothing beyond
    char version[32];
};

extern struct fw_dnn_library fw_dnn;

/* Loads it at the first call; false where it cannot be used. */
bool fw_dnn_there(void);

#endif
