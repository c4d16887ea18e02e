"""ONNX Runtime's side of `npm run bench -- kernels`: its MoE operator. Reads a name per line, answers {"ms": ...}."""
import json
import sys
import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

THREADS = int(sys.argv[1])
TOKENS, WIDTH, HIDDEN, EXPERTS, TOP_K, N = 512, 1024, 512, 64, 8, 1024


def weights(name: str, *shape: int):
    values = np.random.default_rng(0).standard_normal(shape, dtype=np.float32) * 0.02
    return numpy_helper.from_array(values, name)


def session(nodes, inputs, output, initializers) -> ort.InferenceSession:
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [value(*each) for each in inputs.items()], [value(*output)], initializers)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def matmul():
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    run = session([node], {"x": [N, N]}, ("y", [N, N]), [weights("w", N, N)])
    x = np.random.rand(N, N).astype(np.float32)
    return lambda: run.run(None, {"x": x})


def forward():
    """SwiGLU: the gate and up matrices of an expert are one, their rows interleaved."""
    node = helper.make_node(
        "MoE", ["x", "r", "w1", "", "w2"], ["y"], domain="com.microsoft", k=TOP_K, activation_type="swiglu", swiglu_fusion=1,
        activation_alpha=1.0, activation_beta=0.0, normalize_routing_weights=1,
    )
    banks = [weights("w1", EXPERTS, 2 * HIDDEN, WIDTH), weights("w2", EXPERTS, WIDTH, HIDDEN)]
    run = session([node], {"x": [TOKENS, WIDTH], "r": [TOKENS, EXPERTS]}, ("y", [TOKENS, WIDTH]), banks)
    feeds = {"x": np.random.rand(TOKENS, WIDTH).astype(np.float32), "r": np.random.rand(TOKENS, EXPERTS).astype(np.float32)}
    return lambda: run.run(None, feeds)


WORKS = {"matmul f32": matmul, "forward f32": forward}


def main() -> None:
    print(json.dumps({"peer": f"ONNX Runtime {ort.__version__}"}), flush=True)
    ready = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in ready:
            ready = {name: WORKS[name]()}
            ready[name]()
        started = time.perf_counter()
        ready[name]()
        print(json.dumps({"ms": (time.perf_counter() - started) * 1e3}), flush=True)


main()
