// The fused expert network: y = (act(x G^T + g) * (x U^T + u)) W^T + d by expert, without a gate act(x U^T + u) W^T + d.
// N rows, E experts, D model width, F expert width; G, U [E, F, D], W [E, D, F].
//
// P numbers of a row stand before the activation: F of the gate, if there is one, then F of up. The forward pass keeps them
// where it is given room for them; else they live in scratch only, and the backward pass makes them anew.
#include "expert_activation.h"
#include "gemm.h"
#include "segments.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

struct Mlp {
  int64_t N, E, D, F, P;
  Segments segments;
  const float *x, *gate, *up, *down, *gateBias, *upBias, *downBias;
  Precision precision = moekit::precision();

  // Arguments: x, gate?, up, down, gateBias?, upBias?, downBias?, offsets, rows, experts, width, hidden.
  explicit Mlp(const Args& args)
      : N(args.size(8)), E(args.size(9)), D(args.size(10)), F(args.size(11)), P(args.has(1) ? 2 * F : F), segments(args, 7, E, N), x(args.floats(0, N * D)),
        gate(args.optionalFloats(1, E * F * D)), up(args.floats(2, E * F * D)), down(args.floats(3, E * D * F)),
        gateBias(args.optionalFloats(4, E * F)), upBias(args.optionalFloats(5, E * F)), downBias(args.optionalFloats(6, E * D)) {}

  // Columns [from, to) of the rows of expert e before the activation. g, if there is a gate, and u have rows of ld.
  void beforeActivation(int64_t e, int64_t from, int64_t to, float* g, float* u, int64_t ld) const {
    if (g) project(gate, gateBias, e, from, to, g, ld);
    project(up, upBias, e, from, to, u, ld);
  }

 private:
  // Rows of expert e times rows [from, to) of a bank: [rows, to - from] with rows of ld.
  void project(const float* bank, const float* bias, int64_t e, int64_t from, int64_t to, float* out, int64_t ld) const {
    const int64_t start = segments.start(e), rows = segments.rows(e);
    if (bias) fillRows(out, rows, to - from, ld, bias + e * F + from);
    gemm({rows, to - from, D, x + start * D, D, 1, bank + (e * F + from) * D, 1, D, out, ld, bias != nullptr, precision});
  }
};

struct Gradients {
  float *x, *gate, *up, *down, *gateBias, *upBias, *downBias;
};

// Columns [from, to) of the hidden rows of one expert: their gradients, and those of the parameters that make or use them.
// before [N, P] is what the forward pass kept, if it did; dBefore [N, P] is its gradient.
template <class A>
void backwardPiece(const Mlp& mlp, const float* before, const float* dy, int64_t e, int64_t from, int64_t to, const Gradients& grads, float* dBefore) {
  const int64_t start = mlp.segments.start(e), rows = mlp.segments.rows(e), D = mlp.D, F = mlp.F, P = mlp.P, width = to - from;
  const bool past = largerThanCaches(mlp.E * F * D);
  const float* x = mlp.x + start * D;
  const float* dyRows = dy + start * D;
  float* g = mlp.gate ? dBefore + start * P + from : nullptr;
  float* u = dBefore + start * P + P - F + from;
  Scratch scratch;
  float* hidden = scratch.floats(rows * width);
  if (!before) mlp.beforeActivation(e, from, to, g, u, P);
  gemm({rows, width, D, dyRows, D, 1, mlp.down + e * D * F + from, F, 1, hidden, width, false, mlp.precision});
  for (int64_t n = 0; n < rows; n++) {
    float *gRow = g ? g + n * P : nullptr, *uRow = u + n * P;
    if (before) {
      const float* kept = before + (start + n) * P + from;
      if (g) copyRow(gRow, kept, width);
      copyRow(uRow, kept + P - F, width);
    }
    activateBackward<A>(gRow, uRow, hidden + n * width, width);
  }
  gemm({D, width, rows, dyRows, 1, D, hidden, width, 1, grads.down + e * D * F + from, F, false, mlp.precision, past});
  const int64_t bank = (e * F + from) * D;
  if (g) gemm({width, D, rows, g, 1, P, x, D, 1, grads.gate + bank, D, false, mlp.precision, past});
  gemm({width, D, rows, u, 1, P, x, D, 1, grads.up + bank, D, false, mlp.precision, past});
  if (grads.gateBias) sumRows(g, rows, width, P, grads.gateBias + e * F + from);
  if (grads.upBias) sumRows(u, rows, width, P, grads.upBias + e * F + from);
}

}  // namespace

// expertMlp(...Mlp, y, activation, before?)
void expertMlp(const Args& args) {
  const Mlp mlp(args);
  const int64_t D = mlp.D, F = mlp.F, P = mlp.P;
  float* y = args.floats(12, mlp.N * D);
  float* before = args.optionalFloats(14, mlp.N * P);
  Scratch scratch;
  float* hidden = scratch.floats(mlp.segments.end() * F);
  withActivation(activationOf(args, 13), [&](auto activation) {
    using A = decltype(activation);
    mlp.segments.pieces(F, 64, [&](int64_t e, int64_t from, int64_t to) {
      const int64_t start = mlp.segments.start(e), rows = mlp.segments.rows(e), width = to - from;
      if (rows == 0) return;
      Scratch own;
      const int64_t ld = before ? P : mlp.gate ? 2 * width : width;
      float* g = before ? before + start * P + from : own.floats(rows * ld);
      float* u = g + (before ? P - F : ld - width);
      mlp.beforeActivation(e, from, to, mlp.gate ? g : nullptr, u, ld);
      for (int64_t n = 0; n < rows; n++) activate<A>(mlp.gate ? g + n * ld : nullptr, u + n * ld, hidden + (start + n) * F + from, width);
    });
  });
  mlp.segments.pieces(D, 64, [&](int64_t e, int64_t from, int64_t to) {
    const int64_t start = mlp.segments.start(e), rows = mlp.segments.rows(e);
    float* out = y + start * D + from;
    if (mlp.downBias) fillRows(out, rows, to - from, D, mlp.downBias + e * D + from);
    gemm({rows, to - from, F, hidden + start * F, F, 1, mlp.down + (e * D + from) * F, 1, F, out, D, mlp.downBias != nullptr, mlp.precision});
  });
  const int64_t end = mlp.segments.end();
  clear(y + end * D, (mlp.N - end) * D);
  if (before) clear(before + end * P, (mlp.N - end) * P);
}

// expertMlpGrad(...Mlp, dy, activation, dx, dGate?, dUp, dDown, dGateBias?, dUpBias?, dDownBias?, before?)
void expertMlpGrad(const Args& args) {
  const Mlp mlp(args);
  const int64_t N = mlp.N, E = mlp.E, D = mlp.D, F = mlp.F, P = mlp.P;
  const float* dy = args.floats(12, N * D);
  const float* before = args.optionalFloats(21, N * P);
  const Gradients grads{args.floats(14, N * D),           args.optionalFloats(15, E * F * D), args.floats(16, E * F * D),   args.floats(17, E * D * F),
                        args.optionalFloats(18, E * F), args.optionalFloats(19, E * F),     args.optionalFloats(20, E * D)};
  if ((mlp.gate != nullptr) != (grads.gate != nullptr)) Args::fail(15, "must be there if and only if there is a gate");
  if (grads.gateBias && !mlp.gate) Args::fail(18, "needs a gate");
  Scratch scratch;
  float* dBefore = scratch.floats(mlp.segments.end() * P);
  withActivation(activationOf(args, 13), [&](auto activation) {
    mlp.segments.pieces(F, 64, [&](int64_t e, int64_t from, int64_t to) { backwardPiece<decltype(activation)>(mlp, before, dy, e, from, to, grads, dBefore); });
  });
  mlp.segments.pieces(D, 64, [&](int64_t e, int64_t from, int64_t to) {
    const int64_t start = mlp.segments.start(e), rows = mlp.segments.rows(e);
    const float* dUp = dBefore + start * P + P - F;
    Gemm g{rows, to - from, F, dUp, P, 1, mlp.up + e * F * D + from, D, 1, grads.x + start * D + from, D, false, mlp.precision};
    gemm(g);
    if (mlp.gate) {
      g.a = dBefore + start * P;
      g.b = mlp.gate + e * F * D + from;
      g.add = true;
      gemm(g);
    }
    if (grads.downBias) sumRows(dy + start * D + from, rows, to - from, D, grads.downBias + e * D + from);
  });
  clear(grads.x + mlp.segments.end() * D, (N - mlp.segments.end()) * D);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
