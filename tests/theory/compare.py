"""Compares what commands say with a table of numbers that were computed or published elsewhere.

A row is: command, path in its JSON answer, what must stand there. A path is keys and places joined
by slashes; `name=value` is the element of a list whose `name` is that. What is wanted may be
a text, a whole number (exactly) or a decimal number: then within half a unit of its last digit.
`*` after a number allows a relative error of 1e-12 instead, for numbers that are not printed in
full.
"""

import json
import os
import subprocess
import sys
from decimal import Decimal
from functools import lru_cache

from tally import Tally


def read_rows(path):
    """Rows of the table; an empty command is that of the row before."""
    command = ""
    with open(path) as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                first, *rest = line.rstrip("\n").split("\t")
                command = first or command
                yield command, *rest


@lru_cache(maxsize=1)
def answer(command):
    words = [os.environ["FLOPWISE"], *command.split(), "--format", "json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def step_into(value, key):
    if not isinstance(value, list):
        return value[key]
    name, _, wanted = key.partition("=")
    if not wanted:
        return value[int(key)]
    return next(element for element in value if str(element[name]) == wanted)


def find(command, path):
    value = answer(command)
    try:
        for key in path.split("/"):
            value = step_into(value, key)
    except (KeyError, IndexError, StopIteration, TypeError):
        return f"nothing there: {str(value)[:100]}"
    return value


def agrees(found, wanted):
    if not isinstance(found, (int, float)):
        return found == wanted
    if wanted.endswith("*"):
        number = float(wanted[:-1])
        return abs(found - number) <= 1e-12 * abs(number)
    number = Decimal(wanted)
    half = Decimal(5).scaleb(number.as_tuple().exponent - 1)
    is_whole = "." not in wanted and "e" not in wanted
    return found == int(number) if is_whole else abs(Decimal(found) - number) <= half


def main(table):
    tally = Tally()
    for command, path, wanted in read_rows(table):
        found = find(command, path)
        tally.check(agrees(found, wanted), f"{command}: {path}: {wanted} is wanted, found {found}")
    return tally.close()


sys.exit(main(*sys.argv[1:]))
