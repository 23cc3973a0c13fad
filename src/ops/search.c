/* Text generation as ONNX Runtime writes it: BeamSearch and GreedySearch, loops over a decoder.
 *
 * The longest possible run is counted: the end of text never comes before max_length. With batch B,
 * prompt length L and R = B * num_beams rows:
 *     decoder only     the prompt once (ids (R, L), no past), then max_length - L - 1 steps of one
 *                      token, of which step k = 0, 1 ... meets a past of L + k tokens
 *     with an encoder  the encoder once on B rows, which also gives the first token, then
 *                      max_length - 2 steps with a past of 1 + k tokens (an encoder that takes no
 *                      decoder_input_ids gives none: one step more, and the past starts at 0)
 * A step's cost is a polynomial in the length of its past and is summed exactly over the steps;
 * where it is none (a min or max of that length) every step costs as much as the last one.
 * Choosing a token: an ArgMax per row, or with beams a LogSoftmax, 1 add of the beam's score per
 * word and the 2 * num_beams best of num_beams * vocabulary. Penalties and masks, which touch
 * single words, are not part of it. Schemas: onnxruntime, contrib operators. */
#include "ops/control.h"
#include "ops/reach.h"

#include <string.h>

enum { DECODER, ENCODER, INIT_DECODER, MODEL_TYPE };
#define SEARCH_ATTRS                                               \
    {"decoder", FW_ATTR_GRAPH, true, {.graph = NULL}},             \
        {"encoder", FW_ATTR_GRAPH, false, {.graph = NULL}},        \
        {"init_decoder", FW_ATTR_GRAPH, false, {.graph = NULL}},   \
        {"model_type", FW_ATTR_INT, false, {.i = 0}},              \
        {"eos_token_id", FW_ATTR_INT, false, {.i = -1}},           \
        {"pad_token_id", FW_ATTR_INT, false, {.i = -1}},           \
        {"decoder_start_token_id", FW_ATTR_INT, false, {.i = -1}}, \
        {"no_repeat_ngram_size", FW_ATTR_INT, false, {.i = 0}},    \
    {                                                              \
        "vocab_size", FW_ATTR_INT, false,                          \
        {                                                          \
            .i = -1                                                \
        }                                                          \
    }
static const struct fw_attr_spec beam_attrs[] = {
    SEARCH_ATTRS,
    {"early_stopping", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec greedy_attrs[] = {SEARCH_ATTRS};

enum { IDS, MAX_LENGTH, NUM_BEAMS = 3, NUM_RETURN = 4 };

static bool is_beam(const struct fw_cx *c)
{
    return c->node->op->attrs == beam_attrs;
}

struct search {
    fw_dim batch, length; // of the prompt
    fw_dim max_length, beams, rows;
    fw_dim first_past, steps; // of the decoder
};

/* A number that is an input: known, or a letter of its name. */
static fw_dim number_of(struct fw_cx *c, unsigned i, const char *name)
{
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, i, &n);
    return v != NULL && n == 1 ? v[0] : fw_fresh_dim(c, name, fw_dim_bad());
}

static struct fw_graph *body_of(const struct fw_cx *c, unsigned attr)
{
    return c->node->attr[attr].graph;
}

/* Input k of a body that is called so, or the number of inputs. */
static uint32_t input_like(const struct fw_graph *body, const char *part)
{
    uint32_t k = 0;
    for (; k < body->n_formal; k++) {
        const char *name = body->tensors[body->inputs[k]].name;
        if (name != NULL && strstr(name, part) != NULL)
            break;
    }
    return k;
}

static enum fw_status read_sizes(struct fw_cx *c, struct search *ret)
{
    FW_TRY(fw_want_rank(c, IDS, 2, 3));
    const struct fw_graph *encoder = body_of(c, ENCODER);
    struct fw_symbols *s = c->sym;
    struct search r = {.beams = fw_dim_int(1)};
    r.batch = fw_in(c, IDS)->dims[0];
    r.length = fw_in(c, IDS)->dims[1];
    r.max_length = number_of(c, MAX_LENGTH, "max_length");
    if (is_beam(c))
        r.beams = number_of(c, NUM_BEAMS, "num_beams");
    r.rows = fw_dim_mul(s, r.batch, r.beams);
    r.first_past = r.length;
    if (encoder != NULL)
        r.first_past = fw_dim_int(input_like(encoder, "decoder_input_ids") < encoder->n_formal);
    r.steps = fw_dim_sub(s, fw_dim_sub(s, r.max_length, r.first_past), fw_dim_int(1));
    if (fw_dim_is_const(r.steps) && r.steps.word < 0)
        r.steps = fw_dim_int(0);
    *ret = r;
    return FW_OK;
}

/* ---- what the bodies are given ---- */

static enum fw_status give(struct fw_cx *c, struct fw_graph *body, uint32_t k, unsigned rank,
                           const fw_dim *dims)
{
    struct fw_tensor t = {.dtype = FW_UNKNOWN, .rank = (uint8_t)rank};
    t.dims = fw_arena_copy(c->g->arena, dims, rank * sizeof *dims);
    if (t.dims == NULL)
        return fw_fail_memory(c->err);
    fw_body_give(body, k, &t, false);
    return FW_OK;
}

/* Keys and values of earlier steps: (batch, heads, past, width), or with a 2 in front for both. The
 * body says how many heads of which width. */
static enum fw_status give_past(struct fw_cx *c, struct fw_graph *body, uint32_t k, fw_dim rows,
                                fw_dim past)
{
    const struct fw_tensor *t = &body->tensors[body->inputs[k]];
    fw_dim dims[FW_MAX_RANK];
    FW_REQUIRE(t->rank == 4 || t->rank == 5, c->err, FW_SHAPE,
               "input '%s' of the decoder: a shape of 4 or 5 dimensions is wanted",
               t->name != NULL ? t->name : "");
    memcpy(dims, t->dims, t->rank * sizeof *dims);
    dims[t->rank - 4] = rows;
    dims[t->rank - 2] = past;
    return give(c, body, k, t->rank, dims);
}

/* A decoder on q new tokens behind a past. */
static enum fw_status give_decoder(struct fw_cx *c, struct fw_graph *body, const struct search *r,
                                   fw_dim q, fw_dim past)
{
    const struct fw_graph *encoder = body_of(c, ENCODER);
    for (uint32_t k = 0; k < body->n_formal; k++) {
        const struct fw_tensor *t = &body->tensors[body->inputs[k]];
        const char *name = t->name != NULL ? t->name : "";
        bool past_like = strstr(name, "past") != NULL && t->rank >= 4;
        bool cross = strstr(name, "cross") != NULL;
        fw_dim mask = encoder != NULL ? r->length : fw_dim_add(c->sym, past, q);
        fw_dim dims[2] = {r->rows, strstr(name, "mask") != NULL ? mask : q};
        if (past_like && t->rank != FW_RANK_UNKNOWN)
            FW_TRY(give_past(c, body, k, r->rows, cross ? r->length : past));
        else if (strstr(name, "mask") != NULL || strstr(name, "_ids") != NULL)
            FW_TRY(give(c, body, k, 2, dims));
        else if (encoder != NULL && strstr(name, "hidden") != NULL && encoder->n_outputs > 1) {
            struct fw_tensor hidden = encoder->tensors[encoder->outputs[1]];
            if (hidden.rank == 3)
                FW_TRY(give(c, body, k, 3, (fw_dim[]){r->rows, hidden.dims[1], hidden.dims[2]}));
        }
    }
    return FW_OK;
}

static enum fw_status infer_encoder(struct fw_cx *c, struct fw_graph *body, const struct search *r)
{
    FW_REQUIRE(body->n_formal >= 1, c->err, FW_FORMAT, "the encoder takes no input");
    struct fw_tensor ids = *fw_in(c, IDS);
    ids.value = NULL;
    fw_body_give(body, 0, &ids, false);
    for (uint32_t k = 1; k < body->n_formal; k++) {
        const char *name = body->tensors[body->inputs[k]].name;
        bool mask = name != NULL && strstr(name, "mask") != NULL;
        FW_TRY(give(c, body, k, 2, (fw_dim[]){r->batch, mask ? r->length : fw_dim_int(1)}));
    }
    body->trips = fw_dim_int(1);
    return fw_body_infer(c, body);
}

/* The body that runs the prompt: the file's, or a second one made from the decoder; NULL where that
 * cannot be had because bodies inside it would be shared. */
static enum fw_status prompt_body(struct fw_cx *c, struct fw_graph **ret)
{
    *ret = body_of(c, INIT_DECODER);
    if (*ret != NULL || fw_graph_has_bodies(body_of(c, DECODER)))
        return FW_OK;
    FW_TRY(c->hooks->copy_body(c, body_of(c, DECODER), ret));
    unsigned n = c->node->op->n_attrs;
    struct fw_attr *attr = fw_arena_copy(c->g->arena, c->node->attr, n * sizeof *attr);
    if (attr == NULL)
        return fw_fail_memory(c->err);
    attr[INIT_DECODER] = (struct fw_attr){.graph = *ret};
    c->node->attr = attr;
    return FW_OK;
}

static enum fw_status infer_prompt(struct fw_cx *c, struct fw_graph *body, const struct search *r)
{
    FW_TRY(fw_body_take_in(c, body));
    FW_TRY(give_decoder(c, body, r, r->length, fw_dim_int(0)));
    body->trips = fw_dim_int(1);
    return fw_body_infer(c, body);
}

static enum fw_status infer_bodies(struct fw_cx *c, const struct search *r)
{
    struct fw_graph *encoder = body_of(c, ENCODER);
    struct fw_graph *decoder = body_of(c, DECODER);
    FW_REQUIRE(decoder != NULL, c->err, FW_FORMAT, "attribute 'decoder' is missing");
    if (encoder != NULL) {
        FW_TRY(fw_body_take_in(c, encoder));
        FW_TRY(infer_encoder(c, encoder, r));
    } else {
        struct fw_graph *prompt;
        FW_TRY(prompt_body(c, &prompt));
        if (prompt != NULL)
            FW_TRY(infer_prompt(c, prompt, r));
    }
    decoder->trips = r->steps;
    FW_TRY(fw_body_take_in(c, decoder));
    fw_dim last = fw_dim_add(c->sym, r->first_past, r->steps);
    fw_dim past = fw_fresh_dim(c, "past", fw_dim_sub(c->sym, last, fw_dim_int(1)));
    FW_TRY(give_decoder(c, decoder, r, fw_dim_int(1), past));
    return fw_body_infer(c, decoder);
}

/* Words of the vocabulary: the last dimension of the first output. */
static fw_dim vocabulary(struct fw_cx *c)
{
    const struct fw_graph *body = body_of(c, DECODER);
    const struct fw_tensor *t = body->n_outputs > 0 ? &body->tensors[body->outputs[0]] : NULL;
    bool known = t != NULL && t->rank != FW_RANK_UNKNOWN && t->rank > 0;
    return known ? t->dims[t->rank - 1] : fw_fresh_dim(c, "vocabulary", fw_dim_bad());
}

static enum fw_status infer_search(struct fw_cx *c)
{
    struct search r;
    if (fw_in(c, IDS)->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, 0, FW_I32, FW_RANK_UNKNOWN);
    FW_TRY(read_sizes(c, &r));
    FW_TRY(infer_bodies(c, &r));
    if (!is_beam(c))
        return fw_set_out(c, 0, FW_I32, 2, (fw_dim[]){r.batch, r.max_length});
    fw_dim kept = number_of(c, NUM_RETURN, "num_return_sequences");
    FW_TRY(fw_set_out(c, 0, FW_I32, 3, (fw_dim[]){r.batch, kept, r.max_length}));
    FW_TRY(fw_set_out(c, 1, FW_F32, 2, (fw_dim[]){r.batch, kept}));
    if (!fw_has_out(c, 2))
        return FW_OK;
    fw_dim made = fw_dim_sub(c->sym, r.max_length, r.first_past);
    return fw_set_out(c, 2, FW_F32, 4, (fw_dim[]){made, r.batch, r.beams, vocabulary(c)});
}

/* ---- cost ---- */

/* 0^power + 1^power + ... + (n-1)^power */
static fw_count power_sum(struct fw_symbols *s, unsigned power, fw_count n)
{
    fw_count less = fw_count_sub(s, n, fw_count_int(1));
    fw_count pairs = fw_count_mul(s, n, less); // n*(n-1)
    if (power == 0)
        return n;
    if (power == 1)
        return fw_count_div(s, pairs, fw_count_int(2));
    fw_count odd = fw_count_add(s, n, less); // 2*n-1
    return power == 2 ? fw_count_div(s, fw_count_mul(s, pairs, odd), fw_count_int(6))
                      : fw_count_div(s, fw_count_mul(s, pairs, pairs), fw_count_int(4));
}

static bool uses(struct fw_symbols *s, fw_count a, uint32_t symbol, bool *seen, uint32_t n)
{
    memset(seen, 0, n * sizeof *seen);
    fw_count_symbols(s, a, seen, n);
    return seen[symbol];
}

struct past {
    fw_count is; // the letter
    uint32_t symbol;
    fw_count first, end; // from first to end - 1
    bool *seen;          // (n) room
    uint32_t n;
};

/* The sum of a step's count over all steps; bad when it is no polynomial of degree 3 or less. */
static fw_count exact_sum(struct fw_symbols *s, fw_count one, const struct past *p)
{
    enum { DEGREE = 3 };
    fw_count sum = fw_count_int(0);
    fw_count rest = one;
    fw_count power_of = fw_count_int(1);
    for (unsigned power = 0; power <= DEGREE; power++) {
        fw_count k = fw_count_coefficient(s, one, p->symbol, power);
        if (fw_count_is_bad(k) || uses(s, k, p->symbol, p->seen, p->n))
            return fw_count_bad();
        fw_count range =
            fw_count_sub(s, power_sum(s, power, p->end), power_sum(s, power, p->first));
        sum = fw_count_add(s, sum, fw_count_mul(s, k, range));
        rest = fw_count_sub(s, rest, fw_count_mul(s, k, power_of));
        power_of = fw_count_mul(s, power_of, p->is);
    }
    return fw_count_is(rest, 0) ? sum : fw_count_bad();
}

/* Every step like the last one. */
static fw_count bound(struct fw_symbols *s, fw_count one, const struct past *p, fw_count steps,
                      fw_dim *values)
{
    for (uint32_t i = 0; i < p->n; i++)
        values[i] = fw_dim_bad();
    values[p->symbol] = fw_dim_of(fw_count_sub(s, p->end, fw_count_int(1)));
    return fw_count_mul(s, steps, fw_count_substitute(s, one, values, p->n));
}

/* The letter of the decoder's past, from the shape that was handed in. */
static bool find_past(struct fw_cx *c, const struct fw_graph *body, const struct search *r,
                      struct past *ret)
{
    uint32_t k = 0;
    const struct fw_tensor *t = NULL;
    for (; k < body->n_formal; k++) {
        t = &body->tensors[body->inputs[k]];
        bool is = t->name != NULL && strstr(t->name, "past") != NULL &&
                  strstr(t->name, "cross") == NULL && t->rank != FW_RANK_UNKNOWN && t->rank >= 4;
        if (is)
            break;
    }
    ret->n = fw_symbols_count(c->sym);
    ret->seen = fw_arena_array(c->g->arena, ret->n + 1u, sizeof *ret->seen);
    if (k == body->n_formal || ret->seen == NULL)
        return false;
    ret->is = fw_count_of(t->dims[t->rank - 2]);
    memset(ret->seen, 0, ret->n * sizeof *ret->seen);
    fw_count_symbols(c->sym, ret->is, ret->seen, ret->n);
    for (ret->symbol = 0; ret->symbol < ret->n && !ret->seen[ret->symbol];)
        ret->symbol++;
    ret->first = fw_count_of(r->first_past);
    ret->end = fw_count_add(c->sym, ret->first, fw_count_of(r->steps));
    return ret->symbol < ret->n;
}

static void cost_decoder(struct fw_cx *c, struct fw_cost *cost, const struct search *r)
{
    struct fw_graph *body = body_of(c, DECODER);
    struct fw_cost one = {0};
    struct past p = {0};
    if (fw_dim_is(r->steps, 0))
        return;
    if (!c->hooks->cost_body(c, body, FW_N_PHASES, &one))
        c->gap = true;
    bool sums = find_past(c, body, r, &p);
    fw_count steps = fw_count_of(r->steps);
    fw_dim *values = fw_arena_array(c->g->arena, p.n + 1u, sizeof *values);
    for (unsigned k = 0; k < FW_N_COSTS; k++) {
        fw_count n = sums && values != NULL ? exact_sum(c->sym, one.n[k], &p)
                                            : fw_count_mul(c->sym, steps, one.n[k]);
        if (fw_count_is_bad(n) && sums && values != NULL)
            n = bound(c->sym, one.n[k], &p, steps, values);
        cost->n[k] = fw_count_add(c->sym, cost->n[k], n);
    }
}

/* What infer found, without new letters. */
static void sizes_again(struct fw_cx *c, struct search *r)
{
    const struct fw_tensor *ids = fw_in(c, IDS);
    const struct fw_tensor *y = fw_out(c, 0);
    const struct fw_graph *decoder = body_of(c, DECODER);
    const struct fw_graph *encoder = body_of(c, ENCODER);
    *r = (struct search){.batch = ids->dims[0], .length = ids->dims[1], .steps = decoder->trips};
    r->max_length = y->dims[y->rank - 1];
    r->first_past = r->length;
    if (encoder != NULL)
        r->first_past = fw_dim_int(input_like(encoder, "decoder_input_ids") < encoder->n_formal);
    r->rows = r->batch;
    uint32_t k = input_like(decoder, "_ids");
    if (k < decoder->n_formal)
        r->rows = decoder->tensors[decoder->inputs[k]].dims[0];
    r->beams = fw_dim_div(c->sym, r->rows, r->batch);
}

static void body_cost(struct fw_cx *c, unsigned attr, struct fw_cost *cost)
{
    struct search r;
    if (fw_in(c, IDS)->rank == FW_RANK_UNKNOWN || fw_out(c, 0) == NULL)
        return;
    sizes_again(c, &r);
    if (attr == DECODER)
        cost_decoder(c, cost, &r);
    else if (!c->hooks->cost_body(c, body_of(c, attr), FW_N_PHASES, cost))
        c->gap = true;
}

/* times choices of a token for every row. */
static void cost_choice(struct fw_cx *c, struct fw_cost *cost, const struct search *r,
                        fw_count times)
{
    struct fw_symbols *s = c->sym;
    fw_count one = fw_count_int(1);
    fw_count words = fw_count_of(vocabulary(c));
    fw_count rows = fw_count_mul(s, times, fw_count_of(r->rows));
    fw_count all = fw_count_mul(s, rows, words);
    fw_count joins = fw_count_sub(s, all, rows);
    fw_cost_add(c, cost, FW_MINMAX, joins, 1);
    if (!is_beam(c))
        return;
    fw_cost_add(c, cost, FW_EXP, all, 1);
    fw_cost_add(c, cost, FW_LOG, rows, 1); // of the sum
    fw_cost_add(c, cost, FW_ADD, joins, 1);
    fw_cost_add(c, cost, FW_ADD, all, 3); // less the maximum, less the log, the beam's score
    fw_count best = fw_count_mul(s, fw_count_of(r->beams), fw_count_int(2));
    fw_count from = fw_count_mul(s, fw_count_of(r->beams), words);
    fw_count passes = fw_count_mul(s, best, from); // best*from - best*(best+1)/2
    fw_count shrink = fw_count_mul(s, fw_count_of(r->beams), fw_count_add(s, best, one));
    fw_count topk = fw_count_mul(s, fw_count_mul(s, times, fw_count_of(r->batch)),
                                 fw_count_sub(s, passes, shrink));
    fw_cost_add(c, cost, FW_MINMAX, topk, 1);
}

static void cost_search(struct fw_cx *c, struct fw_cost *cost)
{
    struct search r;
    unsigned first = body_of(c, ENCODER) != NULL ? ENCODER : INIT_DECODER;
    if (fw_in(c, IDS)->rank == FW_RANK_UNKNOWN || fw_out(c, 0) == NULL)
        return;
    sizes_again(c, &r);
    struct fw_graph *body = body_of(c, first);
    if (body == NULL || !c->hooks->cost_body(c, body, FW_N_PHASES, cost))
        c->gap = true;
    cost_decoder(c, cost, &r);
    bool chosen = first == INIT_DECODER || !fw_dim_is(r.first_past, 0); // from the first body
    fw_count times = fw_count_add(c->sym, fw_count_of(r.steps), fw_count_int(chosen));
    cost_choice(c, cost, &r, times);
}

#define SEARCH_ROW(list, n_wanted, n_made)                                                       \
    .domain = "com.microsoft", .doc = "none: inference only", FW_ATTRS(list),                    \
    FW_PORTS(n_wanted, UINT16_MAX, 1, n_made), .flags = FW_CONTROL_FLAGS | FW_OP_BODY_SHAPES,    \
    .infer = infer_search, .field = fw_field_whole, .cost = cost_search, .body_cost = body_cost, \
    .grad = fw_grad_none

static const struct fw_op rows[] = {
    {.name = "BeamSearch",
     SEARCH_ROW(beam_attrs, 2, 3),
     .formula = "prompt (or encoder) once + the decoder for every further token up to max_length, "
                "summed over its growing past, batch*num_beams rows; per token and row of V "
                "words: LogSoftmax, V add, TopK of 2*num_beams"},
    {.name = "GreedySearch",
     SEARCH_ROW(greedy_attrs, 2, 1),
     .formula = "prompt (or encoder) once + the decoder for every further token up to max_length, "
                "summed over its growing past; per token and row of V words: V - 1 minmax"},
};
const struct fw_op_table fw_ops_search = {rows, sizeof rows / sizeof *rows};
