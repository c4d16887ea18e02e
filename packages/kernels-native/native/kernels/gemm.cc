// Blocked as in Goto and van de Geijn 2008: a block of A is copied for the second cache, then one narrow panel of B after the
// other for the first, in the order in which the microkernel reads them. It keeps kTileRows x 2 vectors of C in registers.
//
// Few rows (decoding) are not worth the copies: those go to the kernels of gemm_small.cc, straight on the matrices.
#include "gemm.h"

#include "gemm_pack.h"
#include "gemm_small.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

constexpr int64_t kTileCols = 2 * kWidth;
// Rows and units of depth of a block of A: half a megabyte, half of the second cache of most processors.
constexpr int64_t kBlockRows = 512 / kTileRows * kTileRows;
constexpr int64_t kBlockUnits = 256;

// C tile of R rows from panels: a[units][kTileRows], b[units][kTileCols].
template <class P, int R>
inline void tile(int64_t units, const float* a, const float* b, float* c, int64_t ldc, bool add) {
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    __builtin_prefetch(c + r * ldc, 1);
    __builtin_prefetch(c + r * ldc + kTileCols - 1, 1);
  }
  Vec sum[R][2];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = zero();
  for (int64_t k = 0; k < units; k++, a += kTileRows, b += kTileCols) {
    const Vec b0 = load(b), b1 = load(b + kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const Vec x = broadcast(a[r]);
      sum[r][0] = P::multiplyAdd(x, b0, sum[r][0]);
      sum[r][1] = P::multiplyAdd(x, b1, sum[r][1]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++, c += ldc) {
    if (add) {
      sum[r][0] = MOEKIT_ISA::add(sum[r][0], load(c));
      sum[r][1] = MOEKIT_ISA::add(sum[r][1], load(c + kWidth));
    }
    store(c, sum[r][0]);
    store(c + kWidth, sum[r][1]);
  }
}

template <class P, int R = kTileRows>
void tileOf(int64_t rows, int64_t units, const float* a, const float* b, float* c, int64_t ldc, bool add) {
  if constexpr (R > 1) {
    if (rows < R) return tileOf<P, R - 1>(rows, units, a, b, c, ldc, add);
  }
  tile<P, R>(units, a, b, c, ldc, add);
}

// A tile that sticks out on the right is made beside C and copied.
template <class P>
void edgeTile(int64_t rows, int64_t cols, int64_t units, const float* a, const float* b, float* c, int64_t ldc, bool add) {
  alignas(64) float side[kTileRows * kTileCols];
  tileOf<P>(rows, units, a, b, side, kTileCols, false);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t j = 0; j < cols; j++) c[r * ldc + j] = side[r * kTileCols + j] + (add ? c[r * ldc + j] : 0);
  }
}

// A block of A, as panels, times one panel of B.
template <class P>
void multiplyPanel(const float* a, const float* b, int64_t rows, int64_t cols, int64_t units, float* c, int64_t ldc, bool add) {
  for (int64_t i = 0; i < rows; i += kTileRows, a += kTileRows * units, c += kTileRows * ldc) {
    const int64_t height = least(kTileRows, rows - i);
    if (cols >= kTileCols) tileOf<P>(height, units, a, b, c, ldc, add);
    else edgeTile<P>(height, cols, units, a, b, c, ldc, add);
  }
}

template <class P>
void packRows(const Gemm& g, int64_t i, int64_t rows, int64_t k, int64_t depth, float* to) {
  const int64_t units = ceilDiv(depth, P::kDepth);
  for (int64_t r = 0; r < rows; r += kTileRows, to += kTileRows * units) {
    pack<P>({g.a + (i + r) * g.aRow + k * g.aCol, g.aRow, g.aCol, least(kTileRows, rows - r), depth, to, kTileRows});
  }
}

template <class P>
void multiplyPacked(const Gemm& g) {
  Scratch scratch;
  // Blocks of equal depth, in whole units.
  const int64_t blocks = ceilDiv(g.k, kBlockUnits * P::kDepth);
  const int64_t step = ceilDiv(ceilDiv(g.k, blocks), P::kDepth) * P::kDepth, stepUnits = step / P::kDepth;
  float* a = scratch.floats(ceilDiv(least(kBlockRows, g.m), kTileRows) * kTileRows * stepUnits + kWidth);
  float* b = scratch.floats(kTileCols * stepUnits + kWidth);
  for (int64_t i = 0; i < g.m; i += kBlockRows) {
    const int64_t rows = least(kBlockRows, g.m - i);
    for (int64_t k = 0; k < g.k; k += step) {
      const int64_t depth = least(step, g.k - k), units = ceilDiv(depth, P::kDepth);
      packRows<P>(g, i, rows, k, depth, a);
      for (int64_t j = 0; j < g.n; j += kTileCols) {
        const int64_t cols = least(kTileCols, g.n - j);
        pack<P>({g.b + k * g.bRow + j * g.bCol, g.bCol, g.bRow, cols, depth, b, kTileCols});
        multiplyPanel<P>(a, b, rows, cols, units, g.c + i * g.ldc + j, g.ldc, g.add || k > 0);
      }
    }
  }
}

}  // namespace

void fillRows(float* c, int64_t rows, int64_t width, int64_t ldc, const float* bias) {
  for (int64_t i = 0; i < rows; i++) std::memcpy(c + i * ldc, bias, width * sizeof(float));
}

void gemm(const Gemm& g) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) {
    for (int64_t i = 0; i < g.m && !g.add; i++) std::memset(g.c + i * g.ldc, 0, g.n * sizeof(float));
    return;
  }
  if (g.m < kSmallRows && gemmOfFewRows(g)) return;
  if (g.precision == Precision::bf16) multiplyPacked<Bfloat16>(g);
  else multiplyPacked<Float32>(g);
}

// Pieces of about this many multiplications and additions are worth giving to another thread.
constexpr int64_t kWorthATask = 1 << 18;

void parallelGemm(const Gemm& g) {
  if (g.m <= 0 || g.n <= 0) return;
  const int64_t work = g.m * g.n * most(1, g.k);
  const int64_t tasks = least(2 * threads(), ceilDiv(work, kWorthATask));
  if (tasks < 2 || threads() < 2) return gemm(g);
  // A grid of pieces as square as possible in whole tiles, because each copies its rows of A and its columns of B. What is
  // left over goes with the last row, which so never becomes one of few rows.
  const int64_t rowUnit = most(kTileRows, kSmallRows), rowsMax = most(1, g.m / rowUnit);
  int64_t across = 1;
  while (across < tasks && g.m * across < g.n * ceilDiv(tasks, across)) across *= 2;
  const int64_t down = least(rowsMax, ceilDiv(tasks, across));
  across = ceilDiv(tasks, down);
  const int64_t height = g.m / down / rowUnit * rowUnit, width = ceilDiv(ceilDiv(g.n, across), kTileCols) * kTileCols;
  across = ceilDiv(g.n, width);
  parallel(down * across, [&](int64_t i) {
    const int64_t row = i / across, top = row * height, left = i % across * width;
    gemm(g.rows(top, row + 1 == down ? g.m : top + height).columns(left, least(g.n, left + width)));
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
