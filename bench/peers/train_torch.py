"""Training tokens/s of PyTorch for the model of `npm run bench -- train --size peer`. Prints one JSON object per line."""
import argparse
import json
import math
import statistics
import time

import torch
import transformers

VOCABULARY, WIDTH, LAYERS, HEADS, EXPERTS, TOP_K, BATCH, LENGTH = 2048, 256, 4, 4, 16, 2, 8, 256
WARM_UP = 2


def ids() -> torch.Tensor:
    """The pseudo-random ids of bench/train.ts, without the last column: transformers shifts the targets itself."""
    state, values = 1, []
    for _ in range(BATCH * (LENGTH + 1)):
        state = state * 48271 % 2147483647
        values.append(state % VOCABULARY)
    return torch.tensor(values).reshape(BATCH, LENGTH + 1)[:, :LENGTH]


def model(experts: str) -> torch.nn.Module:
    torch.manual_seed(0)
    config = transformers.OlmoeConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_experts=EXPERTS, num_experts_per_tok=TOP_K, max_position_embeddings=512, router_aux_loss_coef=0.01,
        output_router_logits=True, use_cache=False, pad_token_id=None, bos_token_id=None, eos_token_id=None,
    )
    return transformers.OlmoeForCausalLM._from_config(config, experts_implementation=experts).float().train()


def measure(experts: str, runs: int) -> dict:
    net, batch = model(experts), ids()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    losses, seconds = [], []
    for _ in range(WARM_UP + runs):
        started = time.perf_counter()
        optimizer.zero_grad()
        loss = net(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
        losses.append(loss.item())
    if not (abs(losses[0] - math.log(VOCABULARY)) < 0.3 and losses[-1] < losses[0]):
        raise SystemExit(f"{experts}: this does not train: {losses}")
    median = statistics.median(seconds[WARM_UP:])
    return {
        "experts": experts, "ms": round(median * 1e3, 1), "spread": [round(min(seconds[WARM_UP:]) * 1e3, 1), round(max(seconds[WARM_UP:]) * 1e3, 1)],
        "tokensPerSecond": round(BATCH * LENGTH / median), "parameters": sum(p.numel() for p in net.parameters()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(json.dumps({"torch": torch.__version__, "transformers": transformers.__version__, "threads": torch.get_num_threads()}))
    for experts in ("eager", "grouped_mm"):
        print(json.dumps(measure(experts, args.runs)), flush=True)


if __name__ == "__main__":
    main()
