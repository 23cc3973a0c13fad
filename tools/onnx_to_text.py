#!/usr/bin/env python3
"""onnx_to_text.py OUT_DIR FILE.onnx...: writes each model in the ONNX text format.

For comparing the two readers: a pair is written, NAME.onnxtxt as onnx.printer prints it and
NAME.onnx as onnx.parser reads that text back, because printing loses what the text cannot say
(contents of 16-bit tensors, strings with quotes). Models whose text the parser itself does not take
are left out, and their number is told. Needs the onnx package from 1.14 on.
"""

import os
import sys

import onnx
import onnx.parser
import onnx.printer


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    written = left_out = 0
    for path in sys.argv[2:]:
        model = onnx.load(path, load_external_data=False)
        name = "__".join(path.rsplit("/", 2)[-2:]).removesuffix(".onnx")
        try:
            text = onnx.printer.to_text(model)
            again = onnx.parser.parse_model(text)
        except Exception:  # the parser has its own exception, and the printer raises several
            left_out += 1
            continue
        with open(os.path.join(out, name + ".onnxtxt"), "w", encoding="utf-8") as file:
            file.write(text)
        with open(os.path.join(out, name + ".onnx"), "wb") as file:
            file.write(again.SerializeToString())
        written += 1
    print(f"{written} pairs written, {left_out} models that the parser does not take")


main()
