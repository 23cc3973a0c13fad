#!/usr/bin/env python3
"""Writes scikit-learn's 1,797 handwritten digits as train.npz and test.npz (every fifth is for
testing): `input` 8 x 8 pixels, centred and scaled to about 1, `labels` 0 to 9.

Usage: prepare.py [FOLDER]   (needs the packages numpy and scikit-learn)
"""
import pathlib
import sys

import numpy
from sklearn.datasets import load_digits

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
digits = load_digits()
pixels = (digits.data.astype(numpy.float32) - 8) / 8
labels = digits.target.astype(numpy.int64)
test = numpy.arange(len(labels)) % 5 == 0
numpy.savez(folder / "train.npz", input=pixels[~test], labels=labels[~test])
numpy.savez(folder / "test.npz", input=pixels[test])
numpy.save(folder / "test_labels.npy", labels[test])
