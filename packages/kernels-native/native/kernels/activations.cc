// Rounding of activations to 8 bits. Without dot products of bytes the rounded numbers are multiplied in float32, which gives the same up to the order of sums.
#include "activations.h"

#include "loops.h"
#include "packed_rows.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// The scale of a group, and its inverse: not a number if one of the group is none or infinite.
struct GroupScale {
  float scale, inverse;

  GroupScale(const float* x, int count) {
    // The bits of magnitudes are in order as integers, those that are no finite numbers last.
    const float most = largestBits(x, count);
    const bool finite = most <= 3.4028235e38f;
    scale = finite ? most / 127 : __builtin_nanf("");
    inverse = finite && most > 0 ? 127 / most : 0;
  }
  // NaN gets a code as well, because its scale is one.
  IntVec codes(Vec x) const { return toInt(min(mul(broadcast(inverse), x), broadcast(127))); }

 private:
  static float largestBits(const float* x, int count) {
#if defined(__AVX512F__)
    IntVec best = broadcastInt(0);
    for (int i = 0; i < count; i += kWidth) best = _mm512_max_epi32(best, _mm512_and_si512(bitsOf(load(x + i)), broadcastInt(0x7fffffff)));
    int32_t bits = _mm512_reduce_max_epi32(best);
#else
    int32_t bits = 0;
    for (int i = 0; i < count; i++) {
      int32_t one;
      std::memcpy(&one, x + i, 4);
      bits = (one & 0x7fffffff) > bits ? one & 0x7fffffff : bits;
    }
#endif
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }
};

#if defined(MOEKIT_INT8)

template <class F>
void roundRow(const float* x, int64_t columns, const RoundedRows& row) {
  std::memset(row.codes + columns, 0, row.stride - columns);
  for (int64_t g = 0; g < row.groups; g++, x += F::kGroup) {
    if (g * F::kGroup >= columns) {
      row.scale[g] = row.sum[g] = 0;
      row.start[g] = 0;
      continue;
    }
    const GroupScale scale(x, F::kGroup);
    IntVec total = broadcastInt(0);
    for (int i = 0; i < F::kGroup; i += kWidth) {
      const IntVec q = scale.codes(load(x + i));
      total = addInt(total, q);
      storeBytes(row.codes + g * F::kGroup + i, q);
    }
    const int32_t codes = sum(total);
    row.scale[g] = scale.scale;
    row.sum[g] = scale.scale * static_cast<float>(codes);
    row.start[g] = -F::kZero * codes;
  }
}

template <class F>
Activations rounded(const float* x, int64_t rows, int64_t columns, Scratch& scratch) {
  RoundedRows all;
  all.stride = ceilDiv(columns, 64) * 64;
  all.groups = ceilDiv(columns / F::kGroup, 16) * 16;
  all.codes = reinterpret_cast<int8_t*>(scratch.ints(rows * all.stride / 4));
  all.scale = scratch.floats(rows * all.groups);
  all.sum = scratch.floats(rows * all.groups);
  all.start = scratch.ints(rows * all.groups);
  parallelRanges(rows, rowsOfGrain(columns), [&](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; n++) roundRow<F>(x + n * columns, columns, all.from(n));
  });
  return {x, columns, Precision::f32, all};
}

#else

template <class F>
Activations rounded(const float* x, int64_t rows, int64_t columns, Scratch& scratch) {
  float* near = scratch.floats(rows * columns);
  parallelRanges(rows * columns / F::kGroup, kGrain / F::kGroup, [&](int64_t from, int64_t to) {
    for (int64_t g = from * F::kGroup; g < to * F::kGroup; g += F::kGroup) {
      const GroupScale scale(x + g, F::kGroup);
      for (int64_t i = g; i < g + F::kGroup; i += kWidth) store(near + i, mul(broadcast(scale.scale), toFloat(scale.codes(load(x + i)))));
    }
  });
  return {near, columns, Precision::f32, {}};
}

#endif

}  // namespace

Activations activationsFor(int format, const float* x, int64_t rows, int64_t columns, Scratch& scratch) {
  Activations result{x, columns, precision(), {}};
  if (!roundsToInt8()) return result;
  withFormat(format, [&](auto type) {
    if constexpr (decltype(type)::kGroup > 0) result = rounded<decltype(type)>(x, rows, columns, scratch);
  });
  return result;
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
