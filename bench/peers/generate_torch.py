"""PyTorch's side of `npm run bench -- generate`. Reads the name of a work per line, does it once and answers {"ms": ...}."""
import json
import sys
import time

import torch
import transformers

THREADS = int(sys.argv[1])
PREFILL, DECODE, VOCABULARY = 512, 16, 4096


def model(experts: str) -> torch.nn.Module:
    torch.manual_seed(0)
    config = transformers.Qwen3MoeConfig(
        vocab_size=VOCABULARY, hidden_size=1024, intermediate_size=512, moe_intermediate_size=512, num_hidden_layers=8, num_attention_heads=16,
        num_key_value_heads=4, head_dim=64, num_experts=64, num_experts_per_tok=8, norm_topk_prob=True, max_position_embeddings=2048,
    )
    return transformers.Qwen3MoeForCausalLM._from_config(config, experts_implementation=experts).to(torch.bfloat16).eval()


def prefill(experts: str):
    net, ids = model(experts), torch.randint(1, VOCABULARY, (1, PREFILL))
    return lambda: net(ids, logits_to_keep=1)


def decode(experts: str):
    """One token after a prefill; the mean over a few."""
    net, ids = model(experts), torch.randint(1, VOCABULARY, (1, PREFILL))
    cache = net(ids, use_cache=True, logits_to_keep=1).past_key_values

    def run() -> None:
        for _ in range(DECODE):
            net(ids[:, :1], past_key_values=cache, use_cache=True)
        cache.crop(PREFILL)

    return run


WORKS = {}
for name in ("grouped_mm", "eager"):
    WORKS[f"prefill bf16 {name}"] = lambda name=name: prefill(name)
    WORKS[f"decode bf16 {name}"] = lambda name=name: decode(name)


def main() -> None:
    torch.set_num_threads(THREADS)
    print(json.dumps({"peer": f"PyTorch {torch.__version__}"}), flush=True)
    ready = {}
    for line in sys.stdin:
        name = line.strip()
        with torch.no_grad():
            if name not in ready:
                ready = {name: WORKS[name]()}
                ready[name]()
            start = time.perf_counter()
            ready[name]()
            ms = (time.perf_counter() - start) * 1e3
        print(json.dumps({"ms": ms / DECODE if name.startswith("decode") else ms}), flush=True)


main()
