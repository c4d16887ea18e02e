// Codes of packed weights as bytes, plus kZero, for products of integers (AVX-512 VNNI): the same numbers that codes() of
// packed_formats.h gives as floats.
#pragma once
#include "packed_small_formats.h"

#if defined(__AVX512VNNI__)

namespace moekit {
namespace MOEKIT_ISA {

inline __m256i load32(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline __m256i lower(__m256i q) { return _mm256_and_si256(q, _mm256_set1_epi8(15)); }
inline __m256i upper(__m256i q) { return lower(_mm256_srli_epi16(q, 4)); }
inline IntVec join(__m256i low, __m256i high) { return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1); }
// 32 codes from 16 bytes, the lower halves first.
inline __m256i nibbles32(const uint8_t* p) {
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return lower(_mm256_inserti128_si256(_mm256_castsi128_si256(q), _mm_srli_epi16(q, 4), 1));
}

// The codes of a block of 32.
inline __m256i bytesOf(Q8_0, const uint8_t* p) { return _mm256_xor_si256(load32(p + 2), _mm256_set1_epi8(-128)); }
template <int Bytes, bool Offset, int Minus>
inline __m256i bytesOf(FourBits<Bytes, Offset, Minus>, const uint8_t* p) {
  return nibbles32(p + Bytes - 16);
}
template <int Bytes, bool Offset, int Minus>
inline __m256i bytesOf(FiveBits<Bytes, Offset, Minus>, const uint8_t* p) {
  uint32_t fifths;
  std::memcpy(&fifths, p + Bytes - 20, 4);
  const __m256i low = nibbles32(p + Bytes - 16);
  return _mm256_mask_add_epi8(low, fifths, low, _mm256_set1_epi8(16));
}
inline __m256i bytesOf(Mxfp4, const uint8_t* p) {
  const __m128i twice = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(twice), nibbles32(p + 1));
}

// Steps plus 127.
inline __m256i stepsOf(__m256i q) {
  const __m128i steps = _mm_setr_epi8(0, 23, 44, 62, 78, 92, 105, 117, -128, -116, -104, -91, -76, -60, -40, -16);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(steps), q);
}
inline __m256i bytesOf(Iq4Nl, const uint8_t* p) { return stepsOf(nibbles32(p + 2)); }

// Codes 64 i to 64 i + 63 of a row. `blocks` are those of the row: the upper half is zeros where there is no second one.
template <class F>
inline IntVec bytesOf64(const uint8_t* row, int64_t i, int64_t blocks) {
  const uint8_t* p = row + 2 * i * F::kBytes;
  return join(bytesOf(F{}, p), 2 * i + 1 < blocks ? bytesOf(F{}, p + F::kBytes) : _mm256_setzero_si256());
}
template <>
inline IntVec bytesOf64<Q4K>(const uint8_t* row, int64_t i, int64_t) {
  const __m256i q = load32(row + i / 4 * Q4K::kBytes + 16 + i % 4 * 32);
  return join(lower(q), upper(q));
}
template <>
inline IntVec bytesOf64<Q5K>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t* p = row + i / 4 * Q5K::kBytes;
  const __m256i q = load32(p + 48 + i % 4 * 32), fifths = _mm256_srl_epi16(load32(p + 16), _mm_cvtsi32_si128(static_cast<int>(i % 4 * 2)));
  const __m256i first = _mm256_and_si256(_mm256_slli_epi16(fifths, 4), _mm256_set1_epi8(16));
  const __m256i second = _mm256_and_si256(_mm256_slli_epi16(fifths, 3), _mm256_set1_epi8(16));
  return join(_mm256_or_si256(lower(q), first), _mm256_or_si256(upper(q), second));
}
template <>
inline IntVec bytesOf64<Q6K>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t* p = row + i / 4 * Q6K::kBytes;
  const int64_t half = i % 4 / 2, odd = i % 2;
  const __m512i low = _mm512_loadu_si512(p + 64 * half);
  const __m256i high = _mm256_srl_epi16(load32(p + 128 + 32 * half), _mm_cvtsi32_si128(static_cast<int>(4 * odd)));
  const __m512i four = _mm512_and_si512(_mm512_srl_epi16(low, _mm_cvtsi32_si128(static_cast<int>(4 * odd))), _mm512_set1_epi8(15));
  const __m512i two = _mm512_and_si512(join(_mm256_slli_epi16(high, 4), _mm256_slli_epi16(high, 2)), _mm512_set1_epi8(48));
  return _mm512_or_si512(four, two);
}
template <>
inline IntVec bytesOf64<Iq4Xs>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t* p = row + i / 4 * Iq4Xs::kBytes + 8 + i % 4 * 32;
  return join(stepsOf(nibbles32(p)), stepsOf(nibbles32(p + 16)));
}
// Quarters 2 i and 2 i + 1 of the eight of a block.
inline IntVec twoBitsOf64(const uint8_t* p, int64_t i) {
  const __m256i q = _mm256_srl_epi16(load32(p + i % 4 / 2 * 32), _mm_cvtsi32_si128(static_cast<int>(4 * (i % 2))));
  return _mm512_and_si512(join(q, _mm256_srli_epi16(q, 2)), _mm512_set1_epi8(3));
}
template <>
inline IntVec bytesOf64<Q2K>(const uint8_t* row, int64_t i, int64_t) {
  return twoBitsOf64(row + i / 4 * Q2K::kBytes + 16, i);
}
template <>
inline IntVec bytesOf64<Q3K>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t* p = row + i / 4 * Q3K::kBytes;
  const __m256i thirds = _mm256_srl_epi16(load32(p), _mm_cvtsi32_si128(static_cast<int>(i % 4 * 2)));
  const IntVec four = _mm512_and_si512(join(_mm256_slli_epi16(thirds, 2), _mm256_slli_epi16(thirds, 1)), _mm512_set1_epi8(4));
  return _mm512_or_si512(twoBitsOf64(p + 32, i), four);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit

#endif
