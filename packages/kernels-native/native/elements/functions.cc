// Functions of tfjs that are computed in float64.
#include "combine.h"
#include "functions.h"

#if defined(_WIN32)
// Those of the system: what mingw-w64 puts in their place is wrong far from 0.
extern "C" double (*__imp_sin)(double), (*__imp_cos)(double);
#define SYSTEM_SIN __imp_sin
#define SYSTEM_COS __imp_cos
#else
#define SYSTEM_SIN __builtin_sin
#define SYSTEM_COS __builtin_cos
#endif

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// Beyond this, angles need more digits than float64 has.
constexpr float kLargeAngle = 1e8f;

// y[i] = f(x[i]); `far` where |x[i]| is beyond the reach of f.
template <class F>
void mapExactly(const float* x, float* y, int64_t count, const F& f, double (*far)(double) = nullptr) {
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) y[i] = static_cast<float>(f(static_cast<double>(x[i])));
    if (!far) return;
    for (int64_t i = from; i < to; i++) {
      if (!(__builtin_fabsf(x[i]) < kLargeAngle)) y[i] = static_cast<float>(far(x[i]));
    }
  });
}

constexpr double kSelu = 1.0507009873554804934193349852946, kSeluAlpha = 1.7580993408473768599402175208123;

}  // namespace

// function(function, x, y, count), in the order of FUNCTIONS in src/kernels/functions.ts.
void function(const Args& args) {
  const int64_t count = args.size(3);
  const float* x = args.floats(1, count);
  float* y = args.floats(2, count);
  const auto map = [&](const auto& f) { mapExactly(x, y, count, f); };
  switch (args.integer(0)) {
    case 0: return mapExactly(x, y, count, [](double v) { return exact::sin(v); }, [](double v) { return SYSTEM_SIN(v); });
    case 1: return mapExactly(x, y, count, [](double v) { return exact::cos(v); }, [](double v) { return SYSTEM_COS(v); });
    case 2: return mapExactly(x, y, count, [](double v) { return exact::tan(v); }, [](double v) { return __builtin_tan(v); });
    case 3: return map([](double v) { return exact::asin(v); });
    case 4: return map([](double v) { return exact::acos(v); });
    case 5: return map([](double v) { return exact::atan(v); });
    case 6: return map([](double v) { return exact::sinh(v); });
    case 7: return map([](double v) { return exact::cosh(v); });
    case 8: return map([](double v) { return exact::asinh(v); });
    case 9: return map([](double v) { return exact::acosh(v); });
    case 10: return map([](double v) { return exact::atanh(v); });
    case 11: return map([](double v) { return exact::expm1(v); });
    case 12: return map([](double v) { return exact::log1p(v); });
    case 13: return map([](double v) { return exact::softplus(v); });
    case 14: return map([](double v) { return v >= 0 ? v : exact::expm1(v); });
    case 15: return map([](double v) { return v >= 0 ? kSelu * v : kSeluAlpha * exact::expm1(v); });
    case 16: return map([](double v) { return exact::floor(v); });
    case 17: return map([](double v) { return exact::ceil(v); });
    case 18: return map([](double v) { return exact::round(v); });
    case 19: return map([](double v) { return v < 0 ? -1.0 : v > 0 ? 1.0 : 0.0; });
    default: Args::fail(0, "is no function of one argument");
  }
}

// classify(kind, x, out, count): 1 where x is NaN (0), infinite (1), finite (2).
void classify(const Args& args) {
  const int64_t count = args.size(3), kind = args.integer(0);
  const float* x = args.floats(1, count);
  uint8_t* out = args.bytes(2, count);
  const auto map = [&](const auto& f) {
    parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) out[i] = f(x[i]);
    });
  };
  if (kind == 0) map([](float v) -> uint8_t { return v != v; });
  else if (kind == 1) map([](float v) -> uint8_t { return __builtin_fabsf(v) == __builtin_inff(); });
  else map([](float v) -> uint8_t { return __builtin_fabsf(v) < __builtin_inff(); });
}

// power(a, b, out, rank, sizes..., strides of a..., strides of b...)
void power(const Args& args) {
  Operands<float>(args, 0).combine([](float x, float y) { return static_cast<float>(exact::pow(x, y)); });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
