// Vectors of 4 floats in portable code, which compilers turn into SSE2, NEON, or plain scalar instructions.
#pragma once
#include <cstdint>
#include <cstring>

namespace moekit {
namespace scalar {

constexpr int kWidth = 4;
// Rows of C that the microkernel of gemm keeps, two vectors wide: 12 of the 16 registers.
constexpr int kTileRows = 6;
typedef float Vec __attribute__((vector_size(16)));
typedef int32_t IntVec __attribute__((vector_size(16)));
// All bits set where true.
using Mask = Vec;

inline IntVec bitsOf(Vec a) { return (IntVec)a; }
inline Vec floatOf(IntVec a) { return (Vec)a; }

inline Vec zero() { return Vec{0, 0, 0, 0}; }
inline Vec broadcast(float x) { return Vec{x, x, x, x}; }
inline Vec load(const float* p) {
  Vec x;
  std::memcpy(&x, p, sizeof(x));
  return x;
}
inline void store(float* p, Vec x) { std::memcpy(p, &x, sizeof(x)); }
// Other sets write past the caches here.
inline void stream(float* p, Vec x) { store(p, x); }
inline void endStream() {}
// The first n lanes; the others are 0 and not touched in memory.
inline Vec loadPartial(const float* p, int64_t n) {
  Vec x = zero();
  for (int64_t i = 0; i < n && i < kWidth; i++) x[i] = p[i];
  return x;
}
inline void storePartial(float* p, Vec x, int64_t n) {
  for (int64_t i = 0; i < n && i < kWidth; i++) p[i] = x[i];
}

inline Vec add(Vec a, Vec b) { return a + b; }
inline Vec sub(Vec a, Vec b) { return a - b; }
inline Vec mul(Vec a, Vec b) { return a * b; }
inline Vec div(Vec a, Vec b) { return a / b; }
// a b + c
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
// c - a b
inline Vec fnma(Vec a, Vec b, Vec c) { return c - a * b; }

inline Vec bitAnd(Vec a, Vec b) { return (Vec)((IntVec)a & (IntVec)b); }
inline Vec bitAndNot(Vec a, Vec b) { return (Vec)(~(IntVec)a & (IntVec)b); }
inline Vec bitOr(Vec a, Vec b) { return (Vec)((IntVec)a | (IntVec)b); }
inline Vec bitXor(Vec a, Vec b) { return (Vec)((IntVec)a ^ (IntVec)b); }

inline Mask less(Vec a, Vec b) { return (Mask)(IntVec)(a < b); }
inline Mask lessEqual(Vec a, Vec b) { return (Mask)(IntVec)(a <= b); }
inline Mask equal(Vec a, Vec b) { return (Mask)(IntVec)(a == b); }
inline Mask isNan(Vec a) { return (Mask)(IntVec)(a != a); }
inline Vec select(Mask m, Vec yes, Vec no) { return bitOr(bitAnd(m, yes), bitAndNot(m, no)); }

// Where either is NaN these return b.
inline Vec min(Vec a, Vec b) { return select(less(a, b), a, b); }
inline Vec max(Vec a, Vec b) { return select(less(b, a), a, b); }
inline Vec sqrt(Vec a) {
  Vec x;
  for (int i = 0; i < kWidth; i++) x[i] = __builtin_sqrtf(a[i]);
  return x;
}

inline IntVec broadcastInt(int32_t x) { return IntVec{x, x, x, x}; }
// Unsigned, because what is shifted or added up out of range wraps.
typedef uint32_t UnsignedVec __attribute__((vector_size(16)));
inline IntVec addInt(IntVec a, IntVec b) { return (IntVec)((UnsignedVec)a + (UnsignedVec)b); }
inline IntVec subInt(IntVec a, IntVec b) { return (IntVec)((UnsignedVec)a - (UnsignedVec)b); }
template <int N> inline IntVec shiftLeft(IntVec a) { return (IntVec)((UnsignedVec)a << N); }
template <int N> inline IntVec shiftRight(IntVec a) { return a >> N; }
inline Vec toFloat(IntVec a) { return __builtin_convertvector(a, Vec); }
// Rounds to the nearest integer; |a| < 2^22.
inline IntVec toInt(Vec a) {
  const Vec magic = broadcast(12582912.0f);
  return bitsOf(a + magic) - bitsOf(magic);
}

inline float sum(Vec a) { return (a[0] + a[2]) + (a[1] + a[3]); }

// Transposes 4 rows of 4 floats.
inline void transpose(Vec* r) {
  Vec t[4];
  for (int i = 0; i < 4; i++) t[i] = Vec{r[0][i], r[1][i], r[2][i], r[3][i]};
  for (int i = 0; i < 4; i++) r[i] = t[i];
}

}  // namespace scalar
}  // namespace moekit
