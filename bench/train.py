#!/usr/bin/python3
"""Time of a training step (forward, loss, backward, SGD) against Debian's PyTorch, same threads.

Usage: train.py FLOPWISE [ROUNDS]
The two take turns, round after round; each round is the best of a few steps, the ratio that of the
best rounds. PyTorch runs in its best configuration: channels last, gradients set to None.
"""
import json
import os
import subprocess
import sys
import time

import torch
import torchvision
from torch import nn
from torch.nn import functional

THREADS = os.cpu_count() or 1
STEPS = 3


def linear_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(150528, 4096), nn.ReLU(), nn.Linear(4096, 128),
                         nn.ReLU(), nn.Linear(128, 10))


def conv_net():
    def stage(channels, out):
        return [nn.Conv2d(channels, out, 7, stride=2, padding=3, bias=False), nn.ReLU(),
                nn.MaxPool2d(3, 2, 1)]

    return nn.Sequential(*stage(3, 32), *stage(32, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(64, 10))


CASES = [
    ("ConvNet, batch 64", "zoo:convnet", conv_net, 64),
    ("LinearNet, batch 64", "zoo:linearnet", linear_net, 64),
    ("ResNet-18, batch 16", "zoo:resnet18", torchvision.models.resnet18, 16),
    ("ResNet-50, batch 16", "zoo:resnet50", torchvision.models.resnet50, 16),
]


def torch_round(model, optimizer, x, y):
    best = float("inf")
    for _ in range(STEPS):
        begin = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        best = min(best, time.perf_counter() - begin)
    return best


def own_round(flopwise, net, batch):
    command = [flopwise, "run", net, "--batch", str(batch), "--train", "--steps", str(STEPS + 1),
               "--threads", str(THREADS), "--format", "json"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return min(loss["seconds"] for loss in answer["losses"][1:]), answer["share_of_peak"]


def main():
    flopwise, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    wanted = sys.argv[3:]
    torch.set_num_threads(THREADS)
    print(f"{'network':<22}{'flopwise':>12}{'PyTorch':>12}{'ratio':>8}")
    for title, net, make, batch in CASES:
        if wanted and net not in wanted:
            continue
        model = make().to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        x = torch.randn(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
        y = torch.arange(batch) % 10
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(torch_round(model, optimizer, x, y))
            ours.append(own_round(flopwise, net, batch)[0])
        print(f"{title:<22}{1e3 * min(ours):>9.0f} ms{1e3 * min(theirs):>9.0f} ms"
              f"{min(ours) / min(theirs):>8.2f}", flush=True)
        del model, optimizer


main()
