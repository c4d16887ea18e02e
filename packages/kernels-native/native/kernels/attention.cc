// Attention by tiles: a block of queries of the R = H / G heads that share a key head against a tile of keys, with a running
// maximum and sum per row, so that no matrix of all scores exists (Dao et al. 2022, arXiv:2205.14135).
// B batch, S queries, L keys, H query heads, G key heads, d and e widths; query i stands at key position L - S + i.
#include "attention_block.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

constexpr int64_t kTileKeys = 256;
// Tasks of the backward pass to have at least, so that all threads of a large machine have work; fixed, so that no result
// depends on how many there are.
constexpr int64_t kTasks = 32;

void attendBlock(const Block& block, const float* q, const float* k, const float* v, const float* sinks, float* y) {
  const Shape& s = block.shape;
  const int64_t rows = block.rows();
  Scratch scratch;
  float* queries = scratch.floats(rows * s.d);
  float* scores = scratch.floats(rows * kTileKeys);
  const Running r(rows, s.e, scratch);
  r.clear(rows, s.e);
  block.gather(q, s.d, s.scale, queries);
  for (int64_t row = 0; row < rows && sinks; row++) {
    r.top[row] = sinks[block.headOf(row)];
    r.weight[row] = 1;
  }
  for (int64_t first = block.firstOfAll(); first < block.endOfAll(); first += kTileKeys) {
    const int64_t keys = least(kTileKeys, block.endOfAll() - first);
    multiplyByKeys(block, queries, k, s.d, first, first + keys, scores, keys);
    weigh(block, first, keys, scores, r);
    gemm({rows, s.e, keys, scores, keys, 1, v + block.keyPlace(first, s.e), s.G * s.e, 1, r.sums, s.e, true, s.precision});
  }
  for (int64_t row = 0; row < rows; row++) scaleTo(y + block.place(row, s.e), r.sums + row * s.e, r.weight[row] == 0 ? 0 : 1 / r.weight[row], s.e);
}

// In place softmax of the visible part of each row; the rest becomes 0. The share that the sink takes goes to `shares`.
void probabilities(const Block& block, const float* sinks, int64_t first, int64_t keys, float* scores, float* shares) {
  for (int64_t row = 0; row < block.rows(); row++) {
    float* x = scores + row * keys;
    const Visible seen(block, row, first, keys);
    const float sink = sinks ? sinks[block.headOf(row)] : -__builtin_inff();
    const float top = largest(x + seen.from, seen.to - seen.from, sink);
    const float ofSink = sinks ? expOf(sink - top) : 0;
    const float total = exponentials(x + seen.from, seen.to - seen.from, top) + ofSink;
    scaleTo(x + seen.from, x + seen.from, 1 / total, seen.to - seen.from);
    shares[row] = ofSink / total;
    clear(x, seen.from);
    clear(x + seen.to, keys - seen.to);
  }
}

struct Gradients {
  float *q, *k, *v;
};

// With P the probabilities: dV = P^T dy, dP = dy V^T, dS = P (dP - sum of P dP), dQ = dS K, dK = dS^T Q.
void backwardBlock(const Block& block, const float* q, const float* k, const float* v, const float* sinks, const float* dy, const Gradients& grads, float* dSinks) {
  const Shape& s = block.shape;
  const int64_t rows = block.rows(), first = block.firstOfAll(), keys = most(0, block.endOfAll() - first);
  Scratch scratch;
  float* queries = scratch.floats(rows * s.d);
  float* dRows = scratch.floats(rows * s.e);
  float* probs = scratch.floats(rows * keys);
  float* dProbs = scratch.floats(rows * keys);
  float* shares = scratch.floats(rows);
  block.gather(q, s.d, s.scale, queries);
  block.gather(dy, s.e, 1, dRows);
  multiplyByKeys(block, queries, k, s.d, first, first + keys, probs, keys);
  probabilities(block, sinks, first, keys, probs, shares);
  gemm({keys, s.e, rows, probs, 1, keys, dRows, s.e, 1, grads.v + block.keyPlace(first, s.e), s.G * s.e, true, s.precision});
  multiplyByKeys(block, dRows, v, s.e, first, first + keys, dProbs, keys);
  for (int64_t row = 0; row < rows; row++) {
    const Visible seen(block, row, first, keys);
    const float* p = probs + row * keys;
    float* g = dProbs + row * keys;
    const float flow = dot(p + seen.from, g + seen.from, seen.to - seen.from);
    const Vec f = broadcast(flow);
    mapTo(g + seen.from, p + seen.from, g + seen.from, seen.to - seen.from, [f](Vec a, Vec b) { return mul(a, sub(b, f)); });
    clear(g, seen.from);
    clear(g + seen.to, keys - seen.to);
    if (dSinks) dSinks[row / block.queries] -= shares[row] * flow;
  }
  gemm({keys, s.d, rows, dProbs, 1, keys, queries, s.d, 1, grads.k + block.keyPlace(first, s.d), s.G * s.d, true, s.precision});
  gemm({rows, s.d, keys, dProbs, keys, 1, k + block.keyPlace(first, s.d), s.G * s.d, 1, queries, s.d, false, s.precision});
  block.scatter(queries, s.d, s.scale, grads.q);
}

}  // namespace

// attention(q, k, v, y, B, S, L, H, G, d, e, causal, scale, window or 0, sinks?)
void attention(const Args& args) {
  const Shape s(args, 4);
  const float* q = args.floats(0, s.B * s.S * s.H * s.d);
  const float* k = args.floats(1, s.B * s.L * s.G * s.d);
  const float* v = args.floats(2, s.B * s.L * s.G * s.e);
  float* y = args.floats(3, s.B * s.S * s.H * s.e);
  const float* sinks = args.optionalFloats(14, s.H);
  if (s.S == 0) return;
  if (s.heads() * s.S <= kFewQueries) return attendFew(s, q, k, v, sinks, y);
  const int64_t size = s.queriesOfBlock(), blocks = ceilDiv(s.S, size);
  parallel(s.B * s.G * blocks, [&](int64_t i) {
    // The longest rows of a causal sequence come first, so that no thread is left with one at the end.
    const int64_t first = (blocks - 1 - i / (s.B * s.G)) * size, group = i % (s.B * s.G);
    attendBlock({s, group / s.G, group % s.G, first, least(size, s.S - first)}, q, k, v, sinks, y);
  });
}

// attentionGrad(q, k, v, dy, B, ..., window, dq, dk, dv, sinks?, dSinks?)
void attentionGrad(const Args& args) {
  const Shape s(args, 4);
  const float* q = args.floats(0, s.B * s.S * s.H * s.d);
  const float* k = args.floats(1, s.B * s.L * s.G * s.d);
  const float* v = args.floats(2, s.B * s.L * s.G * s.e);
  const float* dy = args.floats(3, s.B * s.S * s.H * s.e);
  const Gradients grads{args.floats(14, s.B * s.S * s.H * s.d), args.floats(15, s.B * s.L * s.G * s.d), args.floats(16, s.B * s.L * s.G * s.e)};
  const float* sinks = args.optionalFloats(17, s.H);
  float* dSinks = args.optionalFloats(18, s.H);
  if ((sinks != nullptr) != (dSinks != nullptr)) Args::fail(18, "must be there if and only if there are sinks");
  const int64_t size = s.queriesOfBlock(), blocks = ceilDiv(s.S, size), keyHeads = s.B * s.G;
  // Blocks of one key head add to the same keys. Where there are few key heads each has several runs of blocks, with gradients
  // of their own that are added up in order.
  const int64_t runs = keyHeads == 0 ? 1 : most(1, least(blocks, ceilDiv(kTasks, keyHeads)));
  const int64_t kSize = s.B * s.L * s.G * s.d, vSize = s.B * s.L * s.G * s.e, heads = s.B * s.H;
  Scratch scratch;
  float* others = scratch.floats((runs - 1) * (kSize + vSize));
  float* sinkParts = scratch.floats(runs * heads);
  clear(grads.k, kSize);
  clear(grads.v, vSize);
  clear(others, (runs - 1) * (kSize + vSize));
  clear(sinkParts, runs * heads);
  parallel(keyHeads * runs, [&](int64_t i) {
    const int64_t head = i % keyHeads, run = i / keyHeads, batch = head / s.G, group = head % s.G;
    float* own = others + (run - 1) * (kSize + vSize);
    const Gradients to{grads.q, run == 0 ? grads.k : own, run == 0 ? grads.v : own + kSize};
    // Every runs-th block: those of a causal sequence grow longer.
    for (int64_t block = run; block < blocks; block += runs) {
      const int64_t first = block * size;
      backwardBlock({s, batch, group, first, least(size, s.S - first)}, q, k, v, sinks, dy, to, dSinks ? sinkParts + run * heads + batch * s.H + group * s.heads() : nullptr);
    }
  });
  for (int64_t run = 1; run < runs; run++) {
    const float* own = others + (run - 1) * (kSize + vSize);
    parallelRanges(kSize, kGrain, [&](int64_t from, int64_t to) { addScaled(grads.k + from, own + from, 1, to - from); });
    parallelRanges(vSize, kGrain, [&](int64_t from, int64_t to) { addScaled(grads.v + from, own + kSize + from, 1, to - from); });
  }
  if (!dSinks) return;
  clear(dSinks, s.H);
  for (int64_t part = 0; part < runs * s.B; part++) addScaled(dSinks, sinkParts + part * s.H, 1, s.H);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
