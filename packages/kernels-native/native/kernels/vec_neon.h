// Vectors of NEON on arm64: 4 floats. Shared by the sets that have it, each in its own namespace.
#pragma once
#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kWidth = 4;
// Rows of C that the microkernel of gemm keeps, two vectors wide: 24 of the 32 registers.
constexpr int kTileRows = 12;
using Vec = float32x4_t;
using IntVec = int32x4_t;
// All bits set where true.
using Mask = float32x4_t;

inline uint32x4_t unsignedOf(Vec a) { return vreinterpretq_u32_f32(a); }
inline Vec floatOf(uint32x4_t a) { return vreinterpretq_f32_u32(a); }

inline Vec zero() { return vdupq_n_f32(0); }
inline Vec broadcast(float x) { return vdupq_n_f32(x); }
inline Vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Vec x) { vst1q_f32(p, x); }
// Other sets write past the caches here.
inline void stream(float* p, Vec x) { store(p, x); }
inline void endStream() {}
// The first n lanes; the others are 0 and not touched in memory.
inline Vec loadPartial(const float* p, int64_t n) {
  if (n >= kWidth) return load(p);
  if (n <= 0) return zero();
  if (n == 1) return vld1q_lane_f32(p, zero(), 0);
  const Vec two = vcombine_f32(vld1_f32(p), vdup_n_f32(0));
  return n == 2 ? two : vld1q_lane_f32(p + 2, two, 2);
}
inline void storePartial(float* p, Vec x, int64_t n) {
  if (n >= kWidth) return store(p, x);
  if (n == 1) vst1q_lane_f32(p, x, 0);
  if (n >= 2) vst1_f32(p, vget_low_f32(x));
  if (n == 3) vst1q_lane_f32(p + 2, x, 2);
}

inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
// a b + c
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
// c - a b
inline Vec fnma(Vec a, Vec b, Vec c) { return vfmsq_f32(c, a, b); }
// Where either is NaN these return b, unlike those of NEON.
inline Vec min(Vec a, Vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
inline Vec max(Vec a, Vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
inline Vec sqrt(Vec a) { return vsqrtq_f32(a); }

inline Vec bitAnd(Vec a, Vec b) { return floatOf(vandq_u32(unsignedOf(a), unsignedOf(b))); }
inline Vec bitAndNot(Vec a, Vec b) { return floatOf(vbicq_u32(unsignedOf(b), unsignedOf(a))); }
inline Vec bitOr(Vec a, Vec b) { return floatOf(vorrq_u32(unsignedOf(a), unsignedOf(b))); }
inline Vec bitXor(Vec a, Vec b) { return floatOf(veorq_u32(unsignedOf(a), unsignedOf(b))); }

inline Mask less(Vec a, Vec b) { return floatOf(vcltq_f32(a, b)); }
inline Mask lessEqual(Vec a, Vec b) { return floatOf(vcleq_f32(a, b)); }
inline Mask equal(Vec a, Vec b) { return floatOf(vceqq_f32(a, b)); }
inline Mask isNan(Vec a) { return floatOf(vmvnq_u32(vceqq_f32(a, a))); }
inline Vec select(Mask m, Vec yes, Vec no) { return vbslq_f32(unsignedOf(m), yes, no); }

inline IntVec bitsOf(Vec a) { return vreinterpretq_s32_f32(a); }
inline Vec floatOf(IntVec a) { return vreinterpretq_f32_s32(a); }
inline IntVec broadcastInt(int32_t x) { return vdupq_n_s32(x); }
inline IntVec addInt(IntVec a, IntVec b) { return vaddq_s32(a, b); }
inline IntVec subInt(IntVec a, IntVec b) { return vsubq_s32(a, b); }
// shiftRight of NEON takes no 0.
template <int N> inline IntVec shiftLeft(IntVec a) { return vshlq_n_s32(a, N); }
template <int N> inline IntVec shiftRight(IntVec a) {
  if constexpr (N == 0) return a;
  else return vshrq_n_s32(a, N);
}
inline Vec toFloat(IntVec a) { return vcvtq_f32_s32(a); }
// Rounds to the nearest integer, ties to even.
inline IntVec toInt(Vec a) { return vcvtnq_s32_f32(a); }

inline float sum(Vec a) {
  const float32x2_t x = vadd_f32(vget_low_f32(a), vget_high_f32(a));
  return vget_lane_f32(x, 0) + vget_lane_f32(x, 1);
}
inline int32_t sum(IntVec a) { return vaddvq_s32(a); }
// Of integers that are no larger.
inline void storeBytes(int8_t* p, IntVec a) {
  const int16x4_t pairs = vmovn_s32(a);
  const int8x8_t bytes = vmovn_s16(vcombine_s16(pairs, pairs));
  std::memcpy(p, &bytes, kWidth);
}

// Transposes 4 rows of 4 floats.
inline void transpose(Vec* r) {
  const auto pairs = [](Vec a) { return vreinterpretq_f64_f32(a); };
  const auto single = [](float64x2_t a) { return vreinterpretq_f32_f64(a); };
  const float64x2_t even01 = pairs(vtrn1q_f32(r[0], r[1])), odd01 = pairs(vtrn2q_f32(r[0], r[1]));
  const float64x2_t even23 = pairs(vtrn1q_f32(r[2], r[3])), odd23 = pairs(vtrn2q_f32(r[2], r[3]));
  r[0] = single(vzip1q_f64(even01, even23));
  r[1] = single(vzip1q_f64(odd01, odd23));
  r[2] = single(vzip2q_f64(even01, even23));
  r[3] = single(vzip2q_f64(odd01, odd23));
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
