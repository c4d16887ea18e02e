// matmul(a, b, out, batch, m, n, k, transposeA, transposeB, aStep, bStep, bias?): out[i] = op(a[i]) op(b[i]) + bias.
// Steps of 0 use one matrix for all of the batch.
#include "gemm.h"

namespace moekit {
namespace MOEKIT_ISA {

void matmul(const Args& args) {
  const int64_t batch = args.size(3), m = args.size(4), n = args.size(5), k = args.size(6);
  const bool transposeA = args.flag(7), transposeB = args.flag(8);
  const int64_t aStep = args.size(9), bStep = args.size(10);
  if (batch == 0 || m == 0 || n == 0) return;
  const float* a = args.floats(0, (batch - 1) * aStep + m * k);
  const float* b = args.floats(1, (batch - 1) * bStep + k * n);
  float* out = args.floats(2, batch * m * n);
  const float* bias = args.optionalFloats(11, n);

  Gemm g{m, n, k, a, transposeA ? 1 : k, transposeA ? m : 1, b, transposeB ? 1 : n, transposeB ? k : 1, out, n, bias != nullptr, precision()};
  if (bias) parallelRanges(batch * m, rowsOfGrain(n), [&](int64_t from, int64_t to) { fillRows(out + from * n, to - from, n, n, bias); });
  if (aStep == m * k && bStep == 0 && !transposeA) {
    g.m *= batch;  // One tall product.
    return parallelGemm(g);
  }
  const auto at = [&](int64_t i) {
    Gemm part = g;
    part.a += i * aStep;
    part.b += i * bStep;
    part.c += i * m * n;
    return part;
  };
  if (batch >= 2 * threads()) return parallel(batch, [&](int64_t i) { gemm(at(i)); });
  for (int64_t i = 0; i < batch; i++) parallelGemm(at(i));
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
