// Products in 8 bits by VNNI: dot products of four unsigned and four signed bytes to a lane.
#pragma once
#include "packed_bytes.h"
#include "packed_int8_tile.h"
#include "packed_rows.h"

#if defined(__AVX512VNNI__)

namespace moekit {
namespace MOEKIT_ISA {

// Vectors multiply unsigned by signed codes, tiles signed ones.
template <class F>
inline IntVec panelBytes(IntVec codes) {
#if defined(MOEKIT_TILES)
  return _mm512_sub_epi8(codes, _mm512_set1_epi8(static_cast<char>(F::kZero)));
#else
  return codes;
#endif
}

// Codes 64 i to 64 i + 63 of the rows of a panel.
template <class F, class Row>
inline void packCodes(const Row& row, int64_t i, int64_t numbers, uint8_t* codes) {
  Vec r[kColumns];
  for (int o = 0; o < kColumns; o++) r[o] = floatOf(panelBytes<F>(bytesOf64<F>(row(o), static_cast<int>(i), numbers)));
  transpose(r);
  for (int j = 0; j < kColumns; j++) store(reinterpret_cast<float*>(codes + (i * kColumns + j) * 64), r[j]);
}

#if !defined(MOEKIT_TILES)
constexpr int kPanels = 2;  // panels that a tile spans
constexpr int kRows = 6;    // rows of x in a tile

template <class F, int R, int P>
inline void multiplyTile(const Tile& t) {
  Vec sums[P][R];
#pragma GCC unroll 2
  for (int p = 0; p < P; p++) {
    const Vec first = t.bias ? loadPartial(t.bias + p * kColumns, least(kColumns, t.columns - p * kColumns)) : zero();
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) sums[p][r] = first;
  }
  const int8_t* x = t.a.codes;
  const uint8_t* codes = t.panel.codes;
  for (int64_t g = 0; g < t.groups; g++, x += F::kGroup, codes += F::kGroup * kColumns) {
    for (int64_t i = 0; i < t.nextBytes; i += 64) __builtin_prefetch(t.next + g * t.nextBytes + i, 0, 2);
    IntVec total[P][R];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 2
      for (int p = 0; p < P; p++) total[p][r] = broadcastInt(t.a.start[g + r * t.a.groups]);
    }
#pragma GCC unroll 8
    for (int k = 0; k < F::kGroup / 4; k++) {
      IntVec q[P];
#pragma GCC unroll 2
      for (int p = 0; p < P; p++) q[p] = _mm512_loadu_si512(codes + p * t.panelCodes + k * 64);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        int32_t four;
        std::memcpy(&four, x + r * t.a.stride + 4 * k, 4);
        const IntVec quad = broadcastInt(four);
#pragma GCC unroll 2
        for (int p = 0; p < P; p++) total[p][r] = _mm512_dpbusd_epi32(total[p][r], q[p], quad);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Vec scale = broadcast(t.a.scale[g + r * t.a.groups]), sum = broadcast(t.a.sum[g + r * t.a.groups]);
#pragma GCC unroll 2
      for (int p = 0; p < P; p++) {
        sums[p][r] = fma(toFloat(total[p][r]), mul(load(t.panel.scale + p * t.panelGroups + g * kColumns), scale), sums[p][r]);
        if (F::kOffset) sums[p][r] = fma(load(t.panel.offset + p * t.panelGroups + g * kColumns), sum, sums[p][r]);
      }
    }
  }
#pragma GCC unroll 2
  for (int p = 0; p < P; p++) {
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) storePartial(t.y + r * t.ld + p * kColumns, sums[p][r], least(kColumns, t.columns - p * kColumns));
  }
}
#endif

// Which of 16 groups a lane of 64 numbers belongs to, from the first of them on, and the first lane of each.
template <class F>
inline IntVec groupOfLane() {
  if (F::kGroup == 16) return _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
}
template <class F>
constexpr __mmask16 kFirstLanes = F::kGroup == 16 ? 0x1111 : 0x0101;

constexpr int kRowsOfW = 2;  // that are read side by side where x has few rows

// C rows of W from one on, with scales and offsets.
template <class F>
struct FewRows {
  const PackedMatrix& w;
  const uint8_t* first;
  const RowScales<F>& scales;
};

// Adds 64 `vectors` numbers of C rows of W, which lie in up to 16 groups from `group` on, times those of R rows of x.
template <class F, int R, int C>
inline __attribute__((always_inline)) void addGroups(Vec (&sums)[R][C], const FewRows<F>& few, const RoundedRows& a, int64_t group, int vectors) {
  const int64_t first = group * F::kGroup;
  const uint8_t* from = few.first + first / F::kBlock * F::kBytes;
  Vec both[R][C];
  IntVec start[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    const Vec scale = load(a.scale + r * a.groups + group), sum = load(a.sum + r * a.groups + group);
    start[r] = bitsOf(load(reinterpret_cast<const float*>(a.start + r * a.groups + group)));
#pragma GCC unroll 8
    for (int c = 0; c < C; c++) {
      const int64_t at = c * few.scales.stride + group;
      both[r][c] = mul(load(few.scales.scale + at), scale);
      if (F::kOffset) sums[r][c] = fma(load(few.scales.offset + at), sum, sums[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < vectors; i++) {
    const IntVec lanes = addInt(groupOfLane<F>(), broadcastInt(i * 64 / F::kGroup));
    IntVec x[R], begin[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      x[r] = _mm512_loadu_si512(a.codes + r * a.stride + first + i * 64);
      begin[r] = F::kZero == 0 ? broadcastInt(0) : _mm512_maskz_permutexvar_epi32(kFirstLanes<F>, lanes, start[r]);
    }
#pragma GCC unroll 8
    for (int c = 0; c < C; c++) {
      const IntVec q = bytesOf64<F>(from + c * few.w.rowBytes, i, few.w.columns - first);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        const IntVec total = _mm512_dpbusd_epi32(begin[r], q, x[r]);
        sums[r][c] = fma(toFloat(total), _mm512_permutexvar_ps(lanes, both[r][c]), sums[r][c]);
      }
    }
  }
}

template <class F, int R, int C>
void dots(const PackedMatrix& w, int64_t o, const RowScales<F>& scales, const RoundedRows& a, float* y, int64_t ldy, const float* bias) {
  constexpr int vectors = 16 * F::kGroup / 64;
  const FewRows<F> few{w, w.row(o), scales};
  for (int c = 0; c < C; c++) F::scales(w.row(o + c), w.columns / F::kBlock, scales.scale + c * scales.stride, scales.offset + c * scales.stride);
  Vec sums[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
    for (int c = 0; c < C; c++) sums[r][c] = zero();
  }
  int64_t g = 0;
  for (; g + 16 <= scales.groups; g += 16) addGroups<F, R, C>(sums, few, a, g, vectors);
  if (g < scales.groups) addGroups<F, R, C>(sums, few, a, g, static_cast<int>(ceilDiv((scales.groups - g) * F::kGroup, 64)));
  for (int r = 0; r < R; r++) {
    for (int c = 0; c < C; c++) y[r * ldy + c] = sum(sums[r][c]) + (bias ? bias[c] : 0);
  }
}

}  // namespace MOEKIT_ISA
}  // namespace moekit

#endif
