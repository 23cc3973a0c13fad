/* Random networks along one axis, of windows, pooling, upsampling, slices, padding and branches:
 * the test follows for each position which input positions it depends on, one bit each, and the
 * fields must give exactly the first and the last of them wherever no border is met. */
#include "passes/field.h"

#include "base/str.h"
#include "graph/precision.h"
#include "study/analysis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { INPUT = 64, LONGEST = 400, STEPS = 6, NETS = 600 };

/* What each position of a tensor depends on. */
struct line {
    int n;
    uint64_t bits[LONGEST];
    bool clean[LONGEST]; // no border was met on the way
};

struct net {
    struct fw_str weights, nodes;
    unsigned n; // tensors so far: "t0", "t1" ...
    struct line now;
    uint64_t seed;
};

static int draw(struct net *net, int from, int to)
{
    net->seed = net->seed * 6364136223846793005u + 1442695040888963407u;
    return from + (int)((net->seed >> 33) % (uint64_t)(to - from + 1));
}

static void take(const struct line *x, int i, struct line *y, int o)
{
    bool inside = i >= 0 && i < x->n;
    y->clean[o] &= inside && x->clean[i];
    if (inside)
        y->bits[o] |= x->bits[i];
}

static struct line *start(struct line *y, int n)
{
    memset(y, 0, sizeof *y);
    y->n = n;
    memset(y->clean, 1, sizeof y->clean);
    return y;
}

struct window {
    int k, s, d, before, after;
};

static bool slide(const struct line *x, struct window w, struct line *y)
{
    int room = x->n + w.before + w.after - w.d * (w.k - 1) - 1;
    if (room < 0 || room / w.s + 1 > LONGEST)
        return false;
    start(y, room / w.s + 1);
    for (int o = 0; o < y->n; o++)
        for (int t = 0; t < w.k; t++)
            take(x, o * w.s - w.before + t * w.d, y, o);
    return true;
}

/* Every input position meets the whole kernel; positions beyond the ends count as met borders. */
static bool spread(const struct line *x, struct window w, struct line *y)
{
    int n = (x->n - 1) * w.s + w.d * (w.k - 1) + 1 - w.before - w.after;
    if (n < 1 || n > LONGEST)
        return false;
    start(y, n);
    for (int i = -LONGEST; i < LONGEST; i++)
        for (int t = 0; t < w.k; t++) {
            int o = i * w.s + t * w.d - w.before;
            if (o >= 0 && o < n)
                take(x, i, y, o);
        }
    return true;
}

/* One step ahead: y is made from tensor `from` by an operator. */
static void emit(struct net *net, const char *call, struct window w, bool weight, unsigned from)
{
    unsigned to = ++net->n;
    if (weight)
        fw_str_addf(&net->weights, "%sfloat[2,2,%d] w%u = [\"location\": \"w\"]",
                    net->weights.len > 0 ? ", " : "", w.k, to);
    fw_str_addf(&net->nodes, "t%u = %s<", to, call);
    if (!weight)
        fw_str_addf(&net->nodes, "kernel_shape = [%d], ", w.k);
    fw_str_addf(&net->nodes, "strides = [%d], dilations = [%d], pads = [%d,%d]>(t%u", w.s, w.d,
                w.before, w.after, from);
    fw_str_addf(&net->nodes, weight ? ", w%u)\n" : ")\n", to);
}

static struct window draw_window(struct net *net)
{
    return (struct window){draw(net, 1, 4), draw(net, 1, 3), draw(net, 1, 3), draw(net, 0, 3),
                           draw(net, 0, 3)};
}

static void add_window(struct net *net, bool pool)
{
    struct window w = draw_window(net);
    struct line y;
    if (pool) { // pads are less than the kernel
        w.before %= w.k;
        w.after %= w.k;
    }
    if (!slide(&net->now, w, &y))
        return;
    emit(net, pool ? "MaxPool" : "Conv", w, !pool, net->n);
    net->now = y;
}

static void add_transposed(struct net *net)
{
    struct window w = draw_window(net);
    struct line y;
    if (!spread(&net->now, w, &y))
        return;
    emit(net, "ConvTranspose", w, true, net->n);
    net->now = y;
}

/* Two windows of the same stride over the same tensor, each padded to the same length, though not
 * always evenly. */
static void add_branches(struct net *net)
{
    struct line y, z;
    unsigned from = net->n, arm[2];
    int s = draw(net, 1, 2);
    for (int i = 0; i < 2; i++) {
        struct window w = {draw(net, 1, 4), s, draw(net, 1, 2), 0, 0};
        w.before = draw(net, 0, w.d * (w.k - 1));
        w.after = w.d * (w.k - 1) - w.before;
        if (!slide(&net->now, w, i == 0 ? &y : &z))
            return;
        emit(net, "Conv", w, true, from);
        arm[i] = net->n;
    }
    for (int o = 0; o < y.n; o++) {
        y.bits[o] |= z.bits[o];
        y.clean[o] &= z.clean[o];
    }
    fw_str_addf(&net->nodes, "t%u = %s(t%u, t%u)\n", net->n + 1, draw(net, 0, 1) ? "Add" : "Max",
                arm[0], arm[1]);
    net->n++;
    net->now = y;
}

static int floor_div(int a, int b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* By 2 or 3: nearest from the front, nearest around the middle, or linear. Positions are
 * ((2*o + 1) - s)/(2*s) around the middle. */
static void add_resize(struct net *net)
{
    static const char *const modes[] = {
        ("mode = \"nearest\", coordinate_transformation_mode = \"asymmetric\", "
         "nearest_mode = \"floor\""),
        "mode = \"nearest\"", "mode = \"linear\""};
    int s = draw(net, 2, 3), mode = draw(net, 0, 2);
    struct line y;
    if (net->now.n * s > LONGEST)
        return;
    start(&y, net->now.n * s);
    for (int o = 0; o < y.n; o++) {
        int above = 2 * o + 1 - s;
        if (mode == 0)
            take(&net->now, o / s, &y, o);
        if (mode == 1) // halves go down
            take(&net->now, -floor_div(s - above, 2 * s), &y, o);
        if (mode == 2) {
            take(&net->now, floor_div(above, 2 * s), &y, o);
            take(&net->now, -floor_div(-above, 2 * s), &y, o);
        }
    }
    fw_str_addf(&net->nodes, "t%u = Resize<%s>(t%u, , s%d)\n", net->n + 1, modes[mode], net->n, s);
    net->n++;
    net->now = y;
}

static void add_slice(struct net *net)
{
    int from = draw(net, 0, 4), step = draw(net, 1, 2);
    struct line y;
    if (net->now.n <= from)
        return;
    start(&y, (net->now.n - from + step - 1) / step);
    for (int o = 0; o < y.n; o++)
        take(&net->now, from + o * step, &y, o);
    fw_str_addf(&net->nodes, "t%u = Slice(t%u, i%d, far, two, i%d)\n", net->n + 1, net->n, from,
                step);
    net->n++;
    net->now = y;
}

static void grow(struct net *net)
{
    for (unsigned i = 0; i < INPUT; i++)
        net->now.bits[i] = (uint64_t)1 << i;
    for (int i = 0; i < STEPS; i++)
        switch (draw(net, 0, 6)) {
        case 0:
        case 1:
            add_window(net, false);
            break;
        case 2:
            add_window(net, true);
            break;
        case 3:
            add_transposed(net);
            break;
        case 4:
            add_branches(net);
            break;
        case 5:
            add_resize(net);
            break;
        default:
            add_slice(net);
        }
}

/* Compares; gives how many positions that met no border. */
static unsigned compare(const struct net *net, const struct fw_field *f, const char *text)
{
    unsigned n = 0;
    for (int o = 0; o < net->now.n; o++) {
        int64_t lo = 0, hi = 0;
        uint64_t bits = net->now.bits[o];
        if (!net->now.clean[o])
            continue;
        n++;
        bool some = fw_field_span(f, o, &lo, &hi);
        if (some != (bits != 0))
            fail_msg("position %d: something or nothing\n%s", o, text);
        if (!some)
            continue;
        int first = __builtin_ctzll(bits), last = 63 - __builtin_clzll(bits);
        if (lo != first || hi != last)
            fail_msg("position %d depends on %d to %d, the field is %d to %d\n%s", o, first, last,
                     (int)lo, (int)hi, text);
    }
    return n;
}

static unsigned check(struct net *net, struct fw_str *text)
{
    struct fw_analysis a;
    struct fw_fields f;
    struct fw_error err;
    const struct fw_analysis_options options = {.precision = fw_precision_find("fp32"),
                                                .inference = true};
    fw_str_addf(text, "<ir_version: 8, opset_import: [\"\": 18]> g (float[1,2,%d] t0) => ", INPUT);
    fw_str_addf(text, "(float[1,2,%d] t%u) <%s%s", net->now.n, net->n, fw_str_text(&net->weights),
                net->weights.len > 0 ? ", " : "");
    fw_str_add(text, "float[3] s2 = {1.0, 1.0, 2.0}, float[3] s3 = {1.0, 1.0, 3.0}, int64[1] i0 = "
                     "{0}, int64[1] i1 = {1}, int64[1] i2 = {2}, int64[1] i3 = {3}, int64[1] i4 = "
                     "{4}, int64[1] two = {2}, int64[1] far = {1000000}>\n{ ");
    fw_str_add(text, fw_str_text(&net->nodes));
    fw_str_add(text, "}");
    const char *t = fw_str_text(text);
    if (fw_analyse(&a, t, strlen(t), "t", &fw_alloc_default, &options, &err) != FW_OK ||
        fw_field(&a.model.graph, a.model.graph.inputs[0], &a.model.arena, &f, &err) != FW_OK)
        fail_msg("%s\n%s", err.message, t);
    uint32_t output = a.model.graph.outputs[0];
    assert_true(fw_dim_is(a.model.graph.tensors[output].dims[2], net->now.n));
    const struct fw_field *field = fw_field_at(&f, output, 2);
    assert_int_equal(field->kind, FW_FIELD_ALONG);
    unsigned n = compare(net, field, t);
    fw_analysis_clear(&a);
    return n;
}

void test_field_random__first_and_last(void **state)
{
    (void)state;
    unsigned compared = 0, nets = 0;
    for (uint64_t seed = 1; seed <= NETS; seed++) {
        struct net net = {.seed = seed * 977};
        struct fw_str text;
        fw_str_init(&net.weights, &fw_alloc_default);
        fw_str_init(&net.nodes, &fw_alloc_default);
        fw_str_init(&text, &fw_alloc_default);
        start(&net.now, INPUT);
        grow(&net);
        unsigned n = net.n > 0 ? check(&net, &text) : 0;
        compared += n;
        nets += n > 0;
        fw_str_free(&net.weights);
        fw_str_free(&net.nodes);
        fw_str_free(&text);
    }
    assert_true(nets > NETS / 2);
    assert_true(compared > 10 * NETS);
}
