// Linear maps and embedding tables with packed weights.
#include "loops.h"
#include "packed.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// Rows of W of a piece of work: few, so that threads end together, but enough to be worth what is done once for all rows of x.
inline int64_t pieceRows(int64_t rows) { return rows < 8 ? 128 : 256; }

}  // namespace

// packedMatmul(x, W, y, rows N, out O, in I, format): y = x W^T
void packedMatmul(const Args& args) {
  const int64_t N = args.size(3), O = args.size(4), I = args.size(5);
  const PackedMatrix w = packedOf(args, 1, args.integer(6), O, I);
  const float* x = args.floats(0, N * I);
  float* y = args.floats(2, N * O);
  Scratch scratch;
  const Activations a = activationsFor(w.format, x, N, I, scratch);
  parallelRanges(O, pieceRows(N), [&](int64_t from, int64_t to) { multiplyPacked(w, from, to, a, {y + from, N, O}, nullptr); });
}

// packedMatmulInput(dy, W, dx, rows N, out O, in I, format): dx = dy W
void packedMatmulInput(const Args& args) {
  const int64_t N = args.size(3), O = args.size(4), I = args.size(5);
  const PackedMatrix w = packedOf(args, 1, args.integer(6), O, I);
  const float* dy = args.floats(0, N * O);
  float* dx = args.floats(2, N * I);
  parallelRanges(I, kPackedUnit, [&](int64_t from, int64_t to) { multiplyPackedBack(w, 0, O, from, to, {dy, N, O, dx + from, I}, false); });
}

// packedGatherRows(W, ids, y, count N, rows R, width, format): y[n] = W[ids[n]], 0 where the id is -1
void packedGatherRows(const Args& args) {
  const int64_t N = args.size(3), R = args.size(4), width = args.size(5);
  const PackedMatrix w = packedOf(args, 0, args.integer(6), R, width);
  const int32_t* ids = args.ints(1, N);
  float* y = args.floats(2, N * width);
  for (int64_t n = 0; n < N; n++) {
    if (ids[n] < -1 || ids[n] >= R) Args::fail(1, "has a number that is no row");
  }
  parallelRanges(N, rowsOfGrain(width), [&](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; n++) {
      if (ids[n] < 0) clear(y + n * width, width);
      else unpack(w, ids[n], ids[n] + 1, 0, width, y + n * width, width);
    }
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
