// Attention of single queries over a cache of keys: what counts is to read keys and values once, in the order in which they lie in
// memory. A task has a run of keys and goes through it a few at a time for all heads; what the runs give is put together at the
// end (as in Flash-Decoding, Dao et al. 2023).
#include "attention_block.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

constexpr int64_t kRunKeys = 64;  // of a task; fixed, so that no result depends on the number of threads
constexpr int64_t kStepKeys = 16;  // for all heads, before the next ones

// A few rows at a time, which go to the kernels of few rows.
void multiplyFew(const Gemm& g) {
  for (int64_t row = 0; row < g.m; row += 4) gemm(g.rows(row, least(g.m, row + 4)));
}

struct Task {
  const Shape& shape;
  const float *q, *k, *v;

  Block block(int64_t batch, int64_t group) const { return {shape, batch, group, 0, shape.S}; }

  // Adds the values of keys [first, first + keys) for all heads of a sequence to r, [H S, e].
  void attend(int64_t batch, int64_t first, int64_t keys, const Running& r) const {
    const Shape& s = shape;
    const int64_t rows = s.heads() * s.S;
    Scratch scratch;
    float* queries = scratch.floats(s.G * rows * s.d);
    float* scores = scratch.floats(s.G * rows * keys);
    for (int64_t g = 0; g < s.G; g++) block(batch, g).gather(q, s.d, s.scale, queries + g * rows * s.d);
    const auto steps = [&](const auto& step) {
      for (int64_t from = 0; from < keys; from += kStepKeys) {
        for (int64_t g = 0; g < s.G; g++) step(block(batch, g), g * rows, from, least(kStepKeys, keys - from));
      }
    };
    steps([&](const Block& b, int64_t row, int64_t from, int64_t count) {
      multiplyFew({rows, count, s.d, queries + row * s.d, s.d, 1, k + b.keyPlace(first + from, s.d), 1, s.G * s.d, scores + row * keys + from, keys});
    });
    for (int64_t g = 0; g < s.G; g++) weigh(block(batch, g), first, keys, scores + g * rows * keys, r.from(g * rows, s.e));
    steps([&](const Block& b, int64_t row, int64_t from, int64_t count) {
      multiplyFew({rows, s.e, count, scores + row * keys + from, keys, 1, v + b.keyPlace(first + from, s.e), s.G * s.e, 1, r.sums + row * s.e, s.e, true});
    });
  }
};

// y = the values of all runs, each [rows, e], `stride` rows apart, over all weights.
void join(const Block& block, const Running& first, int64_t runs, int64_t stride, const float* sinks, float* y) {
  const int64_t e = block.shape.e;
  for (int64_t row = 0; row < block.rows(); row++) {
    float top = sinks ? sinks[block.headOf(row)] : -__builtin_inff();
    const float sink = top;
    for (int64_t i = 0; i < runs; i++) top = first.top[i * stride + row] > top ? first.top[i * stride + row] : top;
    float weight = sinks ? expOf(sink - top) : 0;
    float* out = y + block.place(row, e);
    clear(out, e);
    for (int64_t i = 0; i < runs; i++) {
      const int64_t at = i * stride + row;
      if (first.weight[at] == 0) continue;
      const float share = expOf(first.top[at] - top);
      weight += first.weight[at] * share;
      addScaled(out, first.sums + at * e, share, e);
    }
    scaleTo(out, out, weight == 0 ? 0 : 1 / weight, e);
  }
}

}  // namespace

void attendFew(const Shape& s, const float* q, const float* k, const float* v, const float* sinks, float* y) {
  const Task task{s, q, k, v};
  const Block any = task.block(0, 0);
  const int64_t begin = any.firstOfAll(), end = most(begin, any.endOfAll()), runs = ceilDiv(end - begin, kRunKeys), rows = s.H * s.S;
  Scratch scratch;
  const Running r(s.B * runs * rows, s.e, scratch);
  parallel(s.B * runs, [&](int64_t i) {
    const int64_t first = begin + i % runs * kRunKeys;
    const Running own = r.from(i * rows, s.e);
    own.clear(rows, s.e);
    task.attend(i / runs, first, least(kRunKeys, end - first), own);
  });
  for (int64_t batch = 0; batch < s.B; batch++) {
    for (int64_t g = 0; g < s.G; g++) join(task.block(batch, g), r.from(batch * runs * rows + g * s.heads() * s.S, s.e), runs, rows, sinks, y);
  }
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
