// Running sums and products, and whether any or all of a row are true.
#include "../kernels/isa.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// y[i] = f(y[i - 1], x[i]) along rows of `width`, from the first or from the last; exclusive: f(y[i - 1], x[i - 1]).
template <class T, class F>
void scanRows(const T* x, T* y, int64_t length, int64_t inner, int64_t width, bool exclusive, bool reverse, T first, const F& f) {
  const int64_t step = reverse ? -inner : inner, start = reverse ? (length - 1) * inner : 0;
  for (int64_t i = 0, place = start; i < length; i++, place += step) {
    if (i == 0) {
      for (int64_t j = 0; j < width; j++) y[place + j] = exclusive ? first : x[place + j];
    } else {
      const T* next = exclusive ? x + place - step : x + place;
      for (int64_t j = 0; j < width; j++) y[place + j] = f(y[place - step + j], next[j]);
    }
  }
}

template <class T, class F>
void scan(const Args& args, const T* x, T* y, T first, const F& f) {
  const int64_t outer = args.size(2), length = args.size(3), inner = args.size(4);
  const bool exclusive = args.flag(6), reverse = args.flag(7);
  const int64_t columns = 1024, cuts = ceilDiv(inner, columns);
  parallelRanges(outer * cuts, rowsOfGrain(length * least(inner, columns)), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const int64_t j = i % cuts * columns, place = i / cuts * length * inner + j;
      scanRows(x + place, y + place, length, inner, least(columns, inner - j), exclusive, reverse, first, f);
    }
  });
}

uint8_t anyOrAllOf(const uint8_t* x, int64_t count, bool all) {
  uint8_t any = 0, every = 1;
  for (int64_t i = 0; i < count; i++) {
    any |= x[i];
    every &= x[i];
  }
  return all ? every : any;
}

}  // namespace

// cumulate(x, y, outer, length, inner, product, exclusive, reverse)
void cumulate(const Args& args) {
  const int64_t count = args.size(2) * args.size(3) * args.size(4);
  const float* x = args.floats(0, count);
  float* y = args.floats(1, count);
  if (args.flag(5)) scan<float>(args, x, y, 1, [](float a, float b) { return a * b; });
  else scan<float>(args, x, y, 0, [](float a, float b) { return a + b; });
}

// The same for int32; sums and products wrap around.
void cumulateInt(const Args& args) {
  const int64_t count = args.size(2) * args.size(3) * args.size(4);
  const int32_t* x = args.ints(0, count);
  int32_t* y = args.ints(1, count);
  if (args.flag(5)) Args::fail(5, "must be false for integers");
  scan<int32_t>(args, x, y, 0, [](int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); });
}

// anyOrAll(x, y, outer, length, inner, all), of bytes that are 0 or 1.
void anyOrAll(const Args& args) {
  const int64_t outer = args.size(2), length = args.size(3), inner = args.size(4);
  const bool all = args.flag(5);
  const uint8_t* x = args.bytes(0, outer * length * inner);
  uint8_t* y = args.bytes(1, outer * inner);
  if (inner == 0) return;
  parallelRanges(outer, rowsOfGrain(length * inner), [&](int64_t from, int64_t to) {
    for (int64_t o = from; o < to; o++) {
      if (inner == 1) {
        y[o] = anyOrAllOf(x + o * length, length, all);
        continue;
      }
      std::memset(y + o * inner, all, inner);
      for (int64_t i = 0; i < length; i++) {
        const uint8_t* row = x + (o * length + i) * inner;
        for (int64_t j = 0; j < inner; j++) y[o * inner + j] = all ? y[o * inner + j] & row[j] : y[o * inner + j] | row[j];
      }
    }
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
