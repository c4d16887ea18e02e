// The small ops of a transformer: RMSNorm, rotary embedding, SwiGLU, cross-entropy.
#include "../kernels/activation.h"
#include "../kernels/loops.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

float inverseRms(const float* x, int64_t width, double eps) {
  const float squares = sumOf(x, width, [](Vec v) { return mul(v, v); });
  return static_cast<float>(1 / __builtin_sqrt(squares / static_cast<double>(width) + eps));
}

// Rows whose sums are added up together; fixed, so that results do not depend on the number of threads.
constexpr int64_t kRowsOfSum = 64;

}  // namespace

// rmsNorm(x, weight, y, rows, width, eps): y = x / sqrt(mean(x^2) + eps) * weight.
void rmsNorm(const Args& args) {
  const int64_t rows = args.size(3), D = args.size(4);
  const float* x = args.floats(0, rows * D);
  const float* weight = args.floats(1, D);
  float* y = args.floats(2, rows * D);
  const double eps = args.number(5);
  parallelRanges(rows, rowsOfGrain(D), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const Vec r = broadcast(inverseRms(x + i * D, D, eps));
      mapTo(y + i * D, x + i * D, weight, D, [r](Vec a, Vec w) { return mul(mul(a, r), w); });
    }
  });
}

// rmsNormGrad(x, weight, dy, dx, dWeight, rows, width, eps). With r = 1 / rms: dx = r w dy - x r^3 mean(w dy x), dWeight = sum of
// dy x r over the rows.
void rmsNormGrad(const Args& args) {
  const int64_t rows = args.size(5), D = args.size(6);
  const float* x = args.floats(0, rows * D);
  const float* weight = args.floats(1, D);
  const float* dy = args.floats(2, rows * D);
  float* dx = args.floats(3, rows * D);
  float* dWeight = args.floats(4, D);
  const double eps = args.number(7);
  const int64_t parts = ceilDiv(rows, kRowsOfSum);
  Scratch scratch;
  float* sums = scratch.floats(parts * D);
  clear(sums, parts * D);
  parallel(parts, [&](int64_t part) {
    Scratch own;
    float* pulled = own.floats(D);
    for (int64_t i = part * kRowsOfSum; i < least(rows, (part + 1) * kRowsOfSum); i++) {
      const float* xRow = x + i * D;
      const float* dyRow = dy + i * D;
      const float r = inverseRms(xRow, D, eps);
      mapTo(pulled, dyRow, weight, D, [](Vec g, Vec w) { return mul(g, w); });
      const Vec pull = broadcast(dot(pulled, xRow, D) * r * r / static_cast<float>(D)), scale = broadcast(r);
      mapTo(dx + i * D, pulled, xRow, D, [=](Vec g, Vec a) { return mul(scale, fnma(a, pull, g)); });
      float* total = sums + part * D;
      for (int64_t c = 0; c < D; c++) total[c] += dyRow[c] * xRow[c] * r;
    }
  });
  clear(dWeight, D);
  for (int64_t part = 0; part < parts; part++) addScaled(dWeight, sums + part * D, 1, D);
}

// rotary(x, cos, sin, y, rows of heads, heads, width, pairs, rows of angles, interleaved): turns pairs of each head's first
// 2 * pairs dimensions by the angles of its position.
void rotary(const Args& args) {
  const int64_t rows = args.size(4), H = args.size(5), d = args.size(6), pairs = args.size(7), angleRows = args.size(8);
  const bool interleaved = args.flag(9);
  const float* x = args.floats(0, rows * d);
  const float* cos = args.floats(1, angleRows * pairs);
  const float* sin = args.floats(2, angleRows * pairs);
  float* y = args.floats(3, rows * d);
  if (2 * pairs > d) Args::fail(7, "must be at most half of the width");
  if (rows > 0 && (H == 0 || angleRows == 0)) Args::fail(8, "must not be 0");
  parallelRanges(rows, rowsOfGrain(d), [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; row++) {
      const float* in = x + row * d;
      float* out = y + row * d;
      const float* c = cos + row / H % angleRows * pairs;
      const float* s = sin + row / H % angleRows * pairs;
      if (interleaved) {
        for (int64_t p = 0; p < pairs; p++) {
          const float a = in[2 * p], b = in[2 * p + 1];
          out[2 * p] = a * c[p] - b * s[p];
          out[2 * p + 1] = a * s[p] + b * c[p];
        }
      } else {
        for (int64_t p = 0; p < pairs; p++) {
          const float a = in[p], b = in[p + pairs];
          out[p] = a * c[p] - b * s[p];
          out[p + pairs] = a * s[p] + b * c[p];
        }
      }
      copyRow(out + 2 * pairs, in + 2 * pairs, d - 2 * pairs);
    }
  });
}

// swiglu(gate, up, y, count): y = silu(gate) * up.
void swiglu(const Args& args) {
  const int64_t count = args.size(3);
  const float* gate = args.floats(0, count);
  const float* up = args.floats(1, count);
  float* y = args.floats(2, count);
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
    mapTo(y + from, gate + from, up + from, to - from, [](Vec g, Vec u) { return mul(mul(g, sigmoid(g)), u); });
  });
}

// swigluGrad(gate, up, dy, dGate, dUp, count)
void swigluGrad(const Args& args) {
  const int64_t count = args.size(5);
  const float* gate = args.floats(0, count);
  const float* up = args.floats(1, count);
  const float* dy = args.floats(2, count);
  float* dGate = args.floats(3, count);
  float* dUp = args.floats(4, count);
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
    const int64_t n = to - from;
    mapTo(dGate + from, gate + from, dy + from, n, [](Vec g, Vec d) { return mul(d, Silu::slope(g, sigmoid(g))); });
    mapTo(dGate + from, dGate + from, up + from, n, [](Vec d, Vec u) { return mul(d, u); });
    mapTo(dUp + from, gate + from, dy + from, n, [](Vec g, Vec d) { return mul(d, mul(g, sigmoid(g))); });
  });
}

namespace {

void checkTargets(const int32_t* targets, int64_t rows, int64_t classes) {
  for (int64_t i = 0; i < rows; i++) {
    if (targets[i] >= classes) Args::fail(1, "has a target beyond the classes");
  }
}

// out[i] = exp(x[i] - top), where out may be null; returns the sum.
double exponentials(const float* x, int64_t count, float top, float* out) {
  const Vec t = broadcast(top);
  if (!out) return sumOf(x, count / kWidth * kWidth, [t](Vec v) { return exp(sub(v, t)); }) + [&] {
    float rest[kWidth];
    store(rest, exp(sub(loadPartial(x + count / kWidth * kWidth, count % kWidth), t)));
    double total = 0;
    for (int64_t i = 0; i < count % kWidth; i++) total += rest[i];
    return total;
  }();
  mapTo(out, x, count, [t](Vec v) { return exp(sub(v, t)); });
  return sumUp(out, count);
}

}  // namespace

// crossEntropy(logits, targets, losses, rows, classes): log(sum exp(logits)) - logits[target]; 0 for targets of -1.
void crossEntropy(const Args& args) {
  const int64_t rows = args.size(3), V = args.size(4);
  const float* logits = args.floats(0, rows * V);
  const int32_t* targets = args.ints(1, rows);
  float* losses = args.floats(2, rows);
  checkTargets(targets, rows, V);
  parallelRanges(rows, rowsOfGrain(V), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const float* z = logits + i * V;
      if (targets[i] < 0) {
        losses[i] = 0;
        continue;
      }
      const float top = largest(z, V, -__builtin_inff());
      losses[i] = static_cast<float>(__builtin_log(exponentials(z, V, top, nullptr)) + (top - z[targets[i]]));
    }
  });
}

// crossEntropyGrad(logits, targets, dy, dLogits, rows, classes): dy (softmax(logits) - onehot(target)).
void crossEntropyGrad(const Args& args) {
  const int64_t rows = args.size(4), V = args.size(5);
  const float* logits = args.floats(0, rows * V);
  const int32_t* targets = args.ints(1, rows);
  const float* dy = args.floats(2, rows);
  float* dLogits = args.floats(3, rows * V);
  checkTargets(targets, rows, V);
  parallelRanges(rows, rowsOfGrain(V), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      float* out = dLogits + i * V;
      if (targets[i] < 0) {
        clear(out, V);
        continue;
      }
      const double total = exponentials(logits + i * V, V, largest(logits + i * V, V, -__builtin_inff()), out);
      scaleTo(out, out, static_cast<float>(dy[i] / total), V);
      out[targets[i]] -= dy[i];
    }
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
