// Functions of vectors: exp, log, tanh and what is made of them, to one or two units in the last place. NaN passes through all.
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

inline Vec negative(Vec x) { return bitXor(x, broadcast(-0.0f)); }
inline Vec absolute(Vec x) { return bitAndNot(broadcast(-0.0f), x); }
inline Vec reciprocal(Vec x) { return div(broadcast(1), x); }
// `a` with the sign of `b`.
inline Vec withSign(Vec a, Vec b) { return bitOr(absolute(a), bitAnd(broadcast(-0.0f), b)); }

// 2^n for -127 <= n <= 127; -127 gives 0.
inline Vec powerOfTwo(IntVec n) { return floatOf(shiftLeft<23>(addInt(n, broadcastInt(127)))); }

// e^x = 2^n e^r, |r| <= ln(2) / 2, with e^r from its series. Twice half of n, so that results past both ends of the range come
// out as infinity, denormal numbers and 0.
inline Vec exp(Vec x) {
  x = max(broadcast(-104), min(broadcast(89), x));
  const IntVec n = toInt(mul(x, broadcast(1.44269504088896341f)));
  const Vec nFloat = toFloat(n);
  Vec r = fnma(nFloat, broadcast(0.693359375f), x);
  r = fnma(nFloat, broadcast(-2.12194440e-4f), r);
  Vec p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), broadcast(1));
  const IntVec half = shiftRight<1>(n);
  return mul(mul(p, powerOfTwo(half)), powerOfTwo(subInt(n, half)));
}

// Natural logarithm: m in [sqrt(1/2), sqrt(2)) from a polynomial, plus the exponent times ln(2).
inline Vec log(Vec x) {
  const Mask tiny = less(x, broadcast(1.17549435e-38f));
  const Vec scaled = select(tiny, mul(x, broadcast(8388608)), x);
  const IntVec bits = bitsOf(scaled);
  IntVec exponent = subInt(shiftRight<23>(bits), broadcastInt(126));
  Vec m = bitOr(bitAnd(scaled, floatOf(broadcastInt(0x007fffff))), broadcast(0.5f));
  const Mask low = less(m, broadcast(0.707106781186547524f));
  Vec e = sub(toFloat(exponent), bitAnd(low, broadcast(1)));
  e = sub(e, bitAnd(tiny, broadcast(23)));
  m = sub(add(m, bitAnd(low, m)), broadcast(1));
  const Vec z = mul(m, m);
  Vec y = broadcast(7.0376836292e-2f);
  y = fma(y, m, broadcast(-1.1514610310e-1f));
  y = fma(y, m, broadcast(1.1676998740e-1f));
  y = fma(y, m, broadcast(-1.2420140846e-1f));
  y = fma(y, m, broadcast(1.4249322787e-1f));
  y = fma(y, m, broadcast(-1.6668057665e-1f));
  y = fma(y, m, broadcast(2.0000714765e-1f));
  y = fma(y, m, broadcast(-2.4999993993e-1f));
  y = fma(y, m, broadcast(3.3333331174e-1f));
  y = mul(mul(y, m), z);
  y = fma(e, broadcast(-2.12194440e-4f), y);
  y = fnma(z, broadcast(0.5f), y);
  y = fma(e, broadcast(0.693359375f), add(m, y));
  const Vec infinity = broadcast(__builtin_inff());
  y = select(equal(x, infinity), infinity, y);
  y = select(equal(x, zero()), negative(infinity), y);
  return select(less(x, zero()), broadcast(__builtin_nanf("")), select(isNan(x), x, y));
}

inline Vec sigmoid(Vec x) { return reciprocal(add(broadcast(1), exp(negative(x)))); }

// Odd polynomial near 0, where 1 - 2 / (e^2x + 1) would lose its digits.
inline Vec tanh(Vec x) {
  const Vec size = absolute(x);
  const Vec far = sub(broadcast(1), div(broadcast(2), add(exp(add(size, size)), broadcast(1))));
  const Vec z = mul(x, x);
  Vec p = broadcast(-5.70498872745e-3f);
  p = fma(p, z, broadcast(2.06390887954e-2f));
  p = fma(p, z, broadcast(-5.37397155531e-2f));
  p = fma(p, z, broadcast(1.33314422036e-1f));
  p = fma(p, z, broadcast(-3.33332819422e-1f));
  const Vec near = fma(mul(p, z), x, x);
  return select(less(size, broadcast(0.625f)), near, withSign(far, x));
}

// exp(-x^2 / 2) / sqrt(2 pi)
inline Vec normalDensity(Vec x) { return mul(exp(mul(mul(x, x), broadcast(-0.5f))), broadcast(0.398942280401432678f)); }

// Share of a normal distribution below x, to 1e-7: Abramowitz and Stegun 26.2.17.
inline Vec normalShare(Vec x) {
  const Vec t = reciprocal(fma(broadcast(0.2316419f), absolute(x), broadcast(1)));
  Vec p = broadcast(1.330274429f);
  p = fma(p, t, broadcast(-1.821255978f));
  p = fma(p, t, broadcast(1.781477937f));
  p = fma(p, t, broadcast(-0.356563782f));
  p = fma(p, t, broadcast(0.319381530f));
  const Vec tail = mul(mul(p, t), normalDensity(x));
  return select(less(x, zero()), tail, sub(broadcast(1), tail));
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
