// Included by every kernel file, which is compiled once per instruction set with MOEKIT_ISA set to its name. All code of a
// kernel file lives in that namespace: functions of two instruction sets must never be merged by the linker, so kernels use
// no templates or inline functions from outside of it.
#pragma once
#include <cstdint>
#include <cstring>

#include "../runtime/args.h"
#include "../runtime/scratch.h"
#include "../runtime/threads.h"

#ifndef MOEKIT_ISA
#error "compile kernels with -DMOEKIT_ISA=<instruction set>"
#endif
#if defined(__AVX512F__)
#include "vec_avx512.h"
#elif defined(__AVX2__)
#include "vec_avx2.h"
#elif defined(MOEKIT_NEON)
#include "vec_neon.h"
#else
#include "vec_scalar.h"
#endif

// With matrix registers, or in a test build with an emulation of them.
#if defined(__AMX_TILE__) || defined(MOEKIT_EMULATE_TILES)
#define MOEKIT_TILES
#endif

// With dot products of bytes.
#if defined(__AVX512VNNI__) || defined(MOEKIT_DOT)
#define MOEKIT_INT8
#endif

namespace moekit {
namespace MOEKIT_ISA {

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// body(i) for every i in [0, count), on all threads.
template <class F>
inline void parallel(int64_t count, const F& body) {
  parallelFor(count, [](void* context, int64_t i) { (*static_cast<const F*>(context))(i); }, const_cast<F*>(&body));
}

// body(begin, end) for consecutive pieces of `grain` of [0, count). Pieces do not depend on the number of threads, so neither
// does any result.
template <class F>
inline void parallelRanges(int64_t count, int64_t grain, const F& body) {
  if (count <= grain) {
    if (count > 0) body(0, count);
    return;
  }
  parallel(ceilDiv(count, grain), [&](int64_t i) { body(i * grain, least(count, (i + 1) * grain)); });
}

// Elements that are worth a piece of their own in cheap loops over memory.
constexpr int64_t kGrain = 1 << 15;

// Numbers that no cache keeps until they are used again.
inline bool largerThanCaches(int64_t floats) { return floats >= int64_t{1} << 24; }

// Rows of a piece, so that it holds about kGrain elements.
inline int64_t rowsOfGrain(int64_t width) { return most(1, kGrain / most(1, width)); }

}  // namespace MOEKIT_ISA
}  // namespace moekit
