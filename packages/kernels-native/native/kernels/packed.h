// Products with packed weights: matrices [rows, columns] in one of the formats of packed_formats.h.
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

struct PackedMatrix {
  int format;
  int64_t rows, columns, rowBytes;
  const uint8_t* bytes;

  const uint8_t* row(int64_t i) const { return bytes + i * rowBytes; }
};

// The matrix of argument i in the format of number `format`, as the TypeScript side counts them.
PackedMatrix packedOf(const Args& args, int i, int64_t format, int64_t rows, int64_t columns);

// to[r][k] = W[from + r][fromColumn + k], in rows of `ld`; `fromColumn` is a multiple of kPackedUnit.
constexpr int64_t kPackedUnit = 256;
void unpack(const PackedMatrix& w, int64_t from, int64_t to, int64_t fromColumn, int64_t toColumn, float* out, int64_t ld);

// y[n][o] = x[n] . W[o] + bias[o] for rows o of W in [from, to), on the calling thread. y points to column `from`; bias, which may be null, does too.
// Activations are float32; how sums are ordered depends on nothing but the format, the columns and whether `count` is below kSmallRows.
struct PackedRows {
  const float* x;
  int64_t count, ldx;
  float* y;
  int64_t ldy;
};
void multiplyPacked(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, const float* bias);

// dx[n][k] += or = sum over o of dy[n][o] W[o][k] for o in [from, to) and columns k in [fromColumn, toColumn): `x` is dy from column `from` on, `y`
// dx from `fromColumn` on.
void multiplyPackedBack(const PackedMatrix& w, int64_t from, int64_t to, int64_t fromColumn, int64_t toColumn, const PackedRows& rows, bool add);

}  // namespace MOEKIT_ISA
}  // namespace moekit
