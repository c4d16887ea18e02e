// Formats of two and three bits, and of four bits with uneven steps: what packed_formats.h says holds here too.
#pragma once
#include <type_traits>

#include "packed_formats.h"

namespace moekit {
namespace MOEKIT_ISA {

// Calls use(group, T, bytes) for the sixteen groups of 16 numbers of a block of 256 whose codes of two bits start at `p`: quarter T of a
// half has bits 2T and 2T + 1 of the half's 32 bytes, of which group 2T + (0 or 1) has the first or last 16.
template <int T = 0, class Use>
inline void twoBitGroups(const uint8_t* p, const Use& use) {
  if constexpr (T < 8) {
    use(std::integral_constant<int, T>{}, 2 * T, p + 32 * (T / 4), 0);
    use(std::integral_constant<int, T>{}, 2 * T + 1, p + 32 * (T / 4) + 16, 16);
    twoBitGroups<T + 1>(p, use);
  }
}
template <int T>
inline IntVec twoBits(IntVec q) { return andInt(shiftRight<2 * (T % 4)>(q), broadcastInt(3)); }

struct Q2K {
  static constexpr int kBlock = 256, kBytes = 84, kGroup = 16, kZero = 0;
  static constexpr bool kOffset = true;
  static void scales(const uint8_t* row, int64_t blocks, float* scale, float* offset) {
    for (int64_t b = 0; b < blocks; b++, row += kBytes, scale += 16, offset += 16) {
      const Vec d = broadcast(halfAt(row + 80)), minus = broadcast(-halfAt(row + 82));
      for (int i = 0; i < 16; i += kWidth) {
        const IntVec both = widen(row + i);
        store(scale + i, mul(d, toFloat(andInt(both, broadcastInt(15)))));
        store(offset + i, mul(minus, toFloat(shiftRight<4>(both))));
      }
    }
  }
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    twoBitGroups(p + 16, [&](auto t, int group, const uint8_t* q, int) {
      Vec v[kHalf];
#pragma GCC unroll 4
      for (int i = 0; i < kHalf; i++) v[i] = toFloat(twoBits<decltype(t)::value>(widen(q + kWidth * i)));
      use(group, v);
    });
  }
};

struct Q3K {
  static constexpr int kBlock = 256, kBytes = 110, kGroup = 16, kZero = 4;
  static constexpr bool kOffset = false;
  static void scales(const uint8_t* row, int64_t blocks, float* scale, float*) {
    for (int64_t b = 0; b < blocks; b++, row += kBytes, scale += 16) {
      uint8_t s[16];
      for (int j = 0; j < 16; j++) s[j] = static_cast<uint8_t>(((row[96 + j % 8] >> 4 * (j / 8) & 15) | (row[104 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32);
      const Vec d = broadcast(halfAt(row + 108));
      for (int i = 0; i < 16; i += kWidth) store(scale + i, mul(d, toFloat(widenSigned(s + i))));
    }
  }
  // Third bits stand in 32 bytes in front: bit T for quarter T of the eight.
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    twoBitGroups(p + 32, [&](auto t, int group, const uint8_t* q, int first) {
      constexpr int T = decltype(t)::value;
      Vec v[kHalf];
#pragma GCC unroll 4
      for (int i = 0; i < kHalf; i++) {
        const IntVec thirds = shiftLeft<2>(andInt(shiftRight<T>(widen(p + first + kWidth * i)), broadcastInt(1)));
        v[i] = toFloat(subInt(orInt(twoBits<T>(widen(q + kWidth * i)), thirds), broadcastInt(4)));
      }
      use(group, v);
    });
  }
};

// What codes of four bits stand for.
struct UnevenSteps {
  static constexpr int kZero = 127;
  template <class Use>
  static void steps(const uint8_t* p, const Use& use) {
    static constexpr float kSteps[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    nibbles(p, [](IntVec q, int) { return pick(kSteps, q); }, use);
  }
};

struct Iq4Nl : BlockOf32<18, false>, UnevenSteps {
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    steps(p + 2, use);
  }
};

struct Iq4Xs : UnevenSteps {
  static constexpr int kBlock = 256, kBytes = 136, kGroup = 32;
  static constexpr bool kOffset = false;
  static void scales(const uint8_t* row, int64_t blocks, float* scale, float*) {
    for (int64_t b = 0; b < blocks; b++, row += kBytes, scale += 8) {
      const float d = halfAt(row);
      for (int j = 0; j < 8; j++) scale[j] = d * static_cast<float>(((row[4 + j / 2] >> 4 * (j % 2) & 15) | (row[2 + j / 4] >> 2 * (j % 4) & 3) << 4) - 32);
    }
  }
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    for (int j = 0; j < 8; j++) steps(p + 8 + 16 * j, [&](int, const auto& v) { use(j, v); });
  }
};

// The two blocks of 32 with codes 64 i to 64 i + 63 from `row` on, where a block begins; the row goes on for `numbers`, and past its last
// block comes that one again, whose codes meet zeros.
template <class F>
struct TwoBlocks {
  const uint8_t *first, *second;
  TwoBlocks(const uint8_t* row, int64_t i, int64_t numbers) : first(row + 2 * i * F::kBytes), second(64 * i + 32 < numbers ? first + F::kBytes : first) {}
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
