// Halves of packed blocks.
#pragma once
#include "packed_vec.h"

namespace moekit {
namespace MOEKIT_ISA {

// The IEEE half nearest to a float, ties to even.
inline uint16_t halfOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {
    // Below 2^-14 a half counts in steps of 2^-24, which are those of a float at 1/2.
    float positive, steps;
    std::memcpy(&positive, &magnitude, 4);
    steps = positive + 0.5f;
    std::memcpy(&bits, &steps, 4);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000));
  }
  const uint32_t rebased = magnitude - 0x38000000;
  return static_cast<uint16_t>(sign | (rebased + 0xfff + (rebased >> 13 & 1)) >> 13);
}

// Writes halves and notes whether one of them became infinite.
struct HalfWriter {
  bool fits = true;

  // Puts the half nearest to `value` at `p` and returns it.
  float put(uint8_t* p, float value) {
    const uint16_t half = halfOf(value);
    if ((half & 0x7fff) == 0x7c00) fits = false;
    std::memcpy(p, &half, 2);
    return halfAt(p);
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
