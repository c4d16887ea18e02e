// Matrix registers (AMX): eight tiles of up to 16 rows of 64 bytes, whose sizes a thread sets before it uses them. They are named
// by literal numbers, 0 to 7.
#pragma once
#include "isa.h"

#if defined(MOEKIT_EMULATE_TILES)
#include "../testing/emulated_tiles.h"
#endif

namespace moekit {
namespace MOEKIT_ISA {

// Rows and bytes of a row of each tile.
struct TileLayout {
  uint8_t rows[8];
  uint8_t bytes[8];
};

// Comes between writing memory and loading tiles from it, which GCC does not see as reading it; p points into it.
inline void tilesRead(const void* p) { asm volatile("" ::"r"(p) : "memory"); }

// Sets the sizes, and gives the registers up at its end: the system then need not save them.
class TileSession {
 public:
  explicit TileSession(const TileLayout& layout) {
    // As LDTILECFG reads it: palette, start row, 14 bytes of zeros, bytes of a row of 16 tiles, rows of 16 tiles.
    alignas(64) uint8_t config[64] = {1};
    for (int i = 0; i < 8; i++) {
      config[16 + 2 * i] = layout.bytes[i];
      config[48 + i] = layout.rows[i];
    }
    tilesRead(config);
    _tile_loadconfig(config);
  }
  ~TileSession() { _tile_release(); }
  TileSession(const TileSession&) = delete;
  TileSession& operator=(const TileSession&) = delete;

};

}  // namespace MOEKIT_ISA
}  // namespace moekit
