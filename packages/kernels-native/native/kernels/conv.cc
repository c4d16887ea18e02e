// Convolutions of images [B, H, W, I] with filters [h, w, I, O] as products of matrices: patches of the input, one row per
// output place, times the filter as a matrix [h w I, O]. Patches are made by pieces, never all at once.
#include "convolution.h"
#include "gemm.h"
#include "loops.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// Floats of patches that are made at a time.
constexpr int64_t kPatchFloats = 1 << 16;

int64_t rowsOfPiece(const Convolution& c) { return most(16, kPatchFloats / most(1, c.depth())); }

void patchesOf(const Convolution& c, const float* image, int64_t from, int64_t to, float* out) {
  for (int64_t row = from; row < to; row++, out += c.depth()) {
    c.forEachPlace(row, [&](int64_t place, int64_t at) {
      if (place < 0) clear(out + at, c.I);
      else copyRow(out + at, image + place, c.I);
    });
  }
}

}  // namespace

// conv2d(x, filter, y, ...Convolution)
void conv2d(const Args& args) {
  const Convolution c(args, 3);
  const float* x = args.floats(0, c.inputSize());
  const float* filter = args.floats(1, c.filterSize());
  float* y = args.floats(2, c.outputSize());
  const int64_t rows = c.rowsOfImage(), step = rowsOfPiece(c), pieces = ceilDiv(rows, step), K = c.depth();
  parallel(c.B * pieces, [&](int64_t i) {
    const int64_t image = i / pieces, from = i % pieces * step, to = least(rows, from + step);
    Scratch scratch;
    float* patches = scratch.floats((to - from) * K);
    patchesOf(c, x + image * c.H * c.W * c.I, from, to, patches);
    gemm({to - from, c.O, K, patches, K, 1, filter, c.O, 1, y + (image * rows + from) * c.O, c.O});
  });
}

// conv2dInput(dy, filter, dx, ...Convolution): the gradients of all patches, added up where patches overlap.
void conv2dInput(const Args& args) {
  const Convolution c(args, 3);
  const float* dy = args.floats(0, c.outputSize());
  const float* filter = args.floats(1, c.filterSize());
  float* dx = args.floats(2, c.inputSize());
  const int64_t rows = c.rowsOfImage(), K = c.depth();
  parallel(c.B, [&](int64_t image) {
    float* out = dx + image * c.H * c.W * c.I;
    clear(out, c.H * c.W * c.I);
    Scratch scratch;
    float* patches = scratch.floats(least(rows, rowsOfPiece(c)) * K);
    for (int64_t from = 0; from < rows; from += rowsOfPiece(c)) {
      const int64_t to = least(rows, from + rowsOfPiece(c));
      gemm({to - from, K, c.O, dy + (image * rows + from) * c.O, c.O, 1, filter, 1, c.O, patches, K});
      for (int64_t row = from; row < to; row++) {
        c.forEachPlace(row, [&](int64_t place, int64_t at) {
          if (place >= 0) addScaled(out + place, patches + (row - from) * K + at, 1, c.I);
        });
      }
    }
  });
}

// conv2dFilter(x, dy, dFilter, ...Convolution): patches^T dy, piece by piece.
void conv2dFilter(const Args& args) {
  const Convolution c(args, 3);
  const float* x = args.floats(0, c.inputSize());
  const float* dy = args.floats(1, c.outputSize());
  float* dFilter = args.floats(2, c.filterSize());
  const int64_t rows = c.rowsOfImage(), K = c.depth();
  clear(dFilter, c.filterSize());
  Scratch scratch;
  float* patches = scratch.floats(least(rows, rowsOfPiece(c)) * K);
  for (int64_t image = 0; image < c.B; image++) {
    for (int64_t from = 0; from < rows; from += rowsOfPiece(c)) {
      const int64_t to = least(rows, from + rowsOfPiece(c));
      patchesOf(c, x + image * c.H * c.W * c.I, from, to, patches);
      parallelGemm({K, c.O, to - from, patches, 1, K, dy + (image * rows + from) * c.O, c.O, 1, dFilter, c.O, true});
    }
  }
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
