#!/usr/bin/env python3
"""Workload W (../workload.hpp) in plain PyTorch, written as a careful user would: no copy that is not needed.

    plain.py train|sample|many --samples N [--steps K] [--channels-last]

Answers each line on stdin with one of JSON: "run" with the seconds of one run, "memory" with the growth of the
process's peak resident memory over one run, bytes.
"""
import argparse
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

FEATURES = 128
WIDTH = 512


class ActNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.log_scale = nn.Parameter(0.1 * torch.randn(1, channels, 1, 1))
        self.bias = nn.Parameter(0.1 * torch.randn(1, channels, 1, 1))

    def forward(self, x, h):
        s = self.log_scale.exp()
        return torch.addcmul(s * self.bias, x, s), x.shape[2] * x.shape[3] * self.log_scale.sum()

    def inverse(self, y, h):
        return torch.addcmul(-self.bias, y, (-self.log_scale).exp())


class InvConv1x1(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(channels, channels))[0].contiguous())

    def forward(self, x, h):
        log_det = x.shape[2] * x.shape[3] * torch.linalg.slogdet(self.weight)[1]
        return F.conv2d(x, self.weight[:, :, None, None]), log_det

    def inverse(self, y, h):
        return F.conv2d(y, torch.linalg.inv(self.weight)[:, :, None, None])


class Coupling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.changed = channels // 2
        self.conv1 = nn.Conv2d(channels - self.changed + FEATURES, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 1)
        self.conv3 = nn.Conv2d(WIDTH, 2 * self.changed, 3, padding=1)
        nn.init.normal_(self.conv3.weight, std=0.005)

    def scale_and_shift(self, z1, h):
        a = F.relu(self.conv1(torch.cat([z1, h], 1)), inplace=True)
        r, t = self.conv3(F.relu(self.conv2(a), inplace=True)).split(self.changed, 1)
        return 2 * torch.tanh(r / 2), t

    def forward(self, z, h):
        z0, z1 = z.split(self.changed, 1)
        log_s, t = self.scale_and_shift(z1, h)
        return torch.cat([torch.addcmul(t, log_s.exp(), z0), z1], 1), log_s.sum((1, 2, 3))

    def inverse(self, y, h):
        y0, z1 = y.split(self.changed, 1)
        log_s, t = self.scale_and_shift(z1, h)
        return torch.cat([(y0 - t) * (-log_s).exp(), z1], 1)


class Gaussian(nn.Module):
    """N(z; mu, sigma) given `seen` channels and the features."""

    def __init__(self, seen, channels):
        super().__init__()
        self.conv = nn.Conv2d(seen + FEATURES, 2 * channels, 3, padding=1)
        nn.init.normal_(self.conv.weight, std=0.005)

    def forward(self, seen, h):
        mu, raw = self.conv(h if seen is None else torch.cat([seen, h], 1)).chunk(2, 1)
        return mu, 3 * torch.tanh(raw / 3)


class Flow(nn.Module):
    def __init__(self, steps):
        super().__init__()
        level = lambda c: nn.ModuleList(m for _ in range(steps) for m in (ActNorm(c), InvConv1x1(c), Coupling(c)))
        self.levels = nn.ModuleList([level(12), level(24)])
        self.split = Gaussian(6, 6)
        self.prior = Gaussian(0, 24)

    def log_prob(self, y, features):
        log_p = 0
        for i, (level, h) in enumerate(zip(self.levels, features)):
            y = F.pixel_unshuffle(y, 2)
            for layer in level:
                y, log_det = layer(y, h)
                log_p = log_p + log_det
            y, z = y.chunk(2, 1) if i == 0 else (None, y)
            mu, log_sigma = (self.split if i == 0 else self.prior)(y, h)
            e = (z - mu) * torch.exp(-log_sigma)
            log_p = log_p - (0.5 * (e * e + math.log(2 * math.pi)) + log_sigma).sum((1, 2, 3))
        return log_p

    def inverse(self, latents, features):
        mu, log_sigma = self.prior(None, features[1])
        y = mu + latents[1] * log_sigma.exp()
        for layer in reversed(self.levels[1]):
            y = layer.inverse(y, features[1])
        y = F.pixel_shuffle(y, 2)
        mu, log_sigma = self.split(y, features[0])
        y = torch.cat([y, mu + latents[0] * log_sigma.exp()], 1)
        for layer in reversed(self.levels[0]):
            y = layer.inverse(y, features[0])
        return F.pixel_shuffle(y, 2)


def resident(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def growth_of(run):
    """Of the peak resident memory over one run, bytes (Linux)."""
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=["train", "sample", "many"])
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(1)

    layout = torch.channels_last if o.channels_last else torch.contiguous_format
    flow = Flow(o.steps).to(memory_format=layout)
    flow.requires_grad_(o.case == "train")
    inputs = 4 if o.case == "many" else o.samples
    maps = [torch.randn(inputs, FEATURES, e, e).to(memory_format=layout) for e in (16, 8)]
    y = torch.randn(o.samples, 3, 32, 32)
    latents = [torch.randn(o.samples, 6, 16, 16), torch.randn(o.samples, 24, 8, 8)]

    if o.case == "train":
        leaves = list(flow.parameters()) + [m.requires_grad_() for m in maps]
        for leaf in leaves:
            leaf.grad = torch.zeros_like(leaf)

    def run():
        if o.case == "train":
            for leaf in leaves:
                leaf.grad.zero_()
            (-flow.log_prob(y, maps).mean()).backward()
        else:
            with torch.no_grad():
                given = [m.repeat_interleave(o.samples // inputs, 0) for m in maps] if o.case == "many" else maps
                flow.inverse(latents, given)

    for line in sys.stdin:
        if line.strip() == "memory":
            print(json.dumps({"bytes": growth_of(run)}), flush=True)
        else:
            start = time.perf_counter()
            run()
            print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
