#!/usr/bin/python3
"""Time of a training step (forward, loss, backward, SGD) against Debian's PyTorch, same threads.

Usage: train.py FLOPWISE [ROUNDS] [NETWORK...]
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
PICTURE = (3, 224, 224)


def linear_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(150528, 4096), nn.ReLU(), nn.Linear(4096, 128),
                         nn.ReLU(), nn.Linear(128, 10))


def conv_net():
    def stage(channels, out):
        return [nn.Conv2d(channels, out, 7, stride=2, padding=3, bias=False), nn.ReLU(),
                nn.MaxPool2d(3, 2, 1)]

    return nn.Sequential(*stage(3, 32), *stage(32, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(64, 10))


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2)
                   for part in self.c_attn(x).split(width, 2))
        scores = q @ k.transpose(2, 3) * (width // self.heads) ** -0.5
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        p = functional.dropout(scores.masked_fill(later, float("-inf")).softmax(-1), self.dropout)
        return self.c_proj((p @ v).transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + functional.dropout(self.attend(self.ln_1(x)), self.dropout)
        hidden = functional.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")
        return x + functional.dropout(self.c_out(hidden), self.dropout)


class Gpt2(nn.Module):
    """GPT-2, of 124 M parameters as it stands; scores of every token, one after the other."""

    def __init__(self, width=768, layers=12, heads=12, words=50257, places=1024, dropout=0.1):
        super().__init__()
        self.dropout = dropout
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(places, width)
        self.h = nn.Sequential(*(Block(width, heads, dropout) for _ in range(layers)))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, x):
        x = self.wte(x) + self.wpe(torch.arange(x.shape[1]))
        x = self.ln_f(self.h(functional.dropout(x, self.dropout)))
        return (x @ self.wte.weight.T).flatten(0, 1)


CASES = [
    # title, network, the same for PyTorch, batch, shape of an example, ratio and share wanted
    ("ConvNet, batch 64", "zoo:convnet", conv_net, 64, PICTURE, 0.65, None),
    ("LinearNet, batch 64", "zoo:linearnet", linear_net, 64, PICTURE, 0.65, None),
    ("ResNet-18, batch 16", "zoo:resnet18", torchvision.models.resnet18, 16, PICTURE, 0.8, None),
    ("ResNet-50, batch 16", "zoo:resnet50", torchvision.models.resnet50, 16, PICTURE, 0.8, 0.75),
    ("GPT-2 124M, 2 x 256", "zoo:gpt2,seq=256", Gpt2, 2, (256,), 0.8, None),
]


def prepare(make, batch, shape):
    model = make()
    if shape != PICTURE:
        return model, torch.randint(50257, (batch, *shape)), torch.arange(batch * shape[0])
    x = torch.randn(batch, *shape).contiguous(memory_format=torch.channels_last)
    return model.to(memory_format=torch.channels_last), x, torch.arange(batch) % 10


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
    """Seconds of the best step, and the share of the measured multiply-add peak it reaches."""
    command = [flopwise, "run", net, "--batch", str(batch), "--train", "--steps", str(STEPS + 1),
               "--threads", str(THREADS), "--format", "json"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    best = min(loss["seconds"] for loss in answer["losses"][1:])
    peak = answer["peak_flop_per_second"]
    return best, answer["flop"] / best / peak if peak else None


def verdict(ratio, share, ratio_wanted, share_wanted):
    missed = ratio > ratio_wanted
    words = f"<= {ratio_wanted}"
    if share_wanted is not None:
        missed |= share is None or share < share_wanted
        words += f", >= {100 * share_wanted:.0f} %"
    return words + (" MISSED" if missed else "")


def main():
    flopwise, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    wanted = sys.argv[3:]
    torch.set_num_threads(THREADS)
    print(f"{'network':<20}{'flopwise':>11}{'PyTorch':>10}{'ratio':>7}{'of peak':>9}  wanted")
    for title, net, make, batch, shape, ratio_wanted, share_wanted in CASES:
        if wanted and net not in wanted:
            continue
        model, x, y = prepare(make, batch, shape)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(torch_round(model, optimizer, x, y))
            ours.append(own_round(flopwise, net, batch))
        best, share = min(ours, key=lambda found: found[0])
        ratio = best / min(theirs)
        reached = f"{100 * share:.0f} %" if share is not None else "-"
        print(f"{title:<20}{1e3 * best:>8.0f} ms{1e3 * min(theirs):>7.0f} ms{ratio:>7.2f}"
              f"{reached:>9}  {verdict(ratio, share, ratio_wanted, share_wanted)}", flush=True)
        del model, optimizer


if __name__ == "__main__":
    main()
