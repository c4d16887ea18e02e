// Copies of matrices into panels: the order in which the microkernel of gemm reads them.
#pragma once
#include "precision.h"

namespace moekit {
namespace MOEKIT_ISA {

// A panel is [units of depth][width]: `width` lines side by side, rows of A or columns of B. Numbers of a line are `along`
// apart, lines `across`; lines past `count` and numbers past `depth` are 0. Stores are whole vectors in an order in which
// whatever goes past the end of a row of the panel is overwritten afterwards: panels need kWidth floats of room behind them.
struct Panel {
  const float* from;
  int64_t across, along, count, depth;
  float* to;
  int64_t width;

  // First line of the last vector of a row.
  int64_t lastGroup() const { return (width - 1) / kWidth * kWidth; }
};

// Lines lie along memory: squares of units are transposed.
template <class P>
void packAcross(const Panel& p) {
  for (int64_t k = 0; k < p.depth; k += P::kDepth * kWidth) {
    const int64_t depth = least(P::kDepth * kWidth, p.depth - k), units = ceilDiv(depth, P::kDepth);
    for (int64_t i = p.lastGroup(); i >= 0; i -= kWidth) {
      const float* from = p.from + i * p.across + k;
      float* to = p.to + k / P::kDepth * p.width + i;
      Vec r[kWidth];
      if (i + kWidth <= p.count && units == kWidth && depth == units * P::kDepth) {
#pragma GCC unroll 16
        for (int l = 0; l < kWidth; l++) r[l] = P::units(from + l * p.across);
      } else {
        for (int l = 0; l < kWidth; l++) r[l] = i + l < p.count ? P::units(from + l * p.across, depth) : zero();
      }
      transpose(r);
      if (units == kWidth) {
#pragma GCC unroll 16
        for (int u = 0; u < kWidth; u++) store(to + u * p.width, r[u]);
      } else {
        for (int u = 0; u < units; u++) store(to + u * p.width, r[u]);
      }
    }
  }
}

// Lines lie side by side in memory.
template <class P>
void packAlong(const Panel& p) {
  for (int64_t k = 0; k < p.depth; k += P::kDepth) {
    const bool pair = P::kDepth == 2 && k + 1 < p.depth;
    float* to = p.to + k / P::kDepth * p.width;
    for (int64_t i = p.lastGroup(); i >= 0; i -= kWidth) {
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
    for (int64_t i = p.lastGroup(); i >= 0; i -= kWidth) {
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
