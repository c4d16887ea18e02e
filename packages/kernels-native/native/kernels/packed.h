// Products with packed weights: matrices [rows, columns] in one of the formats of packed_formats.h.
#pragma once
#include "activations.h"

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

// The first `count` rows of a product.
struct PackedOutput {
  float* y;
  int64_t count, ld;
};

// y[n][o] = x[n] . W[o] + bias[o] for rows o of W in [from, to), on the calling thread; y and bias, which may be null, are of
// column `from`. The activations are those for W's format. The order of sums depends on the format, the columns and the number of rows alone.
void multiplyPacked(const PackedMatrix& w, int64_t from, int64_t to, const Activations& a, const PackedOutput& y, const float* bias);

struct PackedRows {
  const float* x;
  int64_t count, ldx;
  float* y;
  int64_t ldy;
};

// y[n][k] = the sum of x[n][o] W[o][k] over rows o of W in [from, to), or that is added, for columns k in [fromColumn, toColumn);
// x is of column `from` and y of `fromColumn`, which is a multiple of kPackedUnit.
void multiplyPackedBack(const PackedMatrix& w, int64_t from, int64_t to, int64_t fromColumn, int64_t toColumn, const PackedRows& rows, bool add);

}  // namespace MOEKIT_ISA
}  // namespace moekit
