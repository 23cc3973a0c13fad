/* Loading oneDNN, and what is taken from it and its OpenMP without a graph: products of matrices,
 * teams of threads. */
#include "engine/dnn.h"

#ifdef FW_HAVE_DNNL // else dnn_none.c

#include "engine/dnn_impl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct fw_dnn_library fw_dnn;

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
#define FW_DNN_CALL(call) all = find(library, #call, &fw_dnn.call) && all;
#include "engine/dnn_calls.def"
#undef FW_DNN_CALL
    // Debian's oneDNN works with the threads of OpenMP
    all = find(library, "omp_set_num_threads", &fw_dnn.omp_set_num_threads) && all;
    all = find(library, "omp_pause_resource_all", &fw_dnn.omp_pause_resource_all) && all;
    all = find(library, "omp_get_thread_num", &fw_dnn.omp_get_thread_num) && all;
    all = find(library, "GOMP_parallel", &fw_dnn.gomp_parallel) && all;
    if (!all)
        return;
    const dnnl_version_t *v = fw_dnn.dnnl_version();
    (void)snprintf(fw_dnn.version, sizeof fw_dnn.version, "oneDNN %d.%d.%d", v->major, v->minor,
                   v->patch);
    dnnl_cpu_isa_t isa = fw_dnn.dnnl_get_effective_cpu_isa();
    fw_dnn.avx2 = isa == dnnl_cpu_isa_avx2 || isa == dnnl_cpu_isa_avx2_vnni;
    fw_dnn.there = v->major == 2;
}

bool fw_dnn_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load);
    return fw_dnn.there;
}

const char *fw_dnn_version(void)
{
    return fw_dnn_there() ? fw_dnn.version : "none";
}

bool fw_dnn_square_gemm(int n, const float *a, float *c, unsigned n_threads)
{
    if (!fw_dnn_there())
        return false;
    fw_dnn.omp_set_num_threads((int)n_threads);
    return fw_dnn.dnnl_sgemm('N', 'N', n, n, n, 1.f, a, n, a, n, 0.f, c, n) == dnnl_success;
}

enum side { NOT = '\0', AS_IT_IS = 'N', TURNED = 'T' }; // how it is taken
static enum side side(const struct fw_gemm_matrix *x, size_t m, size_t n, dnnl_dim_t *ret_step)
{
    bool plain = x->column == 1 || n == 1;
    ptrdiff_t step = plain ? x->row : x->column, least = (ptrdiff_t)(plain ? n : m);
    if ((plain ? m : n) == 1) // a single one: the step is never taken
        step = least;
    *ret_step = step;
    if (step < least || (!plain && x->row != 1 && m != 1))
        return NOT;
    return plain ? AS_IT_IS : TURNED;
}

bool fw_dnn_gemm(size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                 const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b)
{
    dnnl_dim_t of_a, of_b, of_c;
    enum side by_a = side(a, m, k, &of_a), by_b = side(b, k, n, &of_b);
    if (by_a == NOT || by_b == NOT || side(c, m, n, &of_c) != AS_IT_IS || !fw_dnn_there())
        return false;
    return fw_dnn.dnnl_sgemm((char)by_a, (char)by_b, (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k,
                             1.f, a->p, of_a, b->p, of_b, 1.f, c->p, of_c) == dnnl_success;
}

bool fw_dnn_is_avx2(void)
{
    return fw_dnn_there() && fw_dnn.avx2;
}

struct team {
    void (*work)(void *ctx, unsigned part, unsigned parts);
    void *ctx;
    unsigned n;
};

/* What a team's start and end order in time, for ThreadSanitizer: it does not look into libgomp. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
void __tsan_acquire(void *at);
void __tsan_release(void *at);
#define AFTER(at) __tsan_acquire(at)
#define BEFORE(at) __tsan_release(at)
#endif
#endif
#ifndef AFTER
#define AFTER(at) ((void)(at))
#define BEFORE(at) ((void)(at))
#endif

static void member(void *arg)
{
    struct team *t = arg;
    AFTER(t);
    t->work(t->ctx, (unsigned)fw_dnn.omp_get_thread_num(), t->n);
    BEFORE(t);
}

bool fw_dnn_team(void (*work)(void *ctx, unsigned part, unsigned parts), void *ctx, unsigned n)
{
    struct team team = {work, ctx, n};
    if (!fw_dnn_there())
        return false;
    BEFORE(&team);
    fw_dnn.gomp_parallel(member, &team, n, 0);
    AFTER(&team);
    return true;
}

void fw_dnn_rest(void)
{
    enum { HARD = 2 }; // omp_pause_hard
    if (fw_dnn_there())
        (void)fw_dnn.omp_pause_resource_all(HARD);
}
#endif
