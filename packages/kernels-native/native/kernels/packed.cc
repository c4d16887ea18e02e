// Few rows (decoding): weights are unpacked into registers and multiplied there in float32, so that memory is read once.
// Many rows: a piece of the matrix is unpacked into the cache for gemm, in its precision. Rounded activations go to packed_int8.cc.
#include "packed.h"

#include "gemm.h"
#include "loops.h"
#include "packed_int8.h"
#include "packed_rows.h"
#include "precision.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

struct Format {
  int64_t block, bytes;  // numbers and bytes of a block
  int64_t unit;          // numbers that rows are a multiple of
};

// In the order of FORMATS in src/kernels/packed.ts.
constexpr int kFormats = 16;
constexpr Format formats[kFormats] = {{32, 64, 1},  {32, 64, 1},   {32, 32, 1},     {32, 34, 32},     {32, 18, 32},     {32, 20, 32},
                                      {32, 22, 32}, {32, 24, 32}, {256, 144, 256}, {256, 176, 256}, {256, 210, 256}, {32, 17, 32},
                                      {256, 84, 256}, {256, 110, 256}, {32, 18, 32}, {256, 136, 256}};

// The last block of a row of numbers that is no whole block, filled up with zeros.
template <class F>
struct Rest {
  uint8_t bytes[F::kBytes];
  explicit Rest(const uint8_t* p, int64_t count) {
    const int64_t used = count * F::kBytes / F::kBlock;
    std::memcpy(bytes, p, used);
    std::memset(bytes + used, 0, F::kBytes - used);
  }
};

// Running sums of R rows of x with a row of weights; fewer for more rows, which have to stay in registers.
template <int R>
struct Sums {
  static constexpr int kSlots = R == 1 ? 4 : 2;
  Vec s[R][kSlots];

  Sums() {
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
      for (int i = 0; i < kSlots; i++) s[r][i] = zero();
    }
  }
  float total(int r) const {
    const Vec first = MOEKIT_ISA::add(s[r][0], s[r][1]);
    return sum(kSlots == 2 ? first : MOEKIT_ISA::add(first, MOEKIT_ISA::add(s[r][kSlots - 2], s[r][kSlots - 1])));
  }
};

// Adds the products of R rows of x with a block; `slot` differs from block to block.
template <class F, int R>
inline void addBlock(Sums<R>& sums, int slot, const uint8_t* p, const float* scale, const float* x, int64_t ldx) {
  F::codes(p, [&](int g, const auto& v) {
    constexpr int count = sizeof(v) / sizeof(Vec);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const float* from = x + r * ldx + g * count * kWidth;
      Vec& total = sums.s[r][(slot + g) % Sums<R>::kSlots];
      if constexpr (F::kGroup == 0) {
#pragma GCC unroll 8
        for (int i = 0; i < count; i++) total = fma(load(from + i * kWidth), v[i], total);
      } else {
        Vec part = mul(load(from), v[0]);
#pragma GCC unroll 8
        for (int i = 1; i < count; i++) part = fma(load(from + i * kWidth), v[i], part);
        total = fma(broadcast(scale[g]), part, total);
      }
    }
  });
}

template <class F, int R>
inline void dots(const PackedMatrix& w, int64_t o, const RowScales<F>& scales, const float* x, const float* sumsOfX, float* y, int64_t ldy) {
  constexpr int groups = groupsOf<F>();
  const int64_t blocks = w.columns / F::kBlock;
  const uint8_t* p = w.row(o);
  if constexpr (F::kGroup > 0) F::scales(p, blocks, scales.scale, scales.offset);
  Sums<R> sums;
  int64_t b = 0;
  // A block of many groups uses all slots by itself.
  constexpr int together = F::kBlock == 32 ? Sums<R>::kSlots : 1;
  for (; b + together <= blocks; b += together) {
#pragma GCC unroll 4
    for (int i = 0; i < together; i++) addBlock<F, R>(sums, i, p + (b + i) * F::kBytes, scales.scale + (b + i) * groups, x + (b + i) * F::kBlock, w.columns);
  }
  for (; b < blocks; b++) addBlock<F, R>(sums, 0, p + b * F::kBytes, scales.scale + b * groups, x + b * F::kBlock, w.columns);
  if constexpr (F::kGroup == 0) {
    if (const int64_t rest = w.columns - blocks * F::kBlock) {
      float padded[R * F::kBlock] = {};
      for (int r = 0; r < R; r++) std::memcpy(padded + r * F::kBlock, x + r * w.columns + blocks * F::kBlock, rest * sizeof(float));
      addBlock<F, R>(sums, 0, Rest<F>(p + blocks * F::kBytes, rest).bytes, nullptr, padded, F::kBlock);
    }
  }
  for (int r = 0; r < R; r++) {
    y[r * ldy] = sums.total(r);
    if constexpr (F::kGroup > 0) {
      if (F::kOffset) y[r * ldy] += dot(scales.offset, sumsOfX + r * scales.groups, scales.groups);
    }
  }
}

// Sums of the numbers of each group of a row of x, which offsets are multiplied with.
template <class F>
void sumGroups(const float* x, int64_t groups, float* sums) {
  for (int64_t g = 0; g < groups; g++) sums[g] = sumUp(x + g * F::kGroup, F::kGroup);
}

template <class F, int R>
void rowsOfDots(const PackedMatrix& w, int64_t from, int64_t to, const float* x, float* y, int64_t ldy, const float* bias) {
  Scratch scratch;
  const RowScales<F> scales(w, scratch);
  float* sumsOfX = scratch.floats(R * scales.groups);
  if constexpr (F::kGroup > 0) {
    for (int r = 0; r < R && F::kOffset; r++) sumGroups<F>(x + r * w.columns, scales.groups, sumsOfX + r * scales.groups);
  }
  for (int64_t o = from; o < to; o++, y++) {
    dots<F, R>(w, o, scales, x, sumsOfX, y, ldy);
    for (int r = 0; bias && r < R; r++) y[r * ldy] += bias[o - from];
  }
}

template <class F>
void multiplyFew(const PackedMatrix& w, int64_t from, int64_t to, const float* x, const PackedOutput& y, const float* bias) {
  int64_t n = 0;
  for (; n + 4 <= y.count; n += 4) rowsOfDots<F, 4>(w, from, to, x + n * w.columns, y.y + n * y.ld, y.ld, bias);
  if (n + 2 <= y.count) {
    rowsOfDots<F, 2>(w, from, to, x + n * w.columns, y.y + n * y.ld, y.ld, bias);
    n += 2;
  }
  if (n < y.count) rowsOfDots<F, 1>(w, from, to, x + n * w.columns, y.y + n * y.ld, y.ld, bias);
}

// out = the numbers of one block.
template <class F>
inline void unpackBlock(const uint8_t* p, const float* scale, const float* offset, float* out) {
  F::codes(p, [&](int g, const auto& v) {
    constexpr int count = sizeof(v) / sizeof(Vec);
#pragma GCC unroll 8
    for (int i = 0; i < count; i++) {
      float* to = out + (g * count + i) * kWidth;
      if constexpr (F::kGroup == 0) store(to, v[i]);
      else if constexpr (F::kOffset) store(to, fma(broadcast(scale[g]), v[i], broadcast(offset[g])));
      else store(to, mul(broadcast(scale[g]), v[i]));
    }
  });
}

template <class F>
void unpackRow(const uint8_t* p, int64_t count, const RowScales<F>& scales, float* out) {
  constexpr int groups = groupsOf<F>();
  const int64_t blocks = count / F::kBlock;
  if constexpr (F::kGroup > 0) F::scales(p, blocks, scales.scale, scales.offset);
  for (int64_t b = 0; b < blocks; b++) unpackBlock<F>(p + b * F::kBytes, scales.scale + b * groups, scales.offset + b * groups, out + b * F::kBlock);
  if constexpr (F::kGroup == 0) {
    const int64_t rest = count - blocks * F::kBlock;
    if (rest == 0) return;
    float padded[F::kBlock];
    unpackBlock<F>(Rest<F>(p + blocks * F::kBytes, rest).bytes, nullptr, nullptr, padded);
    std::memcpy(out + blocks * F::kBlock, padded, rest * sizeof(float));
  }
}

// Numbers that are unpacked at a time: half of a second-level cache of 1 MB.
constexpr int64_t kUnpacked = 1 << 17;
constexpr int64_t kDepth = 1024;
constexpr int kBf16 = 0;

}  // namespace

PackedMatrix packedOf(const Args& args, int i, int64_t format, int64_t rows, int64_t columns) {
  if (format < 0 || format >= kFormats) Args::fail(i, "is in no format that the kernels know");
  const Format& f = formats[format];
  if (columns % f.unit != 0) Args::fail(i, "has rows that are no whole number of blocks");
  const int64_t rowBytes = columns * f.bytes / f.block;
  return {static_cast<int>(format), rows, columns, rowBytes, args.bytes(i, rows * rowBytes)};
}

void unpack(const PackedMatrix& w, int64_t from, int64_t to, int64_t fromColumn, int64_t toColumn, float* out, int64_t ld) {
  withFormat(w.format, [&](auto format) {
    using F = decltype(format);
    Scratch scratch;
    const RowScales<F> scales(w, scratch);
    for (int64_t o = from; o < to; o++) unpackRow<F>(w.row(o) + fromColumn * F::kBytes / F::kBlock, toColumn - fromColumn, scales, out + (o - from) * ld);
  });
}

void multiplyUnpacked(const PackedMatrix& w, int64_t from, int64_t to, const Activations& a, const PackedOutput& y, const float* bias) {
  if (bias) fillRows(y.y, y.count, to - from, y.ld, bias);
  if (w.format == kBf16 && kPairs && a.precision == Precision::bf16 && w.columns % 2 == 0) {
    const auto* pairs = reinterpret_cast<const float*>(w.row(from));
    return gemm({y.count, to - from, w.columns, a.x, a.columns, 1, pairs, 1, w.columns / 2, y.y, y.ld, bias != nullptr, a.precision, false, true});
  }
  Scratch scratch;
  const int64_t depth = least(kDepth, w.columns), step = most(1, least(to - from, kUnpacked / depth));
  float* tile = scratch.floats(step * depth);
  for (int64_t o = from; o < to; o += step) {
    const int64_t width = least(step, to - o);
    for (int64_t k = 0; k < w.columns; k += depth) {
      const int64_t deep = least(depth, w.columns - k);
      unpack(w, o, o + width, k, k + deep, tile, deep);
      gemm({y.count, width, deep, a.x + k, a.columns, 1, tile, 1, deep, y.y + (o - from), y.ld, bias != nullptr || k > 0, a.precision});
    }
  }
}

void multiplyPacked(const PackedMatrix& w, int64_t from, int64_t to, const Activations& a, const PackedOutput& y, const float* bias) {
  if (y.count == 0 || to <= from) return;
  if (a.rounded.codes) return multiplyInt8(w, from, to, a.rounded, y, bias);
  if (y.count >= kSmallRows && w.columns > 0) return multiplyUnpacked(w, from, to, a, y, bias);
  withFormat(w.format, [&](auto format) { multiplyFew<decltype(format)>(w, from, to, a.x, y, bias); });
}

void multiplyPackedBack(const PackedMatrix& w, int64_t from, int64_t to, int64_t fromColumn, int64_t toColumn, const PackedRows& rows, bool add) {
  const int64_t width = toColumn - fromColumn, step = most(1, kUnpacked / most(1, width));
  if (rows.count == 0 || width == 0) return;
  if (to <= from) return gemm({rows.count, width, 0, rows.x, rows.ldx, 1, rows.x, 1, 1, rows.y, rows.ldy, add});
  Scratch scratch;
  float* tile = scratch.floats(least(step, to - from) * width);
  for (int64_t o = from; o < to; o += step) {
    const int64_t deep = least(step, to - o);
    unpack(w, o, o + deep, fromColumn, toColumn, tile, width);
    gemm({rows.count, width, deep, rows.x + (o - from), rows.ldx, 1, tile, width, 1, rows.y, rows.ldy, add || o > from, precision()});
  }
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
