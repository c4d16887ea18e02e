// Codes of packed weights as bytes, plus kZero, for products of integers (AVX-512 VNNI): the same numbers that codes() of
// packed_formats.h gives as floats, 64 at a time.
#pragma once
#include "packed_small_formats.h"

#if defined(__AVX512VNNI__)

namespace moekit {
namespace MOEKIT_ISA {

inline __m128i load16(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline __m256i load32(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline IntVec join(__m256i low, __m256i high) { return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1); }
inline IntVec twice(__m256i q) { return _mm512_broadcast_i64x4(q); }

// The lower four bits of bytes in the quarters of a vector, or the upper four where `upper` has 4 for each two bytes.
inline IntVec fourBitsOf(IntVec bytes, IntVec upper) { return _mm512_and_si512(_mm512_srlv_epi16(bytes, upper), _mm512_set1_epi8(15)); }
inline IntVec shiftsOf(int64_t a, int64_t b, int64_t c, int64_t d) {
  constexpr int64_t ones = 0x0001000100010001;
  return _mm512_setr_epi64(a * ones, a * ones, b * ones, b * ones, c * ones, c * ones, d * ones, d * ones);
}
// Those of 16 bytes at p, lower halves first, then those at q.
inline IntVec nibbles64(const uint8_t* p, const uint8_t* q) {
  return fourBitsOf(_mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load16(p)), 0xff00, load16(q)), shiftsOf(0, 4, 0, 4));
}
// 16 numbers of a byte each by codes of four bits.
inline IntVec lookUp(__m128i table, IntVec codes) { return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), codes); }
// Where bits are set `more` is added.
inline IntVec addWhere(__mmask64 bits, IntVec codes, char more) { return _mm512_mask_add_epi8(codes, bits, codes, _mm512_set1_epi8(more)); }

// The codes of two blocks of 32.
inline IntVec bytesOf(Q8_0, const uint8_t* p, const uint8_t* q) { return _mm512_xor_si512(join(load32(p + 2), load32(q + 2)), _mm512_set1_epi8(-128)); }
template <int Bytes, bool Offset, int Minus>
inline IntVec bytesOf(FourBits<Bytes, Offset, Minus>, const uint8_t* p, const uint8_t* q) {
  return nibbles64(p + Bytes - 16, q + Bytes - 16);
}
template <int Bytes, bool Offset, int Minus>
inline IntVec bytesOf(FiveBits<Bytes, Offset, Minus>, const uint8_t* p, const uint8_t* q) {
  uint32_t fifths[2];
  std::memcpy(fifths, p + Bytes - 20, 4);
  std::memcpy(fifths + 1, q + Bytes - 20, 4);
  return addWhere(fifths[0] | static_cast<uint64_t>(fifths[1]) << 32, nibbles64(p + Bytes - 16, q + Bytes - 16), 16);
}
inline IntVec bytesOf(Mxfp4, const uint8_t* p, const uint8_t* q) {
  return lookUp(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0), nibbles64(p + 1, q + 1));
}
inline IntVec stepsOf(IntVec codes) { return lookUp(_mm_setr_epi8(0, 23, 44, 62, 78, 92, 105, 117, -128, -116, -104, -91, -76, -60, -40, -16), codes); }
inline IntVec bytesOf(Iq4Nl, const uint8_t* p, const uint8_t* q) { return stepsOf(nibbles64(p + 2, q + 2)); }

// Codes 64 i to 64 i + 63 from `row` on.
template <class F>
inline IntVec bytesOf64(const uint8_t* row, int i, int64_t numbers) {
  const TwoBlocks<F> blocks(row, i, numbers);
  return bytesOf(F{}, blocks.first, blocks.second);
}

// Of blocks of 256: quarter i % 4 of one.
template <>
inline IntVec bytesOf64<Q4K>(const uint8_t* row, int i, int64_t) {
  return fourBitsOf(twice(load32(row + i / 4 * Q4K::kBytes + 16 + i % 4 * 32)), shiftsOf(0, 0, 4, 4));
}
template <>
inline IntVec bytesOf64<Q5K>(const uint8_t* row, int i, int64_t) {
  const uint8_t* p = row + i / 4 * Q5K::kBytes;
  const __mmask64 fifths = _mm512_test_epi8_mask(twice(load32(p + 16)), join(_mm256_set1_epi8(1 << i % 4 * 2), _mm256_set1_epi8(static_cast<char>(2 << i % 4 * 2))));
  return addWhere(fifths, fourBitsOf(twice(load32(p + 48 + i % 4 * 32)), shiftsOf(0, 0, 4, 4)), 16);
}
template <>
inline IntVec bytesOf64<Q6K>(const uint8_t* row, int i, int64_t) {
  const uint8_t* p = row + i / 4 * Q6K::kBytes;
  const int half = i % 4 / 2, odd = i % 2;
  const IntVec four = fourBitsOf(_mm512_loadu_si512(p + 64 * half), _mm512_set1_epi16(static_cast<int16_t>(4 * odd)));
  const __m256i high = _mm256_srl_epi16(load32(p + 128 + 32 * half), _mm_cvtsi32_si128(4 * odd));
  const IntVec two = _mm512_and_si512(join(_mm256_slli_epi16(high, 4), _mm256_slli_epi16(high, 2)), _mm512_set1_epi8(48));
  return _mm512_or_si512(four, two);
}
template <>
inline IntVec bytesOf64<Iq4Xs>(const uint8_t* row, int i, int64_t) {
  const uint8_t* p = row + i / 4 * Iq4Xs::kBytes + 8 + i % 4 * 32;
  return stepsOf(nibbles64(p, p + 16));
}
// Eighths 2 i and 2 i + 1 of a block.
inline IntVec twoBitsOf64(const uint8_t* p, int i) {
  const int shift = 4 * (i % 2);
  return _mm512_and_si512(_mm512_srlv_epi16(twice(load32(p + i % 4 / 2 * 32)), shiftsOf(shift, shift, shift + 2, shift + 2)), _mm512_set1_epi8(3));
}
template <>
inline IntVec bytesOf64<Q2K>(const uint8_t* row, int i, int64_t) {
  return twoBitsOf64(row + i / 4 * Q2K::kBytes + 16, i);
}
template <>
inline IntVec bytesOf64<Q3K>(const uint8_t* row, int i, int64_t) {
  const uint8_t* p = row + i / 4 * Q3K::kBytes;
  const __mmask64 thirds = _mm512_test_epi8_mask(twice(load32(p)), join(_mm256_set1_epi8(1 << i % 4 * 2), _mm256_set1_epi8(static_cast<char>(2 << i % 4 * 2))));
  return addWhere(thirds, twoBitsOf64(p + 32, i), 4);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit

#endif
