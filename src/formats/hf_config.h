/* Values of a Hugging Face config.json: what the file says, else what the configuration class of
 * its model_type says (data/hf_defaults.tsv).
 *
 * Keys are asked for by the name the class gives them; names that the class itself accepts for
 * the same thing (its attribute map: hidden_size for n_embd) find it too, and so do the names some
 * tools write. A key that is null counts as absent. Errors go to the builder, which keeps the first
 * one: a value that is wrong reads as a harmless one. */
#ifndef FW_FORMATS_HF_CONFIG_H
#define FW_FORMATS_HF_CONFIG_H

#include "base/json.h"
#include "build/builder.h"

struct hf_config {
    struct fw_builder *b;
    const char *type;           // its model_type
    const struct fw_json *json; // the object of the file, NULL where it has none
    const struct fw_json *base; // defaults of the type, or NULL
    const char *part;           // "text_config", or NULL at the top
};

/* type NULL: what json says. */
void hf_config_init(struct hf_config *c, struct fw_builder *b, const struct fw_json *json,
                    const char *type);
/* A part ("text_config"); type: where neither the file nor the defaults name one. False where
 * there is no such part. */
bool hf_config_part(const struct hf_config *c, const char *key, const char *type,
                    struct hf_config *ret);

/* The value, NULL where it is absent or null. */
const struct fw_json *hf_value(const struct hf_config *c, const char *key);
bool hf_has(const struct hf_config *c, const char *key);
bool hf_given(const struct hf_config *c, const char *key); // in the file itself
/* A whole number from 0 to 2^31; hf_size: at least 1, and the key has to be there. */
int64_t hf_int(const struct hf_config *c, const char *key, int64_t absent);
int64_t hf_size(const struct hf_config *c, const char *key);
bool hf_flag(const struct hf_config *c, const char *key, bool absent);
double hf_float(const struct hf_config *c, const char *key, double absent);
const char *hf_text(const struct hf_config *c, const char *key, const char *absent);
bool hf_is(const struct hf_config *c, const char *key, const char *text);
/* Element i of a list, or the number itself where the value is no list. */
int64_t hf_item(const struct hf_config *c, const char *key, uint32_t i, int64_t absent);
uint32_t hf_length(const struct hf_config *c, const char *key); // 0: absent or no list
const char *hf_text_item(const struct hf_config *c, const char *key, uint32_t i);
bool hf_holds(const struct hf_config *c, const char *key, int64_t v); // a list of numbers
/* A complaint that names the key. */
void hf_complain(const struct hf_config *c, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
