/* The one place that knows oneDNN (2.x, the C API). */
#include "engine/dnn.h"

#include <stdio.h>

#ifdef FW_HAVE_DNNL
#include <dlfcn.h>
#include <dnnl.h>
#include <pthread.h>
#include <string.h>

/* Calls used here; each becomes a member of `dnn`. */
#define CALLS(X)  \
    X(dnnl_sgemm) \
    X(dnnl_version)

static struct {
#define X(call) __typeof__(&call) call;
    CALLS(X)
#undef X
    void (*omp_set_num_threads)(int);
    bool there;
    char version[32];
} dnn;

static bool find(void *library, const char *name, void *ret)
{
    void *at = dlsym(library, name);
    memcpy(ret, &at, sizeof at); // a function's address out of a void *
    return at != NULL;
}

static void load(void)
{
    void *library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return;
    bool all = true;
#define X(call) all = find(library, #call, &dnn.call) && all;
    CALLS(X)
#undef X
    // Debian's oneDNN works with the threads of OpenMP
    if (!find(library, "omp_set_num_threads", &dnn.omp_set_num_threads) || !all)
        return;
    const dnnl_version_t *v = dnn.dnnl_version();
    (void)snprintf(dnn.version, sizeof dnn.version, "oneDNN %d.%d.%d", v->major, v->minor,
                   v->patch);
    dnn.there = v->major == 2;
}

static bool there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load);
    return dnn.there;
}

const char *fw_dnn_version(void)
{
    return there() ? dnn.version : "none";
}

bool fw_dnn_square_gemm(int n, const float *a, float *c, unsigned n_threads)
{
    if (!there())
        return false;
    dnn.omp_set_num_threads((int)n_threads);
    return dnn.dnnl_sgemm('N', 'N', n, n, n, 1.f, a, n, a, n, 0.f, c, n) == dnnl_success;
}

#else

const char *fw_dnn_version(void)
{
    return "none";
}

bool fw_dnn_square_gemm(int n, const float *a, float *c, unsigned n_threads)
{
    (void)n;
    (void)a;
    (void)c;
    (void)n_threads;
    return false;
}
#endif
