"""Fills in tests/hf/expected.tsv: exact parameters of the modules of transformers and diffusers.

Usage: python tools/hf/expected.py tests/hf/expected.tsv   (see docs/adding-a-family.md)

One line per case: parameters (anything before), a tab, a config.json of our own making.
"""
import importlib
import json
import math
import sys

import old_torch  # first
from transformers.models.auto import configuration_auto as auto


DIFFUSERS = {
    "AutoencoderKL": "autoencoders.autoencoder_kl",
    "DiTTransformer2DModel": "transformers.dit_transformer_2d",
    "FluxTransformer2DModel": "transformers.transformer_flux",
    "PixArtTransformer2DModel": "transformers.pixart_transformer_2d",
    "SD3Transformer2DModel": "transformers.transformer_sd3",
    "Transformer2DModel": "transformers.transformer_2d",
    "UNet2DConditionModel": "unets.unet_2d_condition",
}


def class_of_diffusers(name):
    old_torch.prepare_diffusers()
    return getattr(importlib.import_module("diffusers.models." + DIFFUSERS[name]), name)


def build_of_diffusers(config):
    settings = {k: v for k, v in config.items() if k != "_class_name"}
    with old_torch.NoStorage():
        return class_of_diffusers(config["_class_name"])(**settings)


def build(config):
    if "_class_name" in config:
        return build_of_diffusers(config)
    kind = config["model_type"]
    settings = auto.CONFIG_MAPPING[kind].from_dict(json.loads(json.dumps(config)))
    settings._attn_implementation = "eager"
    module = importlib.import_module(
        "transformers.models." + auto.model_type_to_module_name(kind))
    if kind == "llama4":  # its rotary table cannot be had without storage
        inner = importlib.import_module("transformers.models.llama4.modeling_llama4")
        inner.Llama4VisionRotaryEmbedding._compute_freqs_ci = lambda *_: old_torch.torch.empty(1)
    with old_torch.NoStorage():
        model = getattr(module, config["architectures"][0])(settings)
    model.tie_weights()
    return model


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        lines = [line.split("\t", 1)[1] for line in file]
    filled = []
    for line in lines:
        config = json.loads(line)
        n = sum(math.prod(p.shape) for p in build(config).parameters())
        filled.append(f"{n}\t{json.dumps(config)}\n")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(filled)


if __name__ == "__main__":
    main()
