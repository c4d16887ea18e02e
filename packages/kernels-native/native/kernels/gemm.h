// Products of matrices with any strides: the core of all kernels that multiply.
#pragma once
#include "../runtime/precision.h"
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

// C = A B, or C += A B with `add`; A is [m, k], B is [k, n], C is [m, n] with rows of ldc. In precision bf16 numbers of A and B
// are rounded first; sums are float32.
struct Gemm {
  int64_t m, n, k;
  const float* a;
  int64_t aRow, aCol;
  const float* b;
  int64_t bRow, bCol;
  float* c;
  int64_t ldc;
  bool add = false;
  Precision precision = Precision::f32;
  // Write C past the caches, because it is larger than they are.
  bool past = false;
  // B holds pairs of bfloat16, neighbours along k, which its strides count; only where kPairs, in precision bf16.
  bool pairs = false;

  Gemm rows(int64_t from, int64_t to) const {
    Gemm g = *this;
    g.m = to - from;
    g.a += from * aRow;
    g.c += from * ldc;
    return g;
  }
  Gemm columns(int64_t from, int64_t to) const {
    Gemm g = *this;
    g.n = to - from;
    g.b += from * bCol;
    g.c += from;
    return g;
  }
};

// On the calling thread. How sums are ordered depends on nothing but k, the precision and whether m is small, so cutting a
// product into rows of at least kSmallRows or columns does not change a bit of it.
constexpr int64_t kSmallRows = 8;
void gemm(const Gemm& g);

// On all threads.
void parallelGemm(const Gemm& g);

// C[row] = bias for all rows: what an `add` starts from.
void fillRows(float* c, int64_t rows, int64_t width, int64_t ldc, const float* bias);

}  // namespace MOEKIT_ISA
}  // namespace moekit
