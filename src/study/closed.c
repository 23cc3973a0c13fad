/* See closed.h. With a constant gradient c every moment is a geometric sum; with a constant matrix
 * every method for matrices works along its singular vectors, on one number for each. */
#include "study/closed.h"

#include <math.h>
#include <string.h>

/* ---- element by element ---- */

static double sgd(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * c * t;
}

static double momentum(const struct fw_hyper *h, double c, double t)
{
    double b = h->beta1;
    return -h->lr * c / (1 - b) * (t + 1 - (1 - pow(b, t + 1)) / (1 - b));
}

static double nesterov(const struct fw_hyper *h, double c, double t)
{
    double b = h->beta1;
    return -h->lr * c / (1 - b) * (t - b * b * (1 - pow(b, t)) / (1 - b));
}

static double adam(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * t * c / (fabs(c) + h->eps);
}

/* x after t steps of x = (1 - lr*decay)*x + lr */
static double decayed(const struct fw_hyper *h, double t)
{
    double kept = h->lr * h->decay;
    return kept == 0 ? h->lr * t : -expm1(t * log1p(-kept)) / h->decay;
}

static double adamw(const struct fw_hyper *h, double c, double t)
{
    return -decayed(h, t) * c / (fabs(c) + h->eps);
}

static double sign(double c)
{
    return (c > 0) - (c < 0);
}

static double lion(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * t * sign(c);
}

static double sophia(const struct fw_hyper *h, double c, double t)
{
    return -decayed(h, t) * sign(c);
}

static double adagrad_step(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * c / (sqrt(t) * fabs(c) + h->eps);
}

static double rmsprop_step(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * c / (fabs(c) * sqrt(1 - pow(h->beta1, t)) + h->eps);
}

/* ---- by the norms of whole tensors: w = -x*direction ---- */

static void move(struct fw_closed *c, double x)
{
    for (size_t i = 0; i < c->m * c->n; i++)
        c->w[i] = -x * c->u[i];
}

/* lamb: every step but the first is lr of |w|. */
static void lamb_start(struct fw_closed *c)
{
    for (size_t i = 0; i < c->m * c->n; i++)
        c->u[i] = c->g[i] / (fabs(c->g[i]) + c->h.eps);
}

static void lamb_step(struct fw_closed *c)
{
    move(c, c->h.lr * pow(1 + c->h.lr, c->t - 1.0));
}

/* The direction does not turn around, and there is one. */
static bool lamb_holds(const struct fw_closed *c)
{
    double most = 0;
    for (size_t i = 0; i < c->m * c->n; i++)
        most = fmax(most, fabs(c->g[i]));
    return most > 0 && c->h.decay * c->h.lr * pow(1 + c->h.lr, c->steps) < 1;
}

/* lars without decay: x_(t+1) = x_t + v_(t+1), v_(t+1) = mu*v_t + k*x_t. */
static void lars_start(struct fw_closed *c)
{
    memcpy(c->u, c->g, c->m * c->n * sizeof *c->u);
}

static void lars_step(struct fw_closed *c)
{
    double mu = c->h.beta1, k = 0.001 * c->h.lr;
    double apart = sqrt((1 - mu) * (1 - mu) + 2 * k * (1 + mu) + k * k); // p - q
    double p = (1 + mu + k + apart) / 2, q = mu / p;
    move(c, c->h.lr * (pow(p, c->t) - pow(q, c->t)) / apart);
}

static bool without_decay(const struct fw_closed *c)
{
    return c->h.decay == 0;
}

/* adafactor: u with the rows' and columns' sums of g^2, scaled down to rms 1; sigma[0] is its rms.
 */
static void scale_to_rms(struct fw_closed *c)
{
    double sum = 0;
    size_t n = c->m * c->n;
    for (size_t i = 0; i < n; i++)
        sum += c->u[i] * c->u[i];
    double rms = sqrt(sum / (double)n), by = fmax(1, rms);
    for (size_t i = 0; i < n; i++)
        c->u[i] /= by;
    c->sigma[0] = rms / by;
}

static void adafactor_start(struct fw_closed *c)
{
    double total = 0; // v has room for the columns, w for the rows
    memset(c->v, 0, c->n * sizeof *c->v);
    for (size_t i = 0; i < c->m; i++) {
        double row = 0;
        for (size_t j = 0; j < c->n; j++) {
            double q = c->g[i * c->n + j] * c->g[i * c->n + j] + c->h.eps;
            row += q;
            c->v[j] += q;
        }
        c->w[i] = row;
        total += row;
    }
    for (size_t i = 0; i < c->m; i++)
        for (size_t j = 0; j < c->n; j++)
            c->u[i * c->n + j] = c->g[i * c->n + j] / sqrt(c->w[i] / total * c->v[j]);
    scale_to_rms(c);
}

static void adafactor_vector_start(struct fw_closed *c)
{
    for (size_t i = 0; i < c->m * c->n; i++)
        c->u[i] = c->g[i] / sqrt(c->g[i] * c->g[i] + c->h.eps);
    scale_to_rms(c);
}

/* In equal steps up to the rms of 0.001 that counts at least, then by a factor. */
static void adafactor_step(struct fw_closed *c)
{
    const double least = 1e-3;
    double by = c->h.lr * c->sigma[0];
    double even = fmin(c->t, floor(1 / by) + 1);
    move(c, c->h.lr * least * even * pow(1 + by, c->t - even));
}

static bool moves(const struct fw_closed *c)
{
    bool any = false;
    for (size_t i = 0; i < c->m * c->n; i++)
        any |= c->g[i] != 0;
    return any && c->h.lr > 0;
}

/* ---- along the singular vectors ---- */

/* Makes columns j and k of u orthogonal, turning v alike; whether they were not. */
static bool turn(struct fw_closed *c, size_t j, size_t k)
{
    double a = 0, b = 0, ab = 0;
    for (size_t i = 0; i < c->m; i++) {
        double x = c->u[i * c->n + j], y = c->u[i * c->n + k];
        a += x * x;
        b += y * y;
        ab += x * y;
    }
    if (fabs(ab) <= 1e-16 * sqrt(a * b) || ab == 0)
        return false;
    double z = (b - a) / (2 * ab);
    double t = (z >= 0 ? 1 : -1) / (fabs(z) + sqrt(1 + z * z));
    double cosine = 1 / sqrt(1 + t * t), sine = cosine * t;
    for (size_t i = 0; i < c->m + c->n; i++) {
        double *row = i < c->m ? &c->u[i * c->n] : &c->v[(i - c->m) * c->n];
        double x = row[j], y = row[k];
        row[j] = cosine * x - sine * y;
        row[k] = sine * x + cosine * y;
    }
    return true;
}

/* g = sum over j of sigma_j * u_j * v_j^T, by one-sided Jacobi rotations. */
static void spectrum(struct fw_closed *c)
{
    enum { MAX_SWEEPS = 60 };
    memcpy(c->u, c->g, c->m * c->n * sizeof *c->u);
    for (size_t i = 0; i < c->n * c->n; i++)
        c->v[i] = i % (c->n + 1) == 0;
    bool turned = true;
    for (unsigned s = 0; s < MAX_SWEEPS && turned; s++) {
        turned = false;
        for (size_t j = 0; j < c->n; j++)
            for (size_t k = j + 1; k < c->n; k++)
                turned |= turn(c, j, k);
    }
    for (size_t j = 0; j < c->n; j++) {
        double sum = 0;
        for (size_t i = 0; i < c->m; i++)
            sum += c->u[i * c->n + j] * c->u[i * c->n + j];
        c->sigma[j] = sqrt(sum);
        for (size_t i = 0; i < c->m && sum > 0; i++)
            c->u[i * c->n + j] /= c->sigma[j];
    }
}

static void compose(struct fw_closed *c)
{
    for (size_t i = 0; i < c->m; i++)
        for (size_t k = 0; k < c->n; k++) {
            double w = 0;
            for (size_t j = 0; j < c->n; j++)
                w += c->u[i * c->n + j] * c->sum[j] * c->v[k * c->n + j];
            c->w[i * c->n + k] = -c->h.lr * w;
        }
}

/* muon: the gradient with its momentum is a_t*g; five times the quintic. */
static void muon_step(struct fw_closed *c)
{
    double mu = c->h.beta1, norm = 0;
    double a = 1 + mu * (1 - pow(mu, c->t)) / (1 - mu);
    for (size_t j = 0; j < c->n; j++)
        norm += c->sigma[j] * c->sigma[j];
    for (size_t j = 0; j < c->n; j++) {
        double x = c->sigma[j] * a / (sqrt(norm) * a + c->h.eps);
        for (unsigned k = 0; k < 5; k++)
            x = x * (3.4445 + x * x * (-4.7750 + x * x * 2.0315));
        c->sum[j] += x;
    }
    compose(c);
}

/* shampoo: L = t*g*g^T + eps*I and R alike, the fourth root of each. */
static void shampoo_step(struct fw_closed *c)
{
    for (size_t j = 0; j < c->n; j++)
        c->sum[j] += c->sigma[j] / sqrt(c->t * c->sigma[j] * c->sigma[j] + c->h.eps);
    compose(c);
}

/* soap: the bases stay what they are where the gradient is diagonal. */
static bool is_diagonal(const struct fw_closed *c)
{
    bool any = false;
    for (size_t i = 0; i < c->m * c->n; i++)
        any |= c->g[i] != 0 && i / c->n != i % c->n;
    return !any && c->h.eps > 0;
}

static bool divides(const struct fw_closed *c) // by nothing that is 0
{
    bool any = false;
    for (size_t i = 0; i < c->m * c->n; i++)
        any |= c->g[i] == 0;
    return !any || c->h.eps > 0;
}

static bool is_clipped(const struct fw_closed *c)
{
    bool all = true;
    for (size_t i = 0; i < c->m * c->n; i++)
        all &= c->g[i] == 0 || fabs(c->g[i]) * (1 - c->h.beta1) >= c->h.eps;
    return all;
}

/* ---- the table ---- */

#define ADAM_FORM "w_t = -lr*t*c/(|c| + eps)"
#define ADAFACTOR_FORM \
    "w_t = -lr*eps2*min(t, T)*(1 + lr*rms(u))^(max(0, t - T))*u, T = floor(1/(lr*rms(u))) + 1"
static const struct fw_closed_form forms[] = {
    {"sgd", "w_t = -lr*c*t", .one = sgd},
    {"momentum", "w_t = -lr*c/(1 - mu)*(t + 1 - (1 - mu^(t+1))/(1 - mu))", .one = momentum},
    {"nesterov", "w_t = -lr*c/(1 - mu)*(t - mu^2*(1 - mu^t)/(1 - mu))", .one = nesterov},
    {"adagrad", "w_t = -lr*sum(k=1..t, c/(sqrt(k)*|c| + eps))", .one = adagrad_step, .sums = true,
     .holds = divides},
    {"rmsprop", "w_t = -lr*sum(k=1..t, c/(|c|*sqrt(1 - rho^k) + eps))", .one = rmsprop_step,
     .sums = true, .holds = divides},
    {"adam", ADAM_FORM, .one = adam, .holds = divides},
    {"adam-literal", ADAM_FORM, .one = adam, .holds = divides},
    {"amsgrad", ADAM_FORM, .one = adam, .holds = divides},
    {"adamw", "w_t = -c/(|c| + eps)*(1 - (1 - lr*decay)^t)/decay", .one = adamw, .holds = divides},
    {"lion", "w_t = -lr*t*sign(c)", .one = lion},
    {"sophia", "w_t = -sign(c)*(1 - (1 - lr*decay)^t)/decay",
     "As long as $h$ is 0 every step is clipped.", .one = sophia, .holds = is_clipped},
    {"lamb", "w_t = -lr*(1 + lr)^(t-1)*c/(|c| + eps)",
     "The first step is $lr$, each one after it $lr$ times $|w|$; decay changes nothing but the "
     "length of $u$, by which the rule divides.",
     .holds = lamb_holds, .start = lamb_start, .step = lamb_step},
    {"lars", "w_t = -lr*c*(p^t - q^t)/(p - q), p + q = 1 + mu + lr*trust, p*q = mu",
     "This is without decay, $trust = 0.001$.", .holds = without_decay, .start = lars_start,
     .step = lars_step},
    {"adafactor", ADAFACTOR_FORM, "$u$ is that of the rule and does not change, $eps2 = 0.001$.",
     .holds = moves, .start = adafactor_start, .step = adafactor_step},
    {"adafactor of a vector", ADAFACTOR_FORM,
     "$u$ is that of the rule and does not change, $eps2 = 0.001$.", .holds = moves,
     .start = adafactor_vector_start, .step = adafactor_step},
    {"muon", "w_t = -lr*U*sum(k=1..t, p(a_k*S/(a_k*|S| + eps)))*V^T",
     "$g = U*S*V^T$ by its singular values, $p$ is five times the quintic of the rule, $a_k = 1 + "
     "mu*(1 - mu^k)/(1 - mu)$.",
     .holds = moves, .start = spectrum, .step = muon_step},
    {"shampoo", "w_t = -lr*U*sum(k=1..t, S/sqrt(k*S^2 + eps))*V^T",
     "$g = U*S*V^T$ by its singular values.", .holds = moves, .start = spectrum,
     .step = shampoo_step},
    {"soap", ADAM_FORM, "The gradient is diagonal: $P$ and $Q$ stay $I$.", .one = adam,
     .holds = is_diagonal},
};

static const struct fw_closed_form *find(const char *optimizer)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].optimizer, optimizer) == 0)
            return &forms[i];
    return NULL;
}

enum fw_status fw_closed_start(struct fw_closed *c, const struct fw_optimizer *o,
                               const struct fw_hyper *h, const double *g, size_t m, size_t n,
                               uint32_t steps, struct fw_arena *arena, struct fw_error *err)
{
    *c = (struct fw_closed){.form = find(o->name), .h = *h, .g = g, .m = m, .n = n, .steps = steps};
    if (c->form != NULL && c->form->holds != NULL && !c->form->holds(c))
        c->form = NULL;
    if (c->form == NULL)
        return FW_OK;
    c->w = fw_arena_zalloc(arena, m * n * sizeof *c->w);
    c->u = fw_arena_zalloc(arena, m * n * sizeof *c->u);
    c->v = fw_arena_zalloc(arena, n * n * sizeof *c->v);
    c->sigma = fw_arena_zalloc(arena, n * sizeof *c->sigma);
    c->sum = fw_arena_zalloc(arena, n * sizeof *c->sum);
    if (c->w == NULL || c->u == NULL || c->v == NULL || c->sigma == NULL || c->sum == NULL)
        return fw_fail_memory(err);
    if (c->form->start != NULL)
        c->form->start(c);
    return FW_OK;
}

void fw_closed_step(struct fw_closed *c)
{
    c->t++;
    if (c->form->step != NULL) {
        c->form->step(c);
        return;
    }
    for (size_t i = 0; i < c->m * c->n; i++) {
        double one = c->form->one(&c->h, c->g[i], c->t);
        c->w[i] = c->form->sums ? c->w[i] + one : one;
    }
}
