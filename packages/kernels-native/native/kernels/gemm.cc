// Blocked as in Goto and van de Geijn 2008: a panel of B for the first cache, a block of A for the second, both copied into the
// order in which the microkernel reads them. The microkernel keeps 6 x 2 vectors of C in registers.
//
// Few rows (decoding) are not worth the copies: those go to the kernels of gemm_small.cc, straight on the matrices.
#include "gemm.h"

#include "gemm_small.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

constexpr int64_t kTileRows = 6;
constexpr int64_t kTileCols = 2 * kWidth;
constexpr int64_t kBlockRows = 96;
constexpr int64_t kBlockCols = 1024;
constexpr int64_t kBlockDepth = 256;

// C tile of R rows from packed panels: a[k][6], b[k][kTileCols].
template <int R>
inline void tile(int64_t depth, const float* a, const float* b, float* c, int64_t ldc, bool add) {
  Vec sum[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = zero();
  for (int64_t k = 0; k < depth; k++, a += kTileRows, b += kTileCols) {
    const Vec b0 = load(b), b1 = load(b + kWidth);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Vec x = broadcast(a[r]);
      sum[r][0] = fma(x, b0, sum[r][0]);
      sum[r][1] = fma(x, b1, sum[r][1]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++, c += ldc) {
    if (add) {
      sum[r][0] = MOEKIT_ISA::add(sum[r][0], load(c));
      sum[r][1] = MOEKIT_ISA::add(sum[r][1], load(c + kWidth));
    }
    store(c, sum[r][0]);
    store(c + kWidth, sum[r][1]);
  }
}

void tileOf(int64_t rows, int64_t depth, const float* a, const float* b, float* c, int64_t ldc, bool add) {
  switch (rows) {
    case 6: return tile<6>(depth, a, b, c, ldc, add);
    case 5: return tile<5>(depth, a, b, c, ldc, add);
    case 4: return tile<4>(depth, a, b, c, ldc, add);
    case 3: return tile<3>(depth, a, b, c, ldc, add);
    case 2: return tile<2>(depth, a, b, c, ldc, add);
    default: return tile<1>(depth, a, b, c, ldc, add);
  }
}

// A tile that sticks out on the right is made beside C and copied.
void edgeTile(int64_t rows, int64_t cols, int64_t depth, const float* a, const float* b, float* c, int64_t ldc, bool add) {
  alignas(64) float side[kTileRows * kTileCols];
  tileOf(rows, depth, a, b, side, kTileCols, false);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t j = 0; j < cols; j++) c[r * ldc + j] = side[r * kTileCols + j] + (add ? c[r * ldc + j] : 0);
  }
}

// to[k][width] = from[i][k] of up to `width` rows i; rows past `count` become 0.
void packAcross(const float* from, int64_t stride, int64_t count, int64_t depth, float* to, int64_t width) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    int64_t k = 0;
    for (; k + kWidth <= depth; k += kWidth) transposeSquare(from + i * stride + k, stride, to + k * width + i, width);
    for (; k < depth; k++) {
      for (int64_t j = i; j < i + kWidth; j++) to[k * width + j] = from[j * stride + k];
    }
  }
  for (; i < width; i++) {
    for (int64_t k = 0; k < depth; k++) to[k * width + i] = i < count ? from[i * stride + k] : 0;
  }
}

// to[k][width] = from[k][i]: rows of the source stay rows.
void packAlong(const float* from, int64_t stride, int64_t count, int64_t depth, float* to, int64_t width) {
  for (int64_t k = 0; k < depth; k++, from += stride, to += width) {
    for (int64_t i = 0; i < count; i++) to[i] = from[i];
    for (int64_t i = count; i < width; i++) to[i] = 0;
  }
}

void packFullAlong(const float* from, int64_t stride, int64_t depth, float* to) {
  for (int64_t k = 0; k < depth; k++, from += stride, to += kTileCols) {
    store(to, load(from));
    store(to + kWidth, load(from + kWidth));
  }
}

void packAny(const float* from, int64_t across, int64_t along, int64_t count, int64_t depth, float* to, int64_t width) {
  for (int64_t k = 0; k < depth; k++) {
    for (int64_t i = 0; i < width; i++) to[k * width + i] = i < count ? from[i * across + k * along] : 0;
  }
}

// One panel: `count` of `width` lines, `across` apart, whose elements are `along` apart.
void packPanel(const float* from, int64_t across, int64_t along, int64_t count, int64_t depth, float* to, int64_t width) {
  if (across == 1 && count == width && width == kTileCols) packFullAlong(from, along, depth, to);
  else if (across == 1) packAlong(from, along, count, depth, to, width);
  else if (along == 1) packAcross(from, across, count, depth, to, width);
  else packAny(from, across, along, count, depth, to, width);
}

void pack(const float* from, int64_t across, int64_t along, int64_t lines, int64_t depth, float* to, int64_t width) {
  for (int64_t i = 0; i < lines; i += width, to += width * depth) {
    packPanel(from + i * across, across, along, least(width, lines - i), depth, to, width);
  }
}

void multiplyBlock(const float* a, const float* b, int64_t rows, int64_t cols, int64_t depth, float* c, int64_t ldc, bool add) {
  for (int64_t j = 0; j < cols; j += kTileCols, b += kTileCols * depth) {
    const float* panel = a;
    for (int64_t i = 0; i < rows; i += kTileRows, panel += kTileRows * depth) {
      const int64_t tileRows = least(kTileRows, rows - i);
      float* out = c + i * ldc + j;
      if (cols - j >= kTileCols) tileOf(tileRows, depth, panel, b, out, ldc, add);
      else edgeTile(tileRows, cols - j, depth, panel, b, out, ldc, add);
    }
  }
}

void multiplyPacked(const Gemm& g) {
  Scratch scratch;
  const int64_t depthMax = least(kBlockDepth, g.k);
  float* packedB = scratch.floats(ceilDiv(least(kBlockCols, g.n), kTileCols) * kTileCols * depthMax);
  float* packedA = scratch.floats(ceilDiv(least(kBlockRows, g.m), kTileRows) * kTileRows * depthMax);
  for (int64_t j = 0; j < g.n; j += kBlockCols) {
    const int64_t cols = least(kBlockCols, g.n - j);
    for (int64_t k = 0; k < g.k; k += kBlockDepth) {
      const int64_t depth = least(kBlockDepth, g.k - k);
      pack(g.b + k * g.bRow + j * g.bCol, g.bCol, g.bRow, cols, depth, packedB, kTileCols);
      for (int64_t i = 0; i < g.m; i += kBlockRows) {
        const int64_t rows = least(kBlockRows, g.m - i);
        pack(g.a + i * g.aRow + k * g.aCol, g.aRow, g.aCol, rows, depth, packedA, kTileRows);
        multiplyBlock(packedA, packedB, rows, cols, depth, g.c + i * g.ldc + j, g.ldc, g.add || k > 0);
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
  multiplyPacked(g);
}

// Pieces of about this many multiplications and additions are worth giving to another thread.
constexpr int64_t kWorthATask = 1 << 18;

void parallelGemm(const Gemm& g) {
  if (g.m <= 0 || g.n <= 0) return;
  const int64_t work = g.m * g.n * most(1, g.k);
  const int64_t tasks = least(2 * threads(), ceilDiv(work, kWorthATask));
  if (tasks < 2 || threads() < 2) return gemm(g);
  // Along the longer side, in whole tiles; the other side is copied once more per piece.
  const bool byRows = g.m >= g.n;
  const int64_t unit = byRows ? 2 * kTileRows : kTileCols;
  const int64_t length = byRows ? g.m : g.n;
  const int64_t step = most(unit, ceilDiv(ceilDiv(length, tasks), unit) * unit);
  // What is left over goes with the last piece, which so never becomes one of few rows.
  const int64_t pieces = most(1, length / step);
  parallel(pieces, [&](int64_t i) {
    const int64_t from = i * step, to = i + 1 == pieces ? length : from + step;
    gemm(byRows ? g.rows(from, to) : g.columns(from, to));
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
