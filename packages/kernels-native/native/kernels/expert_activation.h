// What experts do between their matrices, forward and backward.
#pragma once
#include "activation.h"
#include "loops.h"

namespace moekit {
namespace MOEKIT_ISA {

// hidden = act(g) * u, or act(u) without g; u may be hidden itself.
template <class A>
inline void activate(const float* g, const float* u, float* hidden, int64_t count) {
  if (!g) return mapTo(hidden, u, count, [](Vec x) { return mul(x, A::share(x)); });
  mapTo(hidden, g, u, count, [](Vec x, Vec y) { return mul(mul(x, A::share(x)), y); });
}

// In place: g and u become their gradients, dHidden becomes hidden.
template <class A>
inline void activateBackwardAt(float* g, float* u, float* h, int64_t n) {
  const bool full = n >= kWidth;
  const auto get = [&](const float* p) { return full ? load(p) : loadPartial(p, n); };
  const auto put = [&](float* p, Vec v) { full ? store(p, v) : storePartial(p, v, n); };
  const Vec a = get(g ? g : u), dh = get(h), share = A::share(a);
  const Vec value = mul(a, share), slope = A::slope(a, share);
  if (!g) {
    put(h, value);
    return put(u, mul(dh, slope));
  }
  const Vec y = get(u);
  put(h, mul(value, y));
  put(g, mul(mul(dh, y), slope));
  put(u, mul(dh, value));
}

template <class A>
inline void activateBackward(float* g, float* u, float* dHidden, int64_t count) {
  for (int64_t i = 0; i < count; i += kWidth) activateBackwardAt<A>(g ? g + i : nullptr, u + i, dHidden + i, count - i);
}

// out = the sum of the rows of x, which lie ld apart.
inline void sumRows(const float* x, int64_t rows, int64_t width, int64_t ld, float* out) {
  clear(out, width);
  for (int64_t n = 0; n < rows; n++) addScaled(out, x + n * ld, 1, width);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
