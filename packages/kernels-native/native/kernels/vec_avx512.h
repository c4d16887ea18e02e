// Vectors of AVX-512 (F, BW, DQ, VL): 16 floats. Shared by the sets that have it, each in its own namespace.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kWidth = 16;
// Rows of C that the microkernel of gemm keeps, two vectors wide: 28 of the 32 registers.
constexpr int kTileRows = 14;
using Vec = __m512;
using IntVec = __m512i;
// All bits set where true.
using Mask = __m512;

inline __mmask16 firstLanes(int64_t n) { return n >= kWidth ? 0xffff : static_cast<__mmask16>((1u << n) - 1); }

inline Vec zero() { return _mm512_setzero_ps(); }
inline Vec broadcast(float x) { return _mm512_set1_ps(x); }
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec x) { _mm512_storeu_ps(p, x); }
// To an aligned place, past the caches; endStream() comes before anyone else reads it.
inline void stream(float* p, Vec x) { _mm512_stream_ps(p, x); }
inline void endStream() { _mm_sfence(); }
// The first n lanes; the others are 0 and not touched in memory.
inline Vec loadPartial(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(firstLanes(n), p); }
inline void storePartial(float* p, Vec x, int64_t n) { _mm512_mask_storeu_ps(p, firstLanes(n), x); }

inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
// a b + c
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
// c - a b
inline Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
// Where either is NaN these return b.
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec sqrt(Vec a) { return _mm512_sqrt_ps(a); }

inline Vec bitAnd(Vec a, Vec b) { return _mm512_and_ps(a, b); }
inline Vec bitAndNot(Vec a, Vec b) { return _mm512_andnot_ps(a, b); }
inline Vec bitOr(Vec a, Vec b) { return _mm512_or_ps(a, b); }
inline Vec bitXor(Vec a, Vec b) { return _mm512_xor_ps(a, b); }

inline Mask wide(__mmask16 m) { return _mm512_castsi512_ps(_mm512_movm_epi32(m)); }
inline Mask less(Vec a, Vec b) { return wide(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)); }
inline Mask lessEqual(Vec a, Vec b) { return wide(_mm512_cmp_ps_mask(a, b, _CMP_LE_OQ)); }
inline Mask equal(Vec a, Vec b) { return wide(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ)); }
inline Mask isNan(Vec a) { return wide(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q)); }
inline Vec select(Mask m, Vec yes, Vec no) { return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(m)), no, yes); }

inline IntVec bitsOf(Vec a) { return _mm512_castps_si512(a); }
inline Vec floatOf(IntVec a) { return _mm512_castsi512_ps(a); }
inline IntVec broadcastInt(int32_t x) { return _mm512_set1_epi32(x); }
inline IntVec addInt(IntVec a, IntVec b) { return _mm512_add_epi32(a, b); }
inline IntVec subInt(IntVec a, IntVec b) { return _mm512_sub_epi32(a, b); }
template <int N> inline IntVec shiftLeft(IntVec a) { return _mm512_slli_epi32(a, N); }
template <int N> inline IntVec shiftRight(IntVec a) { return _mm512_srai_epi32(a, N); }
inline Vec toFloat(IntVec a) { return _mm512_cvtepi32_ps(a); }
// Rounds to the nearest integer.
inline IntVec toInt(Vec a) { return _mm512_cvtps_epi32(a); }

inline float sum(Vec a) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}

inline int32_t sum(IntVec a) { return _mm512_reduce_add_epi32(a); }
// Of integers that are no larger.
inline void storeBytes(int8_t* p, IntVec a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a)); }

// Rows whose columns are stored at a time. Rows of matrices often are a multiple of 4 KB apart: more than eight would compete for
// the same places of the first cache.
constexpr int kLines = 8;

// Column l of kLines rows of 16 floats goes to `to + l * stride`.
inline void storeColumns(const Vec* r, float* to, int64_t stride) {
  // Squares of 4, of rows 0 to 3 and 4 to 7: lane i of square[h][j] is column 4 i + j.
  Vec square[2][4];
#pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    const Vec *s = r + 4 * h;
    const Vec a = _mm512_unpacklo_ps(s[0], s[1]), b = _mm512_unpackhi_ps(s[0], s[1]);
    const Vec c = _mm512_unpacklo_ps(s[2], s[3]), d = _mm512_unpackhi_ps(s[2], s[3]);
    square[h][0] = _mm512_shuffle_ps(a, c, 0x44);
    square[h][1] = _mm512_shuffle_ps(a, c, 0xee);
    square[h][2] = _mm512_shuffle_ps(b, d, 0x44);
    square[h][3] = _mm512_shuffle_ps(b, d, 0xee);
  }
  const IntVec first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const IntVec second = _mm512_setr_epi32(8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const Vec low = _mm512_permutex2var_ps(square[0][j], first, square[1][j]), high = _mm512_permutex2var_ps(square[0][j], second, square[1][j]);
    _mm256_storeu_ps(to + j * stride, _mm512_castps512_ps256(low));
    _mm256_storeu_ps(to + (4 + j) * stride, _mm512_extractf32x8_ps(low, 1));
    _mm256_storeu_ps(to + (8 + j) * stride, _mm512_castps512_ps256(high));
    _mm256_storeu_ps(to + (12 + j) * stride, _mm512_extractf32x8_ps(high, 1));
  }
}

// Transposes 16 rows of 16 floats.
inline void transpose(Vec* r) {
  // Squares of 4 in place: lane l of r[i + j] becomes what rows i to i + 3 have in column 4 l + j.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const Vec a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
    const Vec c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
    r[i] = _mm512_shuffle_ps(a, c, 0x44);
    r[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
    r[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
    r[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
  }
  // Then the squares change places: column 4 l + j is lane l of r[j], r[4 + j], r[8 + j] and r[12 + j].
  constexpr int kEven = 0x88, kOdd = 0xdd;
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const Vec even0 = _mm512_shuffle_f32x4(r[j], r[4 + j], kEven), even1 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], kEven);
    const Vec odd0 = _mm512_shuffle_f32x4(r[j], r[4 + j], kOdd), odd1 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], kOdd);
    r[j] = _mm512_shuffle_f32x4(even0, even1, kEven);
    r[4 + j] = _mm512_shuffle_f32x4(odd0, odd1, kEven);
    r[8 + j] = _mm512_shuffle_f32x4(even0, even1, kOdd);
    r[12 + j] = _mm512_shuffle_f32x4(odd0, odd1, kOdd);
  }
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
