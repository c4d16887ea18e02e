// Products in 8 bits in matrix registers (AMX): a group of up to 16 rows of x times that of 16 rows of weights is one product of tiles.
// Its integers are scaled and added up as vectors, in the order in which the kernel of VNNI does it, so results are the same bits.
#pragma once
#include "packed_int8_tile.h"

#if defined(MOEKIT_TILES)
#include "tiles.h"

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kPanels = 1, kRows = 16;

// Tiles 0 to 3 are sums [rows of x][16 rows of W], 4 and 5 groups of x, 6 and 7 groups of W as [quads][16 rows][4].
template <int Group, int R>
constexpr TileLayout kInt8Layout = {{R, R, R, R, R, R, Group / 4, Group / 4}, {64, 64, 64, 64, Group, Group, 64, 64}};

constexpr int kAtOnce = 4;  // groups whose products overlap

// The sums of up to four groups.
template <int Group>
inline void groupTotals(int64_t groups, const int8_t* x, int64_t stride, const uint8_t* codes, int32_t (*totals)[kRows * kColumns]) {
#define MOEKIT_GROUP(I, X, W)                         \
  if (I < groups) {                                   \
    _tile_zero(I);                                    \
    _tile_loadd(X, x + I * Group, stride);            \
    _tile_loadd(W, codes + I * Group * kColumns, 64); \
    _tile_dpbssd(I, X, W);                            \
  }
  MOEKIT_GROUP(0, 4, 6)
  MOEKIT_GROUP(1, 5, 7)
  MOEKIT_GROUP(2, 4, 6)
  MOEKIT_GROUP(3, 5, 7)
#undef MOEKIT_GROUP
  _tile_stored(0, totals[0], 64);
  if (groups > 1) _tile_stored(1, totals[1], 64);
  if (groups > 2) _tile_stored(2, totals[2], 64);
  if (groups > 3) _tile_stored(3, totals[3], 64);
}

template <class F, int R, int P>
inline void multiplyTile(const Tile& t) {
  static_assert(P == 1, "sums of more panels do not fit the vector registers");
  const TileSession session(kInt8Layout<F::kGroup, R>);
  alignas(64) int32_t totals[kAtOnce][kRows * kColumns];
  Vec sums[R];
  const Vec start = t.bias ? loadPartial(t.bias, t.columns) : zero();
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) sums[r] = start;
  tilesRead(t.panel.codes);
  for (int64_t first = 0; first < t.groups; first += kAtOnce) {
    const int64_t groups = least(kAtOnce, t.groups - first);
    groupTotals<F::kGroup>(groups, t.a.codes + first * F::kGroup, t.a.stride, t.panel.codes + first * F::kGroup * kColumns, totals);
    for (int64_t i = 0; i < groups; i++) {
      const int64_t g = first + i;
      for (int64_t p = 0; p < t.nextBytes; p += 64) __builtin_prefetch(t.next + g * t.nextBytes + p, 0, 2);
      const Vec scale = load(t.panel.scale + g * kColumns);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const Vec total = toFloat(_mm512_load_si512(totals[i] + r * kColumns));
        sums[r] = fma(total, mul(scale, broadcast(t.a.scale[g + r * t.a.groups])), sums[r]);
        if (F::kOffset) sums[r] = fma(load(t.panel.offset + g * kColumns), broadcast(t.a.sum[g + r * t.a.groups]), sums[r]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) storePartial(t.y + r * t.ld, sums[r], t.columns);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
#endif
