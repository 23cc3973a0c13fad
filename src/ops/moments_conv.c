/* Rules for convolutions: the output is a sum of independent products, tap by tap. Of two positions
 * those taps go together that are the same, and where one of them falls on padding there is
 * nothing. */
#include "ops/moments_window.h"

#include <math.h>
#include <string.h>

bool fw_window_known(const struct fw_window *w)
{
    for (unsigned k = 0; k < w->n; k++)
        if (w->in[k].word <= 0 || w->out[k].word <= 0 || w->kernel[k].word <= 0 ||
            !fw_dim_is_const(w->begin[k]))
            return false;
    return w->n <= FW_PAIR_AXES;
}

bool fw_window_maps(struct fw_moment_cx *m, const struct fw_window *w, bool gather,
                    enum fw_pair_how how, const struct fw_pairs *to, const struct fw_pairs *from,
                    struct fw_pair_map *ret)
{
    for (unsigned k = 0; k < w->n; k++) {
        const struct fw_pair_map *map =
            fw_pair_map(&m->maps, m->arena, w, k, gather, how, to->axis[k], from->axis[k]);
        if (map == NULL)
            return false;
        ret[k] = *map;
    }
    return true;
}

static void scale(struct fw_pairs *p, unsigned set, double by)
{
    for (size_t i = 0; i < p->size; i++)
        p->at[set][i] *= (float)by;
}

/* ---- convolution ---- */

double fw_moments_gain(const struct fw_moments *x)
{
    return x->unit_second > 0 ? 1 / sqrt(x->unit_second) : 1;
}

double fw_moments_less(const struct fw_moments *y, double fan_in)
{
    return y->divided && fan_in > 0 ? 1 - 2 * fmin(1 / fan_in, 0.25) : 1;
}

/* Of a transposed convolution the window's input is the layer's output. */
static bool read_conv(struct fw_moment_cx *m, struct fw_conv *v)
{
    if (fw_conv_read(&m->cx, v) != FW_OK || !fw_window_known(&v->window) ||
        v->weight_in.word <= 0 || v->weight_out.word <= 0 || v->channels_out.word <= 0)
        return false;
    double taps = 1, channels_in, channels_out;
    for (unsigned k = 0; k < v->window.n; k++)
        taps *= (double)v->window.kernel[k].word;
    bool turned = v->window.transposed;
    channels_in = (double)(turned ? v->weight_out.word : v->weight_in.word);
    channels_out = (double)(turned ? v->weight_in.word : v->weight_out.word);
    m->fans = (struct fw_fans){channels_in * taps, channels_out * taps, (double)v->weight_out.word,
                               (double)v->weight_in.word * taps};
    return true;
}

static const struct fw_conv_form *form_of(const struct fw_moment_cx *m)
{
    return m->cx.node->op->family;
}

/* Positions of the input (of the output: false), nothing filled. */
static struct fw_pairs *conv_layout(struct fw_moment_cx *m, const struct fw_conv *v, bool input,
                                    struct fw_arena *arena, unsigned sets)
{
    const struct fw_window *w = &v->window;
    return fw_moments_layout(m, arena, w->n, input != w->transposed ? w->in : w->out,
                             fw_first_axis(v->last), sets);
}

/* What both directions ask. */
struct conv {
    struct fw_conv v;
    const struct fw_pairs *layout; // of the side that is read
    struct fw_pairs *to;
    struct fw_pair_map maps[FW_PAIR_AXES];
};

static bool open_conv(struct fw_moment_cx *m, bool forward, struct conv *c)
{
    if (!read_conv(m, &c->v))
        return false;
    c->layout = conv_layout(m, &c->v, forward, m->scratch, 0);
    c->to = conv_layout(m, &c->v, !forward, forward ? m->arena : m->scratch, forward ? 2 : 1);
    return c->layout != NULL && c->to != NULL &&
           fw_window_maps(m, &c->v.window, forward != c->v.window.transposed, FW_PAIR_TAPS, c->to,
                          c->layout, c->maps);
}

static bool conv_forward(struct fw_moment_cx *m)
{
    struct conv c;
    const struct fw_moments *x = fw_moments_in(m, form_of(m)->x);
    if (!x->known || !open_conv(m, true, &c))
        return false;
    const struct fw_pairs *from = fw_moments_in_layout(m, x, c.layout);
    bool turned = c.v.window.transposed;
    double groups = turned ? (double)c.v.channels_out.word / (double)c.v.weight_in.word : 1;
    double channels = m->fans.in / (m->fans.columns / (double)c.v.weight_in.word) / groups;
    m->weight = m->variance(m, &m->fans, fw_moments_gain(x));
    for (unsigned set = 0; from != NULL && set < 2; set++) {
        if (!fw_pairs_apply(m->scratch, from, from->at[set], c.maps, c.to, c.to->at[set]))
            return false;
        scale(c.to, set, channels * m->weight);
    }
    if (from == NULL)
        return false;
    fw_moments_set_pairs(m, 0, 0, c.to);
    fw_moments_out(m, 0)->terms = m->fans.in;
    return true;
}

static void conv_backward(struct fw_moment_cx *m)
{
    struct conv c;
    struct fw_moments *x = fw_moments_in(m, form_of(m)->x);
    if (x == NULL || !open_conv(m, false, &c))
        return;
    const struct fw_pairs *g = fw_moments_grad_pairs(m, fw_moments_out(m, 0), c.layout);
    bool turned = c.v.window.transposed;
    const struct fw_tensor *t = fw_in(&m->cx, form_of(m)->x);
    double channels_x = (double)t->dims[fw_channel_axis(c.v.last, t->rank)].word;
    double groups = turned ? 1 : channels_x / (double)c.v.weight_in.word;
    double channels = (double)(turned ? c.v.weight_in.word : c.v.weight_out.word) / groups;
    m->weight = m->variance(m, &m->fans, fw_moments_gain(x));
    if (g == NULL || !fw_pairs_apply(m->scratch, g, g->at[0], c.maps, c.to, c.to->at[0]))
        return;
    scale(c.to, 0, channels * m->weight * fw_moments_less(fw_moments_out(m, 0), m->fans.in));
    fw_moments_give_pairs(m, x, c.to);
}

const struct fw_moment_rule fw_moments_conv = {
    .layer = true, .forward = conv_forward, .backward = conv_backward};
