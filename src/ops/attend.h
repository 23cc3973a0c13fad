/* Attention with what language models add to it; see attend.c. */
#ifndef FW_OPS_ATTEND_H
#define FW_OPS_ATTEND_H

#include "ops/op.h"

/* Attributes of Attend, in order. */
enum fw_attend_attr {
    FW_ATTEND_HEADS,    // of the query
    FW_ATTEND_KV_HEADS, // of key and value
    FW_ATTEND_CAUSAL,
    FW_ATTEND_WINDOW, // a query meets the last so many keys; 0: all
    FW_ATTEND_CHUNK,  // a query meets the keys of its chunk of so many; 0: all
    FW_ATTEND_SCALED, // scores are multiplied by a scale
    FW_ATTEND_SOFTCAP,
    FW_ATTEND_DROPOUT, // of the probabilities, when training
    FW_ATTEND_FLASH,   // probabilities are not kept but computed again
    FW_ATTEND_CACHE,   // elements decoding keeps of a token; -1: key and value
    FW_ATTEND_N
};

/* Pairs of a query and a key that is not later among the first n places, of windows or chunks where
 * these are not 0. */
fw_count fw_pairs_of(struct fw_symbols *s, fw_count n, int64_t window, int64_t chunk);

#endif
