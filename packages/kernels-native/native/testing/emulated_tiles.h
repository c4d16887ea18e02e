// The AMX intrinsics that kernels use, in plain C++, for machines without AMX: as the Intel manual defines the instructions. What
// would raise an exception (#UD, #GP) ends the process. Only in builds with MOEKIT_EMULATE_TILES, which are never shipped.
#pragma once
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#define _tile_loadconfig(config) moekit::emulated_tiles::loadConfig(config)
#define _tile_release() moekit::emulated_tiles::release()
#define _tile_zero(tile) moekit::emulated_tiles::zero(tile)
#define _tile_loadd(tile, from, stride) moekit::emulated_tiles::load(tile, from, stride)
#define _tile_stored(tile, to, stride) moekit::emulated_tiles::store(tile, to, stride)
#define _tile_dpbf16ps(c, a, b) moekit::emulated_tiles::multiply<moekit::emulated_tiles::Bfloat16Row>(c, a, b)
#define _tile_dpbssd(c, a, b) moekit::emulated_tiles::multiply<moekit::emulated_tiles::Int8Row>(c, a, b)

namespace moekit {
namespace emulated_tiles {

constexpr int kTiles = 8, kRows = 16, kBytes = 64;

struct Tile {
  int rows = 0, bytes = 0;
  alignas(64) uint8_t data[kRows][kBytes] = {};
};

struct State {
  bool configured = false;
  Tile tiles[kTiles];
};
inline thread_local State state;

[[noreturn]] inline void fault(const char* what) {
  std::fprintf(stderr, "emulated tiles: %s\n", what);
  std::abort();
}
inline void check(bool holds, const char* what) {
  if (!holds) fault(what);
}

inline void loadConfig(const void* from) {
  uint8_t config[64];
  std::memcpy(config, from, sizeof(config));
  check(config[0] == 1, "the palette of a configuration is 1");
  State fresh;
  fresh.configured = true;
  for (int i = 1; i < 64; i++) {
    const bool used = (i >= 16 && i < 16 + 2 * kTiles) || (i >= 48 && i < 48 + kTiles);
    check(used || config[i] == 0, "reserved bytes of a configuration are 0");
  }
  for (int i = 0; i < kTiles; i++) {
    Tile& tile = fresh.tiles[i];
    tile.bytes = config[16 + 2 * i] | config[17 + 2 * i] << 8;
    tile.rows = config[48 + i];
    check(tile.rows <= kRows && tile.bytes <= kBytes, "a tile has at most 16 rows of 64 bytes");
    check((tile.rows == 0) == (tile.bytes == 0), "a tile has rows and bytes, or neither");
  }
  state = fresh;
}
inline void release() { state = State(); }

inline Tile& tile(int i) {
  check(state.configured, "tiles are used before they are configured");
  check(state.tiles[i].rows > 0, "a tile is used that has no size");
  return state.tiles[i];
}

inline void zero(int i) { std::memset(tile(i).data, 0, sizeof(Tile::data)); }

inline void load(int i, const void* from, int64_t stride) {
  Tile& to = tile(i);
  std::memset(to.data, 0, sizeof(to.data));
  for (int r = 0; r < to.rows; r++) std::memcpy(to.data[r], static_cast<const uint8_t*>(from) + r * stride, to.bytes);
}
inline void store(int i, void* to, int64_t stride) {
  const Tile& from = tile(i);
  for (int r = 0; r < from.rows; r++) std::memcpy(static_cast<uint8_t*>(to) + r * stride, from.data[r], from.bytes);
}

// Numbers below the normal ones count as zeros of their sign, in and out.
inline float flush(float x) { return std::fabs(x) < FLT_MIN ? std::copysign(0.0f, x) : x; }

// The sums of a row of C are started, take products of a unit of 32 bits each of A and B, and end up in C.
struct Bfloat16Row {
  float sums[2 * 16] = {};
  static float number(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    return flush(x);
  }
  // Sums of even and of odd numbers, each step rounded.
  void add(int n, uint32_t a, uint32_t b) {
    sums[2 * n] = flush(std::fma(number(a << 16), number(b << 16), sums[2 * n]));
    sums[2 * n + 1] = flush(std::fma(number(a & 0xffff0000), number(b & 0xffff0000), sums[2 * n + 1]));
  }
  uint32_t end(int n, uint32_t c) const {
    const float total = flush(number(c) + flush(sums[2 * n] + sums[2 * n + 1]));
    uint32_t bits;
    std::memcpy(&bits, &total, 4);
    return bits;
  }
};

struct Int8Row {
  uint32_t sums[16] = {};
  static int32_t code(uint32_t unit, int i) { return static_cast<int8_t>(unit >> 8 * i & 255); }
  void add(int n, uint32_t a, uint32_t b) {
    for (int i = 0; i < 4; i++) sums[n] += static_cast<uint32_t>(code(a, i) * code(b, i));
  }
  uint32_t end(int n, uint32_t c) const { return c + sums[n]; }
};

inline uint32_t unit(const uint8_t* row, int i) {
  uint32_t bits;
  std::memcpy(&bits, row + 4 * i, 4);
  return bits;
}

// C += A B
template <class Row>
inline void multiply(int into, int left, int right) {
  Tile& c = tile(into);
  const Tile &a = tile(left), &b = tile(right);
  check(into != left && into != right && left != right, "the tiles of a product are three");
  check(c.bytes % 4 == 0 && a.bytes % 4 == 0 && b.bytes % 4 == 0, "rows of the tiles of a product are whole units of 32 bits");
  check(a.rows == c.rows && b.bytes == c.bytes && a.bytes == 4 * b.rows, "sizes of the tiles of a product agree");
  for (int m = 0; m < c.rows; m++) {
    Row row;
    for (int k = 0; k < b.rows; k++) {
      for (int n = 0; n < c.bytes / 4; n++) row.add(n, unit(a.data[m], k), unit(b.data[k], n));
    }
    for (int n = 0; n < c.bytes / 4; n++) {
      const uint32_t bits = row.end(n, unit(c.data[m], n));
      std::memcpy(c.data[m] + 4 * n, &bits, 4);
    }
    std::memset(c.data[m] + c.bytes, 0, kBytes - c.bytes);
  }
}

}  // namespace emulated_tiles
}  // namespace moekit
