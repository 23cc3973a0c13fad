/* Pieces of the networks of diffusers; see hf_diffusion.c and hf_dit.c. */
#ifndef FW_FORMATS_HF_DIFFUSION_H
#define FW_FORMATS_HF_DIFFUSION_H

#include "formats/hf.h"

/* Attention of x over other, both (batch, places, width), under to_q, to_k, to_v, to_out.0. */
int hf_attend_words(struct hf_arch *a, int x, int other, const char *name, int64_t heads,
                    bool bias);
/* A picture through layers that attend to its places and to words. */
void hf_build_plain_transformer(const struct hf_job *job);

#endif
