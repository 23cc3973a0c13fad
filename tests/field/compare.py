"""Compares `flopwise field zoo:NET,size=S` with tables of published receptive fields."""

import csv
import json
import os
import subprocess
import sys

from tally import Tally


def read_known(path):
    with open(path) as file:
        for line in file:
            if not line.startswith("#"):
                yield tuple(line.rstrip("\n").split("\t"))


def read_published(path):
    """Rows of RECEPTIVE_FIELD_TABLE.md as CSV; resolution None is a size left open."""
    with open(path) as file:
        for row in csv.DictReader(file):
            size = "H" if row["resolution"] == "None" else row["resolution"]
            yield (row["model"].replace("-", "_"), size, row["end_point"], row["receptive_field"],
                   row["effective_stride"], row["effective_padding"])


def fields(net, size):
    command = [os.environ["FLOPWISE"], "field", f"zoo:{net},size={size}", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"FAILED {net} {size}: {done.stderr.strip()}")
        return {}
    return {layer["name"]: layer for layer in json.loads(done.stdout)["layers"]}


def main(known, published):
    rows, nets, tally = list(read_known(known)), {}, Tally()
    if os.path.exists(published):
        rows += read_published(published)
    else:
        tally.skipped += 1
    for net, size, node, *want in rows:
        if (net, size) not in nets:
            nets[net, size] = fields(net, size)
        layer = nets[net, size].get(node)
        found = [[str(axis[key]) for key in ("size", "stride", "padding")]
                 for axis in layer["axes"]] if layer else []
        tally.check(found == [want, want],
                    f"{net} {size} {node}: expected {want} twice, found {found}")
    return tally.close()


sys.exit(main(*sys.argv[1:]))
