/* A QEMU plugin that counts retired floating-point operations as AMD's event PMCx003 does: add,
 * subtract, multiply, divide, square root 1 a lane, fused multiply-add 2; minimum, maximum,
 * comparisons, moves, conversions, rounding, estimates and x87 0. It stands in for the hardware's
 * counter on machines that have none, for programs that use up to AVX2 on one thread.
 *
 * The encoding is that of the Intel and AMD manuals (legacy SSE and VEX). Prints one line at exit:
 * "flops N add N mul N div N fma N". */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* ---- decoding ---- */

enum kind { ADD, MUL, DIV, FMA, N_KINDS, NONE = N_KINDS };
static uint64_t counts[N_KINDS];
static uint64_t own_total;
static uint64_t *total = &own_total; // in the file that argument total= names, for flopwise to read

struct code {
    unsigned map;    // 1: 0F, 2: 0F 38, 0: anything else
    unsigned prefix; // 0, 0x66, 0xf3, 0xf2
    unsigned opcode;
    size_t operands; // where they begin
    bool wide, w;    // 256 bits; the W bit
};

static bool read_vex(const uint8_t *p, size_t n, struct code *c)
{
    static const unsigned prefixes[4] = {0, 0x66, 0xf3, 0xf2};
    bool three = p[0] == 0xc4;
    if (n < (three ? 4u : 3u))
        return false;
    unsigned last = three ? p[2] : p[1];
    c->map = three ? p[1] & 31u : 1;
    c->w = three && (last & 0x80) != 0;
    c->wide = (last & 4) != 0;
    c->prefix = prefixes[last & 3];
    c->opcode = three ? p[3] : p[2];
    c->operands = three ? 4 : 3;
    return c->map == 1 || c->map == 2;
}

static bool read_legacy(const uint8_t *p, size_t n, struct code *c)
{
    size_t i = 0;
    for (; i < n && (p[i] == 0x66 || p[i] == 0xf2 || p[i] == 0xf3); i++)
        if (c->prefix == 0 || p[i] != 0x66)
            c->prefix = p[i];
    if (i < n && (p[i] & 0xf0) == 0x40) // REX
        i++;
    if (i + 1 >= n || p[i] != 0x0f)
        return false;
    c->map = 1;
    c->opcode = p[i + 1];
    c->operands = i + 2;
    return true;
}

/* Whether all of the operands (ModRM, SIB, displacement) is there. Of an instruction that lies on
 * two pages QEMU lists the part on the first one, and then all of it where it begins a block. */
static bool is_whole(const uint8_t *p, size_t n, const struct code *c)
{
    size_t need = c->operands + 1;
    if (n < need)
        return false;
    unsigned mod = p[c->operands] >> 6, rm = p[c->operands] & 7;
    if (mod == 3)
        return true;
    bool sib = rm == 4;
    if (n < need + sib)
        return false;
    unsigned base = sib ? p[c->operands + 1] & 7u : rm;
    return n >= need + sib + (mod == 1 ? 1u : mod == 2 || base == 5 ? 4u : 0u);
}

static unsigned lanes(const struct code *c)
{
    unsigned n = c->prefix == 0 ? 4 : c->prefix == 0x66 ? 2 : 1;
    return n > 1 && c->wide ? 2 * n : n;
}

/* Operations of one instruction; NONE: it does none. */
static enum kind classify(const uint8_t *p, size_t n, unsigned *ret_operations)
{
    struct code c = {0};
    bool vex = n > 2 && (p[0] == 0xc4 || p[0] == 0xc5);
    if (!(vex ? read_vex(p, n, &c) : read_legacy(p, n, &c)) || !is_whole(p, n, &c))
        return NONE;
    *ret_operations = lanes(&c);
    if (c.map == 2) { // fused multiply-add, the odd ones from 9 on scalar
        unsigned low = c.opcode & 15, high = c.opcode >> 4;
        if (!vex || c.prefix != 0x66 || high < 9 || high > 11 || low < 6)
            return NONE;
        bool scalar = low >= 9 && (low & 1) != 0;
        *ret_operations = 2 * (scalar ? 1u : (c.w ? 2u : 4u) * (c.wide ? 2u : 1u));
        return FMA;
    }
    switch (c.opcode) {
    case 0x58: // add
    case 0x5c: // subtract
        return ADD;
    case 0x7c: // horizontal add, subtract, both in turn
    case 0x7d:
    case 0xd0:
        *ret_operations = (c.prefix == 0xf2 ? 4u : 2u) * (c.wide ? 2u : 1u);
        return c.prefix == 0xf2 || c.prefix == 0x66 ? ADD : NONE;
    case 0x59:
        return MUL;
    case 0x5e: // divide
    case 0x51: // square root
        return DIV;
    default:
        return NONE;
    }
}

/* ---- the plugin ---- */

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
