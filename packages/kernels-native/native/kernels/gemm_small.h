// Products whose A has few rows, without copies of B.
#pragma once
#include "gemm.h"

namespace moekit {
namespace MOEKIT_ISA {

// False if the strides suit neither of the two forms.
bool gemmOfFewRows(const Gemm& g);

}  // namespace MOEKIT_ISA
}  // namespace moekit
