// Loops over consecutive floats by vectors, the rest in a part of one.
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

// y[i] = f(x[i])
template <class F>
inline void mapTo(float* y, const float* x, int64_t count, const F& f) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) store(y + i, f(load(x + i)));
  if (i < count) storePartial(y + i, f(loadPartial(x + i, count - i)), count - i);
}

// y[i] = f(a[i], b[i])
template <class F>
inline void mapTo(float* y, const float* a, const float* b, int64_t count, const F& f) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) store(y + i, f(load(a + i), load(b + i)));
  if (i < count) storePartial(y + i, f(loadPartial(a + i, count - i), loadPartial(b + i, count - i)), count - i);
}

// The sum of f(x[i]) in four running vectors; f(0) must be 0.
template <class F>
inline float sumOf(const float* x, int64_t count, const F& f) {
  Vec s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
  int64_t i = 0;
  for (; i + 4 * kWidth <= count; i += 4 * kWidth) {
    s0 = add(s0, f(load(x + i)));
    s1 = add(s1, f(load(x + i + kWidth)));
    s2 = add(s2, f(load(x + i + 2 * kWidth)));
    s3 = add(s3, f(load(x + i + 3 * kWidth)));
  }
  for (; i + kWidth <= count; i += kWidth) s0 = add(s0, f(load(x + i)));
  if (i < count) s1 = add(s1, f(loadPartial(x + i, count - i)));
  return sum(add(add(s0, s1), add(s2, s3)));
}

// The sum of f(a[i], b[i]); f(0, 0) must be 0.
template <class F>
inline float sumOf(const float* a, const float* b, int64_t count, const F& f) {
  Vec s0 = zero(), s1 = zero();
  int64_t i = 0;
  for (; i + 2 * kWidth <= count; i += 2 * kWidth) {
    s0 = add(s0, f(load(a + i), load(b + i)));
    s1 = add(s1, f(load(a + i + kWidth), load(b + i + kWidth)));
  }
  for (; i + kWidth <= count; i += kWidth) s0 = add(s0, f(load(a + i), load(b + i)));
  if (i < count) s1 = add(s1, f(loadPartial(a + i, count - i), loadPartial(b + i, count - i)));
  return sum(add(s0, s1));
}

inline float dot(const float* a, const float* b, int64_t count) {
  return sumOf(a, b, count, [](Vec x, Vec y) { return mul(x, y); });
}

inline float sumUp(const float* x, int64_t count) {
  return sumOf(x, count, [](Vec v) { return v; });
}

// The largest of x[i] and `start`; NaN are passed over.
inline float largest(const float* x, int64_t count, float start) {
  Vec best = broadcast(start);
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) best = max(load(x + i), best);
  float lanes[kWidth];
  store(lanes, best);
  for (int l = 0; l < kWidth; l++) start = lanes[l] > start ? lanes[l] : start;
  for (; i < count; i++) start = x[i] > start ? x[i] : start;
  return start;
}

// y[i] += scale * x[i]
inline void addScaled(float* y, const float* x, float scale, int64_t count) {
  const Vec s = broadcast(scale);
  mapTo(y, x, y, count, [s](Vec a, Vec b) { return fma(s, a, b); });
}

inline void scaleTo(float* y, const float* x, float scale, int64_t count) {
  const Vec s = broadcast(scale);
  mapTo(y, x, count, [s](Vec a) { return mul(s, a); });
}

// Arrays without elements may have no memory, which memcpy and memset do not allow.
inline void copyRow(float* y, const float* x, int64_t count) {
  if (count > 0) std::memcpy(y, x, count * sizeof(float));
}
inline void clear(float* y, int64_t count) {
  if (count > 0) std::memset(y, 0, count * sizeof(float));
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
