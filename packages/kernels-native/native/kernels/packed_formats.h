// The formats of packed weights, as in core/src/packed: each unpacks a block by use(i, w) for its vectors w, number i in order.
// All values are those of the format to the bit, because products of scales and codes are exact in float32.
#pragma once
#include "packed_vec.h"

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kGroup = 32;  // numbers with a scale of their own, or half of that
constexpr int kVectors = kGroup / kWidth;
constexpr int kHalf = kVectors / 2;  // vectors of 16 numbers; 1 at kWidth 16

// Formats of one number are taken 32 at a time.
struct Bf16 {
  static constexpr int kBlock = 32, kBytes = 64;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) use(i, floatOf(shiftLeft<16>(widenPairs(p + 2 * kWidth * i))));
  }
};

struct F16 {
  static constexpr int kBlock = 32, kBytes = 64;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) use(i, value(widenPairs(p + 2 * kWidth * i)));
  }
  static Vec value(IntVec h) {
    const Vec finite = mul(floatOf(shiftLeft<13>(andInt(h, broadcastInt(0x7fff)))), broadcast(0x1p112f));
    const Vec endless = bitOr(finite, broadcast(__builtin_inff()));
    const Vec magnitude = select(lessEqual(broadcast(0x1p16f), finite), endless, finite);
    return bitOr(magnitude, floatOf(shiftLeft<16>(andInt(h, broadcastInt(0x8000)))));
  }
};

struct F8E4M3 {
  static constexpr int kBlock = 32, kBytes = 32;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) use(i, value(widen(p + kWidth * i)));
  }
  // As if the exponent were not 0, where (1 + m) 2^-7 stands for 2 m 2^-7.
  static Vec value(IntVec code) {
    const IntVec bits = andInt(code, broadcastInt(0x7f));
    const Vec normal = floatOf(addInt(shiftLeft<20>(bits), broadcastInt(120 << 23)));
    const Vec small = sub(add(normal, normal), broadcast(0x1p-6f));
    Vec magnitude = select(less(normal, broadcast(0x1p-6f)), small, normal);
    magnitude = select(less(broadcast(448), magnitude), broadcast(__builtin_nanf("")), magnitude);
    return bitOr(magnitude, floatOf(shiftLeft<24>(andInt(code, broadcastInt(0x80)))));
  }
};

struct Q8_0 {
  static constexpr int kBlock = 32, kBytes = 34;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    const Vec d = broadcast(halfAt(p));
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) use(i, mul(d, toFloat(widenSigned(p + 2 + kWidth * i))));
  }
};

// Two codes a byte: the first 16 numbers in the low halves of 16 bytes.
template <class L, class Use>
inline void nibbles(const uint8_t* p, const L& levels, const Use& use) {
#pragma GCC unroll 4
  for (int i = 0; i < kHalf; i++) use(i, levels.at(widen(p + kWidth * i)));
#pragma GCC unroll 4
  for (int i = 0; i < kHalf; i++) use(kHalf + i, levels.at(shiftRight<4>(widen(p + kWidth * i))));
}

template <class Use>
inline void nibbles5(const uint8_t* p, const uint8_t* high, const Levels5& levels, const Use& use) {
  uint32_t bits;
  std::memcpy(&bits, high, 4);
#pragma GCC unroll 4
  for (int i = 0; i < kHalf; i++) use(i, levels.at(widen(p + kWidth * i), fifthsOf(bits, kWidth * i)));
#pragma GCC unroll 4
  for (int i = 0; i < kHalf; i++) use(kHalf + i, levels.at(shiftRight<4>(widen(p + kWidth * i)), fifthsOf(bits, 16 + kWidth * i)));
}

struct Q4_0 {
  static constexpr int kBlock = 32, kBytes = 18;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    const float d = halfAt(p);
    nibbles(p + 2, Levels(d, -8 * d), use);
  }
};

struct Q4_1 {
  static constexpr int kBlock = 32, kBytes = 20;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    nibbles(p + 4, Levels(halfAt(p), halfAt(p + 2)), use);
  }
};

struct Q5_0 {
  static constexpr int kBlock = 32, kBytes = 22;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    const float d = halfAt(p);
    nibbles5(p + 6, p + 2, Levels5(d, -16 * d), use);
  }
};

struct Q5_1 {
  static constexpr int kBlock = 32, kBytes = 24;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    nibbles5(p + 8, p + 4, Levels5(halfAt(p), halfAt(p + 2)), use);
  }
};

struct Mxfp4 {
  static constexpr int kBlock = 32, kBytes = 17;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    // Half of the scale, for twice the values; it is below the normal floats where the byte is 0 or 1.
    const uint32_t bits = p[0] < 2 ? 0x200000u << p[0] : static_cast<uint32_t>(p[0] - 1) << 23;
    float half;
    std::memcpy(&half, &bits, 4);
    nibbles(p + 1, Codes{broadcast(half)}, use);
  }

 private:
  struct Codes {
    Vec half;
    Vec at(IntVec q) const {
      static constexpr float kTwice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
      return mul(half, pick(kTwice, q));
    }
  };
};

// Scale and offset j of eight, 6 bits each, of q4_K and q5_K.
struct KScales {
  float scale[8], offset[8];

  // From a block: halves d and dmin, then 12 bytes. Offsets are what is added.
  explicit KScales(const uint8_t* p) {
    const float d = halfAt(p), dmin = halfAt(p + 2);
    const uint8_t* s = p + 4;
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      scale[j] = d * (s[j] & 63);
      offset[j] = -dmin * (s[j + 4] & 63);
      scale[j + 4] = d * ((s[j + 8] & 15) | (s[j] >> 6) << 4);
      offset[j + 4] = -dmin * (s[j + 8] >> 4 | (s[j + 4] >> 6) << 4);
    }
  }
};

struct Q4K {
  static constexpr int kBlock = 256, kBytes = 144;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    const KScales s(p);
#pragma GCC unroll 4
    for (int j = 0; j < 8; j += 2) {
      const Levels low(s.scale[j], s.offset[j]), high(s.scale[j + 1], s.offset[j + 1]);
      const uint8_t* codes = p + 16 + 16 * j;
#pragma GCC unroll 8
      for (int i = 0; i < kVectors; i++) {
        const IntVec q = widen(codes + kWidth * i);
        use(kVectors * j + i, low.at(q));
        use(kVectors * (j + 1) + i, high.at(shiftRight<4>(q)));
      }
    }
  }
};

struct Q5K {
  static constexpr int kBlock = 256, kBytes = 176;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    const KScales s(p);
    pair<0>(p, s, use);
    pair<2>(p, s, use);
    pair<4>(p, s, use);
    pair<6>(p, s, use);
  }

 private:
  template <int J, class Use>
  static void pair(const uint8_t* p, const KScales& s, const Use& use) {
    const Levels5 low(s.scale[J], s.offset[J]), high(s.scale[J + 1], s.offset[J + 1]);
    const uint8_t* codes = p + 48 + 16 * J;
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) {
      const IntVec q = widen(codes + kWidth * i), fifths = widen(p + 16 + kWidth * i);
      use(kVectors * J + i, low.at(q, fifthsOf<J>(fifths)));
      use(kVectors * (J + 1) + i, high.at(shiftRight<4>(q), fifthsOf<J + 1>(fifths)));
    }
  }
};

struct Q6K {
  static constexpr int kBlock = 256, kBytes = 210;
  template <class Use>
  static void block(const uint8_t* p, const Use& use) {
    const float d = halfAt(p + 208);
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      const uint8_t *low = p + 64 * half, *high = p + 128 + 32 * half;
      const auto* scales = reinterpret_cast<const int8_t*>(p + 192 + 8 * half);
#pragma GCC unroll 8
      for (int i = 0; i < kVectors; i++) {
        // Parts of 16 numbers have scales of their own: two in each quarter of 32.
        const auto scale = [&](int quarter) { return broadcast(d * scales[2 * quarter + i / kHalf]); };
        const auto put = [&](int quarter, IntVec q) { use((4 * half + quarter) * kVectors + i, mul(scale(quarter), toFloat(subInt(q, broadcastInt(32))))); };
        const IntVec a = widen(low + kWidth * i), b = widen(low + 32 + kWidth * i), h = widen(high + kWidth * i);
        const IntVec four = broadcastInt(15), two = broadcastInt(48);
        put(0, orInt(andInt(a, four), andInt(shiftLeft<4>(h), two)));
        put(1, orInt(andInt(b, four), andInt(shiftLeft<2>(h), two)));
        put(2, orInt(shiftRight<4>(a), andInt(h, two)));
        put(3, orInt(shiftRight<4>(b), andInt(shiftRight<2>(h), two)));
      }
    }
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
