// Codes of packed weights as signed bytes, for products of integers (dot products of NEON): the same numbers that codes() of
// packed_formats.h gives as floats, 64 at a time.
#pragma once
#include "packed_small_formats.h"

#if defined(MOEKIT_DOT)

namespace moekit {
namespace MOEKIT_ISA {

// Sixteen numbers to a vector.
struct Bytes64 {
  int8x16_t q[4];
};

inline int8x16_t signedBytes(uint8x16_t q) { return vreinterpretq_s8_u8(q); }
inline uint8x16_t shiftedRight(uint8x16_t q, int n) { return vshlq_u8(q, vdupq_n_s8(static_cast<int8_t>(-n))); }
// The lower four bits of bytes, or the upper four.
inline uint8x16_t lower(uint8x16_t q) { return vandq_u8(q, vdupq_n_u8(15)); }
inline uint8x16_t upper(uint8x16_t q) { return vshrq_n_u8(q, 4); }
// `more` where bytes have one of the bits.
inline uint8x16_t where(uint8x16_t bytes, uint8x16_t bits, uint8_t more) { return vandq_u8(vtstq_u8(bytes, bits), vdupq_n_u8(more)); }
inline uint8x16_t where(uint8x16_t bytes, int bit, uint8_t more) { return where(bytes, vdupq_n_u8(static_cast<uint8_t>(1 << bit)), more); }
inline Bytes64 minusAll(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d, int8_t minus) {
  const int8x16_t m = vdupq_n_s8(minus);
  return {{vsubq_s8(signedBytes(a), m), vsubq_s8(signedBytes(b), m), vsubq_s8(signedBytes(c), m), vsubq_s8(signedBytes(d), m)}};
}

// Codes of four bits of 16 bytes at p, lower halves first, then those at q, as `table` has them.
inline Bytes64 lookUp(const int8_t* table, const uint8_t* p, const uint8_t* q) {
  const int8x16_t t = vld1q_s8(table);
  const uint8x16_t a = vld1q_u8(p), b = vld1q_u8(q);
  return {{vqtbl1q_s8(t, lower(a)), vqtbl1q_s8(t, upper(a)), vqtbl1q_s8(t, lower(b)), vqtbl1q_s8(t, upper(b))}};
}
inline Bytes64 steps(const uint8_t* p, const uint8_t* q) {
  static constexpr int8_t kSteps[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  return lookUp(kSteps, p, q);
}

// 16 where a bit of the two bytes at p is set.
inline uint8x16_t fifths(const uint8_t* p) {
  static constexpr uint8_t kBits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x8_t bits = vld1_u8(kBits);
  return where(vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1])), vcombine_u8(bits, bits), 16);
}

// The codes of two blocks of 32.
inline Bytes64 bytesOf(Q8_0, const uint8_t* p, const uint8_t* q) {
  const auto at = [](const uint8_t* from) { return signedBytes(vld1q_u8(from)); };
  return {{at(p + 2), at(p + 18), at(q + 2), at(q + 18)}};
}
template <int Bytes, bool Offset, int Minus>
inline Bytes64 bytesOf(FourBits<Bytes, Offset, Minus>, const uint8_t* p, const uint8_t* q) {
  const uint8x16_t a = vld1q_u8(p + Bytes - 16), b = vld1q_u8(q + Bytes - 16);
  return minusAll(lower(a), upper(a), lower(b), upper(b), Minus);
}
template <int Bytes, bool Offset, int Minus>
inline Bytes64 bytesOf(FiveBits<Bytes, Offset, Minus>, const uint8_t* p, const uint8_t* q) {
  const uint8x16_t a = vld1q_u8(p + Bytes - 16), b = vld1q_u8(q + Bytes - 16);
  const uint8_t *f = p + Bytes - 20, *g = q + Bytes - 20;
  return minusAll(vorrq_u8(lower(a), fifths(f)), vorrq_u8(upper(a), fifths(f + 2)), vorrq_u8(lower(b), fifths(g)), vorrq_u8(upper(b), fifths(g + 2)), Minus);
}
inline Bytes64 bytesOf(Mxfp4, const uint8_t* p, const uint8_t* q) {
  static constexpr int8_t kTwice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  return lookUp(kTwice, p + 1, q + 1);
}
inline Bytes64 bytesOf(Iq4Nl, const uint8_t* p, const uint8_t* q) { return steps(p + 2, q + 2); }

// Codes 64 i to 64 i + 63 from `row` on.
template <class F>
inline Bytes64 bytesOf64(const uint8_t* row, int64_t i, int64_t numbers) {
  const TwoBlocks<F> blocks(row, i, numbers);
  return bytesOf(F{}, blocks.first, blocks.second);
}

// Of blocks of 256: quarter i % 4 of one.
template <>
inline Bytes64 bytesOf64<Q4K>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t* p = row + i / 4 * Q4K::kBytes + 16 + i % 4 * 32;
  const uint8x16_t a = vld1q_u8(p), b = vld1q_u8(p + 16);
  return minusAll(lower(a), lower(b), upper(a), upper(b), 0);
}
template <>
inline Bytes64 bytesOf64<Q5K>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t *block = row + i / 4 * Q5K::kBytes, *p = block + 48 + i % 4 * 32;
  const int bit = static_cast<int>(i % 4 * 2);
  const uint8x16_t a = vld1q_u8(p), b = vld1q_u8(p + 16), f = vld1q_u8(block + 16), g = vld1q_u8(block + 32);
  return minusAll(vorrq_u8(lower(a), where(f, bit, 16)), vorrq_u8(lower(b), where(g, bit, 16)), vorrq_u8(upper(a), where(f, bit + 1, 16)), vorrq_u8(upper(b), where(g, bit + 1, 16)), 0);
}
template <>
inline Bytes64 bytesOf64<Q6K>(const uint8_t* row, int64_t i, int64_t) {
  const int half = static_cast<int>(i % 4 / 2), shift = static_cast<int>(i % 2 * 4);
  const uint8_t *block = row + i / 4 * Q6K::kBytes, *p = block + 64 * half, *h = block + 128 + 32 * half;
  const uint8x16_t a = shiftedRight(vld1q_u8(h), shift), b = shiftedRight(vld1q_u8(h + 16), shift), two = vdupq_n_u8(48);
  const auto four = [&](int from) { return lower(shiftedRight(vld1q_u8(p + from), shift)); };
  const auto with = [&](uint8x16_t low, uint8x16_t high) { return vorrq_u8(low, vandq_u8(high, two)); };
  return minusAll(with(four(0), vshlq_n_u8(a, 4)), with(four(16), vshlq_n_u8(b, 4)), with(four(32), vshlq_n_u8(a, 2)), with(four(48), vshlq_n_u8(b, 2)), Q6K::kZero);
}
template <>
inline Bytes64 bytesOf64<Iq4Xs>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t* p = row + i / 4 * Iq4Xs::kBytes + 8 + i % 4 * 32;
  return steps(p, p + 16);
}
// Eighths 2 i and 2 i + 1 of a block at p, with a third bit where `thirds` is not null.
inline Bytes64 twoBitsOf64(const uint8_t* p, int64_t i, const uint8_t* thirds, int8_t minus) {
  const int shift = static_cast<int>(i % 2 * 4), bit = static_cast<int>(i % 4 * 2);
  p += i % 4 / 2 * 32;
  const auto codes = [&](int from, int more) {
    const uint8x16_t two = vandq_u8(shiftedRight(vld1q_u8(p + from), shift + 2 * more), vdupq_n_u8(3));
    return thirds ? vorrq_u8(two, where(vld1q_u8(thirds + from), bit + more, 4)) : two;
  };
  return minusAll(codes(0, 0), codes(16, 0), codes(0, 1), codes(16, 1), minus);
}
template <>
inline Bytes64 bytesOf64<Q2K>(const uint8_t* row, int64_t i, int64_t) {
  return twoBitsOf64(row + i / 4 * Q2K::kBytes + 16, i, nullptr, 0);
}
template <>
inline Bytes64 bytesOf64<Q3K>(const uint8_t* row, int64_t i, int64_t) {
  const uint8_t* block = row + i / 4 * Q3K::kBytes;
  return twoBitsOf64(block + 32, i, block, Q3K::kZero);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit

#endif
