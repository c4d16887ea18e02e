// Products of rounded activations with packed weights: integers are multiplied as they are stored.
#pragma once
#include "activations.h"
#include "packed.h"

namespace moekit {
namespace MOEKIT_ISA {

// multiplyPacked for activations with codes: the product of the weights with what the codes stand for, up to the order of float32 sums.
void multiplyInt8(const PackedMatrix& w, int64_t from, int64_t to, const RoundedRows& a, const PackedOutput& y, const float* bias);

}  // namespace MOEKIT_ISA
}  // namespace moekit
