#!/usr/bin/env python3
"""The same kernels and the same LLaMA step in PyTorch, timed on the same GPU: torch_peer.py --kernels | --step [--rehearse]

Prints one JSON object. Shapes and names are those of `camels bench kernels --device cuda`. `--rehearse` takes toy sizes on the CPU, to see
that everything runs.
"""
import argparse
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F

PEAK = {"GH200": 989e12, "H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12}



class Timer:
    def __init__(self, cuda):
        self.cuda = cuda

    def seconds(self, function, least=0.002, rounds=9):
        """The median of several rounds, each of enough runs to last a while."""
        function()
        repeats, times = 1, []
        while len(times) < rounds:
            took = self._once(function, repeats) / repeats
            wanted = max(1, min(200, int(least / max(took, 1e-9))))
            if wanted > 2 * repeats and not times:
                repeats = wanted
                continue
            times.append(took)
        return statistics.median(times)

    def _once(self, function, repeats):
        if not self.cuda:
            began = time.perf_counter()
            for _ in range(repeats):
                function()
            return time.perf_counter() - began
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(repeats):
            function()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3


def attention(q, k, v):
    """Causal, (B, H, T, D). PyTorch before 2.0 has no fused one; only a rehearsal meets it."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    return scores.masked_fill(mask, float("-inf")).softmax(-1) @ v


def compiled(function):
    return torch.compile(function) if hasattr(torch, "compile") else function


def rms_norm(x, weight, eps):
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).type_as(x) * weight


def kernels(sizes, device, timer):
    n, rows, c, f, h, squares = sizes["n"], sizes["rows"], sizes["c"], sizes["f"], sizes["h"], sizes["squares"]
    d, tokens = c // h, n // rows
    kind = torch.bfloat16

    def new(*extents):
        return (2 * torch.rand(*extents, device=device) - 1).to(kind)

    result = []

    def add(name, shape, function):
        try:
            result.append({"name": name, "shape": shape, "median_seconds": timer.seconds(function)})
        except RuntimeError as problem:
            result.append({"name": name, "shape": shape, "median_seconds": float("nan"), "problem": str(problem)[:300]})
        if device == "cuda":
            torch.cuda.empty_cache()

    for N, O, C in [(s, s, s) for s in squares] + [(n, c, c), (n, f, c), (n, c, f), (1, f, c)]:
        x, weight, dy = new(N, C), new(O, C), new(N, O)
        sum_ = torch.zeros(O, C, device=device)
        shape = f"N {N}, O {O}, C {C}"
        add("MatMul.Forward", shape, lambda: x @ weight.t())
        if N > 1:
            add("MatMul.BackwardInput", shape, lambda: dy @ weight)
            add("MatMul.BackwardWeight", f"{shape}, {rows} lanes", lambda: sum_.add_(dy.t() @ x))

    shape = f"{rows} documents of {tokens}, H {h}, D {d}"
    q, k, v, dy = (new(rows, h, tokens, d).requires_grad_() for _ in range(4))
    choices = [None]
    if hasattr(torch.nn, "attention"):
        from torch.nn.attention import SDPBackend
        choices += [SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION] if hasattr(SDPBackend, "CUDNN_ATTENTION") else [SDPBackend.FLASH_ATTENTION]
    best = {}
    for choice in choices:
        try:
            import contextlib
            with torch.nn.attention.sdpa_kernel(choice) if choice is not None else contextlib.nullcontext():
                forward = timer.seconds(lambda: attention(q, k, v))
                y = attention(q, k, v)
                backward = timer.seconds(lambda: torch.autograd.grad(y, (q, k, v), dy, retain_graph=True))
            for name, seconds in (("Attention.Forward", forward), ("Attention.Backward", backward)):
                if seconds < best.get(name, (float("inf"),))[0]:
                    best[name] = (seconds, str(choice))
        except RuntimeError:
            continue
    result += [{"name": name, "shape": shape, "median_seconds": seconds, "backend": backend} for name, (seconds, backend) in best.items()]

    x, weight = new(n, c), new(c)
    norm = compiled(rms_norm)
    add("RmsNorm.Forward", f"N {n}, C {c}", lambda: norm(x, weight, 1e-5))
    gated, raised = new(n, f), new(n, f)
    gate = compiled(lambda a, b: F.silu(a) * b)
    add("SwiGlu.Forward", f"N {n}, F {f}", lambda: gate(gated, raised))
    residual = new(n, c)
    add("Add.Forward", f"N {n}, C {c}", lambda: torch.add(x, residual))

    weights = f * c
    parameter = torch.nn.Parameter(torch.rand(weights, device=device))
    parameter.grad = torch.rand(weights, device=device)
    try:
        adam = torch.optim.AdamW([parameter], lr=1e-5, fused=device == "cuda")
        add("AdamW.Update", f"{weights} weights", adam.step)
    except (RuntimeError, TypeError) as problem:
        result.append({"name": "AdamW.Update", "shape": f"{weights} weights", "problem": str(problem)[:300], "median_seconds": float("nan")})
    source = torch.rand((1 << 28) if device == "cuda" else (1 << 20), device=device)
    target = torch.empty_like(source)
    seconds = timer.seconds(lambda: target.copy_(source))
    return {"torch": torch.__version__, "kernels": result, "copy_bytes_per_second": 2 * source.numel() * 4 / seconds}


class Block(torch.nn.Module):
    def __init__(self, c, f, h):
        super().__init__()
        self.h = h
        self.norm1, self.norm2 = torch.nn.Parameter(torch.ones(c)), torch.nn.Parameter(torch.ones(c))
        self.q, self.k, self.v, self.o = (torch.nn.Linear(c, c, bias=False) for _ in range(4))
        self.gate, self.up = torch.nn.Linear(c, f, bias=False), torch.nn.Linear(c, f, bias=False)
        self.down = torch.nn.Linear(f, c, bias=False)

    def forward(self, x, cosines, sines):
        b, t, c = x.shape

        def heads(y):
            return y.view(b, t, self.h, c // self.h).transpose(1, 2)

        def rotate(y):
            low, high = y.chunk(2, dim=-1)
            return y * cosines + torch.cat((-high, low), dim=-1) * sines

        normed = rms_norm(x, self.norm1.to(x.dtype), 1e-5)
        y = attention(rotate(heads(self.q(normed))), rotate(heads(self.k(normed))), heads(self.v(normed)))
        x = x + self.o(y.transpose(1, 2).reshape(b, t, c))
        normed = rms_norm(x, self.norm2.to(x.dtype), 1e-5)
        return x + self.down(F.silu(self.gate(normed)) * self.up(normed))


class Llama(torch.nn.Module):
    def __init__(self, c, f, h, layers, vocabulary):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary, c)
        self.blocks = torch.nn.ModuleList(Block(c, f, h) for _ in range(layers))
        self.norm = torch.nn.Parameter(torch.ones(c))
        self.head = torch.nn.Linear(c, vocabulary, bias=False)
        self.width = c // h

    def forward(self, ids, labels):
        from torch.utils.checkpoint import checkpoint
        t = ids.shape[1]
        angles = torch.arange(t, device=ids.device)[:, None] / 10000 ** (torch.arange(0, self.width, 2, device=ids.device) / self.width)
        angles = torch.cat((angles, angles), dim=-1)
        x = self.embedding(ids).to(torch.bfloat16)
        cosines, sines = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for block in self.blocks:
            x = checkpoint(block, x, cosines, sines, use_reentrant=False)
        x = rms_norm(x, self.norm.to(x.dtype), 1e-5)
        logits = self.head(x[labels >= 0])
        return F.cross_entropy(logits.float(), labels[labels >= 0])


def one_step(name, sizes, device, wide):
    """Forward, masked loss, backward, clipping, fused AdamW; blocks compiled and recomputed in the backward."""
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(1)
    with torch.device(device) if hasattr(torch, "device") and hasattr(torch.device, "__enter__") else __import__("contextlib").nullcontext():
        model = Llama(sizes["c"], sizes["f"], sizes["h"], sizes["layers"], sizes["v"]).to(device)
    if not wide:
        model = model.to(torch.bfloat16)
    for block in model.blocks:
        if hasattr(block, "compile"):
            block.compile()
    adam = torch.optim.AdamW(model.parameters(), lr=1e-5, **({"fused": True} if device == "cuda" else {}))
    b, t = sizes["rows"], sizes["n"] // sizes["rows"]
    ids = torch.randint(sizes["v"], (b, t), device=device)
    labels = torch.cat((ids[:, 1:], ids[:, :1]), dim=1)
    labels[:, : t // 3] = -1

    def step():
        with torch.autocast(device, dtype=torch.bfloat16, enabled=wide):
            loss = model(ids, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)
        return loss.item()

    times = []
    for _ in range(6):
        began = time.perf_counter()
        step()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    seconds = statistics.median(times[2:])
    matmul = sizes["layers"] * (4 * sizes["c"] ** 2 + 3 * sizes["c"] * sizes["f"]) + sizes["v"] * sizes["c"]
    flops = 6 * matmul + 6 * sizes["layers"] * sizes["c"] * t
    gpu = torch.cuda.get_device_name() if device == "cuda" else ""
    peak = next((value for key, value in PEAK.items() if key in gpu), float("nan"))
    return {
        "name": name, "step_seconds": seconds, "tokens_per_second": b * t / seconds, "mfu": flops * b * t / seconds / peak, "all_seconds": times,
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else 0,
    }


def step(sizes, device):
    steps = []
    for name, wide in (("PyTorch, fp32 weights under autocast, fused AdamW", True), ("PyTorch, bf16 weights and moments, fused AdamW", False)):
        try:
            steps.append(one_step(name, sizes, device, wide))
        except RuntimeError as problem:           # out of memory included
            steps.append({"name": f"{name}: {str(problem)[:200]}", "step_seconds": float("nan"), "tokens_per_second": 0, "mfu": 0, "peak_memory_bytes": 0})
    return {"torch": torch.__version__, "steps": steps}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", action="store_true")
    parser.add_argument("--step", action="store_true")
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    if options.rehearse:
        device, sizes = "cpu", {"n": 32, "rows": 2, "c": 64, "f": 96, "h": 2, "v": 100, "layers": 2, "squares": [64]}
    else:
        device, sizes = "cuda", {"n": 16_384, "rows": 8, "c": 4096, "f": 11_008, "h": 32, "v": 32_000, "layers": 32, "squares": [4096, 8192]}
    torch.manual_seed(0)
    print(json.dumps(kernels(sizes, device, Timer(device == "cuda")) if options.kernels else step(sizes, device)))


if __name__ == "__main__":
    main()
