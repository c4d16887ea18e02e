// The microkernel of gemm in vectors: it keeps kTileRows x 2 of them of C in registers. Panels of A are [units][kTileRows].
#pragma once
#include "gemm_kernel.h"

namespace moekit {
namespace MOEKIT_ISA {

// R numbers of a panel of A from memory, each to fill a vector with.
#if defined(MOEKIT_NEON)
// Multiplications of NEON take them from lanes.
template <int R>
struct Column {
  Vec quads[(R + 3) / 4];

  explicit Column(const float* a) {
#pragma GCC unroll 4
    for (int i = 0; i < (R + 3) / 4; i++) quads[i] = load(a + 4 * i);
  }
  Vec operator[](int r) const { return broadcast(quads[r / 4][r % 4]); }
};
#else
template <int R>
struct Column {
  const float* a;

  explicit Column(const float* from) : a(from) {}
  Vec operator[](int r) const { return broadcast(a[r]); }
};
#endif

template <class P>
struct Vectors {
  static constexpr int64_t kRows = kTileRows;
  // Rows and depth of a block of A: half a megabyte, half of the second cache of most processors, and a bit more than the pieces that
  // products of 512 and 1024 rows are cut into.
  static constexpr int64_t kBlockRows = 532 / kTileRows * kTileRows, kBlockDepth = 256 * P::kDepth;
  // Depths are rounded up to this.
  static constexpr int64_t kDepth = P::kDepth;
  struct Session {};

  static int64_t units(int64_t depth) { return ceilDiv(depth, P::kDepth); }

  static void packRows(const Gemm& g, int64_t i, int64_t rows, int64_t k, int64_t depth, float* to) {
    pack<P>({g.a + i * g.aRow + k * g.aCol, g.aRow, g.aCol, rows, depth, to, kTileRows});
  }
  static void packColumns(const Gemm& g, int64_t j, int64_t cols, int64_t k, int64_t depth, float* to) {
    packPanel<P>(g, j, cols, k, depth, to);
  }

  // C [rows, cols] from a panel of A and one of B.
  static void multiply(int64_t rows, int64_t cols, int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
    if (cols >= kPanelCols) tileOf<kTileRows>(rows, units, a, b, c, ldc, write, ahead);
    else edge(rows, cols, units, a, b, c, ldc, write, ahead);
  }

 private:
  template <int R>
  static inline void tile(int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
    if (write != Write::past) {
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        __builtin_prefetch(c + r * ldc, 1);
        __builtin_prefetch(c + r * ldc + kPanelCols - 1, 1);
      }
    }
    Vec sum[R][2];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = zero();
    Fetch fetch(ahead);
    for (int64_t k = 0; k < units; k++, a += kTileRows, b += kPanelCols) {
      fetch.line();
      const Vec b0 = load(b), b1 = load(b + kWidth);
      const Column<R> column(a);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const Vec x = column[r];
        sum[r][0] = P::multiplyAdd(x, b0, sum[r][0]);
        sum[r][1] = P::multiplyAdd(x, b1, sum[r][1]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++, c += ldc) {
      if (write == Write::past) {
        stream(c, sum[r][0]);
        stream(c + kWidth, sum[r][1]);
        continue;
      }
      if (write == Write::add) {
        sum[r][0] = add(sum[r][0], load(c));
        sum[r][1] = add(sum[r][1], load(c + kWidth));
      }
      store(c, sum[r][0]);
      store(c + kWidth, sum[r][1]);
    }
  }

  template <int R>
  static void tileOf(int64_t rows, int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
    if constexpr (R > 1) {
      if (rows < R) return tileOf<R - 1>(rows, units, a, b, c, ldc, write, ahead);
    }
    tile<R>(units, a, b, c, ldc, write, ahead);
  }

  // A tile that sticks out on the right is made beside C and copied.
  static void edge(int64_t rows, int64_t cols, int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
    alignas(64) float side[kTileRows * kPanelCols];
    tileOf<kTileRows>(rows, units, a, b, side, kPanelCols, Write::over, ahead);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t j = 0; j < cols; j++) c[r * ldc + j] = side[r * kPanelCols + j] + (write == Write::add ? c[r * ldc + j] : 0);
    }
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
