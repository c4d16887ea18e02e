// The formats of packed weights, as in core/src/packed. A number is scale * code + offset, with scale and offset by group of numbers:
//
// scales(row, blocks, scale, offset)  writes those of all groups of a row; without kOffset there is no offset;
// codes(block, use)                   calls use(g, v) for each group g of a block, with its codes as vectors v of floats.
//
// A code plus kZero is never negative. Products of scales and codes are exact in float32, so scale * code + offset, rounded once, is the number of the format to the bit.
// Formats without scales (kGroup 0) give their numbers themselves, 32 at a time.
#pragma once
#include "packed_vec.h"

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kVectors = 32 / kWidth;
constexpr int kHalf = kVectors / 2;  // vectors of 16 numbers; 1 at kWidth 16

struct Bf16 {
  static constexpr int kBlock = 32, kBytes = 64, kGroup = 0;
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    Vec v[kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) v[i] = floatOf(shiftLeft<16>(widenPairs(p + 2 * kWidth * i)));
    use(0, v);
  }
};

struct F16 {
  static constexpr int kBlock = 32, kBytes = 64, kGroup = 0;
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    Vec v[kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) v[i] = toFloat(loadHalves(p + 2 * kWidth * i));
    use(0, v);
  }
};

struct F8E4M3 {
  static constexpr int kBlock = 32, kBytes = 32, kGroup = 0;
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    Vec v[kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) v[i] = mul(broadcast(256), toFloat(loadEighths(p + kWidth * i)));
    use(0, v);
  }
};

// Blocks of 32 numbers with a half as scale, and as offset where there is one.
template <int Bytes, bool Offset>
struct BlockOf32 {
  static constexpr int kBlock = 32, kBytes = Bytes, kGroup = 32;
  static constexpr bool kOffset = Offset;
  static void scales(const uint8_t* row, int64_t blocks, float* scale, float* offset) {
    halvesAt<kBytes>(row, blocks, scale);
    if (kOffset) halvesAt<kBytes>(row + 2, blocks, offset);
  }
};

struct Q8_0 : BlockOf32<34, false> {
  static constexpr int kZero = 128;
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    Vec v[kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) v[i] = toFloat(widenSigned(p + 2 + kWidth * i));
    use(0, v);
  }
};

// Two codes a byte: the first 16 numbers in the lower halves of 16 bytes.
template <class Code, class Use>
inline void nibbles(const uint8_t* p, const Code& code, const Use& use) {
  Vec v[kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kHalf; i++) {
    const IntVec q = widen(p + kWidth * i);
    v[i] = code(q, kWidth * i);
    v[kHalf + i] = code(shiftRight<4>(q), 16 + kWidth * i);
  }
  use(0, v);
}

template <int Bytes, bool Offset, int Minus>
struct FourBits : BlockOf32<Bytes, Offset> {
  static constexpr int kZero = Minus;
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    nibbles(p + Bytes - 16, [](IntVec q, int) { return fourBits<Minus>(q); }, use);
  }
};
using Q4_0 = FourBits<18, false, 8>;
using Q4_1 = FourBits<20, true, 0>;

template <int Bytes, bool Offset, int Minus>
struct FiveBits : BlockOf32<Bytes, Offset> {
  static constexpr int kZero = Minus;
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    uint32_t fifths;
    std::memcpy(&fifths, p + Bytes - 20, 4);
    nibbles(p + Bytes - 16, [fifths](IntVec q, int first) { return fiveBits<Minus>(q, fifthsOf(fifths, first)); }, use);
  }
};
using Q5_0 = FiveBits<22, false, 16>;
using Q5_1 = FiveBits<24, true, 0>;

struct Mxfp4 {
  static constexpr int kBlock = 32, kBytes = 17, kGroup = 32, kZero = 12;
  static constexpr bool kOffset = false;
  // Half of the scale, for twice the values; it is below the normal floats where the byte is 0 or 1.
  static void scales(const uint8_t* row, int64_t blocks, float* scale, float*) {
    for (int64_t b = 0; b < blocks; b++, row += kBytes) {
      const uint32_t bits = row[0] < 2 ? 0x200000u << row[0] : static_cast<uint32_t>(row[0] - 1) << 23;
      std::memcpy(scale + b, &bits, 4);
    }
  }
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    static constexpr float kTwice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    nibbles(p + 1, [](IntVec q, int) { return pick(kTwice, q); }, use);
  }
};

// Eight groups of 32 numbers with scales and offsets of 6 bits in 12 bytes, times the halves before them.
template <int Bytes>
struct SixBitScales {
  static constexpr int kBlock = 256, kBytes = Bytes, kGroup = 32, kZero = 0;
  static constexpr bool kOffset = true;
  static void scales(const uint8_t* row, int64_t blocks, float* scale, float* offset) {
    for (int64_t b = 0; b < blocks; b++, row += Bytes, scale += 8, offset += 8) {
      uint64_t low;
      uint32_t high;
      std::memcpy(&low, row + 4, 8);
      std::memcpy(&high, row + 12, 4);
      // Four scales, then four offsets: those of groups 0 to 3, and the upper two bits of those of groups 4 to 7.
      const uint64_t first = low & 0x3f3f3f3f3f3f3f3f, upper = low >> 2 & 0x3030303030303030;
      const uint64_t last = (high & 0x0f0f0f0f) | static_cast<uint64_t>(high >> 4 & 0x0f0f0f0f) << 32 | upper;
      scaleBytes((first & 0xffffffff) | last << 32, halfAt(row), scale);
      scaleBytes(first >> 32 | (last & 0xffffffff00000000), -halfAt(row + 2), offset);
    }
  }
};

struct Q4K : SixBitScales<144> {
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
#pragma GCC unroll 4
    for (int j = 0; j < 8; j += 2) {
      Vec low[kVectors], high[kVectors];
#pragma GCC unroll 8
      for (int i = 0; i < kVectors; i++) {
        const IntVec q = widen(p + 16 + 16 * j + kWidth * i);
        low[i] = fourBits<0>(q);
        high[i] = fourBits<0>(shiftRight<4>(q));
      }
      use(j, low);
      use(j + 1, high);
    }
  }
};

struct Q5K : SixBitScales<176> {
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
    pair<0>(p, use);
    pair<2>(p, use);
    pair<4>(p, use);
    pair<6>(p, use);
  }

 private:
  template <int J, class Use>
  static void pair(const uint8_t* p, const Use& use) {
    Vec low[kVectors], high[kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) {
      const IntVec q = widen(p + 48 + 16 * J + kWidth * i), fifths = widen(p + 16 + kWidth * i);
      low[i] = fiveBits<0>(q, fifthsOf<J>(fifths));
      high[i] = fiveBits<0>(shiftRight<4>(q), fifthsOf<J + 1>(fifths));
    }
    use(J, low);
    use(J + 1, high);
  }
};

struct Q6K {
  static constexpr int kBlock = 256, kBytes = 210, kGroup = 16, kZero = 32;
  static constexpr bool kOffset = false;
  static void scales(const uint8_t* row, int64_t blocks, float* scale, float*) {
    for (int64_t b = 0; b < blocks; b++, row += kBytes, scale += 16) {
      const Vec d = broadcast(halfAt(row + 208));
      for (int i = 0; i < 16; i += kWidth) store(scale + i, mul(d, toFloat(widenSigned(row + 192 + i))));
    }
  }
  // Quarters of 32 numbers of each half of the block share bytes: 0 and 2, 1 and 3 those of the lower four bits, all those of the upper two.
  template <class Use>
  static void codes(const uint8_t* p, const Use& use) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; part++) {
      const int half = part >> 1, l = (part & 1) * 16;
      const uint8_t *low = p + 64 * half + l, *high = p + 128 + 32 * half + l;
      Vec v[4][kHalf];
#pragma GCC unroll 4
      for (int i = 0; i < kHalf; i++) {
        const IntVec a = widen(low + kWidth * i), b = widen(low + 32 + kWidth * i), h = widen(high + kWidth * i);
        v[0][i] = add(fourBits<0>(a), twoUpperBits(h));
        v[1][i] = add(fourBits<0>(b), twoUpperBits(shiftRight<2>(h)));
        v[2][i] = add(fourBits<0>(shiftRight<4>(a)), twoUpperBits(shiftRight<4>(h)));
        v[3][i] = add(fourBits<0>(shiftRight<4>(b)), twoUpperBits(shiftRight<6>(h)));
      }
#pragma GCC unroll 4
      for (int quarter = 0; quarter < 4; quarter++) use(8 * half + 2 * quarter + (part & 1), v[quarter]);
    }
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
