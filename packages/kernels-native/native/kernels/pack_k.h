// Packing of blocks whose scales are searched for, bit for bit as in core/src/packed: k-encode.ts, low-k-encode.ts, iq4.ts.
#pragma once
#include "pack_fits.h"
#include "pack_halves.h"

namespace moekit {
namespace MOEKIT_ISA {

// Blocks that are searched at the same time: their groups of 16 or 32 numbers fill the lanes of a vector.
constexpr int kAtOnce = 16;

// What the search found for groups of N numbers of up to kAtOnce blocks of B.
template <int B, int N>
struct Groups {
  static constexpr int kCount = kAtOnce * B / N, kPerBlock = B / N;
  float scale[kCount], offset[kCount];
  uint8_t codes[kAtOnce * B];
};

// fit(lanes, codes) searches one group in each lane.
template <int B, int N, class Search>
inline void searchGroups(const float* x, int64_t blocks, Groups<B, N>& found, const Search& fit) {
  const int64_t count = blocks * B / N;
  for (int64_t first = 0; first < count; first += kWidth) {
    const int64_t used = least(kWidth, count - first);
    float side[N][kWidth] = {};
    Vec lanes[N], codes[N];
    for (int64_t l = 0; l < used; l++) {
      for (int i = 0; i < N; i++) side[i][l] = x[(first + l) * N + i];
    }
    for (int i = 0; i < N; i++) lanes[i] = load(side[i]);
    const Fit result = fit(lanes, codes);
    storePartial(found.scale + first, result.scale, used);
    storePartial(found.offset + first, result.offset, used);
    for (int i = 0; i < N; i++) store(side[i], codes[i]);
    for (int64_t l = 0; l < used; l++) {
      for (int i = 0; i < N; i++) found.codes[(first + l) * N + i] = static_cast<uint8_t>(static_cast<int>(side[i][l]));
    }
  }
}

inline int nearestInt(float x) { return static_cast<int>(x + kMagic - kMagic); }

inline float largestOf(const float* x, int count) {
  float most = 0;
  for (int i = 0; i < count; i++) most = x[i] > most ? x[i] : most;
  return most;
}
inline float extremeOf(const float* x, int count) {
  float extreme = 0;
  for (int i = 0; i < count; i++) extreme = __builtin_fabsf(x[i]) > __builtin_fabsf(extreme) ? x[i] : extreme;
  return extreme;
}

// codes[i] = (x[i] + plus) / scale as an integer from `low` to `high`, plus `zero`; nothing where the scale is 0: those of the search stay.
template <int N>
inline void quantiseAgain(const float* x, float scale, float plus, float low, float high, int zeroCode, uint8_t* codes) {
  if (scale == 0) return;
  float code[N];
  for (int i = 0; i < N; i += kWidth) store(code + i, clamp(nearestByBits(div(add(load(x + i), broadcast(plus)), broadcast(scale))), low, high));
  for (int i = 0; i < N; i++) codes[i] = static_cast<uint8_t>(static_cast<int>(code[i]) + zeroCode);
}

// The lower two bits of 256 codes; the four quarters of each half share bytes.
inline void packTwoBits(const uint8_t* codes, uint8_t* out) {
  for (int half = 0; half < 2; half++) {
    const uint8_t* q = codes + 128 * half;
    for (int l = 0; l < 32; l++) out[32 * half + l] = static_cast<uint8_t>((q[l] & 3) | (q[l + 32] & 3) << 2 | (q[l + 64] & 3) << 4 | (q[l + 96] & 3) << 6);
  }
}

// Q4_K and Q5_K.
template <int Bits, int Bytes>
struct PackSixBitScales {
  static constexpr int kBlock = 256, kBytes = Bytes, kMost = (1 << Bits) - 1, N = 32;
  using Found = Groups<kBlock, N>;
  static void search(const float* x, int64_t blocks, Found& found) {
    searchGroups(x, blocks, found, [](const Vec* lanes, Vec* codes) { return fitAffine<N, kMost>(lanes, Bits == 4 ? -1.0f : -0.5f, Bits == 4 ? 20 : 15, codes); });
  }
  static void finish(const float* x, const float* scale, const float* offset, uint8_t* codes, uint8_t* out, HalfWriter& halves) {
    const float mostScale = largestOf(scale, 8), mostOffset = largestOf(offset, 8);
    const float d = halves.put(out, mostScale / 63), dmin = halves.put(out + 2, mostOffset / 63);
    uint8_t s[8], o[8];
    for (int j = 0; j < 8; j++) {
      s[j] = sixBits(mostScale > 0 ? 63 / mostScale : 0, scale[j]);
      o[j] = sixBits(mostOffset > 0 ? 63 / mostOffset : 0, offset[j]);
      quantiseAgain<N>(x + N * j, d * s[j], dmin * o[j], 0, kMost, 0, codes + N * j);
    }
    for (int j = 0; j < 4; j++) {
      out[4 + j] = static_cast<uint8_t>(s[j] | s[j + 4] >> 4 << 6);
      out[8 + j] = static_cast<uint8_t>(o[j] | o[j + 4] >> 4 << 6);
      out[12 + j] = static_cast<uint8_t>((s[j + 4] & 15) | (o[j + 4] & 15) << 4);
    }
    packCodes(codes, out);
  }

 private:
  static uint8_t sixBits(float inverse, float value) {
    const auto code = static_cast<uint8_t>(nearestInt(inverse * value));
    return code < 63 ? code : 63;
  }
  static void packCodes(const uint8_t* codes, uint8_t* out) {
    for (int j = 0; j < 4; j++) {
      for (int l = 0; l < 32; l++) out[kBytes - 128 + 32 * j + l] = static_cast<uint8_t>((codes[64 * j + l] & 15) | (codes[64 * j + 32 + l] & 15) << 4);
    }
    for (int l = 0; l < 32 && Bits == 5; l++) {
      int fifths = 0;
      for (int j = 0; j < 8; j++) fifths |= codes[32 * j + l] >> 4 << j;
      out[16 + l] = static_cast<uint8_t>(fifths);
    }
  }
};

struct PackQ2K {
  static constexpr int kBlock = 256, kBytes = 84, N = 16;
  using Found = Groups<kBlock, N>;
  static void search(const float* x, int64_t blocks, Found& found) {
    searchGroups(x, blocks, found, [](const Vec* lanes, Vec* codes) { return fitAffine<N, 3>(lanes, -0.5f, 15, codes); });
  }
  static void finish(const float* x, const float* scale, const float* offset, uint8_t* codes, uint8_t* out, HalfWriter& halves) {
    const float mostScale = largestOf(scale, 16), mostOffset = largestOf(offset, 16);
    const float d = halves.put(out + 80, mostScale / 15), dmin = halves.put(out + 82, mostOffset / 15);
    for (int j = 0; j < 16; j++) {
      out[j] = static_cast<uint8_t>((mostScale > 0 ? nearestInt(15 / mostScale * scale[j]) : 0) | (mostOffset > 0 ? nearestInt(15 / mostOffset * offset[j]) << 4 : 0));
      quantiseAgain<N>(x + N * j, d * static_cast<float>(out[j] & 15), dmin * static_cast<float>(out[j] >> 4), 0, 3, 0, codes + N * j);
    }
    packTwoBits(codes, out + 16);
  }
};

struct PackQ3K {
  static constexpr int kBlock = 256, kBytes = 110, N = 16;
  using Found = Groups<kBlock, N>;
  static void search(const float* x, int64_t blocks, Found& found) {
    searchGroups(x, blocks, found, [](const Vec* lanes, Vec* codes) { return Fit{fitThreeBits(lanes, codes), zero()}; });
  }
  static void finish(const float* x, const float* scale, const float*, uint8_t* codes, uint8_t* out, HalfWriter& halves) {
    const float extreme = extremeOf(scale, 16), inverse = extreme == 0 ? 0 : -32 / extreme;
    std::memset(out, 0, kBytes);
    const float d = extreme == 0 ? 0 : halves.put(out + 108, 1 / inverse);
    for (int j = 0; j < 16 && extreme != 0; j++) {
      const int rounded = nearestInt(inverse * scale[j]), code = rounded < -32 ? -32 : rounded > 31 ? 31 : rounded;
      out[96 + j % 8] |= static_cast<uint8_t>(((code + 32) & 15) << 4 * (j / 8));
      out[104 + j % 4] |= static_cast<uint8_t>((code + 32) >> 4 << 2 * (j / 4));
      quantiseAgain<N>(x + N * j, d * static_cast<float>(code), 0, -4, 3, 4, codes + N * j);
    }
    for (int i = 0; i < 256; i++) out[i % 32] |= static_cast<uint8_t>(codes[i] >> 2 << i / 32);
    packTwoBits(codes, out + 32);
  }
};

struct PackQ6K {
  static constexpr int kBlock = 256, kBytes = 210, N = 16;
  using Found = Groups<kBlock, N>;
  static void search(const float* x, int64_t blocks, Found& found) {
    searchGroups(x, blocks, found, [](const Vec* lanes, Vec* codes) {
      const Vec scale = fitSymmetric(lanes, codes);
      for (int i = 0; i < N; i++) codes[i] = add(codes[i], broadcast(32));
      return Fit{scale, zero()};
    });
  }
  static void finish(const float* x, const float* scale, const float*, uint8_t* codes, uint8_t* out, HalfWriter& halves) {
    const float extreme = extremeOf(scale, 16);
    std::memset(out, 0, kBytes);
    if (__builtin_fabsf(extreme) < kTiny) return;
    const float inverse = -128 / extreme, d = halves.put(out + 208, 1 / inverse);
    for (int j = 0; j < 16; j++) {
      const int rounded = nearestInt(inverse * scale[j]), code = rounded < 127 ? rounded : 127;
      out[192 + j] = static_cast<uint8_t>(code);
      quantiseAgain<N>(x + N * j, d * static_cast<float>(static_cast<int8_t>(code)), 0, -32, 31, 32, codes + N * j);
    }
    for (int half = 0; half < 2; half++) {
      const uint8_t* q = codes + 128 * half;
      for (int l = 0; l < 64; l++) out[64 * half + l] = static_cast<uint8_t>((q[l] & 15) | (q[l + 64] & 15) << 4);
      for (int l = 0; l < 32; l++) out[128 + 32 * half + l] = static_cast<uint8_t>(q[l] >> 4 | q[l + 32] >> 4 << 2 | q[l + 64] >> 4 << 4 | q[l + 96] >> 4 << 6);
    }
  }
};

// Sixteen bytes of the codes of 32 numbers.
inline void packUneven(const float* x, float scale, uint8_t* out) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  float code[32];
  for (int i = 0; i < 32; i += kWidth) store(code + i, toFloat(unevenCode(mul(broadcast(inverse), load(x + i)))));
  for (int i = 0; i < 16; i++) out[i] = static_cast<uint8_t>(static_cast<int>(code[i]) | static_cast<int>(code[i + 16]) << 4);
}

template <int B>
inline void searchUneven(const float* x, int64_t blocks, Groups<B, 32>& found) {
  searchGroups(x, blocks, found, [](const Vec* lanes, Vec* codes) {
    for (int i = 0; i < 32; i++) codes[i] = zero();
    return Fit{fitUneven(lanes), zero()};
  });
}

struct PackIq4Nl {
  static constexpr int kBlock = 32, kBytes = 18;
  using Found = Groups<kBlock, 32>;
  static void search(const float* x, int64_t blocks, Found& found) { searchUneven(x, blocks, found); }
  static void finish(const float* x, const float* scale, const float*, uint8_t*, uint8_t* out, HalfWriter& halves) {
    halves.put(out, scale[0]);
    packUneven(x, scale[0], out + 2);
  }
};

struct PackIq4Xs {
  static constexpr int kBlock = 256, kBytes = 136;
  using Found = Groups<kBlock, 32>;
  static void search(const float* x, int64_t blocks, Found& found) { searchUneven(x, blocks, found); }
  static void finish(const float* x, const float* scale, const float*, uint8_t*, uint8_t* out, HalfWriter& halves) {
    // The scales are measured by d as it was before it became a half.
    const float d = -extremeOf(scale, 8) / 32, inverse = d == 0 ? 0 : 1 / d;
    std::memset(out, 0, 8);
    halves.put(out, d);
    for (int j = 0; j < 8; j++) {
      const int rounded = nearestInt(inverse * scale[j]), code = rounded < -32 ? -32 : rounded > 31 ? 31 : rounded;
      packUneven(x + 32 * j, d * static_cast<float>(code), out + 8 + 16 * j);
      out[4 + j / 2] |= static_cast<uint8_t>(((code + 32) & 15) << 4 * (j % 2));
      out[2 + j / 4] |= static_cast<uint8_t>((code + 32) >> 4 << 2 * (j % 4));
    }
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
