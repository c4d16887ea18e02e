// Loops over two inputs with broadcasting.
#pragma once
#include "../kernels/strides.h"

namespace moekit {
namespace MOEKIT_ISA {

// out[i] = f(a[i * aStep], b[i * bStep]), steps 0 or 1.
template <class T, class Out, class F>
inline void combineRun(const T* a, int64_t aStep, const T* b, int64_t bStep, Out* out, int64_t count, const F& f) {
  if (aStep && bStep) {
    for (int64_t i = 0; i < count; i++) out[i] = f(a[i], b[i]);
  } else if (aStep) {
    const T y = *b;
    for (int64_t i = 0; i < count; i++) out[i] = f(a[i], y);
  } else {
    const T x = *a;
    for (int64_t i = 0; i < count; i++) out[i] = f(x, b[i * bStep]);
  }
}

template <class T, class Out, class F>
inline void combineAll(const Strides<2>& s, const T* a, const T* b, Out* out, const F& f) {
  const int64_t width = s.size[s.rank - 1], aStep = s.stride[0][s.rank - 1], bStep = s.stride[1][s.rank - 1];
  const int64_t runs = s.runs();
  // One piece of one run, or some whole runs.
  const int64_t cuts = runs == 1 ? ceilDiv(width, kGrain) : 1, step = runs == 1 ? kGrain : width;
  parallelRanges(runs * cuts, runs == 1 ? 1 : rowsOfGrain(width), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const int64_t run = i / cuts, start = i % cuts * step;
      combineRun(a + s.offset(0, run) + start * aStep, aStep, b + s.offset(1, run) + start * bStep, bStep, out + run * width + start, least(step, width - start), f);
    }
  });
}

template <class T>
inline T* array(const Args& args, int i, int64_t length);
template <>
inline float* array<float>(const Args& args, int i, int64_t length) { return args.floats(i, length); }
template <>
inline int32_t* array<int32_t>(const Args& args, int i, int64_t length) { return args.ints(i, length); }
template <>
inline uint8_t* array<uint8_t>(const Args& args, int i, int64_t length) { return args.bytes(i, length); }

// Arguments i to i + 2 (two arrays or single numbers, and what comes out), then the strides of both.
template <class T, class Out = T>
class Operands {
 public:
  Operands(const Args& args, int i) : s_(args, i + 3), a_(operand(args, i, 0)), b_(operand(args, i + 1, 1)), out_(array<Out>(args, i + 2, s_.total())) {}

  template <class F>
  void combine(const F& f) const {
    if (s_.total() > 0) combineAll(s_, a_, b_, out_, f);
  }

 private:
  const T* operand(const Args& args, int i, int which) {
    if (args.list[i].kind != Kind::number) return array<T>(args, i, s_.reach(which));
    numbers_[which] = static_cast<T>(args.number(i));
    return numbers_ + which;
  }

  Strides<2> s_;
  T numbers_[2];
  const T *a_, *b_;
  Out* out_;
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
