// What all products with packed weights share.
#pragma once
#include "packed.h"
#include "packed_formats.h"
#include "packed_small_formats.h"

namespace moekit {
namespace MOEKIT_ISA {

// use(F{}) with the type of the format.
template <class Use>
inline void withFormat(int format, const Use& use) {
  switch (format) {
    case 0: return use(Bf16{});
    case 1: return use(F16{});
    case 2: return use(F8E4M3{});
    case 3: return use(Q8_0{});
    case 4: return use(Q4_0{});
    case 5: return use(Q4_1{});
    case 6: return use(Q5_0{});
    case 7: return use(Q5_1{});
    case 8: return use(Q4K{});
    case 9: return use(Q5K{});
    case 10: return use(Q6K{});
    case 11: return use(Mxfp4{});
    case 12: return use(Q2K{});
    case 13: return use(Q3K{});
    case 14: return use(Iq4Nl{});
    case 15: return use(Iq4Xs{});
  }
}

template <class F>
constexpr int groupsOf() {
  return F::kGroup == 0 ? 1 : F::kBlock / F::kGroup;
}

// Scales and offsets of rows of weights, by group, and zeros for a vector of them behind each row.
template <class F>
struct RowScales {
  static constexpr int64_t kMore = 16;
  int64_t groups, stride;
  float *scale, *offset;

  RowScales(const PackedMatrix& w, Scratch& scratch, int64_t rows = 1)
      : groups(F::kGroup == 0 ? 0 : w.columns / most(1, F::kGroup)), stride(groups + kMore), scale(zeros(rows * stride, scratch)), offset(zeros(rows * stride, scratch)) {}

 private:
  static float* zeros(int64_t count, Scratch& scratch) {
    float* values = scratch.floats(count);
    std::memset(values, 0, count * sizeof(float));
    return values;
  }
};

// multiplyPacked for many rows: weights are unpacked into the cache and multiplied in the activations' precision.
void multiplyUnpacked(const PackedMatrix& w, int64_t from, int64_t to, const Activations& a, const PackedOutput& y, const float* bias);

}  // namespace MOEKIT_ISA
}  // namespace moekit
