"""llama.cpp's side of `npm run bench -- packed`: experts through ggml's own operators, in the libraries that node-llama-cpp ships.

Arguments: threads and the folder of the libraries. Reads works "<format> <tokens>" per line, does each once and answers {"ms": ...}.
"""
import ctypes
import json
import sys
import time
from pathlib import Path

import numpy as np

THREADS, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
WIDTH, HIDDEN, EXPERTS, TOP_K = 1024, 512, 64, 8
F32, I32 = 0, 26
TYPES = {"bf16": 30, "q8_0": 8, "q4_0": 2, "q4_K": 12, "mxfp4": 39}
P, N = ctypes.c_void_p, ctypes.c_int64


class InitParams(ctypes.Structure):
    _fields_ = [("mem_size", ctypes.c_size_t), ("mem_buffer", P), ("no_alloc", ctypes.c_bool)]


base = ctypes.CDLL(str(FOLDER / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
ggml = ctypes.CDLL(str(next(FOLDER.glob("libggml.*so"))), mode=ctypes.RTLD_GLOBAL)


def function(library, name: str, result, *arguments):
    found = getattr(library, name)
    found.restype, found.argtypes = result, arguments
    return found


init = function(base, "ggml_init", P, InitParams)
tensor_1d, tensor_2d = function(base, "ggml_new_tensor_1d", P, P, ctypes.c_int, N), function(base, "ggml_new_tensor_2d", P, P, ctypes.c_int, N, N)
tensor_3d = function(base, "ggml_new_tensor_3d", P, P, ctypes.c_int, N, N, N)
mul_mat_id = function(base, "ggml_mul_mat_id", P, P, P, P, P)
swiglu_split = function(base, "ggml_swiglu_split", P, P, P, P)
new_graph = function(base, "ggml_new_graph", P, P)
expand = function(base, "ggml_build_forward_expand", None, P, P)
quantize = function(base, "ggml_quantize_chunk", ctypes.c_size_t, ctypes.c_int, P, P, N, N, N, P)
row_size = function(base, "ggml_row_size", ctypes.c_size_t, ctypes.c_int, N)
compute = function(base, "ggml_backend_graph_compute", ctypes.c_int, P, P)
set_data = function(base, "ggml_backend_tensor_set", None, P, P, ctypes.c_size_t, ctypes.c_size_t)
get_data = function(base, "ggml_backend_tensor_get", None, P, P, ctypes.c_size_t, ctypes.c_size_t)
alloc_plain = function(base, "ggml_backend_alloc_ctx_tensors", P, P, P)
alloc_in = function(base, "ggml_backend_alloc_ctx_tensors_from_buft", P, P, P)
proc_address = function(base, "ggml_backend_reg_get_proc_address", P, P, ctypes.c_char_p)


def open_backend():
    """ggml's CPU backend for this machine, and the memory in which it keeps weights in a faster order, if it has one."""
    function(ggml, "ggml_backend_load_all_from_path", None, ctypes.c_char_p)(str(FOLDER).encode())
    device = function(ggml, "ggml_backend_dev_by_type", P, ctypes.c_int)(0)
    registry = function(base, "ggml_backend_dev_backend_reg", P, P)(device)
    backend = function(base, "ggml_backend_dev_init", P, P, ctypes.c_char_p)(device, None)
    ctypes.CFUNCTYPE(None, P, ctypes.c_int)(proc_address(registry, b"ggml_backend_set_n_threads"))(backend, THREADS)
    extra = ctypes.CFUNCTYPE(ctypes.POINTER(P), P)(proc_address(registry, b"ggml_backend_dev_get_extra_bufts"))(device)
    return backend, extra[0] if extra else None


BACKEND, REPACKED = open_backend()


def context() -> int:
    return init(InitParams(1 << 20, None, True))


def weights(name: str, repacked: bool):
    """gate, up and down of all experts, which are alike, and their numbers before they were packed."""
    kind, ctx = TYPES[name], context()
    shapes = [(WIDTH, HIDDEN), (WIDTH, HIDDEN), (HIDDEN, WIDTH)]
    banks = [tensor_3d(ctx, kind, columns, rows, EXPERTS) for columns, rows in shapes]
    alloc_in(ctx, REPACKED) if repacked else alloc_plain(ctx, BACKEND)
    random, numbers = np.random.default_rng(1), []
    for bank, (columns, rows) in zip(banks, shapes):
        values = random.uniform(-1, 1, (rows, columns)).astype(np.float32) * np.float32(np.sqrt(3 / columns))
        one = np.empty(row_size(kind, columns) * rows, np.uint8)
        quantize(kind, values.ctypes.data, one.ctypes.data, 0, rows, columns, None)
        packed = np.tile(one, EXPERTS)
        set_data(bank, packed.ctypes.data, 0, packed.nbytes)
        numbers.append(values)
    return banks, numbers


def network(name: str, tokens: int, repacked: bool):
    """A call that runs the experts of some tokens. One token meets other experts each time, many tokens all of them alike."""
    (gate, up, down), numbers = weights(name, repacked)
    ctx = context()
    x, ids = tensor_3d(ctx, F32, WIDTH, 1, tokens), tensor_2d(ctx, I32, TOP_K, tokens)
    y = mul_mat_id(ctx, down, swiglu_split(ctx, mul_mat_id(ctx, gate, x, ids), mul_mat_id(ctx, up, x, ids)), ids)
    graph = new_graph(ctx)
    expand(graph, y)
    alloc_plain(ctx, BACKEND)
    rows = np.random.default_rng(2).uniform(-1, 1, (tokens, WIDTH)).astype(np.float32)
    set_data(x, rows.ctypes.data, 0, rows.nbytes)
    turn = 0

    def run() -> float:
        nonlocal turn
        chosen = ((np.arange(tokens * TOP_K) + TOP_K * turn) % EXPERTS).astype(np.int32)
        set_data(ids, chosen.ctypes.data, 0, chosen.nbytes)
        turn += 1
        started = time.perf_counter()
        if compute(BACKEND, graph) != 0:
            raise SystemExit(f"{name}: ggml could not compute")
        return (time.perf_counter() - started) * 1e3

    run()
    check(name, y, rows[0], numbers)
    return run


def check(name: str, y: int, x: np.ndarray, numbers) -> None:
    got = np.empty(WIDTH, np.float32)
    get_data(y, got.ctypes.data, 0, got.nbytes)
    gate, up, down = numbers
    g = gate @ x
    want = down @ (g / (1 + np.exp(-g)) * (up @ x))
    error = np.abs(got - want).max() / np.abs(want).max()
    if not error < 0.3:
        raise SystemExit(f"{name}: ggml's result is off by {error}")


def main() -> None:
    version = function(base, "ggml_version", ctypes.c_char_p)().decode()
    print(json.dumps({"peer": f"ggml {version}"}), flush=True)
    ready = {}
    for line in sys.stdin:
        work = line.strip()
        if work not in ready:
            name, tokens, *order = work.split()
            ready = {work: network(name, int(tokens), order == ["repacked"])}
        print(json.dumps({"ms": ready[work]()}), flush=True)


main()
