// The searches by which ggml packs groups of 16 or 32 numbers, in float32 and in its order of operations, so that bytes are the
// same: one group in each lane. The same as core/src/packed/k-encode.ts, low-k-encode.ts and iq4.ts, where the names are explained.
#pragma once
#include "isa.h"
#include "packed_vec.h"

namespace moekit {
namespace MOEKIT_ISA {

// Groups whose extreme is below this count as zero.
constexpr float kTiny = 1e-15f;
// Adding it leaves a number rounded to an integer, ties to even, in the lower bits.
constexpr float kMagic = 12582912;

inline Vec absolute(Vec x) { return bitAnd(x, floatOf(broadcastInt(0x7fffffff))); }
inline Vec nearest(Vec x) { return sub(add(x, broadcast(kMagic)), broadcast(kMagic)); }
// As ggml has it for any number; the same as `nearest` below 2^22.
inline Vec nearestByBits(Vec x) { return toFloat(subInt(andInt(bitsOf(add(x, broadcast(kMagic))), broadcastInt(0x7fffff)), broadcastInt(0x400000))); }
inline Vec clamp(Vec x, float least, float most) { return min(max(x, broadcast(least)), broadcast(most)); }
inline Mask both(Mask a, Mask b) { return bitAnd(a, b); }

// The first value of largest magnitude.
template <int N>
inline Vec extremeOf(const Vec* x) {
  Vec extreme = zero(), most = zero();
  for (int i = 0; i < N; i++) {
    const Mask larger = less(most, absolute(x[i]));
    most = select(larger, absolute(x[i]), most);
    extreme = select(larger, x[i], extreme);
  }
  return extreme;
}

// x = scale * code - offset
struct Fit {
  Vec scale, offset;
};

template <int N>
inline void weigh(const Vec* x, bool byMagnitude, Vec* w) {
  Vec squares = zero(), average = zero();
  for (int i = 0; i < N && !byMagnitude; i++) squares = add(squares, mul(x[i], x[i]));
  if (!byMagnitude) average = sqrt(div(squares, broadcast(N)));
  for (int i = 0; i < N; i++) w[i] = byMagnitude ? absolute(x[i]) : add(average, absolute(x[i]));
}

template <int N, bool Absolute>
inline Vec errorOf(const Vec* x, const Vec* w, const Vec* codes, Vec scale, Vec min) {
  Vec error = zero();
  for (int i = 0; i < N; i++) {
    const Vec difference = sub(add(mul(scale, codes[i]), min), x[i]);
    error = add(error, mul(w[i], Absolute ? absolute(difference) : mul(difference, difference)));
  }
  return error;
}

// Codes from 0 to Most, tried with scales of (first + 0.1 step + Most) / (max - min).
template <int N, int Most>
inline Fit fitAffine(const Vec* x, float first, int steps, Vec* codes) {
  constexpr bool kAbsolute = Most == 3;
  Vec w[N], tried[N], sumW = zero(), sumX = zero(), low = zero(), high = x[0];
  weigh<N>(x, kAbsolute, w);
  for (int i = 0; i < N; i++) {
    low = min(x[i], low);
    high = max(x[i], high);
    sumW = add(sumW, w[i]);
    sumX = add(sumX, mul(w[i], x[i]));
  }
  const Mask flat = equal(high, low);
  const auto quantise = [&](Vec inverse, Vec* to) {
    for (int i = 0; i < N; i++) to[i] = clamp(nearest(mul(inverse, sub(x[i], low))), 0, Most);
  };
  const Vec inverse = div(broadcast(Most), sub(high, low));
  Vec scale = div(broadcast(1), inverse);
  quantise(inverse, codes);
  Vec least = errorOf<N, kAbsolute>(x, w, codes, scale, low);
  for (int step = 0; step <= steps; step++) {
    float factor = first + 0.1f * static_cast<float>(step);
    factor += Most;
    // `low` is that of the best fit so far.
    quantise(div(broadcast(factor), sub(high, low)), tried);
    Vec sumL = zero(), sumL2 = zero(), sumXL = zero();
    for (int i = 0; i < N; i++) {
      const Vec wl = mul(w[i], tried[i]);
      sumL = add(sumL, wl);
      sumL2 = add(sumL2, mul(wl, tried[i]));
      sumXL = add(sumXL, mul(wl, x[i]));
    }
    const Vec determinant = sub(mul(sumW, sumL2), mul(sumL, sumL));
    const Vec offset = div(sub(mul(sumL2, sumX), mul(sumL, sumXL)), determinant);
    const Mask above = less(zero(), offset);
    const Vec slope = select(above, div(sumXL, sumL2), div(sub(mul(sumW, sumXL), mul(sumX, sumL)), determinant));
    const Vec ground = select(above, zero(), offset);
    const Vec error = errorOf<N, kAbsolute>(x, w, tried, slope, ground);
    const Mask better = both(less(zero(), determinant), less(error, least));
    for (int i = 0; i < N; i++) codes[i] = select(better, tried[i], codes[i]);
    least = select(better, error, least);
    scale = select(better, slope, scale);
    low = select(better, ground, low);
  }
  for (int i = 0; i < N; i++) codes[i] = select(flat, zero(), codes[i]);
  return {select(flat, zero(), scale), sub(zero(), low)};
}

// x = scale * code, codes from -32 to 31 (left at -32 where all is zero): the plain scale first, then its neighbours.
inline Vec fitSymmetric(const Vec* x, Vec* codes) {
  constexpr int N = 16;
  const Vec extreme = extremeOf<N>(x);
  Vec tried[N], scale = zero(), best = zero();
  for (int k = 0; k < N; k++) codes[k] = broadcast(-32);
  for (int i = 0; i <= 18; i++) {
    const int step = i == 0 ? 0 : i <= 9 ? i - 10 : i - 9;
    const float factor = 32 + 0.1f * static_cast<float>(step);
    const Vec inverse = div(broadcast(-factor), extreme);
    Vec sumLX = zero(), sumL2 = zero();
    for (int k = 0; k < N; k++) {
      const Vec square = mul(x[k], x[k]), code = clamp(nearest(mul(inverse, x[k])), -32, 31);
      tried[k] = code;
      sumLX = add(sumLX, mul(mul(square, x[k]), code));
      sumL2 = add(sumL2, mul(mul(square, code), code));
    }
    const Mask some = less(zero(), sumL2);
    const Mask better = step == 0 ? equal(zero(), zero()) : both(some, less(mul(best, sumL2), mul(sumLX, sumLX)));
    const Vec found = select(some, div(sumLX, sumL2), zero());
    for (int k = 0; k < N; k++) codes[k] = select(better, tried[k], codes[k]);
    scale = select(better, found, scale);
    best = select(better, mul(found, sumLX), best);
  }
  const Mask tiny = less(absolute(extreme), broadcast(kTiny));
  for (int k = 0; k < N; k++) codes[k] = select(tiny, broadcast(-32), codes[k]);
  return select(tiny, zero(), scale);
}

// x = scale * (code - 4), codes from 0 to 7: one is changed at a time while that helps.
inline Vec fitThreeBits(const Vec* x, Vec* codes) {
  constexpr int N = 16;
  const Vec extreme = extremeOf<N>(x), inverse = div(broadcast(-4), extreme);
  Vec sumLX = zero(), sumL2 = zero();
  const auto product = [&](int i, Vec factor, Vec code) { return mul(mul(mul(x[i], x[i]), factor), code); };
  for (int i = 0; i < N; i++) {
    codes[i] = clamp(nearest(mul(inverse, x[i])), -4, 3);
    sumLX = add(sumLX, product(i, x[i], codes[i]));
    sumL2 = add(sumL2, product(i, codes[i], codes[i]));
  }
  // A lane in which a round changes nothing stays as it is in all later rounds.
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < N; i++) {
      const Vec restLX = sub(sumLX, product(i, x[i], codes[i])), restL2 = sub(sumL2, product(i, codes[i], codes[i]));
      const Vec code = clamp(nearestByBits(div(mul(x[i], restL2), restLX)), -4, 3);
      const Vec newLX = add(restLX, product(i, x[i], code)), newL2 = add(restL2, product(i, code, code));
      const Mask helps = less(mul(mul(sumLX, sumLX), newL2), mul(mul(newLX, newLX), sumL2));
      const Mask better = bitAndNot(equal(code, codes[i]), both(both(less(zero(), restLX), less(zero(), newL2)), helps));
      codes[i] = select(better, code, codes[i]);
      sumLX = select(better, newLX, sumLX);
      sumL2 = select(better, newL2, sumL2);
    }
  }
  const Mask tiny = less(absolute(extreme), broadcast(kTiny));
  for (int i = 0; i < N; i++) codes[i] = select(tiny, zero(), add(codes[i], broadcast(4)));
  return select(both(less(zero(), sumL2), bitAndNot(tiny, equal(zero(), zero()))), div(sumLX, sumL2), zero());
}

constexpr float kUneven[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// The nearest of the uneven steps, the upper one on ties.
inline IntVec unevenCode(Vec x) {
  IntVec code = broadcastInt(0);
  for (int i = 0; i < 15; i++) code = subInt(code, bitsOf(lessEqual(broadcast((kUneven[i] + kUneven[i + 1]) / 2), x)));
  return code;
}

// x = scale * step
inline Vec fitUneven(const Vec* x) {
  constexpr int N = 32;
  const Vec extreme = extremeOf<N>(x);
  Vec scale = zero(), best = zero();
  for (int step = -8; step <= 7; step++) {
    // The plain scale comes first.
    const bool plain = step == -8;
    const Vec inverse = plain ? div(broadcast(1), div(extreme, broadcast(127))) : div(broadcast(static_cast<float>(step) - 127), extreme);
    Vec sumQX = zero(), sumQ2 = zero();
    for (int i = 0; i < N; i++) {
      const Vec q = pick(kUneven, unevenCode(mul(inverse, x[i]))), weighted = mul(mul(x[i], x[i]), q);
      sumQX = add(sumQX, mul(weighted, x[i]));
      sumQ2 = add(sumQ2, mul(weighted, q));
    }
    const Mask better = plain ? equal(zero(), zero()) : both(less(zero(), sumQ2), less(mul(best, sumQ2), mul(sumQX, sumQX)));
    const Vec found = div(sumQX, sumQ2);
    scale = select(better, found, scale);
    best = select(better, mul(found, sumQX), best);
  }
  return select(less(absolute(extreme), broadcast(kTiny)), zero(), scale);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
