// Low-rank updates of each row by its expert's adapter.
#include "gemm.h"
#include "loops.h"
#include "segments.h"

namespace moekit {
namespace MOEKIT_ISA {

// segmentedLora(x, a, b, offsets, y, rows, experts, rank, in, out, scale): y[n] = scale B_e A_e x[n]; rows of no expert become
// 0. The rows A_e x exist for a piece of rows at a time.
void segmentedLora(const Args& args) {
  const int64_t N = args.size(5), E = args.size(6), R = args.size(7), I = args.size(8), O = args.size(9);
  const Segments segments(args, 3, E, N);
  const float* x = args.floats(0, N * I);
  const float* a = args.floats(1, E * R * I);
  const float* b = args.floats(2, E * O * R);
  float* y = args.floats(4, N * O);
  const float scale = static_cast<float>(args.number(10));
  const Precision precision = moekit::precision();
  segments.rowPieces(64, [&](int64_t e, int64_t from, int64_t to) {
    Scratch scratch;
    float* low = scratch.floats((to - from) * R);
    gemm({to - from, R, I, x + from * I, I, 1, a + e * R * I, 1, I, low, R, false, precision});
    scaleTo(low, low, scale, (to - from) * R);
    gemm({to - from, O, R, low, R, 1, b + e * O * R, 1, R, y + from * O, O, false, precision});
  });
  clear(y + segments.end() * O, (N - segments.end()) * O);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
