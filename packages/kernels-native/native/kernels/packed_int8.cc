// Many rows: eight or sixteen rows of weights stand side by side in a panel, four numbers of each to a lane; a row of x meets them four
// numbers at a time, and sixteen rows of x at once where there are matrix registers. Few rows: 64 numbers of a row of weights meet those
// of x as they lie. Sums of a group are integers, then scaled. The products are those of packed_int8_vnni.h, _amx.h or _dot.h.
#include "packed_int8.h"

#include "packed_int8_amx.h"
#include "packed_int8_dot.h"
#include "packed_int8_vnni.h"
#include "packed_rows.h"

namespace moekit {
namespace MOEKIT_ISA {

#if defined(MOEKIT_INT8)

namespace {

// out[g][o] = values[o][g] for the rows of a panel, of `stride`.
void transposeGroups(const float* values, int64_t groups, int64_t stride, float* out) {
  for (int64_t g = 0; g < groups; g += kWidth) {
    for (int first = 0; first < kColumns; first += kWidth) {
      Vec r[kWidth];
      for (int o = 0; o < kWidth; o++) r[o] = load(values + (first + o) * stride + g);
      transpose(r);
      for (int j = 0; j < kWidth; j++) store(out + (g + j) * kColumns + first, r[j]);
    }
  }
}

// Rows past the last are taken for that one: their products are not stored.
template <class F>
void packWeights(const PackedMatrix& w, int64_t from, int64_t count, const WeightPanel& panel, const RowScales<F>& scales) {
  const int64_t blocks = w.columns / F::kBlock;
  const auto row = [&](int64_t o) { return w.row(from + least(o, count - 1)); };
  for (int o = 0; o < kColumns; o++) F::scales(row(o), blocks, scales.scale + o * scales.stride, scales.offset + o * scales.stride);
  transposeGroups(scales.scale, scales.groups, scales.stride, panel.scale);
  if (F::kOffset) transposeGroups(scales.offset, scales.groups, scales.stride, panel.offset);
  for (int64_t i = 0; i * 64 < w.columns; i++) packCodes<F>(row, i, w.columns, panel.codes);
}

template <class F, int R = kRows>
void multiplyTileOf(int64_t rows, const Tile& t) {
  if constexpr (R > 1) {
    if (rows < R) return multiplyTileOf<F, R - 1>(rows, t);
  }
  t.columns > kColumns ? multiplyTile<F, R, kPanels>(t) : multiplyTile<F, R, 1>(t);
}

template <class F>
void multiplyMany(const PackedMatrix& w, int64_t from, int64_t to, const RoundedRows& a, const PackedOutput& y, const float* bias) {
  Scratch scratch;
  const RowScales<F> scales(w, scratch, kColumns);
  const int64_t codes = ceilDiv(w.columns, 64) * 64 * kColumns, groups = ceilDiv(scales.groups, kColumns) * kColumns * kColumns;
  const WeightPanel panel{reinterpret_cast<uint8_t*>(scratch.ints(kPanels * codes / 4)), scratch.floats(kPanels * groups), scratch.floats(kPanels * groups)};
  for (int64_t o = from; o < to; o += kPanels * kColumns) {
    const int64_t columns = least(kPanels * kColumns, to - o);
    for (int p = 0; p * kColumns < columns; p++) {
      packWeights<F>(w, o + p * kColumns, columns - p * kColumns, {panel.codes + p * codes, panel.scale + p * groups, panel.offset + p * groups}, scales);
    }
    const int64_t tiles = ceilDiv(y.count, kRows), nextBytes = ceilDiv(columns * w.rowBytes, most(1, tiles * scales.groups));
    for (int64_t t = 0, n = 0; t < tiles; t++) {
      const int64_t rows = ceilDiv(y.count - n, tiles - t);
      multiplyTileOf<F>(rows, {a.from(n), scales.groups, codes, groups, panel, y.y + n * y.ld + (o - from), y.ld, columns, bias ? bias + (o - from) : nullptr,
                               w.row(o + columns) + t * scales.groups * nextBytes, nextBytes});
      n += rows;
    }
  }
}

// More rows are worth a panel.
constexpr int kFewRows = 3;

template <class F, int R = kFewRows>
void multiplyFew(const PackedMatrix& w, int64_t from, int64_t to, const RoundedRows& a, const PackedOutput& y, const float* bias) {
  if constexpr (R > 1) {
    if (y.count < R) return multiplyFew<F, R - 1>(w, from, to, a, y, bias);
  }
  Scratch scratch;
  const RowScales<F> scales(w, scratch, kRowsOfW);
  const auto biasOf = [&](int64_t o) { return bias ? bias + (o - from) : nullptr; };
  int64_t o = from;
  for (; o + kRowsOfW <= to; o += kRowsOfW) dots<F, R, kRowsOfW>(w, o, scales, a, y.y + (o - from), y.ld, biasOf(o));
  for (; o < to; o++) dots<F, R, 1>(w, o, scales, a, y.y + (o - from), y.ld, biasOf(o));
}

}  // namespace

void multiplyInt8(const PackedMatrix& w, int64_t from, int64_t to, const RoundedRows& a, const PackedOutput& y, const float* bias) {
  withFormat(w.format, [&](auto format) {
    using F = decltype(format);
    if constexpr (F::kGroup > 0) y.count <= kFewRows ? multiplyFew<F>(w, from, to, a, y, bias) : multiplyMany<F>(w, from, to, a, y, bias);
  });
}

#else

// Activations have no codes here.
void multiplyInt8(const PackedMatrix&, int64_t, int64_t, const RoundedRows&, const PackedOutput&, const float*) {}

#endif

}  // namespace MOEKIT_ISA
}  // namespace moekit
