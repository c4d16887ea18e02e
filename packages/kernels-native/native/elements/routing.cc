// Choosing experts, sorting the choice, and moving rows to the experts and back. T tokens, E experts, K slots, N = T K, D width;
// order[n] is the slot of sorted row n, inverse[slot] its row.
#include "../kernels/loops.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

// Inserts each score into the sorted list of the best K; equal scores stay behind the earlier ones.
void bestOfRow(const float* scores, int64_t E, float* values, int32_t* ids, int64_t K) {
  for (int64_t e = 0; e < E; e++) {
    int64_t place = least(e, K);
    if (place == K && !(values[K - 1] < scores[e])) continue;
    for (; place > 0 && values[place - 1] < scores[e]; place--) {
      if (place == K) continue;
      values[place] = values[place - 1];
      ids[place] = ids[place - 1];
    }
    values[place] = scores[e];
    ids[place] = static_cast<int32_t>(e);
  }
}

const int32_t* indices(const Args& args, int i, int64_t count, int64_t end, int64_t lowest = 0) {
  const int32_t* ids = args.ints(i, count);
  for (int64_t n = 0; n < count; n++) {
    if (ids[n] < lowest || ids[n] >= end) Args::fail(i, "has an index out of range");
  }
  return ids;
}

}  // namespace

// topK(scores, values, ids, tokens, experts, k): best first, ties to the lower id.
void topK(const Args& args) {
  const int64_t T = args.size(3), E = args.size(4), K = args.size(5);
  const float* scores = args.floats(0, T * E);
  float* values = args.floats(1, T * K);
  int32_t* ids = args.ints(2, T * K);
  if (K < 1 || K > E) Args::fail(5, "must be from 1 to the number of experts");
  parallelRanges(T, rowsOfGrain(4 * E), [&](int64_t from, int64_t to) {
    for (int64_t t = from; t < to; t++) bestOfRow(scores + t * E, E, values + t * K, ids + t * K, K);
  });
}

// sortByExpert(ids, order, inverse, offsets, slots, experts): a stable counting sort, empty slots (-1) last.
void sortByExpert(const Args& args) {
  const int64_t N = args.size(4), E = args.size(5);
  const int32_t* ids = args.ints(0, N);
  int32_t* order = args.ints(1, N);
  int32_t* inverse = args.ints(2, N);
  int32_t* offsets = args.ints(3, E + 1);
  Scratch scratch;
  int32_t* next = scratch.ints(E + 2);
  std::memset(next, 0, (E + 2) * sizeof(int32_t));
  for (int64_t n = 0; n < N; n++) {
    if (ids[n] >= E) Args::fail(0, "has an expert beyond the last");
    next[(ids[n] < 0 ? E : ids[n]) + 1]++;
  }
  for (int64_t e = 0; e <= E; e++) next[e + 1] += next[e];
  std::memcpy(offsets, next, (E + 1) * sizeof(int32_t));
  for (int64_t slot = 0; slot < N; slot++) {
    const int32_t row = next[ids[slot] < 0 ? E : ids[slot]]++;
    inverse[slot] = row;
    order[row] = static_cast<int32_t>(slot);
  }
}

// dispatch(x, order, y, rows, slots per token, width): y[n] = x[order[n] / K].
void dispatch(const Args& args) {
  const int64_t N = args.size(3), K = most(1, args.size(4)), D = args.size(5);
  const float* x = args.floats(0, N / K * D);
  const int32_t* order = indices(args, 1, N, N / K * K);
  float* y = args.floats(2, N * D);
  parallelRanges(N, rowsOfGrain(D), [&](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; n++) copyRow(y + n * D, x + order[n] / K * D, D);
  });
}

// dispatchGrad(dy, inverse, dx, tokens, slots per token, width): dx[t] = sum of its rows.
void dispatchGrad(const Args& args) {
  const int64_t T = args.size(3), K = args.size(4), D = args.size(5);
  const float* dy = args.floats(0, T * K * D);
  const int32_t* inverse = indices(args, 1, T * K, T * K);
  float* dx = args.floats(2, T * D);
  parallelRanges(T, rowsOfGrain(K * D), [&](int64_t from, int64_t to) {
    clear(dx + from * D, (to - from) * D);
    for (int64_t slot = from * K; slot < to * K; slot++) addScaled(dx + slot / K * D, dy + inverse[slot] * D, 1, D);
  });
}

// combine(y, gates, inverse, out, tokens, slots per token, width): out[t] = sum of gates[t, k] y[inverse[t, k]].
void combine(const Args& args) {
  const int64_t T = args.size(4), K = args.size(5), D = args.size(6);
  const float* y = args.floats(0, T * K * D);
  const float* gates = args.floats(1, T * K);
  const int32_t* inverse = indices(args, 2, T * K, T * K);
  float* out = args.floats(3, T * D);
  parallelRanges(T, rowsOfGrain(K * D), [&](int64_t from, int64_t to) {
    clear(out + from * D, (to - from) * D);
    for (int64_t slot = from * K; slot < to * K; slot++) addScaled(out + slot / K * D, y + inverse[slot] * D, gates[slot], D);
  });
}

// combineGrad(y, gates, inverse, dy, dRows, dGates, tokens, slots per token, width)
void combineGrad(const Args& args) {
  const int64_t T = args.size(6), K = args.size(7), D = args.size(8);
  const float* y = args.floats(0, T * K * D);
  const float* gates = args.floats(1, T * K);
  const int32_t* inverse = indices(args, 2, T * K, T * K);
  const float* dy = args.floats(3, T * D);
  float* dRows = args.floats(4, T * K * D);
  float* dGates = args.floats(5, T * K);
  parallelRanges(T, rowsOfGrain(K * D), [&](int64_t from, int64_t to) {
    for (int64_t slot = from * K; slot < to * K; slot++) {
      const float* dyRow = dy + slot / K * D;
      scaleTo(dRows + inverse[slot] * D, dyRow, gates[slot], D);
      dGates[slot] = dot(y + inverse[slot] * D, dyRow, D);
    }
  });
}

// gatherRows(x, ids, y, rows of x, ids, width): y[n] = x[ids[n]], 0 for -1.
void gatherRows(const Args& args) {
  const int64_t R = args.size(3), N = args.size(4), D = args.size(5);
  const float* x = args.floats(0, R * D);
  const int32_t* ids = indices(args, 1, N, R, -1);
  float* y = args.floats(2, N * D);
  parallelRanges(N, rowsOfGrain(D), [&](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; n++) {
      if (ids[n] < 0) clear(y + n * D, D);
      else copyRow(y + n * D, x + ids[n] * D, D);
    }
  });
}

// scatterRows(y, ids, x, rows of x, ids, width): x[r] = sum of the y[n] with ids[n] = r, in the order of n.
void scatterRows(const Args& args) {
  const int64_t R = args.size(3), N = args.size(4), D = args.size(5);
  const float* y = args.floats(0, N * D);
  const int32_t* ids = indices(args, 1, N, R, -1);
  float* x = args.floats(2, R * D);
  // By columns, so that no two threads add to the same place.
  parallelRanges(D, 64, [&](int64_t from, int64_t to) {
    for (int64_t r = 0; r < R; r++) clear(x + r * D + from, to - from);
    for (int64_t n = 0; n < N; n++) {
      if (ids[n] >= 0) addScaled(x + ids[n] * D + from, y + n * D + from, 1, to - from);
    }
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
