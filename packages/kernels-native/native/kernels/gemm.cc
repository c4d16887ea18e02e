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
// Rows and units of depth of a block of A: half a megabyte, half of the second cache of most processors, and a bit more than the
// pieces that products of 512 and 1024 rows are cut into.
constexpr int64_t kBlockRows = 532 / kTileRows * kTileRows;
constexpr int64_t kBlockUnits = 256;

// What becomes of numbers that are in C: replaced, added to, or replaced past the caches.
enum class Write { over, add, past };

constexpr int64_t kLine = 16;  // floats in a line of the cache

// What is copied next, which tiles fetch while they compute, a line of the cache per unit of depth: `runs` runs of `run` lines,
// `stride` apart.
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
    if (g.bRow == 1) return {from, ceilDiv(depth, kLine), least(kTileCols, g.n - j), g.bCol};
    return {from, ceilDiv(kTileCols, kLine), depth, g.bRow};
  }
  Ahead after(int64_t lines) const {
    const int64_t done = lines / run;
    if (done >= runs) return {from, 1, 0, 0};
    return {from + done * stride, run, runs - done, stride};
  }
};

// C tile of R rows from panels: a[units][kTileRows], b[units][kTileCols].
template <class P, int R>
inline void tile(int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
  if (write != Write::past) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      __builtin_prefetch(c + r * ldc, 1);
      __builtin_prefetch(c + r * ldc + kTileCols - 1, 1);
    }
  }
  Vec sum[R][2];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = zero();
  const float* next = ahead.from;
  int64_t left = ahead.run;
  for (int64_t k = 0; k < units; k++, a += kTileRows, b += kTileCols) {
    __builtin_prefetch(next, 0, 2);
    next += kLine;
    if (--left == 0) {
      left = ahead.run;
      next += ahead.stride - ahead.run * kLine;
    }
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

template <class P, int R = kTileRows>
void tileOf(int64_t rows, int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
  if constexpr (R > 1) {
    if (rows < R) return tileOf<P, R - 1>(rows, units, a, b, c, ldc, write, ahead);
  }
  tile<P, R>(units, a, b, c, ldc, write, ahead);
}

// A tile that sticks out on the right is made beside C and copied.
template <class P>
void edgeTile(int64_t rows, int64_t cols, int64_t units, const float* a, const float* b, float* c, int64_t ldc, Write write, const Ahead& ahead) {
  alignas(64) float side[kTileRows * kTileCols];
  tileOf<P>(rows, units, a, b, side, kTileCols, Write::over, ahead);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t j = 0; j < cols; j++) c[r * ldc + j] = side[r * kTileCols + j] + (write == Write::add ? c[r * ldc + j] : 0);
  }
}

// A block of A, as panels, times one panel of B.
template <class P>
void multiplyPanel(const float* a, const float* b, int64_t rows, int64_t cols, int64_t units, float* c, int64_t ldc, Write write, Ahead ahead) {
  for (int64_t i = 0; i < rows; i += kTileRows, a += kTileRows * units, c += kTileRows * ldc, ahead = ahead.after(units)) {
    const int64_t height = least(kTileRows, rows - i);
    if (cols >= kTileCols) tileOf<P>(height, units, a, b, c, ldc, write, ahead);
    else edgeTile<P>(height, cols, units, a, b, c, ldc, write, ahead);
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
void packColumns(const Gemm& g, int64_t j, int64_t cols, int64_t k, int64_t depth, float* to) {
  if (g.pairs) return pack<Float32>({g.b + k / P::kDepth * g.bRow + j * g.bCol, g.bCol, g.bRow, cols, ceilDiv(depth, P::kDepth), to, kTileCols});
  pack<P>({g.b + k * g.bRow + j * g.bCol, g.bCol, g.bRow, cols, depth, to, kTileCols});
}

template <class P>
void multiplyPacked(const Gemm& g) {
  Scratch scratch;
  // Blocks of equal depth, in whole units, and of equal height.
  const int64_t blocks = ceilDiv(g.k, kBlockUnits * P::kDepth);
  const int64_t step = ceilDiv(ceilDiv(g.k, blocks), P::kDepth) * P::kDepth, stepUnits = step / P::kDepth;
  const int64_t blockRows = ceilDiv(ceilDiv(g.m, ceilDiv(g.m, kBlockRows)), kTileRows) * kTileRows;
  float* a = scratch.floats(blockRows * stepUnits + kWidth);
  float* b = scratch.floats(kTileCols * stepUnits + kWidth);
  const bool past = g.past && !g.add && blocks == 1 && g.ldc % kWidth == 0 && reinterpret_cast<uintptr_t>(g.c) % 64 == 0;
  for (int64_t i = 0; i < g.m; i += blockRows) {
    const int64_t rows = least(blockRows, g.m - i);
    for (int64_t k = 0; k < g.k; k += step) {
      const int64_t depth = least(step, g.k - k), units = ceilDiv(depth, P::kDepth);
      packRows<P>(g, i, rows, k, depth, a);
      for (int64_t j = 0; j < g.n; j += kTileCols) {
        const int64_t cols = least(kTileCols, g.n - j);
        packColumns<P>(g, j, cols, k, depth, b);
        const Ahead ahead = j + kTileCols < g.n ? Ahead::panel(g, k, depth, j + kTileCols) : Ahead::panel(g, k + step, step, 0);
        multiplyPanel<P>(a, b, rows, cols, units, g.c + i * g.ldc + j, g.ldc, g.add || k > 0 ? Write::add : past ? Write::past : Write::over, ahead);
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
