// Reductions of the middle axis of [outer, length, inner], and softmax.
#include "../kernels/loops.h"
#include "../kernels/math.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// Elements added up in float32 before their sum goes into float64.
constexpr int64_t kExact = 1024;

double sumExactly(const float* x, int64_t count) {
  double total = 0;
  for (int64_t i = 0; i < count; i += kExact) total += sumUp(x + i, least(kExact, count - i));
  return total;
}

double sumOfRow(const float* x, int64_t count) {
  if (count <= kGrain) return sumExactly(x, count);
  Scratch scratch;
  double* parts = scratch.doubles(ceilDiv(count, kGrain));
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) { parts[from / kGrain] = sumExactly(x + from, to - from); });
  double total = 0;
  for (int64_t i = 0; i < ceilDiv(count, kGrain); i++) total += parts[i];
  return total;
}

// y[j] = factor * sum of the rows; 64 rows are added up in float32 before their sum goes into float64.
void sumColumns(const float* x, int64_t rows, int64_t stride, int64_t width, float factor, float* y) {
  constexpr int64_t kRows = 64;
  Scratch scratch;
  float* part = scratch.floats(width);
  double* total = scratch.doubles(width);
  for (int64_t j = 0; j < width; j++) total[j] = 0;
  for (int64_t i = 0; i < rows; i += kRows) {
    clear(part, width);
    for (int64_t r = i; r < least(rows, i + kRows); r++) addScaled(part, x + r * stride, 1, width);
    for (int64_t j = 0; j < width; j++) total[j] += part[j];
  }
  for (int64_t j = 0; j < width; j++) y[j] = static_cast<float>(total[j] * factor);
}

// The extreme of elements `stride` apart; a NaN among them wins.
float extremeOfStrided(const float* x, int64_t count, int64_t stride, bool isMax) {
  float best = x[0];
  for (int64_t i = 1; i < count && best == best; i++) {
    const float value = x[i * stride];
    if ((isMax ? value > best : value < best) || value != value) best = value;
  }
  return best;
}

float extremeOfRow(const float* x, int64_t count, int64_t stride, bool isMax) {
  if (stride != 1 || count < kWidth) return extremeOfStrided(x, count, stride, isMax);
  Vec best = load(x), nan = isNan(best);
  const auto take = [&](Vec v) {
    best = isMax ? max(v, best) : min(v, best);
    nan = bitOr(nan, isNan(v));
  };
  for (int64_t i = kWidth; i + kWidth <= count; i += kWidth) take(load(x + i));
  take(load(x + count - kWidth));
  float lanes[kWidth];
  // All bits set are a NaN.
  store(lanes, bitOr(best, nan));
  return extremeOfStrided(lanes, kWidth, 1, isMax);
}

int32_t placeOfExtreme(const float* x, int64_t count, bool isMax) {
  // Where either is NaN, max and min return the second.
  Vec best = broadcast(x[0]);
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) best = isMax ? max(load(x + i), best) : min(load(x + i), best);
  float lanes[kWidth], extreme = x[0];
  store(lanes, best);
  for (int l = 0; l < kWidth; l++) extreme = (isMax ? lanes[l] > extreme : lanes[l] < extreme) ? lanes[l] : extreme;
  for (; i < count; i++) extreme = (isMax ? x[i] > extreme : x[i] < extreme) ? x[i] : extreme;
  for (i = 0; i < count; i++) {
    if (x[i] == extreme) return static_cast<int32_t>(i);
  }
  return 0;
}

// The same for columns next to each other.
void placesOfExtremes(const float* x, int64_t length, int64_t inner, bool isMax, int32_t* ids) {
  Scratch scratch;
  float* best = scratch.floats(inner);
  copyRow(best, x, inner);
  for (int64_t j = 0; j < inner; j++) ids[j] = 0;
  for (int64_t i = 1; i < length; i++) {
    const float* row = x + i * inner;
    for (int64_t j = 0; j < inner; j++) {
      const float value = row[j], old = best[j];
      const int32_t id = ids[j];
      const bool better = isMax ? value > old : value < old;
      best[j] = better ? value : old;
      ids[j] = better ? static_cast<int32_t>(i) : id;
    }
  }
}

}  // namespace

// sum(x, y, outer, length, inner, factor)
void sum(const Args& args) {
  const int64_t outer = args.size(2), length = args.size(3), inner = args.size(4);
  const float factor = static_cast<float>(args.number(5));
  const float* x = args.floats(0, outer * length * inner);
  float* y = args.floats(1, outer * inner);
  if (inner == 1 && outer < threads()) {
    for (int64_t o = 0; o < outer; o++) y[o] = static_cast<float>(sumOfRow(x + o * length, length)) * factor;
  } else if (inner == 1) {
    parallelRanges(outer, rowsOfGrain(length), [&](int64_t from, int64_t to) {
      for (int64_t o = from; o < to; o++) y[o] = static_cast<float>(sumOfRow(x + o * length, length)) * factor;
    });
  } else {
    const int64_t columns = 256, cuts = ceilDiv(inner, columns);
    parallelRanges(outer * cuts, rowsOfGrain(length * least(inner, columns)), [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const int64_t o = i / cuts, j = i % cuts * columns;
        sumColumns(x + o * length * inner + j, length, inner, least(columns, inner - j), factor, y + o * inner + j);
      }
    });
  }
}

// extreme(x, y, outer, length, inner, isMax); length at least 1.
void extreme(const Args& args) {
  const int64_t outer = args.size(2), length = args.size(3), inner = args.size(4);
  const bool isMax = args.flag(5);
  const float* x = args.floats(0, outer * length * inner);
  float* y = args.floats(1, outer * inner);
  if (length == 0) Args::fail(3, "must be at least 1");
  parallelRanges(outer * inner, rowsOfGrain(length), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) y[i] = extremeOfRow(x + i / most(1, inner) * length * inner + i % most(1, inner), length, inner, isMax);
  });
}

// argExtreme(x, ids, outer, length, inner, isMax): the first place of the extreme along the middle axis; NaN only where it is first.
void argExtreme(const Args& args) {
  const int64_t outer = args.size(2), length = args.size(3), inner = args.size(4);
  const bool isMax = args.flag(5);
  const float* x = args.floats(0, outer * length * inner);
  int32_t* ids = args.ints(1, outer * inner);
  if (length == 0) Args::fail(3, "must be at least 1");
  if (inner == 0) return;
  parallelRanges(outer, rowsOfGrain(length * inner), [&](int64_t from, int64_t to) {
    for (int64_t o = from; o < to; o++) {
      if (inner == 1) ids[o] = placeOfExtreme(x + o * length, length, isMax);
      else placesOfExtremes(x + o * length * inner, length, inner, isMax, ids + o * inner);
    }
  });
}

// softmax(x, y, rows, width)
void softmax(const Args& args) {
  const int64_t rows = args.size(2), width = args.size(3);
  const float* x = args.floats(0, rows * width);
  float* y = args.floats(1, rows * width);
  parallelRanges(rows, rowsOfGrain(4 * width), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const Vec top = broadcast(largest(x + i * width, width, -__builtin_inff()));
      mapTo(y + i * width, x + i * width, width, [top](Vec v) { return exp(MOEKIT_ISA::sub(v, top)); });
      scaleTo(y + i * width, y + i * width, static_cast<float>(1 / sumExactly(y + i * width, width)), width);
    }
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
