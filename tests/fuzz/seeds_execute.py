#!/usr/bin/python3
"""seeds_execute.py FOLDER BUILD_DIR: writes the seeds of fuzz_execute.

They are the operator cases of the unit tests (tests/support/op_case.h), and the small models of
ONNX's backend tests (package libonnx-testdata, and what FLOPWISE_ONNX_DATA names, as in
tests/conformance) without the shapes they declare for what they compute, so that inference has to
find them; each with four bytes behind it that ask for
gradients of the inputs too (laws_options).
"""

import os
import pathlib
import subprocess
import sys

import onnx

MOST_BYTES = 3000


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    unit = [os.path.join(sys.argv[2], "flopwise-unit"), "src/ops/"]
    environment = {**os.environ, "FLOPWISE_OP_SEEDS": str(folder)}
    subprocess.run(unit, env=environment, stdout=subprocess.DEVNULL, check=False)
    roots = ["/usr/share/libonnx-testdata/data", os.environ.get("FLOPWISE_ONNX_DATA", "")]
    count = 0
    for path in sorted(p for root in roots if root for p in pathlib.Path(root).rglob("model.onnx")):
        if path.stat().st_size > MOST_BYTES:
            continue
        model = onnx.load(str(path), load_external_data=False)
        for value in [*model.graph.output, *model.graph.value_info]:
            if value.type.HasField("tensor_type"):
                value.type.tensor_type.ClearField("shape")
        (folder / path.parent.name).write_bytes(model.SerializeToString() + bytes([0, 0, 0, 1]))
        count += 1
    if count == 0:
        print(f"no seeds: {roots[0]} has no models (tools/install_deps.sh check)")


main()
