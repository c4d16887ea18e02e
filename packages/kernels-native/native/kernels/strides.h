// Loops over arrays of several axes, each array with strides of its own (0: the same element again).
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

constexpr int kMaxRank = 8;

// Sizes of the axes and strides of N arrays along them; neighbouring axes that can be walked as one are joined.
template <int N>
struct Strides {
  int rank = 0;
  int64_t size[kMaxRank];
  int64_t stride[N][kMaxRank];

  // Arguments from i on: rank, sizes, strides of the first array, strides of the second, ...
  Strides(const Args& args, int i) {
    const int64_t given = args.size(i);
    if (given > kMaxRank) Args::fail(i, "is too large a rank");
    for (int64_t axis = 0; axis < given; axis++) {
      int64_t steps[N];
      for (int n = 0; n < N; n++) steps[n] = args.integer(static_cast<int>(i + 1 + (n + 1) * given + axis));
      push(args.size(static_cast<int>(i + 1 + axis)), steps);
    }
    const int64_t none[N] = {};
    if (rank == 0) append(1, none);
  }

  int64_t total() const {
    int64_t product = 1;
    for (int axis = 0; axis < rank; axis++) product *= size[axis];
    return product;
  }
  // Runs along the last axis.
  int64_t runs() const { return size[rank - 1] == 0 ? 0 : total() / size[rank - 1]; }

  // Where run `run` of array n starts.
  int64_t offset(int n, int64_t run) const {
    int64_t place = 0;
    for (int axis = rank - 2; axis >= 0; run /= size[axis--]) place += run % size[axis] * stride[n][axis];
    return place;
  }

  // Elements from the first place on that array n must have. Strides must not be negative, unless the caller sees to those before.
  int64_t reach(int n, bool backwards = false) const {
    int64_t last = 0;
    for (int axis = 0; axis < rank; axis++) {
      if (size[axis] == 0) return 0;
      if (stride[n][axis] < 0 && !backwards) Args::fail(0, "has a negative stride");
      last += most(0, (size[axis] - 1) * stride[n][axis]);
    }
    return last + 1;
  }

  // Elements of array n before the first place.
  int64_t before(int n) const {
    int64_t count = 0;
    for (int axis = 0; axis < rank; axis++) count += most(0, (1 - size[axis]) * stride[n][axis]);
    return count;
  }

 private:
  void push(int64_t length, const int64_t* steps) {
    if (length == 1) return;
    if (rank > 0 && joins(length, steps)) {
      size[rank - 1] *= length;
      for (int n = 0; n < N; n++) stride[n][rank - 1] = steps[n];
    } else {
      append(length, steps);
    }
  }

  bool joins(int64_t length, const int64_t* steps) const {
    for (int n = 0; n < N; n++) {
      if (stride[n][rank - 1] != steps[n] * length) return false;
    }
    return true;
  }

  void append(int64_t length, const int64_t* steps) {
    size[rank] = length;
    for (int n = 0; n < N; n++) stride[n][rank] = steps[n];
    rank++;
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
