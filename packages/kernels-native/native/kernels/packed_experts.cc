// The fused expert network of expert_mlp.cc with packed banks: G, U [E * F, D], W [E * D, F]. Biases are float32.
#include "expert_activation.h"
#include "packed.h"
#include "segments.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

struct PackedMlp {
  int64_t N, E, D, F;
  Segments segments;
  bool gated;
  PackedMatrix gate, up, down;
  const float *x, *gateBias, *upBias, *downBias;

  // Arguments: x, gate?, up, down, gateBias?, upBias?, downBias?, offsets, rows, experts, width, hidden, formats of gate, up, down.
  explicit PackedMlp(const Args& args)
      : N(args.size(8)), E(args.size(9)), D(args.size(10)), F(args.size(11)), segments(args, 7, E, N), gated(args.has(1)),
        gate(gated ? packedOf(args, 1, args.integer(12), E * F, D) : PackedMatrix{}), up(packedOf(args, 2, args.integer(13), E * F, D)),
        down(packedOf(args, 3, args.integer(14), E * D, F)), x(args.floats(0, N * D)), gateBias(args.optionalFloats(4, E * F)),
        upBias(args.optionalFloats(5, E * F)), downBias(args.optionalFloats(6, E * D)) {}

  // Hidden units [from, to) of the rows of expert e before the activation, in rows of to - from.
  void project(const PackedMatrix& bank, const Activations& a, const float* bias, int64_t e, int64_t from, int64_t to, float* out) const {
    multiplyPacked(bank, e * F + from, e * F + to, a.from(segments.start(e)), {out, segments.rows(e), to - from}, bias ? bias + e * F + from : nullptr);
  }
};

// What enters both projections.
struct Projected {
  Activations gate, up;

  Projected(const PackedMlp& mlp, Scratch& scratch)
      : gate(activationsFor(mlp.up.format, mlp.x, mlp.segments.end(), mlp.D, scratch)),
        up(gate) {
    if (mlp.gated && mlp.gate.format != mlp.up.format) gate = activationsFor(mlp.gate.format, mlp.x, mlp.segments.end(), mlp.D, scratch);
  }
};

// body(expert, from, to) for pieces of [0, width) of the experts that have rows, on all threads. With few rows pieces are small,
// so that threads end together; with many they are large, because each unpacks its part of the matrices once.
template <class Body>
void pieces(const Segments& segments, int64_t width, int64_t unit, const Body& body) {
  Scratch scratch;
  int32_t* filled = scratch.ints(most(1, segments.experts));
  int64_t count = 0;
  for (int64_t e = 0; e < segments.experts; e++) {
    if (segments.rows(e) > 0) filled[count++] = static_cast<int32_t>(e);
  }
  if (count == 0 || width == 0) return;
  const int64_t cuts = most(1, least(ceilDiv(width, unit), ceilDiv(8 * threads(), count)));
  const int64_t step = ceilDiv(ceilDiv(width, cuts), unit) * unit, perExpert = ceilDiv(width, step);
  parallel(count * perExpert, [&](int64_t i) { body(filled[i / perExpert], i % perExpert * step, least(width, (i % perExpert + 1) * step)); });
}

// Rows of weights of a piece: few where experts have few rows, else enough to be worth what is done once for all rows of x.
int64_t pieceRows(const Segments& segments) {
  int64_t most = 0;
  for (int64_t e = 0; e < segments.experts; e++) most = segments.rows(e) > most ? segments.rows(e) : most;
  return most < 8 ? 32 : 256;
}

struct PackedGradients {
  float *x, *gateBias, *upBias, *downBias;
};

// Hidden units [from, to) of expert e: the gradients before the activation, [rows, F] each, and those of the biases.
template <class A>
void backwardPiece(const PackedMlp& mlp, const Projected& x, const float* dy, int64_t e, int64_t from, int64_t to, const PackedGradients& grads, float* dGate, float* dUp) {
  const int64_t start = mlp.segments.start(e), rows = mlp.segments.rows(e), D = mlp.D, F = mlp.F, width = to - from;
  Scratch scratch;
  float* hidden = scratch.floats(rows * width);
  float* g = mlp.gated ? scratch.floats(rows * width) : nullptr;
  float* u = scratch.floats(rows * width);
  if (g) mlp.project(mlp.gate, x.gate, mlp.gateBias, e, from, to, g);
  mlp.project(mlp.up, x.up, mlp.upBias, e, from, to, u);
  multiplyPackedBack(mlp.down, e * D, (e + 1) * D, from, to, {dy + start * D, rows, D, hidden, width}, false);
  activateBackward<A>(g, u, hidden, rows * width);
  if (grads.gateBias) sumRows(g, rows, width, width, grads.gateBias + e * F + from);
  if (grads.upBias) sumRows(u, rows, width, width, grads.upBias + e * F + from);
  for (int64_t n = 0; n < rows; n++) {
    if (g) copyRow(dGate + (start + n) * F + from, g + n * width, width);
    copyRow(dUp + (start + n) * F + from, u + n * width, width);
  }
}

}  // namespace

// packedExpertMlp(...PackedMlp, y, activation)
void packedExpertMlp(const Args& args) {
  const PackedMlp mlp(args);
  const int64_t D = mlp.D, F = mlp.F;
  float* y = args.floats(15, mlp.N * D);
  Scratch scratch;
  float* hidden = scratch.floats(mlp.segments.end() * F);
  const Projected x(mlp, scratch);
  withActivation(activationOf(args, 16), [&](auto activation) {
    using A = decltype(activation);
    pieces(mlp.segments, F, pieceRows(mlp.segments), [&](int64_t e, int64_t from, int64_t to) {
      const int64_t start = mlp.segments.start(e), rows = mlp.segments.rows(e), width = to - from;
      Scratch own;
      float* g = mlp.gated ? own.floats(rows * width) : nullptr;
      float* u = own.floats(rows * width);
      if (g) mlp.project(mlp.gate, x.gate, mlp.gateBias, e, from, to, g);
      mlp.project(mlp.up, x.up, mlp.upBias, e, from, to, u);
      for (int64_t n = 0; n < rows; n++) activate<A>(g ? g + n * width : nullptr, u + n * width, hidden + (start + n) * F + from, width);
    });
  });
  const Activations h = activationsFor(mlp.down.format, hidden, mlp.segments.end(), F, scratch);
  pieces(mlp.segments, D, pieceRows(mlp.segments), [&](int64_t e, int64_t from, int64_t to) {
    const int64_t start = mlp.segments.start(e);
    multiplyPacked(mlp.down, e * D + from, e * D + to, h.from(start), {y + start * D + from, mlp.segments.rows(e), D}, mlp.downBias ? mlp.downBias + e * D + from : nullptr);
  });
  clear(y + mlp.segments.end() * D, (mlp.N - mlp.segments.end()) * D);
}

// packedExpertMlpGrad(...PackedMlp, dy, activation, dx, dGateBias?, dUpBias?, dDownBias?)
void packedExpertMlpGrad(const Args& args) {
  const PackedMlp mlp(args);
  const int64_t N = mlp.N, E = mlp.E, D = mlp.D, F = mlp.F;
  const float* dy = args.floats(15, N * D);
  const PackedGradients grads{args.floats(17, N * D), args.optionalFloats(18, E * F), args.optionalFloats(19, E * F), args.optionalFloats(20, E * D)};
  if (grads.gateBias && !mlp.gated) Args::fail(18, "needs a gate");
  // Experts without rows are passed over below.
  if (grads.gateBias) clear(grads.gateBias, E * F);
  if (grads.upBias) clear(grads.upBias, E * F);
  if (grads.downBias) clear(grads.downBias, E * D);
  Scratch scratch;
  const Projected x(mlp, scratch);
  float* dGate = mlp.gated ? scratch.floats(mlp.segments.end() * F) : nullptr;
  float* dUp = scratch.floats(mlp.segments.end() * F);
  withActivation(activationOf(args, 16), [&](auto activation) {
    pieces(mlp.segments, F, kPackedUnit, [&](int64_t e, int64_t from, int64_t to) { backwardPiece<decltype(activation)>(mlp, x, dy, e, from, to, grads, dGate, dUp); });
  });
  pieces(mlp.segments, D, kPackedUnit, [&](int64_t e, int64_t from, int64_t to) {
    const int64_t start = mlp.segments.start(e), rows = mlp.segments.rows(e);
    PackedRows product{dUp + start * F, rows, F, grads.x + start * D + from, D};
    multiplyPackedBack(mlp.up, e * F, (e + 1) * F, from, to, product, false);
    product.x = mlp.gated ? dGate + start * F : nullptr;
    if (mlp.gated) multiplyPackedBack(mlp.gate, e * F, (e + 1) * F, from, to, product, true);
    if (grads.downBias) sumRows(dy + start * D + from, rows, to - from, D, grads.downBias + e * D + from);
  });
  clear(grads.x + mlp.segments.end() * D, (N - mlp.segments.end()) * D);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
