// What the microkernels of gemm have in common: a microkernel multiplies a panel of A and a panel of B, as it packs them.
#pragma once
#include "gemm.h"
#include "gemm_pack.h"

namespace moekit {
namespace MOEKIT_ISA {

// Columns of a panel of B, which is [units of depth][kPanelCols].
constexpr int64_t kPanelCols = 2 * kWidth;

// What becomes of numbers that are in C: replaced, added to, or replaced past the caches.
enum class Write { over, add, past };

constexpr int64_t kLine = 16;  // floats in a line of the cache

// What is copied next, which microkernels fetch while they compute, a line of the cache per unit of depth: `runs` runs of `run`
// lines, `stride` apart.
struct Ahead {
  const float* from;
  int64_t run, runs, stride;

  // The panel of B at (k, j), or nothing.
  static Ahead panel(const Gemm& g, int64_t k, int64_t depth, int64_t j) {
    if (k >= g.k || j >= g.n) return {g.b, 1, 0, 0};
    if (g.pairs) {
      k /= 2;
      depth = ceilDiv(depth, 2);
    }
    const float* from = g.b + k * g.bRow + j * g.bCol;
    if (g.bRow == 1) return {from, ceilDiv(depth, kLine), least(kPanelCols, g.n - j), g.bCol};
    return {from, ceilDiv(kPanelCols, kLine), depth, g.bRow};
  }
  Ahead after(int64_t lines) const {
    const int64_t done = lines / run;
    if (done >= runs) return {from, 1, 0, 0};
    return {from + done * stride, run, runs - done, stride};
  }
};

// Goes through the lines of an Ahead.
class Fetch {
 public:
  explicit Fetch(const Ahead& ahead) : next_(ahead.from), left_(ahead.run), run_(ahead.run), skip_(ahead.stride - ahead.run * kLine) {}
  void line() {
    __builtin_prefetch(next_, 0, 2);
    next_ += kLine;
    if (--left_ == 0) {
      left_ = run_;
      next_ += skip_;
    }
  }

 private:
  const float* next_;
  int64_t left_, run_, skip_;
};

// A panel of B.
template <class P>
void packPanel(const Gemm& g, int64_t j, int64_t cols, int64_t k, int64_t depth, float* to) {
  if (g.pairs) return pack<Float32>({g.b + k / P::kDepth * g.bRow + j * g.bCol, g.bCol, g.bRow, cols, ceilDiv(depth, P::kDepth), to, kPanelCols});
  pack<P>({g.b + k * g.bRow + j * g.bCol, g.bCol, g.bRow, cols, depth, to, kPanelCols});
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
