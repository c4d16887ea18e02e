// With AVX-512 VNNI sixteen rows of weights stand side by side in a panel of unsigned codes, four numbers of each to a lane; a row of x
// meets them four numbers at a time. Sums of a group are integers, then scaled. Without VNNI the rounded activations are multiplied
// in float32, which gives the same up to the order of sums.
#include "packed_int8.h"

#include "loops.h"
#include "packed_formats.h"
#include "packed_rows.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// The scale of a group, and its inverse: not a number if one of the group is none or infinite.
struct GroupScale {
  float scale, inverse;

  GroupScale(const float* x, int count) {
    // The bits of magnitudes are in order as integers, those that are no finite numbers last.
    const float most = largestBits(x, count);
    const bool finite = most <= 3.4028235e38f;
    scale = finite ? most / 127 : __builtin_nanf("");
    inverse = finite && most > 0 ? 127 / most : 0;
  }
  // NaN gets a code as well, because its scale is one.
  IntVec codes(Vec x) const { return toInt(min(mul(broadcast(inverse), x), broadcast(127))); }

 private:
  static float largestBits(const float* x, int count) {
#if defined(__AVX512F__)
    IntVec best = broadcastInt(0);
    for (int i = 0; i < count; i += kWidth) best = _mm512_max_epi32(best, _mm512_and_si512(bitsOf(load(x + i)), broadcastInt(0x7fffffff)));
    int32_t bits = _mm512_reduce_max_epi32(best);
#else
    int32_t bits = 0;
    for (int i = 0; i < count; i++) {
      int32_t one;
      std::memcpy(&one, x + i, 4);
      bits = (one & 0x7fffffff) > bits ? one & 0x7fffffff : bits;
    }
#endif
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }
};

#if defined(__AVX512VNNI__)

constexpr int kColumns = 16;  // rows of W in a panel
constexpr int kRows = 12;     // rows of x in a tile

// Rows of x in 8 bits: codes [rows, columns]; by group the scale, the sum of what the codes stand for, and of the codes times -zero.
struct Activations {
  int64_t columns, groups;
  int8_t* codes;
  float *scale, *sum;
  int32_t* start;
};

template <class F>
Activations round(const PackedRows& rows, int64_t columns, Scratch& scratch) {
  constexpr int group = F::kGroup;
  const int64_t groups = columns / group, all = rows.count * groups;
  Activations a{columns, groups, reinterpret_cast<int8_t*>(scratch.ints(ceilDiv(rows.count * columns, 4))), scratch.floats(all), scratch.floats(all), scratch.ints(all)};
  for (int64_t n = 0; n < rows.count; n++) {
    const float* x = rows.x + n * rows.ldx;
    for (int64_t g = 0; g < groups; g++) {
      const GroupScale scale(x + g * group, group);
      IntVec total = broadcastInt(0);
      for (int i = 0; i < group; i += kWidth) {
        const IntVec q = scale.codes(load(x + g * group + i));
        total = addInt(total, q);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(a.codes + n * columns + g * group + i), _mm512_cvtepi32_epi8(q));
      }
      const int32_t codes = _mm512_reduce_add_epi32(total);
      a.scale[n * groups + g] = scale.scale;
      a.sum[n * groups + g] = scale.scale * static_cast<float>(codes);
      a.start[n * groups + g] = -F::kZero * codes;
    }
  }
  return a;
}

// Up to sixteen rows of W: codes plus kZero as [quads of columns][16 rows][4], scales and offsets as [groups][16].
struct WeightPanel {
  uint8_t* codes;
  float *scale, *offset;
};

template <class F>
void packWeights(const PackedMatrix& w, int64_t from, int64_t count, const WeightPanel& panel, uint8_t* side, const RowScales<F>& scales) {
  const int64_t stride = ceilDiv(w.columns, 64) * 64;
  for (int64_t o = 0; o < count; o++) {
    const uint8_t* p = w.row(from + o);
    uint8_t* row = side + o * stride;
    for (int64_t b = 0; b * F::kBlock < w.columns; b++) {
      F::codes(p + b * F::kBytes, [&](int g, const auto& v) {
        constexpr int vectors = sizeof(v) / sizeof(Vec);
#pragma GCC unroll 8
        for (int i = 0; i < vectors; i++) {
          const IntVec q = addInt(toInt(v[i]), broadcastInt(F::kZero));
          _mm_storeu_si128(reinterpret_cast<__m128i*>(row + b * F::kBlock + (g * vectors + i) * kWidth), _mm512_cvtepi32_epi8(q));
        }
      });
    }
    F::scales(p, w.columns / F::kBlock, scales.scale, scales.offset);
    for (int64_t g = 0; g < scales.groups; g++) panel.scale[g * kColumns + o] = scales.scale[g];
    for (int64_t g = 0; F::kOffset && g < scales.groups; g++) panel.offset[g * kColumns + o] = scales.offset[g];
  }
  for (int64_t k = 0; k < w.columns; k += 64) {
    Vec r[kColumns];
    for (int o = 0; o < kColumns; o++) r[o] = o < count ? load(reinterpret_cast<const float*>(side + o * stride + k)) : zero();
    transpose(r);
    for (int i = 0; i < kColumns; i++) store(reinterpret_cast<float*>(panel.codes + k * kColumns + i * 64), r[i]);
  }
}

template <class F, int R>
inline void tile(const Activations& a, int64_t n, const WeightPanel& panel, const PackedRows& rows, float* y, int64_t count, const float* bias) {
  constexpr int quads = F::kGroup / 4;
  Vec sums[R];
  const Vec start = bias ? loadPartial(bias, count) : zero();
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) sums[r] = start;
  const int8_t* x = a.codes + n * a.columns;
  const uint8_t* codes = panel.codes;
  for (int64_t g = 0; g < a.groups; g++, x += F::kGroup, codes += F::kGroup * kColumns) {
    const int64_t at = n * a.groups + g;
    IntVec total[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) total[r] = broadcastInt(a.start[at + r * a.groups]);
#pragma GCC unroll 8
    for (int k = 0; k < quads; k++) {
      const IntVec q = _mm512_loadu_si512(codes + k * 64);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        int32_t four;
        std::memcpy(&four, x + r * a.columns + 4 * k, 4);
        total[r] = _mm512_dpbusd_epi32(total[r], q, broadcastInt(four));
      }
    }
    const Vec scale = load(panel.scale + g * kColumns);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      sums[r] = fma(toFloat(total[r]), mul(scale, broadcast(a.scale[at + r * a.groups])), sums[r]);
      if (F::kOffset) sums[r] = fma(load(panel.offset + g * kColumns), broadcast(a.sum[at + r * a.groups]), sums[r]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) storePartial(y + (n + r) * rows.ldy, sums[r], count);
}

template <class F, int R = kRows>
void tileOf(int64_t height, const Activations& a, int64_t n, const WeightPanel& panel, const PackedRows& rows, float* y, int64_t count, const float* bias) {
  if constexpr (R > 1) {
    if (height < R) return tileOf<F, R - 1>(height, a, n, panel, rows, y, count, bias);
  }
  tile<F, R>(a, n, panel, rows, y, count, bias);
}

template <class F>
void multiply(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, const float* bias) {
  Scratch scratch;
  const Activations a = round<F>(rows, w.columns, scratch);
  const RowScales<F> scales(w, scratch);
  const int64_t padded = ceilDiv(w.columns, 64) * 64;
  auto* side = reinterpret_cast<uint8_t*>(scratch.ints(padded * kColumns / 4));
  const WeightPanel panel{reinterpret_cast<uint8_t*>(scratch.ints(padded * kColumns / 4)), scratch.floats(a.groups * kColumns), scratch.floats(a.groups * kColumns)};
  std::memset(panel.scale, 0, a.groups * kColumns * sizeof(float));
  std::memset(panel.offset, 0, a.groups * kColumns * sizeof(float));
  std::memset(side, 0, padded * kColumns);
  for (int64_t o = from; o < to; o += kColumns) {
    const int64_t count = least(kColumns, to - o);
    packWeights<F>(w, o, count, panel, side, scales);
    for (int64_t n = 0; n < rows.count; n += kRows) tileOf<F>(least(kRows, rows.count - n), a, n, panel, rows, rows.y + (o - from), count, bias ? bias + (o - from) : nullptr);
  }
}

#else

template <class F>
void multiply(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, const float* bias) {
  Scratch scratch;
  float* x = scratch.floats(rows.count * w.columns);
  for (int64_t n = 0; n < rows.count; n++) {
    for (int64_t k = 0; k < w.columns; k += F::kGroup) {
      const GroupScale scale(rows.x + n * rows.ldx + k, F::kGroup);
      for (int i = 0; i < F::kGroup; i += kWidth) {
        const IntVec q = scale.codes(load(rows.x + n * rows.ldx + k + i));
        store(x + n * w.columns + k + i, mul(broadcast(scale.scale), toFloat(q)));
      }
    }
  }
  multiplyUnpacked(w, from, to, {x, rows.count, w.columns, rows.y, rows.ldy}, bias, Precision::f32);
}

#endif

}  // namespace

void multiplyInt8(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, const float* bias) {
  withFormat(w.format, [&](auto format) {
    if constexpr (decltype(format)::kGroup > 0) multiply<decltype(format)>(w, from, to, rows, bias);
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
