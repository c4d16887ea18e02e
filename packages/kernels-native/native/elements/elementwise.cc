// Kernels of tfjs that treat every element alike: one or two inputs, with broadcasting.
#include "../kernels/loops.h"
#include "../kernels/math.h"
#include "combine.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// In the order of UNARY in src/kernels/elementwise.ts. `p` and `q` are parameters of some.
template <class Use>
void withUnary(int64_t number, Vec p, Vec q, const Use& use) {
  const Vec one = broadcast(1);
  switch (number) {
    case 0: return use([](Vec x) { return absolute(x); });
    case 1: return use([](Vec x) { return negative(x); });
    case 2: return use([](Vec x) { return exp(x); });
    case 3: return use([](Vec x) { return log(x); });
    case 4: return use([](Vec x) { return sqrt(x); });
    case 5: return use([=](Vec x) { return div(one, sqrt(x)); });
    case 6: return use([](Vec x) { return mul(x, x); });
    case 7: return use([=](Vec x) { return div(one, x); });
    case 8: return use([](Vec x) { return max(zero(), x); });
    case 9: return use([](Vec x) { return min(broadcast(6), max(zero(), x)); });
    case 10: return use([=](Vec x) { return select(less(x, zero()), mul(x, p), x); });
    case 11: return use([](Vec x) { return sigmoid(x); });
    case 12: return use([](Vec x) { return tanh(x); });
    case 13: return use([=](Vec x) { return sub(mul(broadcast(2), normalShare(mul(x, broadcast(1.41421356237309505f)))), one); });
    case 14: return use([=](Vec x) { return select(isNan(x), x, select(less(zero(), x), one, p)); });
    case 15: return use([=](Vec x) { return min(q, max(p, x)); });
    default: Args::fail(0, "is no function of one argument");
  }
}

// In the order of ARITHMETIC in src/kernels/elementwise.ts.
template <class T, class Use>
void withArithmetic(int64_t number, const Use& use) {
  switch (number) {
    case 0: return use([](T a, T b) -> T { return a + b; });
    case 1: return use([](T a, T b) -> T { return a - b; });
    case 2: return use([](T a, T b) -> T { return a * b; });
    // A NaN on either side wins.
    case 3: return use([](T a, T b) -> T { return a > b || a != a ? a : b; });
    case 4: return use([](T a, T b) -> T { return a < b || a != a ? a : b; });
    case 5: return use([](T a, T b) -> T { return (a - b) * (a - b); });
    default: Args::fail(0, "is no function of two arguments");
  }
}

// In the order of COMPARISONS in src/kernels/elementwise.ts.
template <class T, class Use>
void withComparison(int64_t number, const Use& use) {
  switch (number) {
    case 0: return use([](T a, T b) -> uint8_t { return a == b; });
    case 1: return use([](T a, T b) -> uint8_t { return a != b; });
    case 2: return use([](T a, T b) -> uint8_t { return a > b; });
    case 3: return use([](T a, T b) -> uint8_t { return a >= b; });
    case 4: return use([](T a, T b) -> uint8_t { return a < b; });
    case 5: return use([](T a, T b) -> uint8_t { return a <= b; });
    default: Args::fail(0, "is no comparison");
  }
}

}  // namespace

// unary(function, x, y, count, p, q)
void unary(const Args& args) {
  const int64_t count = args.size(3);
  const float* x = args.floats(1, count);
  float* y = args.floats(2, count);
  withUnary(args.integer(0), broadcast(static_cast<float>(args.number(4))), broadcast(static_cast<float>(args.number(5))), [&](const auto& f) {
    parallelRanges(count, kGrain, [&](int64_t from, int64_t to) { mapTo(y + from, x + from, to - from, f); });
  });
}

// binary(function, a, b, out, rank, sizes..., strides of a..., strides of b...)
void binary(const Args& args) {
  const Operands<float> both(args, 1);
  // Those that integers do not have.
  switch (args.integer(0)) {
    case 6: return both.combine([](float x, float y) { return x / y; });
    case 7: return both.combine([](float x, float slope) { return x < 0 ? x * slope : x; });
    case 8: return both.combine([](float dy, float y) { return y >= 0 ? dy : dy * (y + 1); });
  }
  withArithmetic<float>(args.integer(0), [&](const auto& f) { both.combine(f); });
}

// The same for int32; sums and products wrap around.
void binaryInt(const Args& args) {
  const Operands<int32_t> both(args, 1);
  withArithmetic<int64_t>(args.integer(0), [&](const auto& f) {
    both.combine([&](int32_t x, int32_t y) { return static_cast<int32_t>(static_cast<uint32_t>(f(x, y))); });
  });
}

// compare(function, a, b, out, rank, ...): bytes of 0 and 1.
void compare(const Args& args) {
  const Operands<float, uint8_t> both(args, 1);
  withComparison<float>(args.integer(0), [&](const auto& f) { both.combine(f); });
}

void compareInt(const Args& args) {
  const Operands<int32_t, uint8_t> both(args, 1);
  withComparison<int32_t>(args.integer(0), [&](const auto& f) { both.combine(f); });
}

// compareBytes(function, a, b, out, rank, ...): of bytes that are 0 or 1, "and" is 6 and "or" is 7.
void compareBytes(const Args& args) {
  const Operands<uint8_t> both(args, 1);
  switch (args.integer(0)) {
    case 6: return both.combine([](uint8_t x, uint8_t y) -> uint8_t { return x & y; });
    case 7: return both.combine([](uint8_t x, uint8_t y) -> uint8_t { return x | y; });
  }
  withComparison<uint8_t>(args.integer(0), [&](const auto& f) { both.combine(f); });
}

// selectElements(condition, yes, no, out, count), of floats or ints.
void selectElements(const Args& args) {
  const int64_t count = args.size(4);
  const uint8_t* condition = args.bytes(0, count);
  const auto run = [&](const auto* yes, const auto* no, auto* out) {
    parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const auto a = yes[i], b = no[i];
        out[i] = condition[i] ? a : b;
      }
    });
  };
  if (args.list[3].kind == Kind::int32) run(args.ints(1, count), args.ints(2, count), args.ints(3, count));
  else run(args.floats(1, count), args.floats(2, count), args.floats(3, count));
}

// addN(out, count, x0, x1, ...)
void addN(const Args& args) {
  const int64_t count = args.size(1);
  float* out = args.floats(0, count);
  const float* inputs[Args::kMax];
  for (int i = 2; i < args.count; i++) inputs[i - 2] = args.floats(i, count);
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
    copyRow(out + from, inputs[0] + from, to - from);
    for (int i = 1; i < args.count - 2; i++) addScaled(out + from, inputs[i] + from, 1, to - from);
  });
}

// castToInt(x, y, count): towards zero, modulo 2^32; NaN and infinities become 0, as in JavaScript.
void castToInt(const Args& args) {
  const int64_t count = args.size(2);
  const float* x = args.floats(0, count);
  int32_t* y = args.ints(1, count);
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const float within = __builtin_fabsf(x[i]) < 9.2e18f ? x[i] : 0;
      y[i] = static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(within)));
    }
  });
}

// castToFloat(x, y, count), from int32 or bytes.
void castToFloat(const Args& args) {
  const int64_t count = args.size(2);
  float* y = args.floats(1, count);
  const auto convert = [&](const auto* x) {
    parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) y[i] = static_cast<float>(x[i]);
    });
  };
  if (args.list[0].kind == Kind::uint8) convert(args.bytes(0, count));
  else convert(args.ints(0, count));
}

// fill(x, count, value)
void fill(const Args& args) {
  const int64_t count = args.size(1);
  float* x = args.floats(0, count);
  const float value = static_cast<float>(args.number(2));
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) x[i] = value;
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
