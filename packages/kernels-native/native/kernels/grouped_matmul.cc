// Products of each expert's rows with its own matrix, and the two backward forms. N rows, E experts, O out, I in; banks [E, O, I].
#include "gemm.h"
#include "loops.h"
#include "segments.h"

namespace moekit {
namespace MOEKIT_ISA {

// groupedMatmul(x, w, offsets, y, rows, experts, out, in, bias?): y[n] = W_e x[n] + b_e; rows of no expert become 0.
void groupedMatmul(const Args& args) {
  const int64_t N = args.size(4), E = args.size(5), O = args.size(6), I = args.size(7);
  const Segments segments(args, 2, E, N);
  const float* x = args.floats(0, N * I);
  const float* w = args.floats(1, E * O * I);
  float* y = args.floats(3, N * O);
  const float* bias = args.optionalFloats(8, E * O);
  segments.pieces(O, 64, [&](int64_t e, int64_t from, int64_t to) {
    const int64_t start = segments.start(e), rows = segments.rows(e);
    float* out = y + start * O + from;
    if (bias) fillRows(out, rows, to - from, O, bias + e * O + from);
    gemm({rows, to - from, I, x + start * I, I, 1, w + (e * O + from) * I, 1, I, out, O, bias != nullptr, precision()});
  });
  clear(y + segments.end() * O, (N - segments.end()) * O);
}

// groupedMatmulInput(dy, w, offsets, dx, rows, experts, out, in): dx[n] = dy[n] W_e.
void groupedMatmulInput(const Args& args) {
  const int64_t N = args.size(4), E = args.size(5), O = args.size(6), I = args.size(7);
  const Segments segments(args, 2, E, N);
  const float* dy = args.floats(0, N * O);
  const float* w = args.floats(1, E * O * I);
  float* dx = args.floats(3, N * I);
  segments.pieces(I, 64, [&](int64_t e, int64_t from, int64_t to) {
    const int64_t start = segments.start(e);
    gemm({segments.rows(e), to - from, O, dy + start * O, O, 1, w + e * O * I + from, I, 1, dx + start * I + from, I, false, precision()});
  });
  clear(dx + segments.end() * I, (N - segments.end()) * I);
}

// groupedMatmulWeight(dy, x, offsets, dw, rows, experts, out, in): dW_e = dy_e^T x_e.
void groupedMatmulWeight(const Args& args) {
  const int64_t N = args.size(4), E = args.size(5), O = args.size(6), I = args.size(7);
  const Segments segments(args, 2, E, N);
  const float* dy = args.floats(0, N * O);
  const float* x = args.floats(1, N * I);
  float* dw = args.floats(3, E * O * I);
  segments.pieces(I, 64, [&](int64_t e, int64_t from, int64_t to) {
    const int64_t start = segments.start(e);
    gemm({O, to - from, segments.rows(e), dy + start * O, 1, O, x + start * I + from, I, 1, dw + e * O * I + from, I, false, precision(), largerThanCaches(E * O * I)});
  });
}

// groupedSum(x, offsets, y, rows, experts, width): y[e] = sum of the rows of expert e.
void groupedSum(const Args& args) {
  const int64_t N = args.size(3), E = args.size(4), D = args.size(5);
  const Segments segments(args, 1, E, N);
  const float* x = args.floats(0, N * D);
  float* y = args.floats(2, E * D);
  segments.pieces(D, 64, [&](int64_t e, int64_t from, int64_t to) {
    clear(y + e * D + from, to - from);
    for (int64_t n = segments.start(e); n < segments.start(e) + segments.rows(e); n++) addScaled(y + e * D + from, x + n * D + from, 1, to - from);
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
