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
        } else {
            bool has = every == 1 || (every > 1 && (i + 1) % (uint64_t)every != 0);
            a->layer[i].window = has ? width : 0;
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

/* ---- further words ---- */

/* words: what the places one on are made of, with a picture's among them, or -1: words alone. */
static int further_layer(const struct hf_job *job, struct hf_arch *a, int64_t k, int x, int words)
{
    struct fw_builder *b = job->b;
    const struct hf_further *f = a->further;
    int64_t dims[2] = {a->batch, a->seq};
    if (words < 0)
        words = hf_embed(a, fw_input(b, fw_build_name(b, "further_ids", ""), "int64", 2, dims));
    if (hf_ends(f->stem, "."))
        fw_enter_number(b, f->stem, a->n_layers + k);
    else
        fw_enter(b, f->stem);
    int both[2] = {hf_norm(a, words, f->words_norm), hf_norm(a, x, f->hidden_norm)};
    x = hf_linear(a, fw_concat(b, both, 2, 2), f->join, a->hidden, false);
    fw_enter(b, f->layer);
    x = hf_layer(a, a->n_layers - 1, x); // as the model's last
    fw_leave(b);
    x = hf_norm(a, x, f->final);
    fw_leave(b);
    hf_heads(job, a, x);
    return x;
}

static int64_t note_further(const struct hf_job *job, const struct hf_arch *a)
{
    int64_t n = a->further != NULL ? hf_int(job->c, a->further->key, 0) : 0;
    job->b->m->n_further = (uint32_t)n;
    return n;
}

void hf_further_words(const struct hf_job *job, struct hf_arch *a, int x, int words)
{
    struct fw_graph *g = job->b->g;
    int64_t n = note_further(job, a);
    uint32_t from = g->n_nodes;
    if (!job->b->m->further)
        return;
    if (n == 0 || job->head != HF_HEAD_LM || (n > 1 && !hf_ends(a->further->stem, ".")))
        (void)fw_build_fail(job->b, FW_UNSUPPORTED,
                            "--head mtp: %s has no layers that predict further words, or none "
                            "that are built",
                            job->model);
    for (int64_t k = 0; k < n && fw_build_ok(job->b); k++)
        x = further_layer(job, a, k, x, words);
    for (uint32_t id = from; id < g->n_nodes; id++)
        g->nodes[id].flags |= FW_NODE_FURTHER;
}

void hf_build_decoder(const struct hf_job *job)
{
    struct hf_arch a;
    struct fw_map once;
    hf_decoder_arch(job, &a);
    fw_map_init(&once, job->b->m->alloc);
    if (job->b->m->further)
        a.once = &once; // one head for all
    int64_t dims[2] = {a.batch, a.seq};
    int x = hf_embed(&a, fw_input(job->b, "input_ids", "int64", 2, dims));
    x = hf_layers(&a, x);
    if (a.embed_width != 0)
        x = hf_linear(&a, x, "model.decoder.project_out", a.embed_width, false);
    hf_heads(job, &a, x);
    hf_further_words(job, &a, x, -1);
    fw_map_free(&once);
}
