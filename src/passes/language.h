/* What is asked of language models: parameters one token meets, attention in full and as its mask
 * leaves it, what decoding keeps. */
#ifndef FW_PASSES_LANGUAGE_H
#define FW_PASSES_LANGUAGE_H

#include "graph/graph.h"
#include "graph/precision.h"

struct fw_language {
    bool found;      // words are looked up, and attention or a state stands behind
    bool keeps;      // it decodes: something is kept from one token to the next
    fw_count tokens; // of one pass: batch * seq
    fw_count params;
    fw_count active;      // elements of parameters that one token meets, tables whole
    fw_count tables;      // elements of tables that are looked up
    fw_count tables_only; // of them, those that nothing else uses
    /* matmul FLOP of all nodes, forward and backward, counted in full; and by attention. */
    fw_count forward, backward;
    /* Of forward, what depends on the words that are decoded (no encoder, no tower), and among how
     * many places of the decoder it is divided. */
    fw_count decoded, decoded_tokens;
    fw_count attention, attention_needed; // forward: in full, and pairs that the masks leave
    fw_count attention_back, attention_back_needed;
    fw_count router; // products that choose experts, forward
    fw_count scores; // of all attention, in full
    /* Elements that decoding keeps of one sequence. */
    fw_count cache_per_token; // that grows with every token; of windows until they are full
    fw_count cache;           // of all tokens of the pass
    fw_count state;           // however many there were
    unsigned cache_bits;      // of an element
    int64_t experts, chosen;  // of the largest mixture, 0: none
    fw_count further_params;  // of layers that predict further words, of nothing else
    fw_count further_forward; // their matmul FLOP
    double distinct; // experts that meet a token, expected, of chosen at random; NAN: unknown
};

/* Errors: FW_MEMORY. */
enum fw_status fw_language_of(struct fw_graph *g, const struct fw_precision *precision,
                              struct fw_language *ret, struct fw_error *err);

#endif
