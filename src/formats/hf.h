/* Hugging Face config.json: families of networks and how they are built; see hf.c. */
#ifndef FW_FORMATS_HF_H
#define FW_FORMATS_HF_H

#include "formats/hf_arch.h"

/* What stands on the network: the last part of the name in "architectures". */
enum hf_head {
    HF_HEAD_NONE, // the bare model
    HF_HEAD_LM,   // a word for every place
    HF_HEAD_SEQUENCE,
    HF_HEAD_TOKENS,
    HF_HEAD_SPANS,
    HF_HEAD_CHOICE,
    HF_HEAD_NEXT,
    HF_HEAD_PRETRAINING,
    HF_HEAD_OTHER // a family's own: its build function reads the name
};

struct hf_job {
    const struct hf_config *c;
    struct fw_builder *b;
    const struct hf_family *family;
    const char *model; // "LlamaForCausalLM"
    enum hf_head head;
};

struct hf_family {
    const char *type;  // model_type
    const char *like;  // the type whose defaults it has, where it has none of its own
    const char *model; // counted where "architectures" names none
    const struct hf_names *names;
    void (*fill)(const struct hf_config *c, struct hf_arch *a);
    void (*build)(const struct hf_job *job);
    const char *lm_head; // name of the layer that gives words
};
/* Rows: of layers in a row with words at both ends, and of what builds itself. */
#define HF_DECODER_ROW(type, model, names, fill)                       \
    {                                                                  \
        type, NULL, model, &(names), fill, hf_build_decoder, "lm_head" \
    }
#define HF_BUILT_ROW(type, like, model, build)     \
    {                                              \
        type, like, model, NULL, NULL, build, NULL \
    }

/* Tables of families, one file each; the last row is empty. */
extern const struct hf_family hf_llamas[], hf_moes[], hf_mambas[], hf_gpts[], hf_encoders[],
    hf_seq2seqs[], hf_states[], hf_visions[], hf_composites[], hf_qwen_vls[], hf_diffusions[],
    hf_dits[], hf_convnets[], hf_swins[], hf_speeches[], hf_lfms[], hf_bidirectionals[], hf_unets[],
    hf_remotes[], hf_sights[], hf_mllamas[];
const struct hf_family *hf_find_family(const char *type); // NULL: no such type

/* A stack that reads words and gives words: embedding, layers, head. */
void hf_build_decoder(const struct hf_job *job);
/* The same inside another network: x (batch, seq, hidden) takes the place of the words. */
void hf_decoder_arch(const struct hf_job *job, struct hf_arch *a);
/* Layers that predict further words behind x, where they are asked for; the model keeps their
 * number. words: what the layers read besides, (batch, places, hidden), or -1: looked up for each.
 */
void hf_further_words(const struct hf_job *job, struct hf_arch *a, int x, int words);
/* Which layers have a window or a chunk: as "layer_types" says, else every one but each n-th (0:
 * none, 1: all). */
void hf_windows(const struct hf_config *c, struct hf_arch *a, int64_t every);
/* A share of each head is turned: as the configuration says, else this. */
void hf_turn_part(const struct hf_config *c, struct hf_arch *a, double share);
/* Layers from the first on whose number leaves this rest have experts. */
void hf_expert_layers(struct hf_arch *a, uint32_t first, int64_t every, int64_t offset);
/* Experts as Qwen and DeepSeek have them. */
void hf_deepseek_experts(const struct hf_config *c, struct hf_arch *a, int64_t n);
/* Latent attention in every layer. */
void hf_latent_sizes(const struct hf_config *c, struct hf_arch *a, bool narrow);
void hf_qwen_experts(const struct hf_config *c, struct hf_arch *a);
/* "num_labels", or as many as "id2label" has, or 2. */
int64_t hf_labels(const struct hf_config *c);
bool hf_ends(const char *name, const char *with);
void hf_no_head(const struct hf_job *job); // complains
/* The heads that most families share, and an output; x (batch, seq, hidden). */
void hf_heads(const struct hf_job *job, struct hf_arch *a, int x);

/* The network that a configuration describes, from whichever file its keys come. */
enum fw_status fw_hf_network(struct fw_model *model, const struct fw_json *config,
                             struct fw_error *err);

#endif
