/* What an x86-64 instruction retires as AMD's event PMCx003 counts it: add, subtract, multiply,
 * divide, square root 1 a lane, fused multiply-add 2; minimum, maximum, comparisons, moves,
 * conversions, rounding, estimates and x87 0. The encoding is that of the Intel and AMD manuals
 * (legacy SSE, VEX and EVEX). Masks are not looked at: a lane that is left out counts. */
#ifndef FW_TESTS_EMULATED_DECODE_H
#define FW_TESTS_EMULATED_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kind { ADD, MUL, DIV, FMA, N_KINDS, NONE = N_KINDS };

struct code {
    unsigned map;    // 1: 0F, 2: 0F 38, 0: anything else
    unsigned prefix; // 0, 0x66, 0xf3, 0xf2
    unsigned opcode;
    size_t operands; // where they begin
    unsigned width;  // of a vector: 1, 2 or 4 times 128 bits
    bool w;          // the W bit
};

static const unsigned prefixes[4] = {0, 0x66, 0xf3, 0xf2};

static bool read_vex(const uint8_t *p, size_t n, struct code *c)
{
    bool three = p[0] == 0xc4;
    if (n < (three ? 4u : 3u))
        return false;
    unsigned last = three ? p[2] : p[1];
    c->map = three ? p[1] & 31u : 1;
    c->w = three && (last & 0x80) != 0;
    c->width = (last & 4) != 0 ? 2 : 1;
    c->prefix = prefixes[last & 3];
    c->opcode = three ? p[3] : p[2];
    c->operands = three ? 4 : 3;
    return c->map == 1 || c->map == 2;
}

static bool read_evex(const uint8_t *p, size_t n, struct code *c)
{
    if (n < 6)
        return false;
    bool rounds = (p[3] & 0x10) != 0 && p[5] >= 0xc0; // between registers: of whole vectors
    c->map = p[1] & 7u;
    c->w = (p[2] & 0x80) != 0;
    c->width = rounds ? 4 : 1u << (p[3] >> 5 & 3);
    c->prefix = prefixes[p[2] & 3];
    c->opcode = p[4];
    c->operands = 5;
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
    c->width = 1;
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
    return n > 1 ? n * c->width : n;
}

/* Of the second map: fused multiply-add, the odd ones from 9 on scalar; sums of two products of
 * bfloat16 each. */
static enum kind classify_fused(const struct code *c, bool evex, unsigned *ret_operations)
{
    unsigned low = c->opcode & 15, high = c->opcode >> 4;
    if (evex && c->prefix == 0xf3 && c->opcode == 0x52) {
        *ret_operations = 16 * c->width;
        return FMA;
    }
    if (c->prefix != 0x66 || high < 9 || high > 11 || low < 6)
        return NONE;
    bool scalar = low >= 9 && (low & 1) != 0;
    *ret_operations = 2 * (scalar ? 1u : (c->w ? 2u : 4u) * c->width);
    return FMA;
}

/* Operations of one instruction; NONE: it does none. */
static enum kind classify(const uint8_t *p, size_t n, unsigned *ret_operations)
{
    struct code c = {0};
    bool vex = n > 2 && (p[0] == 0xc4 || p[0] == 0xc5), evex = n > 2 && p[0] == 0x62;
    if (!(vex    ? read_vex(p, n, &c)
          : evex ? read_evex(p, n, &c)
                 : read_legacy(p, n, &c)) ||
        !is_whole(p, n, &c))
        return NONE;
    *ret_operations = lanes(&c);
    if (c.map == 2)
        return vex || evex ? classify_fused(&c, evex, ret_operations) : NONE;
    switch (c.opcode) {
    case 0x58: // add
    case 0x5c: // subtract
        return ADD;
    case 0x7c: // horizontal add, subtract, both in turn
    case 0x7d:
    case 0xd0:
        *ret_operations = (c.prefix == 0xf2 ? 4u : 2u) * c.width;
        return !evex && (c.prefix == 0xf2 || c.prefix == 0x66) ? ADD : NONE;
    case 0x59:
        return MUL;
    case 0x5e: // divide
    case 0x51: // square root
        return DIV;
    default:
        return NONE;
    }
}

#endif
