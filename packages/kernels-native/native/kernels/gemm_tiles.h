// The microkernel of gemm in matrix registers (AMX): 2 x 2 tiles of C, 16 x 16 each. A step of 32 numbers of depth loads two tiles
// of A and two of B for four products. Panels of A are [steps][32 rows][16 pairs], those of B [pairs][32 columns] as for vectors.
// Whatever sticks out is filled up with zeros, so a sum depends on the depth alone.
#pragma once
#include "gemm_kernel.h"

#if defined(MOEKIT_TILES)
#include "tiles.h"

namespace moekit {
namespace MOEKIT_ISA {

struct Tiles {
  static constexpr int64_t kSide = 16;  // rows of a tile, and units of 32 bits of each
  static constexpr int64_t kRows = 2 * kSide;
  // A block of A fills half of the second cache, which has 2 MB wherever there is AMX.
  static constexpr int64_t kBlockRows = 1024, kBlockDepth = 512;
  static constexpr int64_t kDepth = 2 * kSide;

  struct Session : TileSession {
    Session() : TileSession(kLayout) {}
  };

  static int64_t units(int64_t depth) { return ceilDiv(depth, kDepth) * kSide; }

  static void packRows(const Gemm& g, int64_t i, int64_t rows, int64_t k, int64_t depth, float* to) {
    for (int64_t d = 0; d < depth; d += kDepth) {
      for (int64_t r = 0; r < rows; r += kSide) packTile(g, i + r, least(kSide, rows - r), k + d, least(kDepth, depth - d), to + (d / kDepth * kRows + r) * kSide);
    }
  }
  static void packColumns(const Gemm& g, int64_t j, int64_t cols, int64_t k, int64_t depth, float* to) {
    packPanel<Bfloat16>(g, j, cols, k, depth, to);
    const int64_t packed = ceilDiv(depth, Bfloat16::kDepth);
    std::memset(to + packed * kPanelCols, 0, (units(depth) - packed) * kPanelCols * sizeof(float));
  }

  // C [rows, cols] from a panel of A and one of B. Tiles that stick out, and those that go past the caches, are made beside C.
  static void multiply(int64_t rows, int64_t cols, int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
    if (rows % kSide == 0 && cols == kPanelCols && write != Write::past) return multiplyInto(rows, cols, units, a, b, c, ldc, write == Write::add, ahead);
    alignas(64) float side[kRows * kPanelCols];
    if (write == Write::add) copyTo(side, rows, cols, c, ldc);
    multiplyInto(rows, cols, units, a, b, side, kPanelCols, write == Write::add, ahead);
    copyFrom(side, rows, cols, c, ldc, write == Write::past && cols == kPanelCols);
  }

 private:
  static constexpr TileLayout kLayout = {{16, 16, 16, 16, 16, 16, 16, 16}, {64, 64, 64, 64, 64, 64, 64, 64}};

  // Up to 16 rows of A as [16 rows][16 pairs].
  static void packTile(const Gemm& g, int64_t i, int64_t rows, int64_t k, int64_t depth, float* to) {
    const float* from = g.a + i * g.aRow + k * g.aCol;
    Vec r[kSide];
    if (g.aCol == 1) {
      for (int l = 0; l < kSide; l++) r[l] = l >= rows ? zero() : depth == kDepth ? Bfloat16::units(from + l * g.aRow) : Bfloat16::units(from + l * g.aRow, depth);
    } else {
      pack<Bfloat16>({from, g.aRow, g.aCol, rows, depth, to, kSide});
      for (int u = 0; u < kSide; u++) r[u] = u * Bfloat16::kDepth < depth ? load(to + u * kSide) : zero();
      transpose(r);
    }
    for (int l = 0; l < kSide; l++) store(to + l * kSide, r[l]);
  }

  static void multiplyInto(int64_t rows, int64_t cols, int64_t units, const float* a, const float* b, float* c, int64_t ldc, bool add, const Ahead& ahead) {
    if (rows > kSide) {
      if (cols > kSide) tile<true, true>(units, a, b, c, ldc, add, ahead);
      else tile<true, false>(units, a, b, c, ldc, add, ahead);
    } else {
      if (cols > kSide) tile<false, true>(units, a, b, c, ldc, add, ahead);
      else tile<false, false>(units, a, b, c, ldc, add, ahead);
    }
  }

  // Tiles 0 to 3 are C, 4 and 5 A, 6 and 7 B.
  template <bool Down, bool Across>
  static void tile(int64_t units, const float* a, const float* b, float* c, int64_t ldc, bool add, const Ahead& ahead) {
    const int64_t stride = ldc * sizeof(float);
    float *right = c + kSide, *low = c + kSide * ldc, *corner = low + kSide;
    tilesRead(c);
    if (add) {
      _tile_loadd(0, c, stride);
      if constexpr (Across) _tile_loadd(1, right, stride);
      if constexpr (Down) _tile_loadd(2, low, stride);
      if constexpr (Down && Across) _tile_loadd(3, corner, stride);
    } else {
      _tile_zero(0);
      if constexpr (Across) _tile_zero(1);
      if constexpr (Down) _tile_zero(2);
      if constexpr (Down && Across) _tile_zero(3);
    }
    Fetch fetch(ahead);
    for (int64_t u = 0; u < units; u += kSide, a += kRows * kSide, b += kSide * kPanelCols) {
      _tile_loadd(4, a, 64);
      _tile_loadd(6, b, kPanelCols * sizeof(float));
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (Across) {
        _tile_loadd(7, b + kSide, kPanelCols * sizeof(float));
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (Down) {
        _tile_loadd(5, a + kSide * kSide, 64);
        _tile_dpbf16ps(2, 5, 6);
      }
      if constexpr (Down && Across) _tile_dpbf16ps(3, 5, 7);
      for (int i = 0; i < kSide; i++) fetch.line();
    }
    _tile_stored(0, c, stride);
    if constexpr (Across) _tile_stored(1, right, stride);
    if constexpr (Down) _tile_stored(2, low, stride);
    if constexpr (Down && Across) _tile_stored(3, corner, stride);
  }

  static void copyTo(float* side, int64_t rows, int64_t cols, const float* c, int64_t ldc) {
    for (int64_t r = 0; r < kRows; r++) {
      for (int64_t j = 0; j < kPanelCols; j += kWidth) store(side + r * kPanelCols + j, r < rows && j < cols ? loadPartial(c + r * ldc + j, cols - j) : zero());
    }
  }
  static void copyFrom(const float* side, int64_t rows, int64_t cols, float* c, int64_t ldc, bool past) {
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t j = 0; j < cols; j += kWidth) {
        const Vec x = load(side + r * kPanelCols + j);
        if (past) stream(c + r * ldc + j, x);
        else storePartial(c + r * ldc + j, x, cols - j);
      }
    }
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
#endif
