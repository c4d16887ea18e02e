// How windows move over images [B, H, W, I] and give outputs [B, outH, outW, O].
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

struct Convolution {
  int64_t B, H, W, I, outH, outW, O, filterH, filterW, strideH, strideW, dilationH, dilationW, padTop, padLeft;

  Convolution(const Args& args, int i)
      : B(args.size(i)), H(args.size(i + 1)), W(args.size(i + 2)), I(args.size(i + 3)), outH(args.size(i + 4)), outW(args.size(i + 5)), O(args.size(i + 6)), filterH(args.size(i + 7)),
        filterW(args.size(i + 8)), strideH(args.size(i + 9)), strideW(args.size(i + 10)), dilationH(args.size(i + 11)), dilationW(args.size(i + 12)), padTop(args.size(i + 13)),
        padLeft(args.size(i + 14)) {}

  int64_t inputSize() const { return B * H * W * I; }
  int64_t outputSize() const { return B * rowsOfImage() * O; }
  int64_t filterSize() const { return depth() * O; }
  int64_t depth() const { return filterH * filterW * I; }
  int64_t rowsOfImage() const { return outH * outW; }
  // visit(place in the image or -1 where it is padding, place in the patch) for every filter place of an output place.
  template <class F>
  void forEachPlace(int64_t out, const F& visit) const {
    const int64_t top = out / outW * strideH - padTop, left = out % outW * strideW - padLeft;
    for (int64_t p = 0; p < filterH * filterW; p++) {
      const int64_t y = top + p / filterW * dilationH, x = left + p % filterW * dilationW;
      const bool inside = y >= 0 && y < H && x >= 0 && x < W;
      visit(inside ? (y * W + x) * I : -1, p * I);
    }
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
