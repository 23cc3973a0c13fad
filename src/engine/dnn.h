/* oneDNN, the fast kernels, behind neutral descriptions (ops/fast.h). It is loaded when it is first
 * wanted, so the program starts as fast as without it and runs where it is not installed. */
#ifndef FW_ENGINE_DNN_H
#define FW_ENGINE_DNN_H

#include "base/err.h"
#include "ops/fast.h"
#include "ops/gemm.h"

#include <stdbool.h>
#include <stdint.h>

/* "oneDNN 2.6.3", or "none" where it is not installed or flopwise was built without. */
const char *fw_dnn_version(void);
/* Makes what all kernels share (program code), so that it is neither part of the first step nor of
 * a network's memory. False when oneDNN is not there. */
bool fw_dnn_ready(void);
/* c = a * a of n x n numbers. False when oneDNN is not there. */
bool fw_dnn_square_gemm(int n, const float *a, float *c, unsigned n_threads);
/* Any product whose matrices have rows or columns of neighbours; on one thread where it is called
 * by a team. */
fw_gemm fw_dnn_gemm;
/* Operations that such a product retires on one thread, with AVX2 or AVX-512; onto: added to what c
 * holds, as there. Matrices without their elements. */
uint64_t fw_dnn_gemm_flop(bool avx512, size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                          const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b,
                          bool onto);
bool fw_dnn_is_avx2(void); // its kernels take AVX2, and nothing beyond
/* Runs work(ctx, part, parts) on n threads, those that oneDNN uses. False when it is not there. */
bool fw_dnn_team(void (*work)(void *ctx, unsigned part, unsigned parts), void *ctx, unsigned n);

/* Ends the threads of OpenMP that wait for more work; the next call starts new ones. No other
 * thread may be using oneDNN. */
void fw_dnn_rest(void);

/* An order of elements in memory; NULL everywhere means row-major. */
struct fw_layout;
bool fw_layout_same(const struct fw_layout *a, const struct fw_layout *b);
size_t fw_layout_bytes(const struct fw_layout *layout);

/* What a port of a kernel is for. */
enum fw_role {
    FW_ROLE_SRC,
    FW_ROLE_WEIGHTS,
    FW_ROLE_BIAS,
    FW_ROLE_DST,
    FW_ROLE_DIFF_SRC,
    FW_ROLE_DIFF_WEIGHTS,
    FW_ROLE_DIFF_BIAS,
    FW_ROLE_DIFF_DST,
    FW_ROLE_MEAN,
    FW_ROLE_VARIANCE,
    FW_ROLE_SCALE,
    FW_ROLE_SHIFT,
    FW_ROLE_DIFF_SCALE,
    FW_ROLE_DIFF_SHIFT,
    FW_ROLE_KEPT, // for the way back, in a form of the library's own: places of maxima, signs
    FW_N_ROLES
};

struct fw_dnn_port {
    enum fw_role role;
    bool open;                      // the kernel may choose its order
    const struct fw_layout *layout; // else this one; as chosen afterwards
};

struct fw_dnn;        // the library, and what was made with it
struct fw_dnn_kernel; // freed with it

struct fw_dnn_options {
    unsigned n_threads;
    bool training; // forward kernels keep what backward ones want
    bool winograd; // convolutions may take another algorithm than the direct one
};

/* Errors: FW_UNSUPPORTED when oneDNN is not there, FW_MEMORY. */
enum fw_status fw_dnn_open(struct fw_dnn **ret, const struct fw_dnn_options *options,
                           const struct fw_alloc *alloc, struct fw_error *err);
void fw_dnn_close(struct fw_dnn *d); // NULL-safe

/* A kernel for what is described, over these ports. forward: that of the forward node, for kinds
 * that go back over what it kept. NULL: there is none (or memory is short). *ret_scratch: bytes of
 * working memory it wants when it runs. */
struct fw_dnn_kernel *fw_dnn_make(struct fw_dnn *d, const struct fw_fast *what,
                                  struct fw_dnn_port *ports, unsigned n_ports,
                                  const struct fw_dnn_kernel *forward, size_t *ret_scratch);
/* One that moves elements from one order into another (not both NULL). Port 0 from, port 1 to. */
struct fw_dnn_kernel *fw_dnn_reorder(struct fw_dnn *d, const struct fw_layout *from,
                                     const struct fw_layout *to, size_t *ret_scratch);
/* data: of each port. False when the library fails, which only a fault of ours makes it do. */
bool fw_dnn_run(struct fw_dnn *d, struct fw_dnn_kernel *k, void *const *data, void *scratch);
/* Name that the library gives the implementation ("jit:avx2"). */
const char *fw_dnn_kernel_name(const struct fw_dnn_kernel *k);
/* Numbers side by side in a block of channels (8, 16), 1 in row-major order. */
unsigned fw_layout_block(const struct fw_layout *layout);

#endif
