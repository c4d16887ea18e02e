// Windows over images that keep channels apart: depthwise convolutions with one filter per channel, and pooling.
#include "../kernels/convolution.h"
#include "../kernels/loops.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

Convolution windowOf(const Args& args, int i) {
  const Convolution c(args, i);
  if (c.O != c.I) Args::fail(i + 6, "must be the channels of the input");
  return c;
}

int64_t imageSize(const Convolution& c) { return c.H * c.W * c.I; }
int64_t windowSize(const Convolution& c) { return c.filterH * c.filterW; }

// body(image, row) for pieces of the output places of all images.
template <class F>
void forEachOutput(const Convolution& c, const F& body) {
  const int64_t rows = c.rowsOfImage();
  parallelRanges(c.B * rows, rowsOfGrain(windowSize(c) * c.I), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) body(i / rows, i % rows);
  });
}

void addProducts(float* y, const float* a, const float* b, int64_t count) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) store(y + i, fma(load(a + i), load(b + i), load(y + i)));
  for (; i < count; i++) y[i] += a[i] * b[i];
}

// dx[place of the largest of each channel, the first of equals] += dy
void addToLargest(const Convolution& c, int64_t row, const float* image, const float* dy, float* dx, float* best, int32_t* places) {
  for (int64_t j = 0; j < c.I; j++) {
    best[j] = -__builtin_inff();
    places[j] = -1;
  }
  c.forEachPlace(row, [&](int64_t place, int64_t) {
    for (int64_t j = 0; place >= 0 && j < c.I; j++) {
      if (!(image[place + j] > best[j])) continue;
      best[j] = image[place + j];
      places[j] = static_cast<int32_t>(place + j);
    }
  });
  for (int64_t j = 0; j < c.I; j++) {
    if (places[j] >= 0) dx[places[j]] += dy[j];
  }
}

}  // namespace

// depthwise(x, filter, y, ...Convolution): y[p] = sum over the window of x filter, channel by channel.
void depthwise(const Args& args) {
  const Convolution c = windowOf(args, 3);
  const float* x = args.floats(0, c.inputSize());
  const float* filter = args.floats(1, c.depth());
  float* y = args.floats(2, c.outputSize());
  forEachOutput(c, [&](int64_t image, int64_t row) {
    float* out = y + (image * c.rowsOfImage() + row) * c.I;
    clear(out, c.I);
    c.forEachPlace(row, [&](int64_t place, int64_t at) {
      if (place >= 0) addProducts(out, x + image * imageSize(c) + place, filter + at, c.I);
    });
  });
}

// depthwiseInput(dy, filter, dx, ...Convolution)
void depthwiseInput(const Args& args) {
  const Convolution c = windowOf(args, 3);
  const float* dy = args.floats(0, c.outputSize());
  const float* filter = args.floats(1, c.depth());
  float* dx = args.floats(2, c.inputSize());
  parallel(c.B, [&](int64_t image) {
    float* out = dx + image * imageSize(c);
    clear(out, imageSize(c));
    for (int64_t row = 0; row < c.rowsOfImage(); row++) {
      c.forEachPlace(row, [&](int64_t place, int64_t at) {
        if (place >= 0) addProducts(out + place, dy + (image * c.rowsOfImage() + row) * c.I, filter + at, c.I);
      });
    }
  });
}

// depthwiseFilter(x, dy, dFilter, ...Convolution): sums of an image in float32, those of images added up.
void depthwiseFilter(const Args& args) {
  const Convolution c = windowOf(args, 3);
  const float* x = args.floats(0, c.inputSize());
  const float* dy = args.floats(1, c.outputSize());
  float* dFilter = args.floats(2, c.depth());
  Scratch scratch;
  float* parts = scratch.floats(c.B * c.depth());
  clear(parts, c.B * c.depth());
  parallel(c.B, [&](int64_t image) {
    for (int64_t row = 0; row < c.rowsOfImage(); row++) {
      c.forEachPlace(row, [&](int64_t place, int64_t at) {
        if (place >= 0) addProducts(parts + image * c.depth() + at, x + image * imageSize(c) + place, dy + (image * c.rowsOfImage() + row) * c.I, c.I);
      });
    }
  });
  clear(dFilter, c.depth());
  for (int64_t image = 0; image < c.B; image++) addScaled(dFilter, parts + image * c.depth(), 1, c.depth());
}

// pool(x, y, ...Convolution, isMax): the largest of the window, or the mean of what lies inside the image.
void pool(const Args& args) {
  const Convolution c = windowOf(args, 2);
  const float* x = args.floats(0, c.inputSize());
  float* y = args.floats(1, c.outputSize());
  const bool isMax = args.flag(17);
  forEachOutput(c, [&](int64_t image, int64_t row) {
    float* out = y + (image * c.rowsOfImage() + row) * c.I;
    const float start = isMax ? -__builtin_inff() : 0;
    for (int64_t j = 0; j < c.I; j++) out[j] = start;
    int64_t count = 0;
    c.forEachPlace(row, [&](int64_t place, int64_t) {
      if (place < 0) return;
      count++;
      const float* from = x + image * imageSize(c) + place;
      // A NaN in x is passed over by the one, and not by the other.
      if (isMax) mapTo(out, from, out, c.I, [](Vec a, Vec b) { return MOEKIT_ISA::max(a, b); });
      else addScaled(out, from, 1, c.I);
    });
    if (!isMax) scaleTo(out, out, 1 / static_cast<float>(count), c.I);
  });
}

// maxPoolGrad(dy, x, dx, ...Convolution)
void maxPoolGrad(const Args& args) {
  const Convolution c = windowOf(args, 3);
  const float* dy = args.floats(0, c.outputSize());
  const float* x = args.floats(1, c.inputSize());
  float* dx = args.floats(2, c.inputSize());
  parallel(c.B, [&](int64_t image) {
    Scratch scratch;
    float* best = scratch.floats(c.I);
    int32_t* places = scratch.ints(c.I);
    clear(dx + image * imageSize(c), imageSize(c));
    for (int64_t row = 0; row < c.rowsOfImage(); row++) {
      addToLargest(c, row, x + image * imageSize(c), dy + (image * c.rowsOfImage() + row) * c.I, dx + image * imageSize(c), best, places);
    }
  });
}

// averagePoolGrad(dy, dx, ...Convolution): as tfjs has it, by the whole window, padding included.
void averagePoolGrad(const Args& args) {
  const Convolution c = windowOf(args, 2);
  const float* dy = args.floats(0, c.outputSize());
  float* dx = args.floats(1, c.inputSize());
  const float share = 1 / static_cast<float>(most(1, windowSize(c)));
  parallel(c.B, [&](int64_t image) {
    float* out = dx + image * imageSize(c);
    clear(out, imageSize(c));
    for (int64_t row = 0; row < c.rowsOfImage(); row++) {
      c.forEachPlace(row, [&](int64_t place, int64_t) {
        if (place >= 0) addScaled(out + place, dy + (image * c.rowsOfImage() + row) * c.I, share, c.I);
      });
    }
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
