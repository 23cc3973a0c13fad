"""Writes data/hf_defaults.tsv: what the configuration classes of transformers say where a
config.json is silent.

Usage: python tools/hf/defaults.py tests/hf/expected.tsv >data/hf_defaults.tsv
       (see docs/adding-a-family.md)

Of the types in the file and of their parts: the type, a tab, a JSON object. "@" holds the
class's other names of its keys, "#" the types of its parts, "%" what of a part that a file leaves
out differs from the defaults of its type. Left out: null, and keys that change neither a shape nor
a cost. Of the classes of diffusers: what their constructors take.
"""
import dataclasses
import inspect
import json
import sys

import old_torch  # noqa: F401  (first)
import expected
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

COMMON = {f.name for f in dataclasses.fields(PreTrainedConfig)} - {
    "tie_word_embeddings", "is_encoder_decoder", "is_decoder", "add_cross_attention"}
IDLE = ("token", "initializer", "init_", "use_cache", "rope_", "theta", "_eps", "epsilon", "loss",
        "jitter", "seq_aux", "spec_augment", "mask_time", "mask_feature_", "ctc_",
        "median", "suppress", "label", "train", "pretraining")
WHOLE = ("AutoencoderKL", "UNet2DConditionModel")  # whose families ask for defaults
MADE = {"nemotron_h": ("layers_block_type",),  # by the class, where the file has none
        "mllama_text_model": ("cross_attention_layers",),
        "mllama_vision_model": ("intermediate_layers_indices", "supported_aspect_ratios")}
WANTED = ("num_experts_per_tok", "time_step_rank", "type_vocab_size", "qk_rope_head_dim",
          "mask_feature_size", "use_mask_token", "mm_tokens_per_image", "num_labels",
          "num_register_tokens")


def matters(key, value):
    if key == "num_labels" and value == 2:
        return False
    if value is None or isinstance(value, dict):
        return False
    if key == "is_encoder_decoder" and not value:
        return False
    if key in WANTED:
        return True
    if key.startswith("output_") or key in COMMON or any(part in key for part in IDLE):
        return False
    if isinstance(value, float):
        return any(part in key for part in ("drop", "ratio", "factor", "expand"))
    return isinstance(value, (int, str, bool, list, tuple))


def defaults(cls):
    found = {}
    for f in dataclasses.fields(cls):
        value = f.default
        if value is dataclasses.MISSING and f.default_factory is not dataclasses.MISSING:
            value = f.default_factory()
        if value is not dataclasses.MISSING and matters(f.name, value):
            found[f.name] = list(value) if isinstance(value, tuple) else value
    return found


def parts(cls):
    """The parts that an object made of nothing has."""
    try:
        values = vars(cls()).items()
    except Exception:  # a class that cannot do without arguments
        return {}
    return {k: v for k, v in values
            if isinstance(v, PreTrainedConfig) and v.model_type in CONFIG_MAPPING}


def changed(part):
    """What a part has that its class would not have given it."""
    usual = defaults(type(part))
    names = {f.name for f in dataclasses.fields(type(part))}
    return {k: v for k, v in vars(part).items()
            if k in names and not isinstance(v, (list, tuple)) and matters(k, v)
            and v != usual.get(k)}


def of_constructor(name):
    """Defaults of a class of diffusers."""
    found = {}
    for key, value in inspect.signature(expected.class_of_diffusers(name)).parameters.items():
        if value.default is not inspect.Parameter.empty and matters(key, value.default):
            found[key] = value.default
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = [json.loads(line.split("\t", 1)[1]) for line in file]
    todo = [kind for kind in (case.get("model_type") for case in cases) if kind in CONFIG_MAPPING]
    names = {case["_class_name"] for case in cases if "_class_name" in case}
    lines = {name: of_constructor(name) for name in names if name in WHOLE}
    while todo:
        kind = todo.pop()
        if kind in lines:
            continue
        cls = CONFIG_MAPPING[kind]
        entry = defaults(cls)
        if getattr(cls, "attribute_map", None):
            entry["@"] = dict(cls.attribute_map)
        inner = parts(cls)
        if inner:
            entry["#"] = {k: v.model_type for k, v in inner.items()}
            todo += entry["#"].values()
        own = {k: diff for k, diff in ((k, changed(v)) for k, v in inner.items()) if diff}
        if own:
            entry["%"] = own
        entry.update({key: getattr(cls(), key) for key in MADE.get(kind, ())})
        lines[kind] = entry
    for kind in sorted(lines):
        print(kind + "\t" + json.dumps(lines[kind], separators=(",", ":")))


main()
