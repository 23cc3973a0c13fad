/* Kernels of the optimizers that work on matrices: Muon, Shampoo, SOAP (update.c has the sources).
 */
#include "ops/product.h"
#include "ops/update.h"

struct matrices {
    REAL *w, *g;
    size_t m, n; // rows, columns
};

static struct matrices matrices_of(const struct fw_run *r)
{
    fw_dim m, n;
    (void)fw_update_matrix(r->cx.sym, fw_in(&r->cx, 0), &m, &n);
    return (struct matrices){r->in[0]->data, r->in[1]->data, (size_t)m.word, (size_t)n.word};
}

static struct matrix full(REAL *p, size_t columns)
{
    return (struct matrix){p, (ptrdiff_t)columns, 1};
}

/* c = a*b anew, c (m, n). */
static enum fw_status multiply(const struct fw_run *r, size_t m, size_t n, size_t k, REAL *c,
                               struct matrix a, struct matrix b)
{
    memset(c, 0, m * n * sizeof *c);
    return product(r, m, n, k, full(c, n), a, b);
}

/* ---- Muon ---- */

/* x (short x long) = a*x + (b*A + c*A*A)*x, A = x*x^T */
static enum fw_status orthogonalise(const struct fw_run *r, size_t n, size_t m, REAL *x, REAL *next,
                                    REAL *a, REAL *b, REAL *scaled)
{
    static const double factors[3] = {3.4445, -4.7750, 2.0315};
    FW_TRY(multiply(r, n, n, m, a, full(x, m), turned(full(x, m))));
    for (size_t i = 0; i < n * n; i++) {
        b[i] = MUL((REAL)factors[1], a[i]);
        scaled[i] = MUL((REAL)factors[2], a[i]);
    }
    FW_TRY(product(r, n, n, n, full(b, n), full(scaled, n), full(a, n)));
    for (size_t i = 0; i < n * m; i++)
        next[i] = MUL((REAL)factors[0], x[i]);
    return product(r, n, m, n, full(next, m), full(b, n), full(x, m));
}

KERNEL(update_MUON)
{
    struct matrices u = matrices_of(r);
    bool tall = u.m > u.n;
    size_t n = tall ? u.n : u.m; // the shorter side
    size_t m = tall ? u.m : u.n;
    REAL lr = (REAL)fw_update_hyper(r)->lr;
    REAL mu = (REAL)fw_update_hyper(r)->beta1;
    REAL *v = r->in[2]->data;
    REAL *x = scratch_reals(r, n * m);
    REAL *next = scratch_reals(r, n * m);
    REAL *a = scratch_reals(r, n * n);
    REAL *b = scratch_reals(r, n * n);
    REAL *scaled = scratch_reals(r, n * n);
    REAL sum = zero();
    if (x == NULL || next == NULL || a == NULL || b == NULL || scaled == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < n * m; i++) {
        size_t to = tall ? i % n * m + i / n : i;
        v[i] = ADD(MUL(mu, v[i]), u.g[i]);
        x[to] = ADD(u.g[i], MUL(mu, v[i]));
        sum = ADD(sum, MUL(x[to], x[to]));
    }
    REAL by = DIV((REAL)1, ADD(SQRT(sum), (REAL)fw_update_hyper(r)->eps));
    for (size_t i = 0; i < n * m; i++)
        x[i] = MUL(x[i], by);
    for (unsigned k = 0; k < 5; k++) {
        FW_TRY(orthogonalise(r, n, m, x, next, a, b, scaled));
        REAL *t = x;
        x = next;
        next = t;
    }
    for (size_t i = 0; i < n * m; i++)
        u.w[i] = SUB(u.w[i], MUL(lr, x[tall ? i % n * m + i / n : i]));
    return FW_OK;
}

/* ---- Shampoo ---- */

/* h = a^(-1/4), a (n, n), by 20 coupled Newton iterations: with alpha = -1/4, t = (1 - alpha)*I +
 * alpha*M, M = t^4*M, H = H*t, from M = z*a, H = z^(1/4)*I, z = 5/(2*|a|). */
static enum fw_status inverse_root(const struct fw_run *r, size_t n, const REAL *a, REAL *h)
{
    REAL *m = scratch_reals(r, n * n);
    REAL *t = scratch_reals(r, n * n);
    REAL *t2 = scratch_reals(r, n * n);
    REAL *t4 = scratch_reals(r, n * n);
    REAL *next = scratch_reals(r, n * n);
    REAL sum = zero();
    if (m == NULL || t == NULL || t2 == NULL || t4 == NULL || next == NULL)
        return fw_fail_memory(r->cx.err);
    memcpy(m, a, n * n * sizeof *m);
    for (size_t i = 0; i < n; i++)
        m[i * n + i] = ADD(m[i * n + i], (REAL)fw_update_hyper(r)->eps);
    for (size_t i = 0; i < n * n; i++)
        sum = ADD(sum, MUL(m[i], m[i]));
    REAL z = DIV((REAL)2.5, SQRT(sum));
    REAL root = POW(z, (REAL)0.25);
    for (size_t i = 0; i < n * n; i++) {
        m[i] = MUL(z, m[i]);
        h[i] = i % (n + 1) == 0 ? root : 0;
    }
    for (unsigned k = 0; k < 20; k++) {
        for (size_t i = 0; i < n * n; i++)
            t[i] = MUL((REAL)-0.25, m[i]);
        for (size_t i = 0; i < n; i++)
            t[i * n + i] = ADD(t[i * n + i], (REAL)1.25);
        FW_TRY(multiply(r, n, n, n, t2, full(t, n), full(t, n)));
        FW_TRY(multiply(r, n, n, n, t4, full(t2, n), full(t2, n)));
        FW_TRY(multiply(r, n, n, n, next, full(t4, n), full(m, n)));
        memcpy(m, next, n * n * sizeof *m);
        FW_TRY(multiply(r, n, n, n, next, full(h, n), full(t, n)));
        memcpy(h, next, n * n * sizeof *h);
    }
    return FW_OK;
}

KERNEL(update_SHAMPOO)
{
    struct matrices u = matrices_of(r);
    size_t m = u.m;
    size_t n = u.n;
    REAL *left = r->in[2]->data;
    REAL *right = r->in[3]->data;
    REAL *root_left = scratch_reals(r, m * m);
    REAL *root_right = scratch_reals(r, n * n);
    REAL *part = scratch_reals(r, m * n);
    REAL *step = scratch_reals(r, m * n);
    if (root_left == NULL || root_right == NULL || part == NULL || step == NULL)
        return fw_fail_memory(r->cx.err);
    struct matrix g = full(u.g, n);
    FW_TRY(product(r, m, m, n, full(left, m), g, turned(g)));
    FW_TRY(product(r, n, n, m, full(right, n), turned(g), g));
    FW_TRY(inverse_root(r, m, left, root_left));
    FW_TRY(inverse_root(r, n, right, root_right));
    FW_TRY(multiply(r, m, n, m, part, full(root_left, m), g));
    FW_TRY(multiply(r, m, n, n, step, full(part, n), full(root_right, n)));
    for (size_t i = 0; i < m * n; i++)
        u.w[i] = SUB(u.w[i], MUL((REAL)fw_update_hyper(r)->lr, step[i]));
    return FW_OK;
}

/* ---- SOAP ---- */

/* Columns of a (n, n) made orthonormal, one after the other: n^3 fma, the norms among them. */
static void gram_schmidt(REAL *a, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < j; i++) {
            REAL along = zero();
            for (size_t k = 0; k < n; k++)
                along = MAC(along, a[k * n + i], a[k * n + j]);
            for (size_t k = 0; k < n; k++)
                a[k * n + j] = MAC(a[k * n + j], -along, a[k * n + i]);
        }
        REAL norm = zero();
        for (size_t k = 0; k < n; k++)
            norm = MAC(norm, a[k * n + j], a[k * n + j]);
        norm = SQRT(norm);
        REAL by = DIV((REAL)1, hidden(norm > 0 ? norm : 1));
        for (size_t k = 0; k < n; k++)
            a[k * n + j] = MUL(by, a[k * n + j]);
    }
}

/* ret = p^T*x*q, or p*x*q^T when back. */
static enum fw_status rotate(const struct fw_run *r, const struct matrices *u, REAL *p, REAL *q,
                             REAL *x, bool back, REAL *ret)
{
    REAL *part = scratch_reals(r, u->m * u->n);
    struct matrix left = full(p, u->m);
    struct matrix right = full(q, u->n);
    if (part == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(multiply(r, u->m, u->n, u->m, part, back ? left : turned(left), full(x, u->n)));
    return multiply(r, u->m, u->n, u->n, ret, full(part, u->n), back ? turned(right) : right);
}

/* a = b*a + scaled*g^T (or its like for the other side), basis = orthonormal(a*basis) */
static enum fw_status renew(const struct fw_run *r, size_t n, size_t k, REAL *a, struct matrix x,
                            struct matrix y)
{
    for (size_t i = 0; i < n * n; i++)
        a[i] = MUL((REAL)fw_update_hyper(r)->beta2, a[i]);
    return product(r, n, n, k, full(a, n), x, y);
}

static enum fw_status turn_basis(const struct fw_run *r, size_t n, REAL *a, REAL *basis)
{
    REAL *next = scratch_reals(r, n * n);
    if (next == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(multiply(r, n, n, n, next, full(a, n), full(basis, n)));
    gram_schmidt(next, n);
    memcpy(basis, next, n * n * sizeof *basis);
    return FW_OK;
}

static void identity(REAL *a, size_t n)
{
    for (size_t i = 0; i < n * n; i++)
        a[i] = i % (n + 1) == 0 ? 1 : 0;
}

KERNEL(update_SOAP) // states: m, v, L, R, P, Q
{
    struct matrices u = matrices_of(r);
    const struct fw_hyper *h = fw_update_hyper(r);
    size_t n = u.m * u.n;
    REAL *m = r->in[2]->data, *v = r->in[3]->data, *left = r->in[4]->data;
    REAL *right = r->in[5]->data, *p = r->in[6]->data, *q = r->in[7]->data;
    REAL *scaled = scratch_reals(r, n), *turned_g = scratch_reals(r, n);
    REAL *turned_m = scratch_reals(r, n), *step = scratch_reals(r, n);
    REAL b1 = (REAL)h->beta1, b2 = (REAL)h->beta2;
    const REAL rest1 = one_minus(b1), rest2 = one_minus(b2);
    REAL by = (REAL)(1.0L / rest_of_power(h->beta1, (double)r->step));
    REAL k = (REAL)(1.0L / sqrtl(rest_of_power(h->beta2, (double)r->step)));
    if (scaled == NULL || turned_g == NULL || turned_m == NULL || step == NULL)
        return fw_fail_memory(r->cx.err);
    if (r->step == 1) { // the bases start as identities
        identity(p, u.m);
        identity(q, u.n);
    }
    for (size_t i = 0; i < n; i++) {
        scaled[i] = MUL(rest2, u.g[i]);
        m[i] = ADD(MUL(b1, m[i]), MUL(rest1, u.g[i]));
    }
    struct matrix g = full(u.g, u.n), s = full(scaled, u.n);
    FW_TRY(renew(r, u.m, u.n, left, s, turned(g)));
    FW_TRY(renew(r, u.n, u.m, right, turned(s), g));
    FW_TRY(rotate(r, &u, p, q, u.g, false, turned_g));
    FW_TRY(rotate(r, &u, p, q, m, false, turned_m));
    for (size_t i = 0; i < n; i++) {
        v[i] = ADD(MUL(b2, v[i]), MUL(rest2, MUL(turned_g[i], turned_g[i])));
        turned_m[i] = DIV(MUL(by, turned_m[i]), ADD(MUL(SQRT(v[i]), k), (REAL)h->eps));
    }
    FW_TRY(rotate(r, &u, p, q, turned_m, true, step));
    for (size_t i = 0; i < n; i++)
        u.w[i] = SUB(u.w[i], MUL((REAL)h->lr, step[i]));
    FW_TRY(turn_basis(r, u.m, left, p));
    return turn_basis(r, u.n, right, q);
}
