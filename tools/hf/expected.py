"""Writes tests/hf/expected.tsv: exact parameter counts of transformers' own modules.

Usage: python tools/hf/expected.py [MODEL_TYPE...] >tests/hf/expected.tsv
       (see docs/adding-a-family.md)

One line per case of cases.py: parameters, a tab, a config.json of our own making.
"""
import importlib
import json
import math
import sys

import old_torch  # first
from cases import CASES
from transformers.models.auto import configuration_auto as auto


def build(config):
    kind = config["model_type"]
    settings = auto.CONFIG_MAPPING[kind].from_dict(json.loads(json.dumps(config)))
    settings._attn_implementation = "eager"
    module = importlib.import_module(
        "transformers.models." + auto.model_type_to_module_name(kind))
    with old_torch.NoStorage():
        model = getattr(module, config["architectures"][0])(settings)
    model.tie_weights()
    return model


def cases(kind):
    model, overrides = CASES[kind]
    for override in overrides:
        override = dict(override)
        yield {"architectures": [override.pop("@", model)], "model_type": kind, **override}


def main():
    for kind in sys.argv[1:] or CASES:
        for config in cases(kind):
            try:
                n = sum(math.prod(p.shape) for p in build(config).parameters())
            except Exception as error:
                print(kind, repr(error)[:300], json.dumps(config), file=sys.stderr)
                continue
            print(f"{n}\t{json.dumps(config)}")


main()
