/* A QEMU plugin that counts retired floating-point operations as AMD's event PMCx003 does
 * (decode.h). It stands in for the hardware's counter on machines that have none, for programs that
 * use up to AVX2 on one thread.
 *
 * Prints one line at exit: "flops N add N mul N div N fma N". */
#define _GNU_SOURCE
#include "decode.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the part of QEMU's plugin interface (version 1) that is used here ---- */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
__attribute__((visibility("default"))) int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr,
                                              uint64_t n);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void *),
                                    void *ctx);
void qemu_plugin_outs(const char *text);

static uint64_t counts[N_KINDS];
static uint64_t own_total;
static uint64_t *total = &own_total; // in the file that argument total= names, for flopwise to read

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    uint64_t sums[N_KINDS] = {0}, all = 0;
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        unsigned operations = 0;
        enum kind kind =
            classify(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn), &operations);
        if (kind == NONE)
            continue;
        sums[kind] += operations;
        all += operations;
    }
    if (all > 0)
        qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, total, all);
    for (unsigned k = 0; k < N_KINDS; k++)
        if (sums[k] > 0)
            qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &counts[k],
                                                     sums[k]);
}

static void ended(qemu_plugin_id_t id, void *ctx)
{
    char line[160];
    (void)id;
    (void)ctx;
    (void)snprintf(line, sizeof line, "flops %llu add %llu mul %llu div %llu fma %llu\n",
                   (unsigned long long)(counts[ADD] + counts[MUL] + counts[DIV] + counts[FMA]),
                   (unsigned long long)counts[ADD], (unsigned long long)counts[MUL],
                   (unsigned long long)counts[DIV], (unsigned long long)counts[FMA]);
    qemu_plugin_outs(line);
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    if (argc > 0 && strncmp(argv[0], "total=", 6) == 0) {
        int fd = open(argv[0] + 6, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || ftruncate(fd, sizeof *total) != 0)
            return -1;
        void *at = mmap(NULL, sizeof *total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED)
            return -1;
        total = at;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
