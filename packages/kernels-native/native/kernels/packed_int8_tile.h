// What a tile of a product in 8 bits is computed from.
#pragma once
#include "activations.h"

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kColumns = 16;  // rows of W in a panel

// Up to sixteen rows of W: codes plus kZero (signed codes, where there are matrix registers) as [quads of columns][16 rows][4], scales and offsets as [groups][16].
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
