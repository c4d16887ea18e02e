// Rows of activations as they meet packed weights: float32, or rounded to 8 bits by groups of the numbers that share a scale.
#pragma once
#include "../runtime/precision.h"
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

// Rows in 8 bits: x = scale * code by group, scale = max |x| / 127. Rows of codes are zeros from `columns` to a multiple of 64,
// values by group are zeros up to a multiple of 16 groups.
struct RoundedRows {
  int64_t stride = 0, groups = 0;  // codes and values of a row
  int8_t* codes = nullptr;
  float* scale = nullptr;
  float* sum = nullptr;      // of what the codes of the group stand for
  int32_t* start = nullptr;  // the sum of the codes, times what takes the format's zero off

  RoundedRows from(int64_t row) const { return {stride, groups, codes + row * stride, scale + row * groups, sum + row * groups, start + row * groups}; }
};

struct Activations {
  const float* x;  // [rows, columns]
  int64_t columns;
  Precision precision;  // of products of many rows
  RoundedRows rounded;  // without codes where activations are not multiplied as integers

  Activations from(int64_t row) const { return {x + row * columns, columns, precision, rounded.codes ? rounded.from(row) : rounded}; }
};

// For matrices in that format, in the precision that is set; on all threads.
Activations activationsFor(int format, const float* x, int64_t rows, int64_t columns, Scratch& scratch);

}  // namespace MOEKIT_ISA
}  // namespace moekit
