// Blocked as in Goto and van de Geijn 2008: a block of A is copied for the second cache, then one narrow panel of B after the
// other for the first, in the order in which the microkernel reads them: that of gemm_vectors.h, or of gemm_tiles.h for bfloat16
// where there are matrix registers.
//
// Few rows (decoding) are not worth the copies: those go to the kernels of gemm_small.cc, straight on the matrices.
#include "gemm.h"

#include "gemm_small.h"
#include "gemm_tiles.h"
#include "gemm_vectors.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

#if defined(MOEKIT_TILES)
using Bfloat16Kernel = Tiles;
#else
using Bfloat16Kernel = Vectors<Bfloat16>;
#endif
using Float32Kernel = Vectors<Float32>;

// A block of A, as panels, times one panel of B.
template <class K>
void multiplyPanel(const float* a, const float* b, int64_t rows, int64_t cols, int64_t units, float* c, int64_t ldc, Write write, Ahead ahead) {
  for (int64_t i = 0; i < rows; i += K::kRows, a += K::kRows * units, c += K::kRows * ldc, ahead = ahead.after(units)) {
    K::multiply(least(K::kRows, rows - i), cols, units, a, b, c, ldc, write, ahead);
  }
}

template <class K>
void packBlock(const Gemm& g, int64_t i, int64_t rows, int64_t k, int64_t depth, float* to) {
  for (int64_t r = 0; r < rows; r += K::kRows, to += K::kRows * K::units(depth)) K::packRows(g, i + r, least(K::kRows, rows - r), k, depth, to);
}

template <class K>
void multiplyPacked(const Gemm& g) {
  [[maybe_unused]] const typename K::Session session;
  Scratch scratch;
  // Blocks of equal depth, in whole units, and of equal height.
  const int64_t blocks = ceilDiv(g.k, K::kBlockDepth);
  const int64_t step = ceilDiv(ceilDiv(g.k, blocks), K::kDepth) * K::kDepth, stepUnits = K::units(step);
  const int64_t blockRows = ceilDiv(ceilDiv(g.m, ceilDiv(g.m, K::kBlockRows)), K::kRows) * K::kRows;
  float* a = scratch.floats(blockRows * stepUnits + kWidth);
  float* b = scratch.floats(kPanelCols * stepUnits + kWidth);
  const bool past = g.past && !g.add && blocks == 1 && g.ldc % kWidth == 0 && reinterpret_cast<uintptr_t>(g.c) % 64 == 0;
  for (int64_t i = 0; i < g.m; i += blockRows) {
    const int64_t rows = least(blockRows, g.m - i);
    for (int64_t k = 0; k < g.k; k += step) {
      const int64_t depth = least(step, g.k - k), units = K::units(depth);
      packBlock<K>(g, i, rows, k, depth, a);
      for (int64_t j = 0; j < g.n; j += kPanelCols) {
        const int64_t cols = least(kPanelCols, g.n - j);
        K::packColumns(g, j, cols, k, depth, b);
        const Ahead ahead = j + kPanelCols < g.n ? Ahead::panel(g, k, depth, j + kPanelCols) : Ahead::panel(g, k + step, step, 0);
        multiplyPanel<K>(a, b, rows, cols, units, g.c + i * g.ldc + j, g.ldc, g.add || k > 0 ? Write::add : past ? Write::past : Write::over, ahead);
      }
    }
  }
  if (past) endStream();
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
  if (g.precision == Precision::bf16) multiplyPacked<Bfloat16Kernel>(g);
  else multiplyPacked<Float32Kernel>(g);
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
  const int64_t kernelRows = g.precision == Precision::bf16 ? Bfloat16Kernel::kRows : Float32Kernel::kRows;
  const int64_t rowUnit = most(kernelRows, kSmallRows), rowsMax = most(1, g.m / rowUnit);
  int64_t across = 1;
  while (across < tasks && g.m * across < g.n * ceilDiv(tasks, across)) across *= 2;
  const int64_t down = least(rowsMax, ceilDiv(tasks, across));
  across = ceilDiv(tasks, down);
  const int64_t height = g.m / down / rowUnit * rowUnit, width = ceilDiv(ceilDiv(g.n, across), kPanelCols) * kPanelCols;
  across = ceilDiv(g.n, width);
  parallel(down * across, [&](int64_t i) {
    const int64_t row = i / across, top = row * height, left = i % across * width;
    gemm(g.rows(top, row + 1 == down ? g.m : top + height).columns(left, least(g.n, left + width)));
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
