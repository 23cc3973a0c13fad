/* Pieces of the networks of diffusers; see hf_diffusion.c, hf_unet.c and hf_dit.c. */
#ifndef FW_FORMATS_HF_DIFFUSION_H
#define FW_FORMATS_HF_DIFFUSION_H

#include "formats/hf.h"

/* Attention of x over other, both (batch, places, width), under to_q, to_k, to_v, to_out.0. */
int hf_attend_words(struct hf_arch *a, int x, int other, const char *name, int64_t heads,
                    bool bias);
/* A picture through layers that attend to its places and to words. */
void hf_build_plain_transformer(const struct hf_job *job);

enum { HF_UNET_LEVELS = 8, HF_UNET_SKIPS = 64 };

struct hf_unet {
    struct hf_arch a; // for linear layers, norms and attention: hidden and heads change
    const struct hf_config *c;
    struct fw_builder *b;
    int64_t groups;
    uint32_t levels, per_block;
    int time, words;  // -1: none
    int64_t inner;    // width of the transformers, 0: of the picture
    bool biased;      // their attention
    bool scaled;      // the time scales and shifts
    bool words_alone; // the first attention looks at the words too
    int skip[HF_UNET_SKIPS];
    uint32_t n_skips;
};

enum hf_unet_sampling { HF_UNET_SAME, HF_UNET_HALF, HF_UNET_TWICE };

/* Of a list the entry of a level, or the number that stands for all. */
int64_t hf_unet_at(const struct hf_unet *u, const char *key, uint32_t level, int64_t absent);
int hf_unet_conv(struct hf_unet *u, int x, const char *name, int64_t filters, int64_t kernel,
                 int64_t stride);
int hf_unet_act(struct hf_unet *u, int x);
int hf_unet_normed(struct hf_unet *u, int x, const char *name); // and the activation
int hf_unet_residual(struct hf_unet *u, int x, const char *name, int64_t out,
                     enum hf_unet_sampling how);
int hf_unet_transformer(struct hf_unet *u, int x, const char *name, int64_t heads, int64_t layers);
int hf_unet_twice(struct hf_unet *u, int x);

#endif
