"""PyTorch's side of `npm run bench -- kernels`. Reads the name of a work per line, does it once and answers {"ms": ...}."""
import json
import sys
import time

import torch
import transformers
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock

THREADS = int(sys.argv[1])
TOKENS, WIDTH, HIDDEN, EXPERTS, TOP_K, N = 512, 1024, 512, 64, 8, 1024
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def block(experts: str, dtype: torch.dtype) -> torch.nn.Module:
    torch.manual_seed(0)
    config = transformers.Qwen3MoeConfig(
        vocab_size=64, hidden_size=WIDTH, moe_intermediate_size=HIDDEN, num_hidden_layers=1, num_experts=EXPERTS,
        num_experts_per_tok=TOP_K, norm_topk_prob=True,
    )
    config._experts_implementation = experts
    layer = Qwen3MoeSparseMoeBlock(config)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return layer.to(dtype)


def matmul(dtype: torch.dtype):
    a, b = torch.randn(N, N).to(dtype), torch.randn(N, N).to(dtype)
    return lambda: a @ b


def forward(experts: str, dtype: torch.dtype):
    layer, x = block(experts, dtype), torch.randn(1, TOKENS, WIDTH).to(dtype)

    def run() -> None:
        with torch.no_grad():
            layer(x)

    return run


def backward(experts: str, dtype: torch.dtype):
    layer = block(experts, dtype)
    x = torch.randn(1, TOKENS, WIDTH).to(dtype).requires_grad_()

    def run() -> None:
        layer.zero_grad()
        x.grad = None
        y = layer(x)
        (y[0] if isinstance(y, tuple) else y).sum().backward()

    return run


def add():
    a, b = torch.randn(8, 8), torch.randn(8, 8)

    def run() -> None:
        for _ in range(1000):
            a + b

    return run


# The forward pass is fastest with one of two ways to run experts, the backward pass by far with grouped_mm.
WORKS = {"add": add}
for name, dtype in DTYPES.items():
    WORKS[f"matmul {name}"] = lambda dtype=dtype: matmul(dtype)
    WORKS[f"forward {name}"] = lambda dtype=dtype: forward("grouped_mm", dtype)
    WORKS[f"forward {name} eager"] = lambda dtype=dtype: forward("eager", dtype)
    WORKS[f"backward {name}"] = lambda dtype=dtype: backward("grouped_mm", dtype)


def main() -> None:
    torch.set_num_threads(THREADS)
    print(json.dumps({"peer": f"PyTorch {torch.__version__}"}), flush=True)
    ready = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in ready:
            ready = {name: WORKS[name]()}  # One at a time: each has its own weights.
            ready[name]()
        started = time.perf_counter()
        ready[name]()
        print(json.dumps({"ms": (time.perf_counter() - started) * 1e3}), flush=True)


main()
