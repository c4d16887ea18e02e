// Few rows (decoding): weights are unpacked into registers and used there, so that memory is read once and written never. Many
// rows: a piece of the matrix is unpacked into the cache for gemm.
#include "packed.h"

#include "gemm.h"
#include "packed_formats.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

struct Format {
  int64_t block, bytes;  // numbers and bytes of a block
  int64_t unit;          // numbers that rows are a multiple of
};

// In the order of FORMATS in src/kernels/packed.ts.
constexpr int kFormats = 12;
constexpr Format formats[kFormats] = {{32, 64, 1}, {32, 64, 1}, {32, 32, 1}, {32, 34, 32}, {32, 18, 32}, {32, 20, 32},
                                      {32, 22, 32}, {32, 24, 32}, {256, 144, 256}, {256, 176, 256}, {256, 210, 256}, {32, 17, 32}};

// use(F{}) with the type of the format.
template <class Use>
void withFormat(int format, const Use& use) {
  switch (format) {
    case 0: return use(Bf16{});
    case 1: return use(F16{});
    case 2: return use(F8E4M3{});
    case 3: return use(Q8_0{});
    case 4: return use(Q4_0{});
    case 5: return use(Q4_1{});
    case 6: return use(Q5_0{});
    case 7: return use(Q5_1{});
    case 8: return use(Q4K{});
    case 9: return use(Q5K{});
    case 10: return use(Q6K{});
    case 11: return use(Mxfp4{});
  }
}

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

// Two running sums for each product of R rows of x and C rows of W.
template <int R, int C>
struct Sums {
  Vec s[C][R][2];

  Sums() {
#pragma GCC unroll 8
    for (int c = 0; c < C; c++) {
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) s[c][r][0] = s[c][r][1] = zero();
    }
  }
  float total(int c, int r) const { return sum(MOEKIT_ISA::add(s[c][r][0], s[c][r][1])); }
};

template <class F, int R, int C>
inline void addBlock(Sums<R, C>& sums, int c, const uint8_t* p, const float* x, int64_t ldx) {
  F::block(p, [&](int i, Vec w) {
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) sums.s[c][r][i & 1] = fma(load(x + r * ldx + i * kWidth), w, sums.s[c][r][i & 1]);
  });
}

template <class F, int R, int C>
inline void dots(const PackedMatrix& w, int64_t from, const PackedRows& rows, const float* x, float* y, const float* bias) {
  Sums<R, C> sums;
  const int64_t whole = w.columns / F::kBlock, rest = w.columns - whole * F::kBlock;
  for (int64_t b = 0; b < whole; b++) {
#pragma GCC unroll 4
    for (int c = 0; c < C; c++) addBlock<F, R, C>(sums, c, w.row(from + c) + b * F::kBytes, x + b * F::kBlock, rows.ldx);
  }
  if (rest > 0) {
    float padded[R * F::kBlock] = {};
    for (int r = 0; r < R; r++) std::memcpy(padded + r * F::kBlock, x + r * rows.ldx + whole * F::kBlock, rest * sizeof(float));
    for (int c = 0; c < C; c++) addBlock<F, R, C>(sums, c, Rest<F>(w.row(from + c) + whole * F::kBytes, rest).bytes, padded, F::kBlock);
  }
  for (int c = 0; c < C; c++) {
    for (int r = 0; r < R; r++) y[r * rows.ldy + c] = sums.total(c, r) + (bias ? bias[c] : 0);
  }
}

template <class F, int R, int C>
void rowsOfDots(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, int64_t n, const float* bias) {
  const float* x = rows.x + n * rows.ldx;
  float* y = rows.y + n * rows.ldy;
  int64_t o = from;
  for (; o + C <= to; o += C) dots<F, R, C>(w, o, rows, x, y + (o - from), bias ? bias + (o - from) : nullptr);
  for (; o < to; o++) dots<F, R, 1>(w, o, rows, x, y + (o - from), bias ? bias + (o - from) : nullptr);
}

template <class F>
void multiplyFew(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, const float* bias) {
  int64_t n = 0;
  for (; n + 4 <= rows.count; n += 4) rowsOfDots<F, 4, 1>(w, from, to, rows, n, bias);
  if (n + 2 <= rows.count) {
    rowsOfDots<F, 2, 2>(w, from, to, rows, n, bias);
    n += 2;
  }
  if (n < rows.count) rowsOfDots<F, 1, 2>(w, from, to, rows, n, bias);
}

template <class F>
void unpackRow(const uint8_t* p, int64_t count, float* out) {
  for (; count >= F::kBlock; count -= F::kBlock, p += F::kBytes, out += F::kBlock) {
    F::block(p, [out](int i, Vec w) { store(out + i * kWidth, w); });
  }
  if (count == 0) return;
  float padded[F::kBlock];
  F::block(Rest<F>(p, count).bytes, [&](int i, Vec w) { store(padded + i * kWidth, w); });
  std::memcpy(out, padded, count * sizeof(float));
}

// Numbers that are unpacked at a time: half of a second-level cache of 1 MB.
constexpr int64_t kUnpacked = 1 << 17;
constexpr int64_t kDepth = 1024;

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
    for (int64_t o = from; o < to; o++) unpackRow<F>(w.row(o) + fromColumn * F::kBytes / F::kBlock, toColumn - fromColumn, out + (o - from) * ld);
  });
}

void multiplyPacked(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, const float* bias) {
  if (rows.count == 0 || to <= from) return;
  if (rows.count < kSmallRows || w.columns == 0) {
    return withFormat(w.format, [&](auto format) { multiplyFew<decltype(format)>(w, from, to, rows, bias); });
  }
  if (bias) fillRows(rows.y, rows.count, to - from, rows.ldy, bias);
  Scratch scratch;
  const int64_t depth = least(kDepth, w.columns), step = most(1, least(to - from, kUnpacked / depth));
  float* tile = scratch.floats(step * depth);
  for (int64_t o = from; o < to; o += step) {
    const int64_t width = least(step, to - o);
    for (int64_t k = 0; k < w.columns; k += depth) {
      const int64_t deep = least(depth, w.columns - k);
      unpack(w, o, o + width, k, k + deep, tile, deep);
      gemm({rows.count, width, deep, rows.x + k, rows.ldx, 1, tile, 1, deep, rows.y + (o - from), rows.ldy, bias != nullptr || k > 0});
    }
  }
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
    gemm({rows.count, width, deep, rows.x + (o - from), rows.ldx, 1, tile, width, 1, rows.y, rows.ldy, add || o > from});
  }
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
