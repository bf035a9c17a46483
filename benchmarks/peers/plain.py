#!/usr/bin/env python3
"""Workload W (../workload.hpp) in plain PyTorch, written as a careful user would: no copy that is not needed.

    plain.py train|log_prob|sample|many --samples N [--steps K] [--channels-last]
             [--device cuda] [--precision bfloat16] [--graph] [--compile step|flow]

Answers each line on stdin with one of JSON, {"failed": "why"} where something did:

    run [NUMBER]       seconds of one run; on CUDA the mean of several that end with a wait for the device
    memory [NUMBER]    growth of the process's peak resident memory over one run, bytes
    launches [NUMBER]  kernels and copies of one run on the device
    add CASE OPTIONS   prepares one more variant beside that of the command line: its number
    clear              forgets all variants
    device             the device's name, and PyTorch's version
"""
import argparse
import gc
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
        # not inv, which asks the device whether there is one
        return F.conv2d(y, torch.linalg.inv_ex(self.weight)[0][:, :, None, None])


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


class Step(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.ModuleList([ActNorm(channels), InvConv1x1(channels), Coupling(channels)])

    def forward(self, y, h):
        log_p = 0
        for layer in self.layers:
            y, log_det = layer(y, h)
            log_p = log_p + log_det
        return y, log_p

    def inverse(self, y, h):
        for layer in reversed(self.layers):
            y = layer.inverse(y, h)
        return y


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
        level = lambda channels: nn.ModuleList(Step(channels) for _ in range(steps))
        self.levels = nn.ModuleList([level(12), level(24)])
        self.split = Gaussian(6, 6)
        self.prior = Gaussian(0, 24)

    def log_prob(self, y, features):
        log_p = 0
        for i, (level, h) in enumerate(zip(self.levels, features)):
            y = F.pixel_unshuffle(y, 2)
            for step in level:
                y, log_det = step(y, h)
                log_p = log_p + log_det
            y, z = y.chunk(2, 1) if i == 0 else (None, y)
            mu, log_sigma = (self.split if i == 0 else self.prior)(y, h)
            e = (z - mu) * torch.exp(-log_sigma)
            log_p = log_p - (0.5 * (e * e + math.log(2 * math.pi)) + log_sigma).sum((1, 2, 3))
        return log_p

    def inverse(self, latents, features):
        mu, log_sigma = self.prior(None, features[1])
        y = mu + latents[1] * log_sigma.exp()
        for step in reversed(self.levels[1]):
            y = step.inverse(y, features[1])
        y = F.pixel_shuffle(y, 2)
        mu, log_sigma = self.split(y, features[0])
        y = torch.cat([y, mu + latents[0] * log_sigma.exp()], 1)
        for step in reversed(self.levels[0]):
            y = step.inverse(y, features[0])
        return F.pixel_shuffle(y, 2)

    def compile_parts(self, what):
        """With torch.compile: the step, which is compiled once a level and not once a layer, or the whole pass."""
        for part in [self] if what == "flow" else [step for level in self.levels for step in level]:
            name = "log_prob" if part is self else "forward"
            setattr(part, name, torch.compile(getattr(part, name), dynamic=False))
            part.inverse = torch.compile(part.inverse, dynamic=False)


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


def parsed(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", choices=["train", "log_prob", "sample", "many"])
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32",
                        help="bfloat16: autocast; on CUDA convolutions in float32 round to TF32")
    parser.add_argument("--graph", action="store_true", help="one CUDA graph")
    parser.add_argument("--compile", choices=["step", "flow"], help="with torch.compile")
    return parser.parse_args(words)


class Variant:
    """W in one way, ready to run."""

    def __init__(self, o):
        self.is_cuda = o.device == "cuda"
        torch.manual_seed(1)
        layout = torch.channels_last if o.channels_last else torch.contiguous_format
        flow = Flow(o.steps).to(o.device, memory_format=layout)
        flow.requires_grad_(o.case == "train")
        inputs = 4 if o.case == "many" else o.samples
        maps = [torch.randn(inputs, FEATURES, e, e).to(o.device, memory_format=layout) for e in (16, 8)]
        y = torch.randn(o.samples, 3, 32, 32).to(o.device)
        latents = [torch.randn(o.samples, 6, 16, 16).to(o.device), torch.randn(o.samples, 24, 8, 8).to(o.device)]
        if o.compile:
            flow.compile_parts(o.compile)

        if o.case == "train":
            leaves = list(flow.parameters()) + [m.requires_grad_() for m in maps]
            for leaf in leaves:
                leaf.grad = torch.zeros_like(leaf)

        def network():
            if o.case == "train":
                return -flow.log_prob(y, maps).mean()
            if o.case == "log_prob":
                return flow.log_prob(y, maps)
            given = [m.repeat_interleave(o.samples // inputs, 0) for m in maps] if o.case == "many" else maps
            return flow.inverse(latents, given)

        def run():
            if o.case == "train":
                for leaf in leaves:
                    if self.is_cuda:
                        leaf.grad = None
                    else:
                        leaf.grad.zero_()
            with torch.set_grad_enabled(o.case == "train"):
                if o.precision == "bfloat16":
                    with torch.autocast(o.device, torch.bfloat16):
                        result = network()
                else:
                    result = network()
                if o.case == "train":
                    result.backward()

        self.run = captured(run) if o.graph else run
        self.repeats = 1
        if self.is_cuda:
            for _ in range(3):
                self.run()
            self.repeats = min(20, max(1, math.ceil(0.05 / self.seconds())))

    def seconds(self):
        self.wait()
        start = time.perf_counter()
        for _ in range(self.repeats):
            self.run()
        self.wait()
        return (time.perf_counter() - start) / self.repeats

    def wait(self):
        if self.is_cuda:
            torch.cuda.synchronize()

    def launches(self):
        from torch.profiler import ProfilerActivity, profile

        self.wait()
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
            self.run()
            self.wait()
        names = [e.name for e in seen.events() if e.device_type == torch.autograd.DeviceType.CUDA]
        copies = sum(name.startswith(("Memcpy", "Memset")) for name in names)
        return {"kernels": len(names) - copies, "copies": copies}


def captured(run):
    """What replays one run as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


class Server:
    def __init__(self):
        self.variants = []

    def add(self, o):
        self.variants.append(Variant(o))
        return {"number": len(self.variants) - 1}

    def answer(self, command, *words):
        if command == "device":
            is_there = torch.cuda.is_available()
            return {"device": torch.cuda.get_device_name() if is_there else None, "torch": torch.__version__}
        if command == "add":
            return self.add(parsed(words))
        if command == "clear":
            self.variants.clear()
            if hasattr(torch, "compiler"):
                torch.compiler.reset()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return {}
        variant = self.variants[int(words[0]) if words else 0]
        if command == "launches":
            return variant.launches()
        if command == "memory":
            return {"bytes": growth_of(variant.run)}
        return {"seconds": variant.seconds()}


def main():
    o = parsed(sys.argv[1:])
    torch.set_num_threads(o.threads or 2)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True

    server = Server()
    if o.case:
        server.add(o)
    for line in sys.stdin:
        try:
            answer = server.answer(*line.split())
        except (Exception, SystemExit) as error:
            reason = str(error).strip().splitlines() or [""]
            answer = {"failed": f"{type(error).__name__}: {reason[0]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
