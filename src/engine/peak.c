/* See peak.h. Every loop runs on one core, then on all at once, five times each; the fastest
 * counts: what disturbs a measurement only makes it slower. */
#define _GNU_SOURCE
#include "engine/peak.h"

#include "engine/dnn.h"
#include "engine/peak_cache.h"
#include "engine/peak_kernel.h"
#include "engine/program.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

const char *const fw_peak_names[FW_N_PEAKS] = {"fma_scalar", "fma_avx2", "fma_avx512", "gemm",
                                               "copy"};

enum { MAX_CORES = 1024, TRIES = 5, AGAIN = 3, COPY_BYTES = 32 << 20, GEMM_SIZE = 768 };
static const double long_enough = 0.02; // seconds of one try

/* ---- one thread's work ---- */

enum go { WAIT, RUN, GIVE_UP };

struct job {
    fw_peak_loop *loop; // NULL: a copy
    unsigned char *from, *to;
    atomic_int *go; // enum go, of all jobs
    uint64_t rounds;
    uint64_t done; // operations or bytes
    double begin, end;
    volatile float kept;
};

static void *work(void *arg)
{
    struct job *j = arg;
    while (atomic_load(j->go) == WAIT)
        (void)sched_yield();
    j->done = 0;
    if (atomic_load(j->go) == GIVE_UP)
        return NULL;
    j->begin = fw_seconds();
    if (j->loop != NULL) {
        j->kept = j->loop(j->rounds, &j->done);
    } else {
        for (uint64_t r = 0; r < j->rounds; r++) {
            memcpy(j->to, j->from, COPY_BYTES);
            __asm__ volatile("" ::"r"(j->to) : "memory"); // every round counts
        }
        j->done = 2u * j->rounds * COPY_BYTES;
    }
    j->end = fw_seconds();
    return NULL;
}

/* All jobs at once. *ret_rate: operations (bytes) a second from the first begin to the last end. */
static enum fw_status run_jobs(struct job *jobs, unsigned n, uint64_t rounds, double *ret_seconds,
                               uint64_t *ret_rate, struct fw_error *err)
{
    pthread_t threads[MAX_CORES] = {0};
    atomic_int go = WAIT;
    unsigned started = 1; // this thread is the first
    double begin = 1e300, end = 0, done = 0;
    for (unsigned i = 0; i < n; i++) {
        jobs[i].go = &go;
        jobs[i].rounds = rounds;
    }
    while (started < n && pthread_create(&threads[started], NULL, work, &jobs[started]) == 0)
        started++;
    atomic_store(&go, started == n ? RUN : GIVE_UP);
    work(&jobs[0]);
    for (unsigned i = 0; i < started; i++) {
        if (i > 0)
            (void)pthread_join(threads[i], NULL);
        begin = jobs[i].begin < begin ? jobs[i].begin : begin;
        end = jobs[i].end > end ? jobs[i].end : end;
        done += (double)jobs[i].done;
    }
    FW_REQUIRE(started == n, err, FW_IO, "the peak wants %u threads, the system gives %u", n,
               started);
    *ret_seconds = end - begin;
    *ret_rate = end > begin ? (uint64_t)(done / (end - begin)) : 0;
    return FW_OK;
}

static enum fw_status measure(struct job *jobs, unsigned n, uint64_t *ret, struct fw_error *err)
{
    uint64_t rounds = 1, rate;
    double seconds = 0;
    while (seconds < long_enough && rounds < (uint64_t)1 << 40) {
        rounds *= 2;
        FW_TRY(run_jobs(jobs, n, rounds, &seconds, ret, err));
    }
    for (unsigned k = 1; k < TRIES; k++) {
        FW_TRY(run_jobs(jobs, n, rounds, &seconds, &rate, err));
        *ret = rate > *ret ? rate : *ret;
    }
    return FW_OK;
}

/* ---- the kinds ---- */

static enum fw_status measure_loop(struct job *jobs, fw_peak_loop *loop, struct fw_peak *ret,
                                   enum fw_peak_kind kind, struct fw_error *err)
{
    for (unsigned i = 0; i < ret->cores; i++)
        jobs[i].loop = loop;
    FW_TRY(measure(jobs, 1, &ret->rate[kind][FW_ONE_CORE], err));
    return measure(jobs, ret->cores, &ret->rate[kind][FW_ALL_CORES], err);
}

static enum fw_status measure_copy(struct job *jobs, struct fw_peak *ret, struct fw_error *err)
{
    size_t each = (size_t)2 * COPY_BYTES;
    unsigned char *memory = fw_mem_resize(&fw_alloc_default, NULL, 0, ret->cores * each);
    if (memory == NULL)
        return fw_fail_memory(err);
    memset(memory, 1, ret->cores * each);
    for (unsigned i = 0; i < ret->cores; i++) {
        jobs[i].from = memory + i * each;
        jobs[i].to = jobs[i].from + COPY_BYTES;
    }
    enum fw_status status = measure_loop(jobs, NULL, ret, FW_PEAK_COPY, err);
    fw_mem_resize(&fw_alloc_default, memory, ret->cores * each, 0);
    return status;
}

static uint64_t gemm_rate(const float *a, float *c, unsigned n_threads)
{
    const double flop = 2.0 * GEMM_SIZE * GEMM_SIZE * GEMM_SIZE;
    double best = 0;
    for (unsigned k = 0; k < 3 * TRIES; k++) { // the first ones build the kernel and wake threads
        double begin = fw_seconds();
        if (!fw_dnn_square_gemm(GEMM_SIZE, a, c, n_threads))
            return 0;
        double rate = flop / (fw_seconds() - begin);
        best = rate > best ? rate : best;
    }
    return (uint64_t)best;
}

static enum fw_status measure_gemm(struct fw_peak *ret, struct fw_error *err)
{
    size_t n = (size_t)GEMM_SIZE * GEMM_SIZE, bytes = 2 * n * sizeof(float);
    float *memory = fw_mem_resize(&fw_alloc_default, NULL, 0, bytes);
    if (memory == NULL)
        return fw_fail_memory(err);
    for (size_t i = 0; i < 2 * n; i++)
        memory[i] = (float)(i % 7) - 3.f;
    ret->rate[FW_PEAK_GEMM][FW_ONE_CORE] = gemm_rate(memory, memory + n, 1);
    ret->rate[FW_PEAK_GEMM][FW_ALL_CORES] = gemm_rate(memory, memory + n, ret->cores);
    fw_dnn_rest();
    fw_mem_resize(&fw_alloc_default, memory, bytes, 0);
    return FW_OK;
}

const char *fw_peak_doubt(const struct fw_peak *p)
{
    const double noise = 1.05;
    for (unsigned n = FW_ONE_CORE; n <= FW_ALL_CORES; n++) {
        uint64_t fma = fw_peak_of(p, n == FW_ONE_CORE ? 1 : p->cores);
        if (fma > 0 && (double)p->rate[FW_PEAK_GEMM][n] > noise * (double)fma)
            return "a product was faster than its multiply-adds can be: the machine was busy";
    }
    for (unsigned k = FW_PEAK_SCALAR; k <= FW_PEAK_GEMM; k++)
        if (noise * (double)p->rate[k][FW_ALL_CORES] < (double)p->rate[k][FW_ONE_CORE])
            return "all cores together did less than one: the machine was busy";
    return NULL;
}

static enum fw_status measure_all(const struct fw_machine *m, struct job *jobs, struct fw_peak *ret,
                                  struct fw_error *err)
{
    const struct {
        fw_peak_loop *loop;
        bool here;
        enum fw_peak_kind kind;
    } loops[] = {{fw_peak_scalar, m->fma, FW_PEAK_SCALAR},
                 {fw_peak_avx2, m->avx2, FW_PEAK_AVX2},
                 {fw_peak_avx512, m->avx512, FW_PEAK_AVX512}};
    for (unsigned i = 0; i < sizeof loops / sizeof *loops; i++)
        if (loops[i].loop != NULL && loops[i].here)
            FW_TRY(measure_loop(jobs, loops[i].loop, ret, loops[i].kind, err));
    FW_TRY(measure_copy(jobs, ret, err));
    return measure_gemm(ret, err);
}

enum fw_status fw_peak_get(const struct fw_machine *m, bool fresh, struct fw_peak *ret,
                           struct fw_error *err)
{
    memset(ret, 0, sizeof *ret);
    ret->cores = fw_usable_cores();
    if (!fresh && fw_peak_load(m, ret) && fw_peak_doubt(ret) == NULL)
        return FW_OK;
    size_t bytes = ret->cores * sizeof(struct job);
    struct job *jobs = fw_mem_resize(&fw_alloc_default, NULL, 0, bytes);
    if (jobs == NULL)
        return fw_fail_memory(err);
    memset(jobs, 0, bytes);
    enum fw_status status = FW_OK;
    bool good = false;
    for (unsigned k = 0; k < AGAIN && status == FW_OK && !good; k++) {
        status = measure_all(m, jobs, ret, err);
        good = fw_peak_doubt(ret) == NULL;
    }
    fw_mem_resize(&fw_alloc_default, jobs, bytes, 0);
    if (status == FW_OK && good) // what cannot be is not kept
        fw_peak_store(m, ret);
    return status;
}

uint64_t fw_peak_of(const struct fw_peak *p, unsigned n_threads)
{
    uint64_t best = 0;
    for (unsigned k = FW_PEAK_SCALAR; k <= FW_PEAK_AVX512; k++) {
        uint64_t rate =
            n_threads >= p->cores ? p->rate[k][FW_ALL_CORES] : p->rate[k][FW_ONE_CORE] * n_threads;
        best = rate > best ? rate : best;
    }
    return best;
}

uint64_t fw_peak_sure(const struct fw_peak *p, unsigned n_threads)
{
    return fw_peak_doubt(p) == NULL ? fw_peak_of(p, n_threads) : 0;
}
