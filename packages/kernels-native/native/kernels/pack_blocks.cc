// Numbers to packed blocks. Compiled without contraction of products and sums: each operation rounds as in ggml's reference.
#include "pack_k.h"
#include "pack_small.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// Formats that are packed block by block.
template <class F>
auto packRange(const float* x, int64_t blocks, uint8_t* out, HalfWriter& halves) -> decltype(F::pack(x, blocks, out, halves)) {
  F::pack(x, blocks, out, halves);
}

// Formats whose groups are searched in lanes, many blocks at a time.
template <class F>
auto packRange(const float* x, int64_t blocks, uint8_t* out, HalfWriter& halves) -> decltype(F::search(x, blocks, *static_cast<typename F::Found*>(nullptr))) {
  using Found = typename F::Found;
  Found found;
  for (int64_t first = 0; first < blocks; first += kAtOnce) {
    const int64_t count = least(kAtOnce, blocks - first);
    F::search(x + first * F::kBlock, count, found);
    for (int64_t b = 0; b < count; b++) {
      const int64_t group = b * Found::kPerBlock;
      F::finish(x + (first + b) * F::kBlock, found.scale + group, found.offset + group, found.codes + b * F::kBlock, out + (first + b) * F::kBytes, halves);
    }
  }
}

// Numbers of a piece of work.
constexpr int64_t kPiece = 1 << 14;

template <class F>
int32_t packAll(const Args& args) {
  const int64_t count = args.lengthOf(0), blocks = count / F::kBlock;
  if (blocks * F::kBlock != count) Args::fail(0, "is no whole number of blocks");
  const float* x = args.floats(0, count);
  uint8_t* out = args.bytes(1, blocks * F::kBytes);
  int32_t fits = 1;
  parallelRanges(blocks, kPiece / F::kBlock, [&](int64_t from, int64_t to) {
    HalfWriter halves;
    packRange<F>(x + from * F::kBlock, to - from, out + from * F::kBytes, halves);
    if (!halves.fits) __atomic_store_n(&fits, 0, __ATOMIC_RELAXED);
  });
  return fits;
}

// In the order of FORMATS in src/kernels/packed.ts.
constexpr int32_t (*packers[])(const Args&) = {packAll<PackBf16>, packAll<PackF16>, packAll<PackF8E4M3>, packAll<PackQ8_0>, packAll<PackNibbles<4, false, 18>>, packAll<PackNibbles<4, true, 20>>,
                                            packAll<PackNibbles<5, false, 22>>, packAll<PackNibbles<5, true, 24>>, packAll<PackSixBitScales<4, 144>>, packAll<PackSixBitScales<5, 176>>,
                                            packAll<PackQ6K>, packAll<PackMxfp4>, packAll<PackQ2K>, packAll<PackQ3K>, packAll<PackIq4Nl>, packAll<PackIq4Xs>};

}  // namespace

// packBlocks(x, bytes, fits [1], format): bytes = x in that format; fits[0] = 0 if a half became infinite.
void packBlocks(const Args& args) {
  const int64_t format = args.integer(3);
  if (format < 0 || format >= static_cast<int64_t>(sizeof(packers) / sizeof(packers[0]))) Args::fail(3, "is no format that the kernels know");
  args.ints(2, 1)[0] = packers[format](args);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
