// Copies of matrices into panels: the order in which the microkernel of gemm reads them.
#pragma once
#include "precision.h"

namespace moekit {
namespace MOEKIT_ISA {

#if !defined(__AVX512F__)
// As in vec_avx512.h: rows whose columns are stored at a time, column l of them to `to + l * stride`.
constexpr int kLines = kWidth;
inline void storeColumns(const Vec* r, float* to, int64_t stride) {
  Vec t[kWidth];
#pragma GCC unroll 8
  for (int l = 0; l < kWidth; l++) t[l] = r[l];
  transpose(t);
#pragma GCC unroll 8
  for (int l = 0; l < kWidth; l++) store(to + l * stride, t[l]);
}
#endif

// A panel is [units of depth][width]: `width` lines side by side, rows of A or columns of B. Numbers of a line are `along`
// apart, lines `across`; lines past `count` and numbers past `depth` are 0. Stores are whole vectors in an order in which
// whatever goes past the end of a row of the panel is overwritten afterwards: panels need kWidth floats of room behind them.
struct Panel {
  const float* from;
  int64_t across, along, count, depth;
  float* to;
  int64_t width;

  // First line of the last group of a row.
  int64_t last(int group) const { return (width - 1) / group * group; }
};

// Lines lie along memory: kLines of them are transposed at a time.
template <class P>
void packAcross(const Panel& p) {
  constexpr int64_t step = P::kDepth * kWidth;
  for (int64_t i = p.last(kLines); i >= 0; i -= kLines) {
    for (int64_t k = 0; k < p.depth; k += step) {
      const int64_t depth = least(step, p.depth - k), units = ceilDiv(depth, P::kDepth);
      const float* from = p.from + i * p.across + k;
      float* to = p.to + k / P::kDepth * p.width + i;
      Vec r[kLines];
      if (i + kLines <= p.count && depth == step) {
#pragma GCC unroll 8
        for (int l = 0; l < kLines; l++) r[l] = P::units(from + l * p.across);
      } else {
        for (int l = 0; l < kLines; l++) r[l] = i + l < p.count ? P::units(from + l * p.across, depth) : zero();
      }
      if (units == kWidth) {
        storeColumns(r, to, p.width);
        continue;
      }
      float side[kWidth * kLines];
      storeColumns(r, side, kLines);
      for (int64_t u = 0; u < units; u++) std::memcpy(to + u * p.width, side + u * kLines, kLines * sizeof(float));
    }
  }
}

// Lines lie side by side in memory.
template <class P>
void packAlong(const Panel& p) {
  for (int64_t k = 0; k < p.depth; k += P::kDepth) {
    const bool pair = P::kDepth == 2 && k + 1 < p.depth;
    float* to = p.to + k / P::kDepth * p.width;
    for (int64_t i = p.last(kWidth); i >= 0; i -= kWidth) {
      const float* from = p.from + k * p.along + i;
      const int64_t count = p.count - i;
      const auto get = [count](const float* x) { return count >= kWidth ? load(x) : count > 0 ? loadPartial(x, count) : zero(); };
      store(to + i, P::join(get(from), pair ? get(from + p.along) : zero()));
    }
  }
}

// Any strides.
template <class P>
void packAny(const Panel& p) {
  float lines[2][kWidth];
  for (int64_t k = 0; k < p.depth; k += P::kDepth) {
    float* to = p.to + k / P::kDepth * p.width;
    for (int64_t i = p.last(kWidth); i >= 0; i -= kWidth) {
      for (int row = 0; row < 2; row++) {
        const bool there = row == 0 || (P::kDepth == 2 && k + 1 < p.depth);
        for (int l = 0; l < kWidth; l++) lines[row][l] = there && i + l < p.count ? p.from[(i + l) * p.across + (k + row) * p.along] : 0;
      }
      store(to + i, P::join(load(lines[0]), load(lines[1])));
    }
  }
}

template <class P>
void pack(const Panel& p) {
  if (p.across == 1) packAlong<P>(p);
  else if (p.along == 1) packAcross<P>(p);
  else packAny<P>(p);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
