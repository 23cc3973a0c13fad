/* Llama's names and habits, for the families that followed it. */
#ifndef FW_FORMATS_HF_LLAMA_H
#define FW_FORMATS_HF_LLAMA_H

#include "formats/hf.h"

#define LLAMA_BASE                                                                   \
    .embed = "model.embed_tokens", .final = "model.norm", .layers = "model.layers.", \
    .norm1 = "input_layernorm", .norm2 = "post_attention_layernorm"
#define LLAMA_ATTENTION                                                        \
    .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj", \
    .o = "self_attn.o_proj"
#define LLAMA_QK .q_norm = "self_attn.q_norm", .k_norm = "self_attn.k_norm"
#define LLAMA_FEED .gate = "mlp.gate_proj", .up = "mlp.up_proj", .down = "mlp.down_proj"
#define LLAMA_EXPERTS_BEHIND(choice)                              \
    .router = (choice), .expert_gate = "mlp.experts.*.gate_proj", \
    .expert_up = "mlp.experts.*.up_proj", .expert_down = "mlp.experts.*.down_proj"
#define LLAMA_EXPERTS LLAMA_EXPERTS_BEHIND("mlp.gate")
#define SHARED(stem) \
    .shared_gate = stem ".gate_proj", .shared_up = stem ".up_proj", .shared_down = stem ".down_proj"
#define LLAMA_LAYER                                                                             \
    .norm1 = "input_layernorm", .norm2 = "post_attention_layernorm", LLAMA_ATTENTION, LLAMA_QK, \
    LLAMA_FEED
#define LLAMA LLAMA_BASE, LLAMA_ATTENTION, LLAMA_QK, LLAMA_FEED, LLAMA_EXPERTS

/* What these families say of a configuration, to start from. */
void hf_fill_llama(const struct hf_config *c, struct hf_arch *a);
void hf_fill_qwen2(const struct hf_config *c, struct hf_arch *a);
void hf_fill_qwen3(const struct hf_config *c, struct hf_arch *a);
void hf_fill_olmo2(const struct hf_config *c, struct hf_arch *a);
void hf_fill_smollm3(const struct hf_config *c, struct hf_arch *a);
void hf_fill_glm(const struct hf_config *c, struct hf_arch *a);

#endif
