/* See optimizer.h. */
#include "study/optimizer.h"

enum { ZERO = 1 }; // where the power 0 stands

static double flop_of(unsigned class)
{
    return class == FW_FMA ? 2 : 1;
}

struct fw_per_param fw_optimizer_operations(const struct fw_optimizer *o, unsigned class)
{
    struct fw_per_param p = {{{0}}};
    for (unsigned k = 0; k < FW_N_CLASSES; k++)
        if (k == class || class == FW_N_CLASSES)
            p.at[ZERO][ZERO] += o->n[k] * (class == FW_N_CLASSES ? flop_of(k) : 1);
    for (unsigned i = 0; i < o->n_terms; i++) {
        const struct fw_update_term *t = &o->terms[i];
        if (t->class == class || class == FW_N_CLASSES) // per parameter: divided by m*n
            p.at[t->m][t->n] += t->times * (class == FW_N_CLASSES ? flop_of(t->class) : 1);
    }
    return p;
}

unsigned fw_optimizer_once(const struct fw_optimizer *o)
{
    unsigned n = 0;
    for (unsigned k = 0; k < FW_N_CLASSES; k++)
        n += o->once[k] * (unsigned)flop_of(k);
    return n;
}

/* Adds the values of a state, bytes each. */
static void add_state(struct fw_per_param *p, enum fw_state_shape shape, double bytes, double code,
                      double scale)
{
    switch (shape) {
    case FW_STATE_LIKE:
        p->at[ZERO][ZERO] += bytes;
        break;
    case FW_STATE_M:
        p->at[ZERO][ZERO - 1] += bytes;
        break;
    case FW_STATE_N:
        p->at[ZERO - 1][ZERO] += bytes;
        break;
    case FW_STATE_MM:
        p->at[ZERO + 1][ZERO - 1] += bytes;
        break;
    case FW_STATE_NN:
        p->at[ZERO - 1][ZERO + 1] += bytes;
        break;
    case FW_STATE_CODES:
        p->at[ZERO][ZERO] += code;
        break;
    case FW_STATE_SCALES:
        p->at[ZERO][ZERO] += scale / FW_STATE_BLOCK;
        break;
    case FW_N_STATE_SHAPES:
        break;
    }
}

static struct fw_per_param states(const struct fw_optimizer *o, unsigned state, double bytes,
                                  double code, double scale)
{
    struct fw_per_param p = {{{0}}};
    for (unsigned i = 0; i < o->n_states; i++)
        if (i == state || state == FW_MAX_STATES)
            add_state(&p, (enum fw_state_shape)o->states[i].shape, bytes, code, scale);
    return p;
}

struct fw_per_param fw_optimizer_values(const struct fw_optimizer *o, unsigned state)
{
    return states(o, state, 1, 1, 1);
}

struct fw_per_param fw_optimizer_bytes(const struct fw_optimizer *o, unsigned state,
                                       const struct fw_precision *precision)
{
    return states(o, state, precision->state_bits / 8.0, 1, 4);
}

bool fw_per_param_has_sides(const struct fw_per_param *p)
{
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < 4; k++)
            if ((i != ZERO || k != ZERO) && p->at[i][k] != 0)
                return true;
    return false;
}

/* m^power where power > 0 is asked for with sign 1, m^-power otherwise; nothing for the rest. */
static bool print_side(const char *side, int power, int sign, bool follows, struct fw_str *out)
{
    if (power * sign <= 0)
        return false;
    fw_str_addf(out, "%s%s", follows ? "*" : "", side);
    if (power * sign > 1)
        fw_str_addf(out, "^%d", power * sign);
    return true;
}

static void print_term(double c, int m, int n, struct fw_str *out)
{
    bool some = (m <= 0 && n <= 0) || c != 1;
    if (some)
        fw_str_add_double(out, c, 10);
    some |= print_side("m", m, 1, some, out);
    (void)print_side("n", n, 1, some, out);
    if (m >= 0 && n >= 0)
        return;
    fw_str_add(out, m < 0 && n < 0 ? "/(" : "/");
    some = print_side("m", m, -1, false, out);
    (void)print_side("n", n, -1, some, out);
    fw_str_add(out, m < 0 && n < 0 ? ")" : "");
}

void fw_per_param_print(const struct fw_per_param *p, struct fw_str *out)
{
    bool any = p->at[ZERO][ZERO] != 0 || !fw_per_param_has_sides(p);
    if (any)
        fw_str_add_double(out, p->at[ZERO][ZERO], 10);
    for (int i = 3; i >= 0; i--)
        for (int k = 3; k >= 0; k--) {
            if ((i == ZERO && k == ZERO) || p->at[i][k] == 0)
                continue;
            fw_str_add(out, any ? " + " : "");
            print_term(p->at[i][k], i - ZERO, k - ZERO, out);
            any = true;
        }
}
