/* The reader of config.json: which family, which head, then its builder.
 *
 * model_type names the family, architectures[0] the model that is counted, heads included and tied
 * weights once; without one it is the model with the family's usual head. diffusers writes
 * _class_name in place of both. */
#include "formats/hf.h"

#include "formats/formats.h"

#include <string.h>

static const struct hf_family *const tables[] = {
    hf_llamas,   hf_moes,    hf_mambas,     hf_gpts,     hf_encoders,       hf_seq2seqs,
    hf_states,   hf_visions, hf_composites, hf_qwen_vls, hf_diffusions,     hf_dits,
    hf_convnets, hf_swins,   hf_speeches,   hf_lfms,     hf_bidirectionals, hf_unets,
    hf_remotes,  hf_sights,  hf_mllamas};
enum { N_TABLES = sizeof tables / sizeof *tables };

const struct hf_family *hf_find_family(const char *type)
{
    for (unsigned t = 0; t < N_TABLES; t++)
        for (const struct hf_family *f = tables[t]; f->type != NULL; f++)
            if (strcmp(f->type, type) == 0)
                return f;
    return NULL;
}

/* ---- a type that is not known ---- */

static size_t shared_letters(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] != '\0' && a[n] == b[n])
        n++;
    return n;
}

static void fail_unknown(struct fw_builder *b, const char *type)
{
    struct fw_str near;
    size_t best = 2;
    fw_str_init(&near, b->m->alloc);
    for (unsigned t = 0; t < N_TABLES; t++)
        for (const struct hf_family *f = tables[t]; f->type != NULL; f++) {
            size_t n = shared_letters(f->type, type);
            if (n > best)
                fw_str_reset(&near);
            best = n > best ? n : best;
            if (n == best && n > 2 && near.len < 100)
                fw_str_addf(&near, "%s%s", near.len > 0 ? ", " : "", f->type);
        }
    (void)fw_build_fail(b, FW_UNSUPPORTED, "no model_type '%.60s' is known here%s%s", type,
                        near.len > 0 ? "; the nearest: " : "", fw_str_text(&near));
    fw_str_free(&near);
}

/* ---- heads ---- */

bool hf_ends(const char *name, const char *with)
{
    size_t n = strlen(name);
    size_t m = strlen(with);
    return n >= m && memcmp(name + n - m, with, m) == 0;
}

static enum hf_head head_of(const char *model)
{
    static const struct {
        const char *ending;
        enum hf_head head;
    } heads[] = {
        {"ForSequenceClassification", HF_HEAD_SEQUENCE},
        {"ForTokenClassification", HF_HEAD_TOKENS},
        {"ForQuestionAnswering", HF_HEAD_SPANS},
        {"ForMultipleChoice", HF_HEAD_CHOICE},
        {"ForNextSentencePrediction", HF_HEAD_NEXT},
        {"ForPreTraining", HF_HEAD_PRETRAINING},
        {"ForCausalLM", HF_HEAD_LM},
        {"LMHeadModel", HF_HEAD_LM},
        {"ForMaskedLM", HF_HEAD_LM},
        {"ForConditionalGeneration", HF_HEAD_LM},
        {"WithLMHead", HF_HEAD_LM},
        {"MTModel", HF_HEAD_LM},
    };
    for (unsigned i = 0; i < sizeof heads / sizeof *heads; i++)
        if (hf_ends(model, heads[i].ending))
            return heads[i].head;
    return hf_ends(model, "Model") && strstr(model, "Heads") == NULL ? HF_HEAD_NONE : HF_HEAD_OTHER;
}

int64_t hf_labels(const struct hf_config *c)
{
    const struct fw_json *names = hf_value(c, "id2label");
    if (!hf_given(c, "num_labels") && names != NULL && names->kind == FW_JSON_OBJECT &&
        names->n > 0)
        return names->n;
    return hf_has(c, "num_labels") ? hf_size(c, "num_labels") : 2;
}

void hf_no_head(const struct hf_job *job)
{
    (void)fw_build_fail(job->b, FW_UNSUPPORTED,
                        "'architectures': no head of %.60s is known; --head none counts the bare "
                        "model",
                        job->model);
}

void hf_heads(const struct hf_job *job, struct hf_arch *a, int x)
{
    struct fw_builder *b = job->b;
    switch (job->head) {
    case HF_HEAD_NONE:
        break;
    case HF_HEAD_LM:
        x = hf_logits(a, x, job->family->lm_head);
        break;
    case HF_HEAD_SEQUENCE:
        x = hf_linear(a, x, "score", hf_labels(job->c), false);
        break;
    case HF_HEAD_TOKENS:
        x = hf_linear(a, x, "score", hf_labels(job->c), true);
        break;
    case HF_HEAD_SPANS:
        x = hf_linear(a, x, "qa_outputs", 2, true);
        break;
    default:
        hf_no_head(job);
    }
    fw_output(b, x);
}

/* ---- reading ---- */

static const char *text_of(const struct fw_json *v)
{
    return v != NULL && v->kind == FW_JSON_STRING ? v->text : NULL;
}

static void build(struct fw_builder *b, const struct fw_json *json)
{
    const struct fw_json *list = fw_json_get(json, "architectures");
    const char *model = list != NULL && list->kind == FW_JSON_ARRAY ? text_of(list->member) : NULL;
    const char *type = text_of(fw_json_get(json, "model_type"));
    if (type == NULL)
        type = text_of(fw_json_get(json, "_class_name"));
    if (type == NULL) {
        (void)fw_build_fail(b, FW_FORMAT, "'model_type' is missing, which names the family");
        return;
    }
    const struct hf_family *f = hf_find_family(type);
    if (f == NULL) {
        fail_unknown(b, type);
        return;
    }
    struct hf_config c;
    hf_config_init(&c, b, json, f->like != NULL ? f->like : f->type);
    struct hf_job job = {.c = &c, .b = b, .family = f, .model = model != NULL ? model : f->model};
    job.head = head_of(job.model);
    if (b->m->bare)
        job.head = HF_HEAD_NONE;
    b->m->producer = fw_arena_strndup(&b->m->arena, job.model, strlen(job.model));
    f->build(&job);
}

static bool has(const unsigned char *data, size_t size, const char *what)
{
    size_t n = strlen(what);
    const unsigned char *end = data + size;
    for (const unsigned char *p = data; (size_t)(end - p) >= n;) {
        p = memchr(p, what[0], (size_t)(end - p) - n + 1);
        if (p == NULL)
            return false;
        if (memcmp(p, what, n) == 0)
            return true;
        p++;
    }
    return false;
}

static int match(const unsigned char *data, size_t size)
{
    size_t i = 0;
    while (i < size && (data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r')))
        i++;
    if (i == size || data[i] != '{')
        return 1;
    size_t n = size < ((size_t)1 << 20) ? size : (size_t)1 << 20;
    return has(data, n, "\"model_type\"") || has(data, n, "\"architectures\"") ||
                   has(data, n, "\"_class_name\"")
               ? 0
               : 1;
}

enum fw_status fw_hf_network(struct fw_model *model, const struct fw_json *config,
                             struct fw_error *err)
{
    struct fw_builder b;
    fw_build_init(&b, model);
    build(&b, config);
    return fw_build_end(&b, err);
}

static enum fw_status read(struct fw_model *model, const unsigned char *data, size_t size,
                           struct fw_error *err)
{
    struct fw_json *json;
    FW_TRY(fw_json_parse(&model->arena, data, size, 0, &json, err));
    return fw_hf_network(model, json, err);
}

const struct fw_format fw_format_hf = {
    .name = "config.json",
    .extensions = "config.json",
    .match = match,
    .read = read,
};
