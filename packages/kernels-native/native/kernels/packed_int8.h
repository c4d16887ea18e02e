// Products of many rows with packed weights, with activations in 8 bits: integers are multiplied as they are stored.
#pragma once
#include "packed.h"

namespace moekit {
namespace MOEKIT_ISA {

// Activations are rounded in groups of the format's scales (32 numbers, 16 in q2_K, q3_K, q6_K): x = d q with d = max |x| / 127. The result is
// the product of the weights with these, up to the order of float32 sums. For formats with scales.
void multiplyInt8(const PackedMatrix& w, int64_t from, int64_t to, const PackedRows& rows, const float* bias);

}  // namespace MOEKIT_ISA
}  // namespace moekit
