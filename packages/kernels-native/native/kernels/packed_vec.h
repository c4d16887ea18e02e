// Vectors out of packed bytes: what formats need beside the functions of vec_<set>.h.
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

// A half (IEEE) at any address.
inline float halfAt(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  uint32_t bits = static_cast<uint32_t>(h & 0x7fff) << 13;
  float value;
  std::memcpy(&value, &bits, 4);
  // With exponent and mantissa in place it lacks the difference of the two biases; infinities and NaN are by their exponent.
  value *= 0x1p112f;
  std::memcpy(&bits, &value, 4);
  bits |= ((h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u) | static_cast<uint32_t>(h & 0x8000) << 16;
  std::memcpy(&value, &bits, 4);
  return value;
}

#if defined(__AVX512BW__)

// kWidth bytes or halves of a float as integers.
inline IntVec widen(const uint8_t* p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline IntVec widenSigned(const uint8_t* p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline IntVec widenPairs(const uint8_t* p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline IntVec andInt(IntVec a, IntVec b) { return _mm512_and_si512(a, b); }
inline IntVec orInt(IntVec a, IntVec b) { return _mm512_or_si512(a, b); }

// Fifth bits of codes: those of `bits` from number `first` on, or bit N of kWidth bytes.
using Fifths = __mmask16;
inline Fifths fifthsOf(uint32_t bits, int first) { return static_cast<__mmask16>(bits >> first); }
template <int N> inline Fifths fifthsOf(IntVec bytes) { return _mm512_test_epi32_mask(bytes, _mm512_set1_epi32(1 << N)); }

// scale q + offset by code q: a register holds the values of all codes of four bits, so that bits above them are not looked at.
class Levels {
 public:
  Levels(float scale, float offset)
      : low_(_mm512_fmadd_ps(codes(), _mm512_set1_ps(scale), _mm512_set1_ps(offset))) {}
  Vec at(IntVec q) const { return _mm512_permutexvar_ps(q, low_); }

 protected:
  static Vec codes() { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
  Vec low_;
};

// The same for codes of five bits, whose fifth comes apart.
class Levels5 : Levels {
 public:
  Levels5(float scale, float offset)
      : Levels(scale, offset), high_(_mm512_fmadd_ps(_mm512_add_ps(codes(), _mm512_set1_ps(16)), _mm512_set1_ps(scale), _mm512_set1_ps(offset))) {}
  Vec at(IntVec q, Fifths fifths) const { return _mm512_mask_permutexvar_ps(Levels::at(q), fifths, q, high_); }

 private:
  Vec high_;
};

// table[q & 15]
inline Vec pick(const float* table, IntVec q) { return _mm512_permutexvar_ps(q, _mm512_loadu_ps(table)); }

#else

#if defined(__AVX2__)
inline IntVec widen(const uint8_t* p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
inline IntVec widenSigned(const uint8_t* p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
inline IntVec widenPairs(const uint8_t* p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline IntVec andInt(IntVec a, IntVec b) { return _mm256_and_si256(a, b); }
inline IntVec orInt(IntVec a, IntVec b) { return _mm256_or_si256(a, b); }
inline IntVec bitsFrom(uint32_t bits, int first) { return _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int32_t>(bits >> first)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
inline Vec pick(const float* table, IntVec q) {
  const Vec low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), q), high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), q);
  return _mm256_blendv_ps(low, high, floatOf(shiftLeft<28>(q)));
}
#else
inline IntVec widen(const uint8_t* p) { return IntVec{p[0], p[1], p[2], p[3]}; }
inline IntVec widenSigned(const uint8_t* p) {
  const auto* s = reinterpret_cast<const int8_t*>(p);
  return IntVec{s[0], s[1], s[2], s[3]};
}
inline IntVec widenPairs(const uint8_t* p) {
  uint16_t h[4];
  std::memcpy(h, p, sizeof(h));
  return IntVec{h[0], h[1], h[2], h[3]};
}
inline IntVec andInt(IntVec a, IntVec b) { return a & b; }
inline IntVec orInt(IntVec a, IntVec b) { return a | b; }
inline IntVec bitsFrom(uint32_t bits, int first) {
  const auto b = static_cast<int32_t>(bits >> first & 15);
  return IntVec{b, b >> 1, b >> 2, b >> 3};
}
inline Vec pick(const float* table, IntVec q) { return Vec{table[q[0] & 15], table[q[1] & 15], table[q[2] & 15], table[q[3] & 15]}; }
#endif

// 16 where the bit is set.
using Fifths = IntVec;
inline Fifths fifthsOf(uint32_t bits, int first) { return shiftLeft<4>(andInt(bitsFrom(bits, first), broadcastInt(1))); }
template <int N> inline Fifths fifthsOf(IntVec bytes) { return shiftLeft<4>(andInt(shiftRight<N>(bytes), broadcastInt(1))); }

struct Levels {
  Vec scale, offset;
  Levels(float s, float o) : scale(broadcast(s)), offset(broadcast(o)) {}
  Vec at(IntVec q) const { return fma(toFloat(andInt(q, broadcastInt(15))), scale, offset); }
};

struct Levels5 {
  Vec scale, offset;
  Levels5(float s, float o) : scale(broadcast(s)), offset(broadcast(o)) {}
  Vec at(IntVec q, Fifths fifths) const { return fma(toFloat(orInt(andInt(q, broadcastInt(15)), fifths)), scale, offset); }
};

#endif

}  // namespace MOEKIT_ISA
}  // namespace moekit
