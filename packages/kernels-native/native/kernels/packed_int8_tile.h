// What a tile of a product in 8 bits is computed from.
#pragma once
#include "activations.h"

namespace moekit {
namespace MOEKIT_ISA {

// Rows of W in a panel.
#if defined(MOEKIT_NEON)
constexpr int kColumns = 8;
#else
constexpr int kColumns = 16;
#endif

// Up to kColumns rows of W: codes, plus kZero for VNNI, as [quads of columns][kColumns][4], scales and offsets as [groups][kColumns].
struct WeightPanel {
  uint8_t* codes;
  float *scale, *offset;
};

// Rows of a product and what they are products of: `panels` one after the other.
struct Tile {
  RoundedRows a;
  int64_t groups, panelCodes, panelGroups;
  WeightPanel panel;
  float* y;
  int64_t ld, columns;
  const float* bias;
  const uint8_t* next;  // fetched meanwhile, that many bytes at each group
  int64_t nextBytes;
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
