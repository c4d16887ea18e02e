// Vectors of AVX2 with FMA: 8 floats.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace moekit {
namespace avx2 {

constexpr int kWidth = 8;
// Rows of C that the microkernel of gemm keeps, two vectors wide: 12 of the 16 registers.
constexpr int kTileRows = 6;
using Vec = __m256;
using IntVec = __m256i;
// All bits set where true.
using Mask = __m256;

inline __m256i firstLanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Vec zero() { return _mm256_setzero_ps(); }
inline Vec broadcast(float x) { return _mm256_set1_ps(x); }
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec x) { _mm256_storeu_ps(p, x); }
// To an aligned place, past the caches; endStream() comes before anyone else reads it.
inline void stream(float* p, Vec x) { _mm256_stream_ps(p, x); }
inline void endStream() { _mm_sfence(); }
// The first n lanes; the others are 0 and not touched in memory.
inline Vec loadPartial(const float* p, int64_t n) { return _mm256_maskload_ps(p, firstLanes(n)); }
inline void storePartial(float* p, Vec x, int64_t n) { _mm256_maskstore_ps(p, firstLanes(n), x); }

inline Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
// a b + c
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
// c - a b
inline Vec fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
// Where either is NaN these return b.
inline Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec sqrt(Vec a) { return _mm256_sqrt_ps(a); }

inline Vec bitAnd(Vec a, Vec b) { return _mm256_and_ps(a, b); }
inline Vec bitAndNot(Vec a, Vec b) { return _mm256_andnot_ps(a, b); }
inline Vec bitOr(Vec a, Vec b) { return _mm256_or_ps(a, b); }
inline Vec bitXor(Vec a, Vec b) { return _mm256_xor_ps(a, b); }

inline Mask less(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
inline Mask lessEqual(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
inline Mask equal(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
inline Mask isNan(Vec a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
inline Vec select(Mask m, Vec yes, Vec no) { return _mm256_blendv_ps(no, yes, m); }

inline IntVec bitsOf(Vec a) { return _mm256_castps_si256(a); }
inline Vec floatOf(IntVec a) { return _mm256_castsi256_ps(a); }
inline IntVec broadcastInt(int32_t x) { return _mm256_set1_epi32(x); }
inline IntVec addInt(IntVec a, IntVec b) { return _mm256_add_epi32(a, b); }
inline IntVec subInt(IntVec a, IntVec b) { return _mm256_sub_epi32(a, b); }
template <int N> inline IntVec shiftLeft(IntVec a) { return _mm256_slli_epi32(a, N); }
template <int N> inline IntVec shiftRight(IntVec a) { return _mm256_srai_epi32(a, N); }
inline Vec toFloat(IntVec a) { return _mm256_cvtepi32_ps(a); }
// Rounds to the nearest integer.
inline IntVec toInt(Vec a) { return _mm256_cvtps_epi32(a); }

inline float sum(Vec a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}

// Transposes 8 rows of 8 floats.
inline void transpose(Vec* r) {
  Vec t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const Vec low = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20), high = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    r[i] = low;
    r[i + 4] = high;
  }
}

}  // namespace avx2
}  // namespace moekit
