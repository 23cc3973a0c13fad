#!/usr/bin/python3
"""Gradients of one training step against PyTorch's, with the same weights and data.

Usage: gradients.py FLOPWISE MODE   Prints a line for each network and the closing line.
A step of SGD is the gradient times RATE: weights before less weights after.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from train import Gpt2  # noqa: E402

LIMIT = 1e-4  # |difference| / |gradient|, the worst parameter
RATE = 1e4  # the gradients of deep networks are small beside the weights, whose digits end first


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


class DeeperConvNet(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n
        self.first_layer = nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False)
        self.conv_layer = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.convN = nn.Conv2d(32, 64, 7, stride=2, padding=3, bias=False)
        self.fc1 = nn.Linear(64, 10)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.first_layer(x)), 3, 2)
        for _ in range(self.n):
            x = functional.relu(self.conv_layer(x))
        return self.fc1(functional.relu(self.convN(x)).mean((2, 3)))


class ThreeLinear(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4096)
        self.fc2 = nn.Linear(4096, 128)
        self.fc3 = nn.Linear(128, 10)

    def forward(self, x):
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


def pictures(*shape):
    def make(batch):
        x = numpy.random.RandomState(0).randn(batch, *shape).astype(numpy.float32)
        return {"input": x, "labels": numpy.arange(batch) % 10}

    return make


def words(length, known):
    def make(batch):
        drawn = numpy.random.RandomState(0).randint(0, known, (2, batch, length))
        return {"input_ids": drawn[0], "labels": drawn[1]}

    return make


def as_it_is(key, ours):
    return ours[key]


def gpt2_name(key, ours):
    """The parts have names of their own; weights of linear layers lie the other way."""
    parts = {"c_attn": "attn.c_attn", "c_proj": "attn.c_proj", "c_fc": "mlp.c_fc",
             "c_out": "mlp.c_proj"}
    name = "transformer." + ".".join(parts.get(part, part) for part in key.split("."))
    turned = ".h." in name and ours[name].ndim == 2
    return ours[name].T if turned else ours[name]


GPT2 = {"model_type": "gpt2", "n_layer": 2, "n_embd": 64, "n_head": 4, "vocab_size": 101,
        "n_positions": 32, "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0}
CASES = [
    # network (a dictionary: a config.json), the same for PyTorch, batch, data, weight of a name
    ("zoo:onenet", ThreeLinear(1), 8, pictures(1), as_it_is),
    ("zoo:linearnet,size=16", ThreeLinear(3 * 16 * 16), 8, pictures(3, 16, 16), as_it_is),
    ("zoo:convnet,size=64", ConvNet(), 8, pictures(3, 64, 64), as_it_is),
    ("zoo:deeperconvnet,n=10,size=64", DeeperConvNet(10), 8, pictures(3, 64, 64), as_it_is),
    ("zoo:resnet18,size=64,classes=10", torchvision.models.resnet18(num_classes=10), 8,
     pictures(3, 64, 64), as_it_is),
    (GPT2, Gpt2(64, 2, 4, 101, 32, dropout=0), 3, words(9, 101), gpt2_name),
]


def load(path):
    data = path.read_bytes()
    header = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + header]).items():
        begin, end = (8 + header + at for at in entry["data_offsets"])
        tensors[name] = numpy.frombuffer(data[begin:end], numpy.float32).reshape(entry["shape"])
    return tensors


def step(flopwise, mode, net, folder, batch, data):
    if isinstance(net, dict):
        (folder / "config.json").write_text(json.dumps(net))
        net = folder / "config.json"
    common = [flopwise, "run", net, "--batch", str(batch), "--mode", mode]
    if "input_ids" in data:
        common += ["--seq", str(data["input_ids"].shape[1])]
    before, after = folder / "before.safetensors", folder / "after.safetensors"
    numpy.savez(folder / "data.npz", **data)
    subprocess.run([*common, "--seed", "3", "--save", before], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([*common, "--train", "--lr", str(RATE), "--weights", before, "--save", after,
                    "--input", folder / "data.npz"], check=True, stdout=subprocess.DEVNULL)
    return load(before), load(after)


def compare(flopwise, mode, net, model, batch, make, weight):
    data = make(batch)
    x, y = (torch.from_numpy(array) for array in data.values())
    with tempfile.TemporaryDirectory() as name:
        before, after = step(flopwise, mode, net, pathlib.Path(name), batch, data)
    parameters = dict(model.named_parameters())
    for key, parameter in parameters.items():
        parameter.data = torch.from_numpy(weight(key, before).copy())
    model.train()
    functional.cross_entropy(model(x), y.flatten()).backward()
    worst = 0.0
    for key, parameter in parameters.items():
        theirs = parameter.grad.numpy().astype(numpy.float64)
        ours = (weight(key, before).astype(numpy.float64) - weight(key, after)) / RATE
        worst = max(worst, numpy.linalg.norm(ours - theirs) / max(numpy.linalg.norm(theirs), 1e-12))
    return worst


def main():
    passed = failed = 0
    torch.set_num_threads(2)
    for net, model, batch, make, weight in CASES:
        worst = compare(sys.argv[1], sys.argv[2], net, model, batch, make, weight)
        good = worst < LIMIT
        passed, failed = passed + good, failed + (not good)
        name = net if isinstance(net, str) else "{model_type}, {n_layer} layers".format(**net)
        print(f"{'' if good else 'FAILED '}{name} {sys.argv[2]}: {worst:.1e} from PyTorch")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


main()
