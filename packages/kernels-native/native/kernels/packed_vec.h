// Vectors out of packed bytes: what formats need beside the functions of vec_<set>.h.
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

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

// The lower four bits of q, less Minus: a register holds all of them as floats, so that bits above need not be taken off.
template <int Minus>
inline Vec fourBits(IntVec q) {
  const Vec all = _mm512_setr_ps(0 - Minus, 1 - Minus, 2 - Minus, 3 - Minus, 4 - Minus, 5 - Minus, 6 - Minus, 7 - Minus, 8 - Minus, 9 - Minus, 10 - Minus,
                                 11 - Minus, 12 - Minus, 13 - Minus, 14 - Minus, 15 - Minus);
  return _mm512_permutexvar_ps(q, all);
}
// The same with a fifth bit that comes apart.
template <int Minus>
inline Vec fiveBits(IntVec q, Fifths fifths) {
  const Vec low = fourBits<Minus>(q);
  return _mm512_mask_add_ps(low, fifths, low, _mm512_set1_ps(16));
}

// The lower two bits of q times 16, less 32.
inline Vec twoUpperBits(IntVec q) { return _mm512_permutexvar_ps(q, _mm512_broadcast_f32x4(_mm_setr_ps(-32, -16, 0, 16))); }

// table[q & 15]
inline Vec pick(const float* table, IntVec q) { return _mm512_permutexvar_ps(q, _mm512_loadu_ps(table)); }

using Halves = __m256i;
inline Halves loadHalves(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline Vec toFloat(Halves h) { return _mm512_cvtph_ps(h); }
// The numbers of f8_e4m3 over 256 are halves: the sign, and exponent and mantissa moved down by a bit. NaN is all ones.
inline Halves loadEighths(const uint8_t* p) {
  const __m256i code = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  const __m256i magnitude = _mm256_and_si256(_mm256_slli_epi16(code, 7), _mm256_set1_epi16(0x3f80));
  const __m256i nan = _mm256_cmpeq_epi16(magnitude, _mm256_set1_epi16(0x3f80));
  return _mm256_or_si256(_mm256_or_si256(magnitude, _mm256_srli_epi16(nan, 1)), _mm256_and_si256(_mm256_slli_epi16(code, 8), _mm256_set1_epi16(-0x8000)));
}

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
using Halves = __m128i;
inline Halves loadHalves(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline Vec toFloat(Halves h) { return _mm256_cvtph_ps(h); }
inline Halves loadEighths(const uint8_t* p) {
  const __m128i code = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  const __m128i magnitude = _mm_and_si128(_mm_slli_epi16(code, 7), _mm_set1_epi16(0x3f80));
  const __m128i nan = _mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x3f80));
  return _mm_or_si128(_mm_or_si128(magnitude, _mm_srli_epi16(nan, 1)), _mm_and_si128(_mm_slli_epi16(code, 8), _mm_set1_epi16(-0x8000)));
}
#elif defined(MOEKIT_NEON)
// Four bytes at any address, twice.
inline uint8x8_t fourBytes(const uint8_t* p) {
  uint32_t four;
  std::memcpy(&four, p, 4);
  return vreinterpret_u8_u32(vdup_n_u32(four));
}
inline IntVec signedOf(uint32x4_t a) { return vreinterpretq_s32_u32(a); }
inline IntVec widen(const uint8_t* p) { return signedOf(vmovl_u16(vget_low_u16(vmovl_u8(fourBytes(p))))); }
inline IntVec widenSigned(const uint8_t* p) { return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(fourBytes(p))))); }
inline IntVec widenPairs(const uint8_t* p) { return signedOf(vmovl_u16(vreinterpret_u16_u8(vld1_u8(p)))); }
inline IntVec andInt(IntVec a, IntVec b) { return vandq_s32(a, b); }
inline IntVec orInt(IntVec a, IntVec b) { return vorrq_s32(a, b); }
inline IntVec bitsFrom(uint32_t bits, int first) {
  const int32_t right[4] = {0, -1, -2, -3};
  return signedOf(vshlq_u32(vdupq_n_u32(bits >> first), vld1q_s32(right)));
}
// Bytes 4 i to 4 i + 3 of the table, which fills four registers.
inline Vec pick(const float* table, IntVec q) {
  const uint32x4_t i = vreinterpretq_u32_s32(andInt(q, broadcastInt(15)));
  const uint8x16_t bytes = vreinterpretq_u8_u32(vmlaq_u32(vdupq_n_u32(0x03020100), i, vdupq_n_u32(0x04040404)));
  return vreinterpretq_f32_u8(vqtbl4q_u8(vld1q_u8_x4(reinterpret_cast<const uint8_t*>(table)), bytes));
}
using Halves = float16x4_t;
inline Halves loadHalves(const uint8_t* p) { return vreinterpret_f16_u8(vld1_u8(p)); }
inline Vec toFloat(Halves h) { return vcvt_f32_f16(h); }
inline Halves loadEighths(const uint8_t* p) {
  const uint16x4_t code = vget_low_u16(vmovl_u8(fourBytes(p)));
  const uint16x4_t magnitude = vand_u16(vshl_n_u16(code, 7), vdup_n_u16(0x3f80));
  const uint16x4_t nan = vceq_u16(magnitude, vdup_n_u16(0x3f80));
  return vreinterpret_f16_u16(vorr_u16(vorr_u16(magnitude, vshr_n_u16(nan, 1)), vand_u16(vshl_n_u16(code, 8), vdup_n_u16(0x8000))));
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
struct Halves {
  IntVec bits;
};
inline Halves loadHalves(const uint8_t* p) { return {widenPairs(p)}; }
inline Vec toFloat(Halves h) {
  // With exponent and mantissa in place they lack the difference of the two biases; infinities and NaN are known by their exponent.
  const Vec finite = floatOf((h.bits & 0x7fff) << 13) * 0x1p112f;
  const Vec magnitude = select(lessEqual(broadcast(0x1p16f), finite), bitOr(finite, broadcast(__builtin_inff())), finite);
  return bitOr(magnitude, floatOf((h.bits & 0x8000) << 16));
}
inline Halves loadEighths(const uint8_t* p) {
  const IntVec code = widen(p), magnitude = (code & 0x7f) << 7;
  return {magnitude | ((magnitude == 0x3f80) & 0x7fff) | (code & 0x80) << 8};
}
#endif

// 16 where the bit is set.
using Fifths = IntVec;
inline Fifths fifthsOf(uint32_t bits, int first) { return shiftLeft<4>(andInt(bitsFrom(bits, first), broadcastInt(1))); }
template <int N> inline Fifths fifthsOf(IntVec bytes) { return shiftLeft<4>(andInt(shiftRight<N>(bytes), broadcastInt(1))); }

template <int Minus>
inline Vec fourBits(IntVec q) {
  return toFloat(subInt(andInt(q, broadcastInt(15)), broadcastInt(Minus)));
}
inline Vec twoUpperBits(IntVec q) { return toFloat(subInt(shiftLeft<4>(andInt(q, broadcastInt(3))), broadcastInt(32))); }
template <int Minus>
inline Vec fiveBits(IntVec q, Fifths fifths) {
  return toFloat(subInt(orInt(andInt(q, broadcastInt(15)), fifths), broadcastInt(Minus)));
}

#endif

#if defined(__AVX2__)
// A half (IEEE) at any address.
inline float halfAt(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
}
// out[i] = scale * byte i of eight.
inline void scaleBytes(uint64_t bytes, float scale, float* out) {
  const __m256 wide = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(bytes))));
  _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_set1_ps(scale), wide));
}
#elif defined(MOEKIT_NEON)
inline float halfAt(const uint8_t* p) {
  float16_t h;
  std::memcpy(&h, p, 2);
  return h;
}
inline void scaleBytes(uint64_t bytes, float scale, float* out) {
  const uint16x8_t wide = vmovl_u8(vcreate_u8(bytes));
  store(out, vmulq_n_f32(vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide))), scale));
  store(out + 4, vmulq_n_f32(vcvtq_f32_u32(vmovl_u16(vget_high_u16(wide))), scale));
}
#else
inline float halfAt(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return toFloat(Halves{IntVec{h, 0, 0, 0}})[0];
}
inline void scaleBytes(uint64_t bytes, float scale, float* out) {
  for (int i = 0; i < 8; i++) out[i] = scale * static_cast<float>(bytes >> 8 * i & 255);
}
#endif

// kWidth halves, Stride bytes apart. Words put together in memory would be waited for.
#if defined(__AVX2__)
template <int Stride>
inline __m128i eightWords(const uint8_t* p) {
  const auto word = [p](int i) {
    int16_t w;
    std::memcpy(&w, p + i * Stride, 2);
    return w;
  };
  __m128i words = _mm_cvtsi32_si128(word(0));
  words = _mm_insert_epi16(words, word(1), 1);
  words = _mm_insert_epi16(words, word(2), 2);
  words = _mm_insert_epi16(words, word(3), 3);
  words = _mm_insert_epi16(words, word(4), 4);
  words = _mm_insert_epi16(words, word(5), 5);
  words = _mm_insert_epi16(words, word(6), 6);
  return _mm_insert_epi16(words, word(7), 7);
}
#endif
template <int Stride>
inline Vec halvesOf(const uint8_t* p) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(_mm256_setr_m128i(eightWords<Stride>(p), eightWords<Stride>(p + 8 * Stride)));
#elif defined(__AVX2__)
  return _mm256_cvtph_ps(eightWords<Stride>(p));
#else
  Vec x;
  for (int l = 0; l < kWidth; l++) x[l] = halfAt(p + l * Stride);
  return x;
#endif
}

// out[i] = the half (IEEE) at p + i * Stride.
template <int Stride>
inline void halvesAt(const uint8_t* p, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth, p += kWidth * Stride) store(out + i, halvesOf<Stride>(p));
  for (; i < count; i++, p += Stride) out[i] = halfAt(p);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
