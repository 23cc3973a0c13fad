#!/usr/bin/python3
"""Gradients of one training step against PyTorch's, with the same weights and data.

Usage: gradients.py FLOPWISE MODE   Prints a line for each network and the closing line.
A step of SGD with learning rate 1 is the gradient: weights before less weights after.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional

LIMIT = 1e-4  # |difference| / |gradient|, the worst parameter


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False)
        self.conv2 = nn.Conv2d(32, 64, 7, stride=2, padding=3, bias=False)
        self.fc1 = nn.Linear(64, 10)

    def forward(self, x):
        for layer in self.conv1, self.conv2:
            x = functional.max_pool2d(functional.relu(layer(x)), 3, 2, 1)
        return self.fc1(x.mean((2, 3)))


class ThreeLinear(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4096)
        self.fc2 = nn.Linear(4096, 128)
        self.fc3 = nn.Linear(128, 10)

    def forward(self, x):
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


CASES = [
    ("zoo:onenet", ThreeLinear(1), 8, (1,)),
    ("zoo:linearnet,size=16", ThreeLinear(3 * 16 * 16), 8, (3, 16, 16)),
    ("zoo:convnet,size=64", ConvNet(), 8, (3, 64, 64)),
    ("zoo:resnet18,size=64,classes=10", torchvision.models.resnet18(num_classes=10), 8,
     (3, 64, 64)),
]


def load(path):
    data = path.read_bytes()
    header = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + header]).items():
        begin, end = (8 + header + at for at in entry["data_offsets"])
        tensors[name] = numpy.frombuffer(data[begin:end], numpy.float32).reshape(entry["shape"])
    return tensors


def step(flopwise, mode, net, folder, batch):
    common = [flopwise, "run", net, "--batch", str(batch), "--mode", mode]
    before, after = folder / "before.safetensors", folder / "after.safetensors"
    subprocess.run([*common, "--seed", "3", "--save", before], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([*common, "--train", "--lr", "1", "--weights", before, "--save", after,
                    "--input", folder / "data.npz"], check=True, stdout=subprocess.DEVNULL)
    return load(before), load(after)


def compare(flopwise, mode, net, model, batch, shape):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        x = numpy.random.RandomState(0).randn(batch, *shape).astype(numpy.float32)
        y = numpy.arange(batch) % 10
        numpy.savez(folder / "data.npz", input=x, labels=y)
        before, after = step(flopwise, mode, net, folder, batch)
    parameters = dict(model.named_parameters())
    for key, parameter in parameters.items():
        parameter.data = torch.from_numpy(before[key].copy())
    model.train()
    functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    worst = 0.0
    for key, parameter in parameters.items():
        theirs = parameter.grad.numpy().astype(numpy.float64)
        ours = before[key].astype(numpy.float64) - after[key]
        worst = max(worst, numpy.linalg.norm(ours - theirs) / max(numpy.linalg.norm(theirs), 1e-12))
    return worst


def main():
    passed = failed = 0
    torch.set_num_threads(2)
    for net, model, batch, shape in CASES:
        worst = compare(sys.argv[1], sys.argv[2], net, model, batch, shape)
        good = worst < LIMIT
        passed, failed = passed + good, failed + (not good)
        print(f"{'' if good else 'FAILED '}{net} {sys.argv[2]}: {worst:.1e} from PyTorch")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


main()
