// Products in 8 bits by the dot products of NEON, of four signed bytes to a lane.
#pragma once
#include "packed_bytes_dot.h"
#include "packed_int8_tile.h"
#include "packed_rows.h"

#if defined(MOEKIT_DOT)

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kPanels = 1;  // panels that a tile spans
constexpr int kRows = 4;    // rows of x in a tile: their sums and those of a group fill half of the registers each

// Codes 64 i to 64 i + 63 of the rows of a panel.
template <class F, class Row>
inline void packCodes(const Row& row, int64_t i, int64_t numbers, uint8_t* codes) {
  for (int first = 0; first < kColumns; first += kWidth) {
    Bytes64 bytes[kWidth];
    for (int o = 0; o < kWidth; o++) bytes[o] = bytesOf64<F>(row(first + o), i, numbers);
#pragma GCC unroll 4
    for (int quarter = 0; quarter < 4; quarter++) {
      Vec r[kWidth];
      for (int o = 0; o < kWidth; o++) r[o] = vreinterpretq_f32_s8(bytes[o].q[quarter]);
      transpose(r);
      for (int j = 0; j < kWidth; j++) store(reinterpret_cast<float*>(codes + ((i * 16 + 4 * quarter + j) * kColumns + first) * 4), r[j]);
    }
  }
}

// Adds the products of four numbers of each row of x, quad Quad of sixteen, with those of all rows of the panel.
template <int Quad, int R>
inline void addQuad(IntVec (&total)[R][2], const uint8_t* codes, const int8x16_t (&x)[R]) {
  const int8x16_t low = signedBytes(vld1q_u8(codes + Quad * 4 * kColumns)), high = signedBytes(vld1q_u8(codes + Quad * 4 * kColumns + 16));
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
    total[r][0] = vdotq_laneq_s32(total[r][0], low, x[r], Quad);
    total[r][1] = vdotq_laneq_s32(total[r][1], high, x[r], Quad);
  }
}

template <class F, int R, int P>
inline void multiplyTile(const Tile& t) {
  static_assert(P == 1, "sums of more panels do not fit the registers");
  Vec sums[R][2];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < 2; v++) sums[r][v] = t.bias ? loadPartial(t.bias + v * kWidth, t.columns - v * kWidth) : zero();
  }
  const int8_t* x = t.a.codes;
  const uint8_t* codes = t.panel.codes;
  for (int64_t g = 0; g < t.groups; g++) {
    for (int64_t i = 0; i < t.nextBytes; i += 64) __builtin_prefetch(t.next + g * t.nextBytes + i, 0, 2);
    IntVec total[R][2];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) total[r][0] = total[r][1] = broadcastInt(0);
#pragma GCC unroll 2
    for (int k = 0; k < F::kGroup; k += 16, x += 16, codes += 16 * kColumns) {
      int8x16_t sixteen[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) sixteen[r] = vld1q_s8(x + r * t.a.stride);
      addQuad<0>(total, codes, sixteen);
      addQuad<1>(total, codes, sixteen);
      addQuad<2>(total, codes, sixteen);
      addQuad<3>(total, codes, sixteen);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const Vec scale = broadcast(t.a.scale[g + r * t.a.groups]), sum = broadcast(t.a.sum[g + r * t.a.groups]);
#pragma GCC unroll 2
      for (int v = 0; v < 2; v++) {
        sums[r][v] = fma(toFloat(total[r][v]), mul(load(t.panel.scale + g * kColumns + v * kWidth), scale), sums[r][v]);
        if (F::kOffset) sums[r][v] = fma(load(t.panel.offset + g * kColumns + v * kWidth), sum, sums[r][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < 2; v++) storePartial(t.y + r * t.ld + v * kWidth, sums[r][v], t.columns - v * kWidth);
  }
}

// The sum over a group in four parts.
template <class F>
inline IntVec groupTotal(const int8x16_t* q, const int8_t* x) {
  const IntVec first = vdotq_s32(broadcastInt(0), q[0], vld1q_s8(x));
  if constexpr (F::kGroup == 32) return vdotq_s32(first, q[1], vld1q_s8(x + 16));
  else return first;
}

constexpr int kRowsOfW = 1;  // that are read side by side where x has few rows

template <class F, int R, int>
inline void dots(const PackedMatrix& w, int64_t o, const RowScales<F>& scales, const RoundedRows& a, float* y, int64_t ldy, const float* bias) {
  constexpr int kGroups = 64 / F::kGroup;
  const uint8_t* row = w.row(o);
  F::scales(row, w.columns / F::kBlock, scales.scale, scales.offset);
  Vec sums[R][2];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) sums[r][0] = sums[r][1] = zero();
  for (int64_t i = 0, group = 0; group < scales.groups; i++, group += kGroups) {
    const Bytes64 bytes = bytesOf64<F>(row, i, w.columns);
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; g++) {
        const IntVec total = groupTotal<F>(bytes.q + 4 / kGroups * g, a.codes + r * a.stride + i * 64 + g * F::kGroup);
        sums[r][g % 2] = fma(toFloat(total), broadcast(scales.scale[group + g] * a.scale[r * a.groups + group + g]), sums[r][g % 2]);
      }
    }
  }
  for (int r = 0; r < R; r++) {
    for (int64_t g = 0; F::kOffset && g < scales.groups; g += kWidth) sums[r][0] = fma(load(scales.offset + g), load(a.sum + r * a.groups + g), sums[r][0]);
    y[r * ldy] = sum(MOEKIT_ISA::add(sums[r][0], sums[r][1])) + (bias ? *bias : 0);
  }
}

}  // namespace MOEKIT_ISA
}  // namespace moekit

#endif
