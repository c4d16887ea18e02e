// Packing of plain numbers and of blocks of 32, bit for bit as in core/src/packed: float-formats.ts, blocks-of-32.ts, mxfp4.ts.
// pack(x, blocks, out, halves) writes whole blocks.
#pragma once
#include "pack_fits.h"
#include "pack_halves.h"

namespace moekit {
namespace MOEKIT_ISA {

struct PackBf16 {
  static constexpr int kBlock = 1, kBytes = 2;
  static void pack(const float* x, int64_t count, uint8_t* out, HalfWriter&) {
    for (int64_t i = 0; i < count; i++) {
      uint32_t bits;
      std::memcpy(&bits, x + i, 4);
      const uint16_t upper = static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
      std::memcpy(out + 2 * i, &upper, 2);
    }
  }
};

struct PackF16 {
  static constexpr int kBlock = 1, kBytes = 2;
  static void pack(const float* x, int64_t count, uint8_t* out, HalfWriter& halves) {
    for (int64_t i = 0; i < count; i++) halves.put(out + 2 * i, x[i]);
  }
};

struct PackF8E4M3 {
  static constexpr int kBlock = 1, kBytes = 1;
  static void pack(const float* x, int64_t count, uint8_t* out, HalfWriter&) {
    for (int64_t i = 0; i < count; i++) {
      const float any = __builtin_fabsf(x[i]), magnitude = any < 448 ? any : 448;
      // Numbers from 2^e on are 2^(e - 3) apart, the smallest ones 2^-9; a code counts these steps.
      uint32_t bits;
      std::memcpy(&bits, &magnitude, 4);
      const int exponent = static_cast<int>(bits >> 23) - 127, e = exponent < -6 ? -6 : exponent;
      const float steps = magnitude * __builtin_ldexpf(1, 3 - e);
      out[i] = static_cast<uint8_t>((__builtin_signbit(x[i]) ? 128 : 0) | (static_cast<int>(steps + kMagic - kMagic) + 8 * (e + 6)));
    }
  }
};

// The first value of largest magnitude of 32.
inline float extremeOf32(const float* x) {
  float extreme = 0;
  for (int j = 0; j < 32; j++) extreme = __builtin_fabsf(x[j]) > __builtin_fabsf(extreme) ? x[j] : extreme;
  return extreme;
}

inline float inverseOf(float d) { return d == 0 ? 0 : 1 / d; }

struct PackQ8_0 {
  static constexpr int kBlock = 32, kBytes = 34;
  static void pack(const float* x, int64_t blocks, uint8_t* out, HalfWriter& halves) {
    for (int64_t b = 0; b < blocks; b++, x += 32, out += kBytes) {
      float most = 0;
      for (int j = 0; j < 32; j++) most = __builtin_fabsf(x[j]) > most ? __builtin_fabsf(x[j]) : most;
      const float d = most / 127, inverse = inverseOf(d);
      halves.put(out, d);
      // Half away from zero; a double holds the sum with a half exactly.
      for (int j = 0; j < 32; j++) {
        const double code = x[j] * inverse, rounded = code + (code < 0 ? -0.5 : 0.5);
        out[2 + j] = static_cast<uint8_t>(rounded > -128 && rounded < 128 ? static_cast<int>(rounded) : 0);
      }
    }
  }
};

template <int Bits, bool Affine, int Bytes>
struct PackNibbles {
  static constexpr int kBlock = 32, kBytes = Bytes, kMost = (1 << Bits) - 1, kMiddle = 1 << (Bits - 1);
  static void pack(const float* x, int64_t blocks, uint8_t* out, HalfWriter& halves) {
    for (int64_t b = 0; b < blocks; b++, x += 32, out += kBytes) {
      float low = x[0], high = x[0];
      for (int j = 1; j < 32; j++) {
        low = x[j] < low ? x[j] : low;
        high = x[j] > high ? x[j] : high;
      }
      const float d = Affine ? (high - low) / kMost : extremeOf32(x) / -kMiddle, inverse = inverseOf(d);
      halves.put(out, d);
      if (Affine) halves.put(out + 2, low);
      int codes[32];
      for (int j = 0; j < 32; j++) {
        const float code = (Affine ? x[j] - low : x[j]) * inverse + (Affine ? 0.5f : kMiddle + 0.5f);
        codes[j] = static_cast<int>(code > 0 ? code < kMost ? code : kMost : 0);
      }
      uint32_t fifths = 0;
      for (int j = 0; j < 32; j++) fifths |= static_cast<uint32_t>(codes[j] >> 4 & 1) << j;
      if (Bits == 5) std::memcpy(out + kBytes - 20, &fifths, 4);
      for (int j = 0; j < 16; j++) out[kBytes - 16 + j] = static_cast<uint8_t>((codes[j] & 15) | codes[j + 16] << 4);
    }
  }
};

struct PackMxfp4 {
  static constexpr int kBlock = 32, kBytes = 17;
  static void pack(const float* x, int64_t blocks, uint8_t* out, HalfWriter&) {
    for (int64_t b = 0; b < blocks; b++, x += 32, out += kBytes) {
      const int e = exponentOf(__builtin_fabsf(extremeOf32(x)));
      const float scale = __builtin_ldexpf(1, e - 128);
      float codes[32];
      for (int j = 0; j < 32; j += kWidth) store(codes + j, codesOf(load(x + j), scale));
      out[0] = static_cast<uint8_t>(e);
      for (int j = 0; j < 16; j++) out[1 + j] = static_cast<uint8_t>(static_cast<int>(codes[j]) | static_cast<int>(codes[j + 16]) << 4);
    }
  }

 private:
  // The logarithm as a float, as in ggml: just below a power of two it may reach it.
  static int exponentOf(float most) {
    if (!(most > 0)) return 0;
    const int e = static_cast<int>(__builtin_floorf(static_cast<float>(__builtin_log2(most)))) + 125;
    return e > 0 ? e : 0;
  }
  // The code of the nearest value, the lowest one on ties.
  static Vec codesOf(Vec x, float scale) {
    static constexpr float kTwice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    Vec best = zero(), least = broadcast(__builtin_inff());
    for (int code = 0; code < 16; code++) {
      const Vec error = absolute(sub(broadcast(kTwice[code] * scale), x));
      const Mask nearer = less(error, least);
      best = select(nearer, broadcast(static_cast<float>(code)), best);
      least = select(nearer, error, least);
    }
    return best;
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
