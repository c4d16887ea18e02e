// How numbers enter a product of matrices. Panels hold units of 32 bits: one number, or two neighbours along k where the
// instruction set multiplies pairs. Sums are always float32.
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

// float32 as it is.
struct Float32 {
  static constexpr int kDepth = 1;  // numbers along k in a unit
  static Vec value(Vec x) { return x; }
  // Units of consecutive k from memory; `count` numbers are there, at most kDepth * kWidth.
  static Vec units(const float* p) { return load(p); }
  static Vec units(const float* p, int64_t count) { return loadPartial(p, count); }
  // Units from row k, and row k + 1 where there are two in a unit.
  static Vec join(Vec row, Vec) { return row; }
  // The sum, and over a unit the products of a and b.
  static Vec multiplyAdd(Vec a, Vec b, Vec total) { return fma(a, b, total); }
};

// To the nearest bfloat16, ties to even; NaN stays one.
inline Vec roundToBfloat16(Vec x) {
  const IntVec bits = bitsOf(x);
  const IntVec odd = bitsOf(bitAnd(floatOf(shiftRight<16>(bits)), floatOf(broadcastInt(1))));
  const Vec rounded = bitAnd(floatOf(addInt(bits, addInt(odd, broadcastInt(0x7fff)))), floatOf(broadcastInt(-0x10000)));
  return select(isNan(x), broadcast(__builtin_nanf("")), rounded);
}

#if defined(__AVX512BF16__)
// Inputs rounded to bfloat16, two to a unit.
struct Bfloat16 {
  static constexpr int kDepth = 2;
  static Vec value(Vec x) { return roundToBfloat16(x); }
  static Vec units(const float* p) { return (Vec)_mm512_cvtne2ps_pbh(load(p + kWidth), load(p)); }
  static Vec units(const float* p, int64_t count) {
    const Vec high = count > kWidth ? loadPartial(p + kWidth, count - kWidth) : zero();
    return (Vec)_mm512_cvtne2ps_pbh(high, loadPartial(p, count));
  }
  static Vec join(Vec row, Vec next) {
    return floatOf(_mm512_permutexvar_epi16(pairs(), (IntVec)_mm512_cvtne2ps_pbh(next, row)));
  }
  static Vec multiplyAdd(Vec a, Vec b, Vec total) { return _mm512_dpbf16_ps(total, (__m512bh)a, (__m512bh)b); }

 private:
  // 0, 16, 1, 17, ...
  static IntVec pairs() {
    const IntVec first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_or_si512(first, _mm512_slli_epi32(addInt(first, broadcastInt(16)), 16));
  }
};
#else
// Inputs rounded to bfloat16 and multiplied as float32, where products are exact.
struct Bfloat16 {
  static constexpr int kDepth = 1;
  static Vec value(Vec x) { return roundToBfloat16(x); }
  static Vec units(const float* p) { return roundToBfloat16(load(p)); }
  static Vec units(const float* p, int64_t count) { return roundToBfloat16(loadPartial(p, count)); }
  static Vec join(Vec row, Vec) { return roundToBfloat16(row); }
  static Vec multiplyAdd(Vec a, Vec b, Vec total) { return fma(a, b, total); }
};
#endif

// True if bfloat16 is multiplied by pairs of neighbours, as it lies in memory.
constexpr bool kPairs = Bfloat16::kDepth == 2;

}  // namespace MOEKIT_ISA
}  // namespace moekit
