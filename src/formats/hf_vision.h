/* Towers that read pictures: patches, tokens before them, positions, layers; see hf_vision.c. */
#ifndef FW_FORMATS_HF_VISION_H
#define FW_FORMATS_HF_VISION_H

#include "formats/hf.h"

/* Names and habits of a tower. NULL: there is no such part. */
struct hf_tower {
    struct hf_names names;
    const char *patches; // the convolution
    const char *cls, *cls2, *mask;
    const char *positions, *position_part; // "NAME" or "NAME.weight"
    const char *pre_norm;
    bool plain_patches; // without bias
    bool flat_cls;      // (hidden) instead of (1, 1, hidden)
};

/* A transformer over patches: fills a (norms before, biases everywhere) and gives (batch, tokens,
 * hidden) of an input of its own, or of x (batch, channels, size, size) where that is not -1. */
void hf_tower_arch(struct hf_arch *a, const struct hf_config *c, const struct hf_tower *t);
int hf_tower_patches(struct hf_arch *a, const struct hf_tower *t);
int64_t hf_tower_places(const struct hf_config *c);

/* The language model over a picture (batch, places, hidden) and the words behind it. The first
 * layers add to the picture what stands in more (n). */
void hf_tell(const struct hf_job *job, const struct hf_config *c, const char *scope, int picture,
             const int *more, uint32_t n);

extern const struct hf_tower hf_tower_clip, hf_tower_siglip;
/* One vector for each picture, *ret_all with its places. */
int hf_clip_picture(struct hf_arch *a, const struct hf_config *c, int *ret_all);
int hf_siglip_picture(struct hf_arch *a, const struct hf_config *c, int *ret_all);
/* A vector that training puts in the place of masked patches, where asked for; nothing is masked
 * here. rank 2 or 3 */
void hf_mask_token(struct hf_arch *a, const char *name, int rank, bool asked);
/* The pooling head of SigLIP. */
int hf_siglip_pool(struct hf_arch *a, int x, const char *stem);

#endif
