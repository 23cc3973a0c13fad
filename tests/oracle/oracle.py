#!/usr/bin/env python3
"""Counts by executing: every operation of a plain scalar implementation is counted, and flopwise
must say the same, class by class. Ends in the closing line."""

import itertools
import sys

import numpy as np

import backend
import cases
import elementwise, linear, norms, recurrent, windows  # noqa: F401  fill the table of rows
import model


def main():
    only = sys.argv[1:]
    chosen = lambda case: not only or any(text in f"{case.name} {case.op}" for text in only)
    results = model.Results()
    for case in itertools.chain(backend.cases(), cases.forward(), cases.graphs()):
        if chosen(case):
            results.run(case, model.check_forward)
    rng = np.random.default_rng(7)
    for case, classes in cases.backward():
        if chosen(case):
            extra = elementwise.pow_extra if case.op == "Pow" else None
            results.run(case, model.check_backward, rng, extra, classes)
    print(f"{results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return results.failed != 0


if __name__ == "__main__":
    sys.exit(main())
