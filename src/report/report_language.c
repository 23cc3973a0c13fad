/* What is asked of language models. The conventions of their papers: report_convention.c. */
#include "passes/language.h"
#include "report/answers.h"

#include <math.h>

static const struct fw_column columns[] = {
    {"active_params", "active", "parameters one token meets, tables counted whole", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"embedding_params", "in tables", "parameters in tables that are looked up", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"tokens", "tokens", "of one pass: batch * seq", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"flop_per_token/forward", "FLOP per token", "matmul FLOP of the forward pass, in full",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop_per_token/training", "training per token", "with both backward phases", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"attention/forward", "attention", "matmul FLOP of attention, every query with every key",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"attention/forward_causal", "its causal part", "the pairs that masks and windows leave",
     FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"causal/forward", "forward, causal", "matmul FLOP with that part alone", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"causal/training", "training, causal", "the same of forward and backward", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"prefill_flop", "prefill", "reading the tokens: the forward pass, causal", FW_UNIT_FLOP, 0},
    {"decode_flop_per_token", "decoding one more",
     "matmul FLOP of a word that meets all before, no encoder", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"kv_cache/bytes_per_token", "cache per token", "bytes kept of a token while decoding",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"kv_cache/bytes", "cache", "bytes kept of all sequences at this length", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"kv_cache/state_bytes", "state", "of them, bytes that do not grow with the length",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"experts/n", "experts", "in the largest mixture", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"experts/per_token", "experts per token", "chosen of them", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"experts/expected", "experts met", "expected to meet a token of the pass, chosen at random",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"mtp/layers", "MTP layers", "that predict further words", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"mtp/counted", "MTP counted", "whether what stands here has them", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"mtp/params", "MTP parameters", "that nothing else uses", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"mtp/forward", "MTP forward", "of the forward pass, their matmul FLOP", FW_UNIT_FLOP,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
};

static fw_count bytes(struct fw_symbols *s, const struct fw_language *l, fw_count n)
{
    fw_count bits = fw_count_mul(s, n, fw_count_int(l->cache_bits));
    return fw_count_div(s, bits, fw_count_int(8));
}

struct fw_value fw_per_token(struct fw_report *r, struct fw_symbols *sym, fw_count n,
                             fw_count tokens)
{
    fw_count each = fw_count_div(sym, n, tokens);
    if (fw_count_is_const(each))
        return fw_value_count(each);
    return fw_quotient(sym, n, tokens, &r->arena);
}

/* Sequences of a pass: what is kept of one is kept of each. */
static fw_count sequences(struct fw_graph *g)
{
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct fw_tensor *t = &g->tensors[g->inputs[i]];
        if (t->rank == 2 && fw_dtypes[t->dtype].class == 'i')
            return fw_count_of(t->dims[0]);
    }
    return fw_count_int(1);
}

enum fw_status fw_report_add_language(struct fw_report *r, struct fw_analysis *a,
                                      struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    struct fw_symbols *s = g->sym;
    struct fw_language l;
    FW_TRY(fw_language_of(g, a->precision, &l, err));
    if (!l.found)
        return FW_OK;
    struct fw_value none = fw_value_kind(FW_VALUE_ABSENT);
    fw_count step = fw_count_add(s, l.forward, l.backward);
    fw_count gone = fw_count_sub(s, l.attention, l.attention_needed);
    fw_count gone_back = fw_count_sub(s, l.attention_back, l.attention_back_needed);
    fw_count causal = fw_count_sub(s, l.forward, gone);
    fw_count causal_step = fw_count_sub(s, step, fw_count_add(s, gone, gone_back));
    fw_count each = sequences(g);
    fw_count kept = fw_count_mul(s, each, fw_count_add(s, l.cache, l.state));
    bool attends = !fw_count_is(l.attention, 0);
    bool mixed = l.experts > 0;
    bool further = a->model.n_further > 0;
    bool built = further && a->model.further;
    struct fw_value values[] = {
        fw_value_count(l.active),
        fw_value_count(l.tables),
        fw_value_count(l.tokens),
        fw_per_token(r, s, l.forward, l.tokens),
        a->trained ? fw_per_token(r, s, step, l.tokens) : none,
        attends ? fw_value_count(l.attention) : none,
        attends ? fw_value_count(l.attention_needed) : none,
        fw_value_count(causal),
        a->trained ? fw_value_count(causal_step) : none,
        l.keeps ? fw_value_count(causal) : none,
        l.keeps ? fw_per_token(r, s, l.decoded, l.decoded_tokens) : none,
        l.keeps ? fw_value_count(bytes(s, &l, l.cache_per_token)) : none,
        l.keeps ? fw_value_count(bytes(s, &l, kept)) : none,
        l.keeps ? fw_value_count(bytes(s, &l, fw_count_mul(s, each, l.state))) : none,
        mixed ? fw_value_int(l.experts) : none,
        mixed ? fw_value_int(l.chosen) : none,
        mixed && !isnan(l.distinct) ? fw_value_float(l.distinct) : none,
        further ? fw_value_int(a->model.n_further) : none,
        further ? fw_value_text(built ? "yes" : "no: --head mtp") : none,
        built ? fw_value_count(l.further_params) : none,
        built ? fw_value_count(l.further_forward) : none,
    };
    static const struct fw_table head = {.key = "language", .title = "Language model"};
    return fw_report_record(r, &head, columns, values, sizeof values / sizeof *values, err);
}
