// Moving elements: whatever is a copy between two sets of strides (transpose, slice, concat, pad, tile, split, stack), and gather.
#include "../kernels/loops.h"
#include "../kernels/strides.h"

namespace moekit {
namespace MOEKIT_ISA {
namespace {

template <class T>
void copyRun(T* to, int64_t toStep, const T* from, int64_t fromStep, int64_t count) {
  if (toStep == 1 && fromStep == 1) {
    std::memcpy(to, from, count * sizeof(T));
  } else {
    for (int64_t i = 0; i < count; i++) to[i * toStep] = from[i * fromStep];
  }
}

void transposeSquare(float* to, int64_t toStride, const float* from, int64_t fromStride) {
  Vec r[kWidth];
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++) r[i] = load(from + i * fromStride);
  transpose(r);
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++) store(to + i * toStride, r[i]);
}

// to[i][j] = from[j][i] for i < rows, j < columns: squares of vectors, and what is left over one by one.
void transposeBlock(float* to, int64_t toStride, const float* from, int64_t fromStride, int64_t rows, int64_t columns) {
  int64_t i = 0;
  for (; i + kWidth <= rows; i += kWidth) {
    int64_t j = 0;
    for (; j + kWidth <= columns; j += kWidth) transposeSquare(to + i * toStride + j, toStride, from + j * fromStride + i, fromStride);
    for (; j < columns; j++) {
      for (int64_t r = i; r < i + kWidth; r++) to[r * toStride + j] = from[j * fromStride + r];
    }
  }
  for (; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) to[i * toStride + j] = from[j * fromStride + i];
  }
}

// The axis before the last whose elements lie next to each other in `from`, where the last has them next to each other in `to`.
template <class T>
int transposedAxis(const Strides<2>& s) {
  if (sizeof(T) != 4 || s.stride[0][s.rank - 1] != 1 || s.stride[1][s.rank - 1] == 1) return -1;
  for (int axis = s.rank - 2; axis >= 0; axis--) {
    if (s.stride[1][axis] == 1) return axis;
  }
  return -1;
}

constexpr int64_t kBlock = 64;

void copyTransposed(const Strides<2>& s, int axis, float* to, const float* from) {
  const int last = s.rank - 1;
  const int64_t rows = s.size[axis], columns = s.size[last];
  // All other axes, one index for them together.
  int64_t others = 1;
  for (int i = 0; i < last; i++) others *= i == axis ? 1 : s.size[i];
  const int64_t blocks = ceilDiv(rows, kBlock);
  parallelRanges(others * blocks, most(1, rowsOfGrain(kBlock * columns)), [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; piece++) {
      const int64_t first = piece % blocks * kBlock, height = least(kBlock, rows - first);
      int64_t rest = piece / blocks, toPlace = first * s.stride[0][axis], fromPlace = first;
      for (int i = last - 1; i >= 0; i--) {
        if (i == axis) continue;
        toPlace += rest % s.size[i] * s.stride[0][i];
        fromPlace += rest % s.size[i] * s.stride[1][i];
        rest /= s.size[i];
      }
      for (int64_t j = 0; j < columns; j += kBlock) {
        transposeBlock(to + toPlace + j, s.stride[0][axis], from + fromPlace + j * s.stride[1][last], s.stride[1][last], height, least(kBlock, columns - j));
      }
    }
  });
}

template <class T>
void copyAll(const Strides<2>& s, T* to, const T* from) {
  if (s.total() == 0) return;
  const int axis = transposedAxis<T>(s);
  if (axis >= 0) return copyTransposed(s, axis, reinterpret_cast<float*>(to), reinterpret_cast<const float*>(from));
  const int64_t width = s.size[s.rank - 1], toStep = s.stride[0][s.rank - 1], fromStep = s.stride[1][s.rank - 1], runs = s.runs();
  if (runs == 1) {
    return parallelRanges(width, kGrain, [&](int64_t begin, int64_t end) { copyRun(to + begin * toStep, toStep, from + begin * fromStep, fromStep, end - begin); });
  }
  parallelRanges(runs, rowsOfGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t run = begin; run < end; run++) copyRun(to + s.offset(0, run), toStep, from + s.offset(1, run), fromStep, width);
  });
}

}  // namespace

// copy(to, offset in to, from, offset in from, rank, sizes..., strides in to..., strides in from...), of any one type. Those in
// `from` may be negative.
void copy(const Args& args) {
  const Strides<2> s(args, 4);
  const int64_t toOffset = args.size(1), fromOffset = args.size(3);
  if (s.total() == 0) return;
  const auto run = [&](auto* to, const auto* from) { copyAll(s, to + toOffset, from + fromOffset); };
  const int64_t toLength = toOffset + s.reach(0), fromLength = fromOffset + s.reach(1, true);
  if (fromOffset < s.before(1)) Args::fail(3, "is too close to the start");
  switch (args.list[0].kind) {
    case Kind::float32: return run(args.floats(0, toLength), args.floats(2, fromLength));
    case Kind::int32: return run(args.ints(0, toLength), args.ints(2, fromLength));
    default: return run(args.bytes(0, toLength), args.bytes(2, fromLength));
  }
}

// gather(x, ids, y, outer, length, inner, ids count): y[o][n] = x[o][ids[n]], rows of `inner` floats or ints.
void gather(const Args& args) {
  const int64_t outer = args.size(3), length = args.size(4), inner = args.size(5), N = args.size(6);
  const int32_t* ids = args.ints(1, N);
  for (int64_t n = 0; n < N; n++) {
    if (ids[n] < 0 || ids[n] >= length) Args::fail(1, "has an index out of range");
  }
  const bool ints = args.list[0].kind == Kind::int32;
  const void* x = ints ? static_cast<void*>(args.ints(0, outer * length * inner)) : args.floats(0, outer * length * inner);
  void* y = ints ? static_cast<void*>(args.ints(2, outer * N * inner)) : args.floats(2, outer * N * inner);
  parallelRanges(outer * N, rowsOfGrain(inner), [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; row++) {
      std::memcpy(static_cast<char*>(y) + row * inner * 4, static_cast<const char*>(x) + (row / N * length + ids[row % N]) * inner * 4, inner * 4);
    }
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
