// What the kernels of attention share: a block of queries of the R = H / G heads that share a key head, and a running softmax.
// B batch, S queries, L keys, H query heads, G key heads, d and e widths; query i stands at key position L - S + i.
#pragma once
#include "gemm.h"
#include "loops.h"
#include "math.h"

namespace moekit {
namespace MOEKIT_ISA {

constexpr int64_t kBlockRows = 64;

struct Shape {
  int64_t B, S, L, H, G, d, e;
  bool causal;
  float scale;
  int64_t window;  // 0: none
  Precision precision = moekit::precision();

  // Arguments from i on: the seven sizes, causal, scale, window.
  Shape(const Args& args, int i)
      : B(args.size(i)), S(args.size(i + 1)), L(args.size(i + 2)), H(args.size(i + 3)), G(args.size(i + 4)), d(args.size(i + 5)), e(args.size(i + 6)),
        causal(args.flag(i + 7)), scale(static_cast<float>(args.number(i + 8))), window(args.size(i + 9)) {
    if (G == 0 ? H != 0 : H % G != 0) Args::fail(i + 4, "must divide the heads of queries");
  }

  int64_t heads() const { return G == 0 ? 0 : H / G; }
  int64_t queriesOfBlock() const { return most(1, kBlockRows / most(1, heads())); }
};

// Queries [first, first + queries) of the heads of one key head, stacked head by head.
struct Block {
  const Shape& shape;
  int64_t batch, group, first, queries;

  int64_t rows() const { return shape.heads() * queries; }
  // Place of a stacked row in a tensor [B, S, H, width].
  int64_t place(int64_t row, int64_t width) const {
    return ((batch * shape.S + first + row % queries) * shape.H + headOf(row)) * width;
  }
  int64_t headOf(int64_t row) const { return group * shape.heads() + row / queries; }
  // Place of key j in a tensor [B, L, G, width].
  int64_t keyPlace(int64_t j, int64_t width) const { return ((batch * shape.L + j) * shape.G + group) * width; }

  int64_t position(int64_t row) const { return shape.L - shape.S + first + row % queries; }
  int64_t firstKey(int64_t row) const { return shape.window ? most(0, position(row) - shape.window + 1) : 0; }
  int64_t endKey(int64_t row) const { return shape.causal ? least(shape.L, most(0, position(row) + 1)) : shape.L; }
  // Keys that any row of the block sees.
  int64_t firstOfAll() const { return firstKey(0); }
  int64_t endOfAll() const { return endKey(queries - 1); }

  void gather(const float* from, int64_t width, float factor, float* to) const {
    for (int64_t row = 0; row < rows(); row++) scaleTo(to + row * width, from + place(row, width), factor, width);
  }
  void scatter(const float* from, int64_t width, float factor, float* to) const {
    for (int64_t row = 0; row < rows(); row++) scaleTo(to + place(row, width), from + row * width, factor, width);
  }
};

// scores = rows (keys [from, to))^T, in rows of ld
inline void multiplyByKeys(const Block& block, const float* rows, const float* keys, int64_t width, int64_t from, int64_t to, float* scores, int64_t ld) {
  gemm({block.rows(), to - from, width, rows, width, 1, keys + block.keyPlace(from, width), 1, block.shape.G * width, scores, ld, false, block.shape.precision});
}

// x[i] = exp(x[i] - top); returns the sum.
inline float exponentials(float* x, int64_t count, float top) {
  const Vec t = broadcast(top);
  Vec total = zero();
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const Vec e = exp(sub(load(x + i), t));
    store(x + i, e);
    total = add(total, e);
  }
  if (i < count) {
    storePartial(x + i, exp(sub(loadPartial(x + i, count - i), t)), count - i);
    total = add(total, loadPartial(x + i, count - i));
  }
  return sum(total);
}

inline float expOf(float x) {
  float lanes[kWidth];
  store(lanes, exp(broadcast(x)));
  return lanes[0];
}

// The visible part of a row of a tile: [from, to) relative to its first key.
struct Visible {
  int64_t from, to;
  Visible(const Block& block, int64_t row, int64_t first, int64_t keys)
      : from(most(0, least(keys, block.firstKey(row) - first))), to(most(from, least(keys, block.endKey(row) - first))) {}
};

// Sums of values of some rows, [rows, e], and per row the weight that they have been given, relative to exp(top).
struct Running {
  float *sums, *top, *weight;

  Running(int64_t rows, int64_t e, Scratch& scratch) : sums(scratch.floats(rows * e)), top(scratch.floats(rows)), weight(scratch.floats(rows)) {}
  Running from(int64_t row, int64_t e) const {
    Running r = *this;
    r.sums += row * e;
    r.top += row;
    r.weight += row;
    return r;
  }
  void clear(int64_t rows, int64_t e) const {
    MOEKIT_ISA::clear(sums, rows * e);
    MOEKIT_ISA::clear(weight, rows);
    for (int64_t row = 0; row < rows; row++) top[row] = -__builtin_inff();
  }
};

// Scores of a tile of keys become what their values are to be added with; sums shrink where the maximum has grown.
inline void weigh(const Block& block, int64_t first, int64_t keys, float* scores, const Running& r) {
  const int64_t e = block.shape.e;
  for (int64_t row = 0; row < block.rows(); row++) {
    float* x = scores + row * keys;
    const Visible seen(block, row, first, keys);
    if (seen.from == seen.to) {
      clear(x, keys);
      continue;
    }
    const float top = largest(x + seen.from, seen.to - seen.from, r.top[row]);
    const float shrink = r.weight[row] == 0 ? 0 : expOf(r.top[row] - top);
    r.weight[row] = r.weight[row] * shrink + exponentials(x + seen.from, seen.to - seen.from, top);
    if (shrink != 1) scaleTo(r.sums + row * e, r.sums + row * e, shrink, e);
    r.top[row] = top;
    clear(x, seen.from);
    clear(x + seen.to, keys - seen.to);
  }
}

// Attention of up to so many queries that share a key head, single ones as a rule.
constexpr int64_t kFewQueries = 16;
void attendFew(const Shape& s, const float* q, const float* k, const float* v, const float* sinks, float* y);

}  // namespace MOEKIT_ISA
}  // namespace moekit
