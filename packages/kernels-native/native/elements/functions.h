// Functions in float64, of numbers that were float32: right to the last place once they are float32 again. They have no
// branches, so that compilers make vectors of loops over them, in every instruction set.
#pragma once
#include "../kernels/isa.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace exact {

constexpr double kHalfPi = 1.57079632679489661923, kInfinity = __builtin_inf(), kNan = __builtin_nan("");
// Added and taken away again, this rounds to the nearest whole number, ties to even, which the lowest bits of the sum hold.
constexpr double kRound = 6755399441055744.0;

inline int64_t bitsOf(double x) {
  int64_t bits;
  std::memcpy(&bits, &x, 8);
  return bits;
}
inline double numberOf(int64_t bits) {
  double x;
  std::memcpy(&x, &bits, 8);
  return x;
}
inline double absolute(double x) { return __builtin_fabs(x); }
inline double withSign(double size, double sign) { return __builtin_copysign(size, sign); }

// 2^n e^r, |r| <= ln(2) / 2, with e^r from its series; past the range of float32 at both ends, which then gives infinity and 0.
inline double exp(double x) {
  x = x < -110 ? -110 : x > 90 ? 90 : x;
  const double t = x * 1.44269504088896340736 + kRound, n = t - kRound;
  const double r = x - n * 6.93147180369123816490e-01 - n * 1.90821492927058770002e-10;
  double p = 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  return p * numberOf(static_cast<int64_t>(static_cast<uint64_t>(bitsOf(t) + 1023) << 52));
}

// The exponent times ln(2) plus ln(m) = 2 artanh((m - 1) / (m + 1)), m in [sqrt(1/2), sqrt(2)).
inline double log(double x) {
  const int64_t bits = bitsOf(x);
  const double whole = numberOf((bits >> 52 & 0x7ff) | 0x4330000000000000) - (4503599627370496.0 + 1023);
  const double mantissa = numberOf((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  const bool high = mantissa > 1.41421356237309504880;
  const double m = high ? 0.5 * mantissa : mantissa, exponent = high ? whole + 1 : whole;
  const double s = (m - 1) / (m + 1), z = s * s;
  double p = 2.0 / 15;
  p = p * z + 2.0 / 13;
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  p = p * z + 2;
  const double y = exponent * 0.693147180559945309417 + p * s;
  const double end = x == 0 ? -kInfinity : x == kInfinity ? kInfinity : kNan;
  return x > 0 && x < kInfinity ? y : end;
}

// Differences that cancel are replaced by the start of their series.
inline double expm1(double x) { return absolute(x) < 1e-5 ? x + 0.5 * x * x : exp(x) - 1; }
inline double log1p(double x) { return absolute(x) < 1e-5 ? x - 0.5 * x * x : log(1 + x); }
inline double sinh(double x) { return absolute(x) < 1e-4 ? x : 0.5 * (exp(x) - exp(-x)); }
inline double cosh(double x) { return 0.5 * (exp(x) + exp(-x)); }
inline double asinh(double x) {
  const double size = absolute(x), y = withSign(log(size + __builtin_sqrt(size * size + 1)), x);
  return size < 1e-4 ? x : y;
}
inline double acosh(double x) { return log(x + __builtin_sqrt(x - 1) * __builtin_sqrt(x + 1)); }
inline double atanh(double x) { return absolute(x) < 1e-4 ? x : 0.5 * log((1 + x) / (1 - x)); }
inline double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-absolute(x))); }

// x = n pi / 2 + r, |r| <= pi / 4; sine and cosine of r from their series. Good for |x| < 1e8.
struct Turn {
  double sine, cosine;
  int64_t quarter;
  explicit Turn(double x) {
    const double t = x * 0.636619772367581343076 + kRound, n = t - kRound;
    const double r = x - n * 1.57079632673412561417 - n * 6.07710050650619224932e-11, z = r * r;
    quarter = bitsOf(t);
    double s = -1.0 / 39916800, c = -1.0 / 3628800;
    s = s * z + 1.0 / 362880;
    c = c * z + 1.0 / 40320;
    s = s * z - 1.0 / 5040;
    c = c * z - 1.0 / 720;
    s = s * z + 1.0 / 120;
    c = c * z + 1.0 / 24;
    s = s * z - 1.0 / 6;
    c = c * z - 0.5;
    sine = r + r * z * s;
    cosine = 1 + z * c;
  }
  double at(int64_t quarters) const {
    const double size = (quarters & 1) ? cosine : sine;
    return (quarters & 2) ? -size : size;
  }
};
inline double sin(double x) {
  const Turn turn(x);
  return turn.at(turn.quarter);
}
inline double cos(double x) {
  const Turn turn(x);
  return turn.at(turn.quarter + 1);
}
inline double tan(double x) {
  const Turn turn(x);
  return turn.at(turn.quarter) / turn.at(turn.quarter + 1);
}

// Cephes: folded at tan(3 pi / 8) and tan(pi / 8), then a rational function.
inline double atan(double x) {
  const double size = absolute(x);
  const bool large = size > 2.41421356237309504880, middle = size > 0.66;
  const double folded = large ? -1 / size : middle ? (size - 1) / (size + 1) : size;
  const double start = large ? kHalfPi : middle ? 0.5 * kHalfPi : 0, z = folded * folded;
  const double p = (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) * z - 1.228866684490136173410e2) * z - 6.485021904942025371773e1;
  const double q = ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z + 4.328810604912902668951e2) * z + 4.853903996359136964868e2) * z + 1.945506571482613964425e2;
  return withSign(start + (folded + folded * z * p / q), x);
}
inline double asin(double x) { return atan(x / __builtin_sqrt((1 - x) * (1 + x))); }
inline double acos(double x) { return 2 * atan(__builtin_sqrt((1 - x) / (1 + x))); }

// Whole numbers; those from 2^23 on already are.
inline double round(double x) { return absolute(x) < 8388608 ? x + kRound - kRound : x; }
inline double floor(double x) {
  const double near = round(x);
  return near > x ? near - 1 : near;
}
inline double ceil(double x) { return -floor(-x); }

// a^b as in JavaScript: of finite negative a only for whole b, and a NaN for 1 to the power of infinity.
inline double pow(double a, double b) {
  const double size = exp(b * log(absolute(a)));
  const bool whole = floor(b) == b, odd = whole && absolute(b) < 16777216 && floor(0.5 * b) != 0.5 * b;
  const bool negative = bitsOf(a) < 0;
  const double y = odd && negative ? -size : size;
  return b == 0 ? 1 : a < 0 && a > -kInfinity && !whole ? kNan : y;
}

}  // namespace exact
}  // namespace MOEKIT_ISA
}  // namespace moekit
