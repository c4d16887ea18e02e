// Few rows of A, read where they are: time goes into reading B once, in the order in which it lies in memory.
#include "gemm_small.h"

#include "precision.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// How many rows of B (or of B^T) ahead memory is fetched: keys and values of one head are pieces that lie apart.
constexpr int64_t kRowsAhead = 16;

// The sums of kWidth vectors, each in the order of sum().
inline Vec sumsOf(Vec* v) {
  transpose(v);
#pragma GCC unroll 4
  for (int half = kWidth / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int l = 0; l < half; l++) v[l] = add(v[l], v[l + half]);
  }
  return v[0];
}

// Rows of B^T lie along k: dot products of R rows of A with C rows of B^T.
template <class P, int R, int C>
inline void dots(const Gemm& g, int64_t i, int64_t j) {
  const float* a = g.a + i * g.aRow;
  const float* b = g.b + j * g.bCol;
  Vec sums[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 16
    for (int c = 0; c < C; c++) sums[r][c] = zero();
  }
  const auto step = [&](const auto& read, int64_t k) {
    Vec x[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) x[r] = P::value(read(a + r * g.aRow + k));
#pragma GCC unroll 16
    for (int c = 0; c < C; c++) {
      __builtin_prefetch(b + (c + kRowsAhead) * g.bCol + k);
      const Vec y = P::value(read(b + c * g.bCol + k));
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) sums[r][c] = fma(x[r], y, sums[r][c]);
    }
  };
  int64_t k = 0;
  for (; k + kWidth <= g.k; k += kWidth) step([](const float* p) { return load(p); }, k);
  const int64_t rest = g.k - k;
  if (rest > 0) step([rest](const float* p) { return loadPartial(p, rest); }, k);
  float totals[R * C];
  if constexpr (R * C == kWidth) {
    store(totals, sumsOf(&sums[0][0]));
  } else {
    for (int r = 0; r < R; r++) {
      for (int c = 0; c < C; c++) totals[r * C + c] = sum(sums[r][c]);
    }
  }
  for (int r = 0; r < R; r++) {
    for (int c = 0; c < C; c++) {
      float& out = g.c[(i + r) * g.ldc + j + c];
      out = totals[r * C + c] + (g.add ? out : 0);
    }
  }
}

// Rows of B^T up to this length are worth summing up kWidth products together, where R is not 1.
constexpr int64_t kShortRows = 8 * kWidth;

template <class P, int R>
void rowsOfDots(const Gemm& g, int64_t i) {
  constexpr int C = kWidth / R;
  int64_t j = 0;
  for (; R > 1 && g.k <= kShortRows && j + C <= g.n; j += C) dots<P, R, C>(g, i, j);
  for (; j + 3 <= g.n; j += 3) dots<P, R, 3>(g, i, j);
  for (; j < g.n; j++) dots<P, R, 1>(g, i, j);
}

// Rows of B lie along n: R rows of C in registers, two vectors wide, over all of k.
template <class P, int R>
inline void strip(const Gemm& g, int64_t i, int64_t j) {
  const float* a = g.a + i * g.aRow;
  const float* b = g.b + j;
  float* c = g.c + i * g.ldc + j;
  Vec sums[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    sums[r][0] = g.add ? load(c + r * g.ldc) : zero();
    sums[r][1] = g.add ? load(c + r * g.ldc + kWidth) : zero();
  }
  for (int64_t k = 0; k < g.k; k++) {
    __builtin_prefetch(b + (k + kRowsAhead) * g.bRow);
    __builtin_prefetch(b + (k + kRowsAhead) * g.bRow + kWidth);
    const Vec b0 = P::value(load(b + k * g.bRow)), b1 = P::value(load(b + k * g.bRow + kWidth));
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Vec x = P::value(broadcast(a[r * g.aRow + k * g.aCol]));
      sums[r][0] = fma(x, b0, sums[r][0]);
      sums[r][1] = fma(x, b1, sums[r][1]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    store(c + r * g.ldc, sums[r][0]);
    store(c + r * g.ldc + kWidth, sums[r][1]);
  }
}

// The last columns, one vector or a part of one.
template <class P>
void lastColumns(const Gemm& g, int64_t j) {
  for (; j < g.n; j += kWidth) {
    const int64_t width = g.n - j;
    for (int64_t i = 0; i < g.m; i++) {
      float* c = g.c + i * g.ldc + j;
      Vec total = g.add ? loadPartial(c, width) : zero();
      for (int64_t k = 0; k < g.k; k++) {
        total = fma(P::value(broadcast(g.a[i * g.aRow + k * g.aCol])), P::value(loadPartial(g.b + k * g.bRow + j, width)), total);
      }
      storePartial(c, total, width);
    }
  }
}

template <class P, int R>
void rowsOfStrips(const Gemm& g, int64_t i) {
  for (int64_t j = 0; j + 2 * kWidth <= g.n; j += 2 * kWidth) strip<P, R>(g, i, j);
}

template <class One, class Two, class Four>
void byRows(int64_t m, const One& one, const Two& two, const Four& four) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) four(i);
  for (; i + 2 <= m; i += 2) two(i);
  if (i < m) one(i);
}

template <class P>
bool multiply(const Gemm& g) {
  if (g.bRow == 1 && g.aCol == 1) {
    byRows(g.m, [&](int64_t i) { rowsOfDots<P, 1>(g, i); }, [&](int64_t i) { rowsOfDots<P, 2>(g, i); }, [&](int64_t i) { rowsOfDots<P, 4>(g, i); });
    return true;
  }
  if (g.bCol == 1) {
    byRows(g.m, [&](int64_t i) { rowsOfStrips<P, 1>(g, i); }, [&](int64_t i) { rowsOfStrips<P, 2>(g, i); }, [&](int64_t i) { rowsOfStrips<P, 4>(g, i); });
    lastColumns<P>(g, g.n / (2 * kWidth) * (2 * kWidth));
    return true;
  }
  return false;
}

}  // namespace

bool gemmOfFewRows(const Gemm& g) { return g.precision == Precision::bf16 ? multiply<Bfloat16>(g) : multiply<Float32>(g); }

}  // namespace MOEKIT_ISA
}  // namespace moekit
