#!/usr/bin/env python3
"""Share of the test digits whose largest score is the right one. Exit code 1 below 95 %.

Usage: accuracy.py FOLDER
"""
import pathlib
import sys

import numpy

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
outputs = numpy.load(folder / "outputs.npz")
scores = outputs[outputs.files[0]]
labels = numpy.load(folder / "test_labels.npy")
accuracy = float((scores.argmax(axis=1) == labels).mean())
print(f"test accuracy {100 * accuracy:.1f} % of {len(labels)} digits")
sys.exit(accuracy < 0.95)
