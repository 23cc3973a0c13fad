#!/usr/bin/env python3
"""check_forms.py: compares src/formats/onnx_forms.c with the standard's own history.

For every operator of the default domain and every older version of it: an attribute that is gone or
has another type, default or need, and an input or output that stands elsewhere, must either have a
line in the table for that version or stand below with the reason why none is needed. The onnx
package's schemas are the history, so a newer package checks against newer operators.
"""

import os
import re
import sys

import onnx
import onnx.defs

# (operator or "*", attribute or port): why the old form needs no line
HARMLESS = {
    ("*", "consumed_inputs"): "a memory hint of version 1",
    ("*", "is_test"): "training is what the pass builds, not what the file says",
    ("*", "output_sequence"): "outputs not asked for have no name",
    ("*", "broadcast"): "aligned by the line for it, or to the end as today",
    ("*", "axis"): "read by the line for broadcast",
    ("BatchNormalization", "ports"): "the same order; the line for training_mode drops two outputs",
    ("BatchNormalization", "spatial"): "1 is today's meaning, 0 has no rule",
    ("Dropout", "seed"): "which numbers are drawn costs nothing",
    ("GRU", "direction"): "a spelling mistake in the default",
    ("GRU", "ports"): "an output became optional",
    ("Gemm", "ports"): "an input became optional",
    ("OptionalHasElement", "ports"): "an input became optional",
    ("MaxPool", "ports"): "a second, optional output",
    ("Selu", "gamma"): "another constant",
    ("Selu", "alpha"): "another constant",
    ("LpPool", "kernel_shape"): "without it the file is refused",
    ("Constant", "value"): "read by the line for it",
    ("Split", "axis"): "0 was meant and is the default",
    ("Split", "ports"): "the optional input stands where it stood",
    ("Resize", "ports"): "moved or dropped by its lines",
    ("Reshape", "ports"): "the line makes the input",
    ("Upsample", "ports"): "renamed",
}


def table():
    """{operator: [(from, to, attribute)]} from the C source."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "formats")
    with open(os.path.join(path, "onnx_forms.c"), encoding="utf-8") as file:
        source = file.read()
    lines = {}
    row = re.compile(r'\{"(\w+)",\s*(\d+),\s*(\d+),\s*(\w+),\s*(NULL|"\w+"),'
                     r'\s*(NULL|"[^"]*"),\s*(\d+)\}')
    for op, first, last, apply, attr, _text, _number in row.findall(source):
        lines.setdefault(op, []).append((int(first), int(last) or 10**6, attr.strip('"'), apply))
    for op, last in re.findall(r'REDUCE\("(\w+)", (\d+)\)', source):
        lines.setdefault(op, []).append((1, int(last), "axes", "to_input"))
    for op in re.findall(r'BROADCAST\("(\w+)"\)', source):
        lines.setdefault(op, []).append((1, 6, "broadcast", "align"))
    return lines


def attribute(a):
    default = onnx.helper.get_attribute_value(a.default_value) if a.default_value.name else None
    return a.type, a.required, default


def needs(old, new):
    """What of the old form the newest does not take as it is."""
    for name, a in old.attributes.items():
        if name not in new.attributes:
            yield name, "is gone"
        elif attribute(a)[0] != attribute(new.attributes[name])[0]:
            yield name, "has another type"
        elif attribute(a) != attribute(new.attributes[name]):
            yield name, "has another default or need"
    inputs = [(p.name.lower(), p.option) for p in old.inputs]
    if inputs != [(p.name.lower(), p.option) for p in new.inputs][: len(inputs)]:
        renamed = [o for _, o in inputs] == [p.option for p in new.inputs][: len(inputs)]
        if not renamed:
            yield "ports", "inputs differ"
    outputs = [p.option for p in old.outputs]
    if outputs != [p.option for p in new.outputs]:
        yield "ports", "outputs differ"


def main():
    lines = table()
    history = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            history.setdefault(schema.name, {})[schema.since_version] = schema
    unknown = set(lines) - set(history)
    faults = [f"{op}: no such operator" for op in sorted(unknown)]
    checked = 0
    for op, versions in sorted(history.items()):
        order = sorted(versions)
        for version, following in zip(order, order[1:]):
            old, new = versions[version], versions[order[-1]]
            mine = [r for r in lines.get(op, []) if r[0] <= version and following - 1 <= r[1]]
            whole = any(r[3] in ("no_rule", "rename_op") for r in mine)
            for what, how in needs(old, new):
                checked += 1
                known = any(r[2] == what or (what == "ports" and r[3] == "move_scales")
                            for r in mine)
                if not (known or whole or (op, what) in HARMLESS or ("*", what) in HARMLESS):
                    faults.append(f"{op} of version {version}: {what} {how}, and no line says so")
    print("\n".join(faults) if faults else f"{checked} differences, all accounted for")
    return 1 if faults else 0


sys.exit(main())
