/* What a family of transformers is made of, and the builder of the stack of layers they share.
 *
 * A family is a row (hf_decoder.c, hf_encoder.c ...): the names of its tensors and a function that
 * fills a struct hf_arch from the configuration. Everything that differs between families stands
 * in these two structs; hf_stack.c builds the layers from them. */
#ifndef FW_FORMATS_HF_ARCH_H
#define FW_FORMATS_HF_ARCH_H

#include "formats/hf_config.h"

/* Names of the tensors, below the layer unless said otherwise. NULL: there is no such part. A
 * name with '*' stands for one tensor of each expert. */
struct hf_names {
    const char *embed, *positions, *types; // complete
    const char *embed_norm;                // complete
    const char *final;                     // complete: the norm behind the layers
    const char *layers;                    // complete: "model.layers"
    const char *norm1, *norm2;             // before attention and feed-forward (see hf_layout)
    const char *post1, *post2;             // norms of what they give
    const char *q, *k, *v, *o, *qkv;       // qkv: one for three
    const char *q_norm, *k_norm, *sinks;
    const char *o_norm, *down_norm; // in front of the last layer of attention and feed-forward
    const char *o_gate;             // a layer whose sigmoid multiplies what attention gives
    const char *scale1, *scale2;    // learned factors of what attention and feed-forward give
    const char *cross_norm, *cross_q, *cross_k, *cross_v, *cross_o;
    const char *cross_kv;                   // one for two
    const char *gate, *up, *down, *gate_up; // gate_up: one for two
    const char *router, *router_bias;
    const char *correction; // of the router's scores, where it is a parameter
    const char *expert_gate, *expert_up, *expert_down, *expert_gate_up;
    const char *latent_in, *latent_out; // into the space of the experts and back
    const char *shared_gate, *shared_up, *shared_down, *shared_gate_up; // the expert all meet
    const char *shared_switch;                                          // its learned gate
    const char *bias_table; // of relative positions, in the first layer
};

enum hf_norm_kind {
    HF_LAYER_NORM,
    HF_LAYER_NORM_PLAIN, // without shift
    HF_RMS_NORM,
    HF_BARE_NORM // without parameters
};

enum hf_layout {
    HF_BEFORE,   // x + f(norm(x)), attention then feed-forward
    HF_AFTER,    // norm(x + f(x))
    HF_PARALLEL, // x + attention(norm1(x)) + feed-forward(norm2(x)); norm2 NULL: norm1's result
};

enum hf_mixer_kind { HF_ATTENTION, HF_LATENT, HF_OTHER_MIXER, HF_NO_MIXER };
enum hf_feed_kind { HF_DENSE, HF_EXPERTS, HF_NO_FEED };
enum hf_qk_norm {
    HF_QK_PLAIN,
    HF_QK_HEAD,     // over a head, one weight for all heads
    HF_QK_WIDE,     // over all heads together
    HF_QK_WIDE_RMS, // the same, whatever the layers' own norm is
    HF_QK_HEADS,    // over a head, weights for each
    HF_QK_BARE      // over a head, without weights
};

/* Layers that predict further words (MTP): each over the words one place on and what the layer
 * before it gives, with tables and head of the model. */
struct hf_further {
    const char *key;  // how many
    const char *stem; // complete; ends in '.': numbered on behind the model's own
    const char *words_norm, *hidden_norm, *join;
    const char *layer; // scope of the layer itself, or ""
    const char *final;
};

struct hf_arch;

/* One layer's differences. */
struct hf_layer {
    uint8_t mixer, feed; // enum hf_mixer_kind, hf_feed_kind
    bool rotary;
    bool indexes;            // chooses keys, else those of a layer before it stay
    int64_t window, chunk;   // 0: all keys
    int64_t width;           // of the feed-forward
    int64_t heads, kv_heads; // of attention
    int64_t head;            // width of a head
};

struct hf_experts {
    int64_t n, top, width;
    int64_t shared; // width of the expert all tokens meet, 0: none
    int64_t latent; // width of the space they work in, 0: of the layers
    bool sigmoid;   // scores of the router
    bool corrected; // a buffer is added to the scores for the choice
    bool flat;      // it is a parameter of one dimension
    bool normed;    // the weights of those chosen are made to add up to one
    bool bias;      // of the experts
};

struct hf_latent { // multi-head latent attention
    int64_t q_rank, kv_rank, nope, rope, value;
    /* Of small heads that choose so many keys for each query; chosen 0: all are looked at. */
    int64_t index_heads, index_head, chosen;
};

struct hf_state { // of layers that keep a state
    int64_t inner, state, heads, groups, kernel, rank;
    bool bias, out_bias, conv_bias, normed, packed;
};

struct hf_arch {
    const struct hf_config *c;
    struct fw_builder *b;
    const struct hf_names *names;
    int64_t hidden, vocab, width, heads, kv_heads, head;
    int64_t positions, types; // entries of learned tables, 0: none
    int64_t embed_width;      // where it differs from hidden, else 0
    uint32_t n_layers;
    struct hf_layer *layer; // (n_layers)
    uint8_t norm, layout, qk_norm;
    bool gated, qkv_bias, o_bias, feed_bias, head_bias, k_bias_absent;
    bool tied, causal, gated_output, alibi, cross;
    bool q_norm_shift;    // the norms of query and key are layer norms with shift
    const char *embed_in; // layer from embed_width to hidden, before the embedding's norm
    bool embed_in_bias;
    bool positions_wide;   // positions are as wide as the layers and added behind it
    const char *embed_out; // the same behind the embedding's norm
    bool embed_out_plain;  // without bias
    const char *act;
    int64_t rotary; // elements of a head that are turned
    bool unscaled;  // scores as they are
    double softcap, logit_cap;
    double drop_embed, drop_attn, drop_hidden, drop_act;
    bool scaled_embed, scaled_residual, scaled_logits;
    int64_t buckets;         // of relative positions, 0: none
    bool buckets_everywhere; // a table in every layer, not in the first alone
    bool frozen_positions;   // their table is not trained
    struct hf_experts experts;
    struct hf_latent latent;
    /* Of layers whose mixer is HF_OTHER_MIXER: (layer, x) to its output. */
    int (*mixer)(struct hf_arch *a, uint32_t i, int x);
    int (*feed)(struct hf_arch *a, int x);   // in place of the usual one, or NULL
    int (*behind)(struct hf_arch *a, int x); // of every layer, or NULL
    struct hf_state state;
    const char *state_name; // scope of the layer's mixer
    /* Letters. */
    int64_t batch, seq;
    int sines;                        // positions that are no parameters, -1: none
    int table;                        // of the embedding
    struct fw_map *once;              // names of parameters and their numbers, or NULL
    int cos, sin;                     // tables of the rotation, -1 until asked for
    const struct hf_further *further; // names of layers that predict further words, or NULL
    int slopes;                       // bias of the scores (alibi, relative positions), -1: none
    int memory;                       // what cross-attention looks at, -1: none
    const int *more; // (n_more) what the first layers add to the first places of their result
    uint32_t n_more;
};

/* What single pieces need, for networks that are no stack of equal layers. */
void hf_arch_pieces(struct hf_arch *a, const struct hf_config *c);
/* Sizes that nearly all have under the same keys, and one equal layer for all. */
void hf_arch_init(struct hf_arch *a, const struct hf_config *c, const struct hf_names *names);
/* As many layers as another key says, or as this. */
void hf_arch_layers(struct hf_arch *a, const char *key);
void hf_arch_layers_of(struct hf_arch *a, int64_t n);
/* Copies head counts and widths of a into every layer; after they were changed. */
void hf_arch_spread(struct hf_arch *a);
/* Complains where heads do not fill the layers' width, which the family's class wants. */
void hf_whole_heads(const struct hf_arch *a);
/* Every layer also looks at what another network gives, as wide as the layers: an input. */
void hf_arch_look_at_input(struct hf_arch *a);
/* The layers, x (batch, seq, hidden) to the same. */
int hf_layers(struct hf_arch *a, int x);
int hf_layer(struct hf_arch *a, uint32_t i, int x); // one of them
/* Their input and what each gives, added with learned weights ("layer_weights"). */
int hf_layers_weighed(struct hf_arch *a, int x);
/* Token ids (batch, seq) to what the layers take, with positions and the norm behind them. */
int hf_embed(struct hf_arch *a, int ids);
/* The tied table or a linear layer of its own, and what is done to the logits. */
int hf_logits(struct hf_arch *a, int x, const char *head);

/* ---- pieces ---- */

/* A parameter under the scopes entered: "NAME.part" (part NULL: NAME). With a->once a name that is
 * there already gives the same tensor: layers that share. */
int hf_param(struct hf_arch *a, const char *name, const char *part, int rank, const int64_t *dims);
void hf_freeze(struct hf_arch *a, int param); // not trained
int hf_linear(struct hf_arch *a, int x, const char *name, int64_t out, bool bias);
int hf_norm(struct hf_arch *a, int x, const char *name); // name NULL: x itself
int hf_norm_as(struct hf_arch *a, int x, const char *name, enum hf_norm_kind kind);
int hf_act(struct hf_arch *a, int x, const char *name); // by its name in a config
/* Numbers of rows to look up, which nobody asks for; rank at most 4. */
int hf_row_numbers(struct hf_arch *a, const char *name, unsigned rank, const int64_t *dims);
int hf_drop(struct hf_arch *a, int x, double rate);
int hf_times(struct hf_arch *a, int x, double by);
/* (batch, seq, heads*width) to (batch, seq, heads, width), and back */
int hf_unfold(struct hf_arch *a, int x, int64_t heads, int64_t width);
int hf_fold(struct hf_arch *a, int x);
int hf_turn(struct hf_arch *a, int x, int64_t heads, int64_t rotary);
/* Weight of a norm over heads: (x folded, name, heads, width of a head) */
int hf_head_norm(struct hf_arch *a, int x, const char *name, int64_t heads, int64_t head);
struct hf_scores {
    int64_t heads, kv_heads, window, chunk, cache; // cache -1: keys and values
    bool causal;
    int bias, sinks; // -1: none
};
int hf_attend(struct hf_arch *a, int q, int k, int v, const struct hf_scores *s);
int hf_attention(struct hf_arch *a, uint32_t i, int x);
int hf_latent_attention(struct hf_arch *a, uint32_t i, int x);
int hf_cross_attention(struct hf_arch *a, int x);
int hf_feed(struct hf_arch *a, uint32_t i, int x);
/* Gate and up of one linear layer: act(first half) * second half. */
int hf_gate(struct hf_arch *a, int both, int64_t width);

#endif
