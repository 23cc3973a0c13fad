/* Building a network that reads words and gives words, and what its families share. */
#include "formats/hf.h"

#include <string.h>

/* ---- windows ---- */

/* Which layers have a window or a chunk: as "layer_types" says, else every one but each n-th
 * (n = 0: none, 1: all). */
void hf_windows(const struct hf_config *c, struct hf_arch *a, int64_t every)
{
    int64_t width = hf_int(c, "sliding_window", 0);
    int64_t chunk = hf_int(c, "attention_chunk_size", 0);
    uint32_t listed = hf_length(c, "layer_types");
    if (listed > 0 && listed != a->n_layers)
        hf_complain(c, "layer_types", "%u entries are wanted (num_hidden_layers), found %u",
                    a->n_layers, listed);
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        const char *type = listed > 0 ? hf_text_item(c, "layer_types", i) : NULL;
        if (type != NULL) {
            a->layer[i].window = strcmp(type, "sliding_attention") == 0 ? width : 0;
            a->layer[i].chunk = strcmp(type, "chunked_attention") == 0 ? chunk : 0;
        } else if (every == 1 || (every > 1 && (i + 1) % (uint64_t)every != 0)) {
            a->layer[i].window = width;
        }
    }
}

/* A share of each head is turned. */
void hf_turn_part(const struct hf_config *c, struct hf_arch *a, double share)
{
    const struct fw_json *rope = hf_value(c, "rope_parameters");
    const struct fw_json *own = fw_json_get(rope, "partial_rotary_factor");
    share = hf_float(c, "partial_rotary_factor", own != NULL ? own->f : share);
    share = share > 0 && share <= 1 ? share : 1;
    a->rotary = (int64_t)((double)a->head * share) / 2 * 2;
}

void hf_expert_layers(struct hf_arch *a, uint32_t first, int64_t every, int64_t offset)
{
    for (uint32_t i = first; i < a->n_layers && every > 0; i++)
        if (i % (uint64_t)every == (uint64_t)offset)
            a->layer[i].feed = HF_EXPERTS;
}

/* ---- building ---- */

void hf_decoder_arch(const struct hf_job *job, struct hf_arch *a)
{
    hf_arch_init(a, job->c, job->family->names);
    job->family->fill(job->c, a);
    if (a->alibi) {
        int64_t dims[4] = {1, a->heads, 1, a->seq};
        a->slopes = fw_constant(a->b, "alibi", 4, dims);
    }
}

void hf_build_decoder(const struct hf_job *job)
{
    struct hf_arch a;
    hf_decoder_arch(job, &a);
    int64_t dims[2] = {a.batch, a.seq};
    int x = hf_embed(&a, fw_input(job->b, "input_ids", "int64", 2, dims));
    x = hf_layers(&a, x);
    if (a.embed_width != 0)
        x = hf_linear(&a, x, "model.decoder.project_out", a.embed_width, false);
    hf_heads(job, &a, x);
}
