// How kernels that multiply matrices compute: with float32, or with inputs rounded to bfloat16. Sums are float32 in both.
#pragma once
#include <cstdint>

namespace moekit {

enum class Precision : uint8_t { f32, bf16 };

// That of the whole process; f32 until another is chosen.
Precision precision();
// True if products of many rows with packed weights round activations to 8 bits ("int8"); everything else is bf16 then.
bool roundsToInt8();
const char* precisionName();
// False if there is none of that name.
bool choosePrecision(const char* name);

}  // namespace moekit
