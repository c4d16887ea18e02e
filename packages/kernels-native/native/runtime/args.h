// What JavaScript passed to a kernel: typed arrays and numbers by position. Kernels say how many elements they are going to
// touch, so that a wrong call is an error and never a stray access.
#pragma once
#include <cstdint>

namespace moekit {

enum class Kind : uint8_t { absent, number, float32, int32, uint8, other };

struct Arg {
  Kind kind;
  void* data;
  int64_t length;
  double number;
};

class Args {
 public:
  static constexpr int kMax = 40;

  int count = 0;
  Arg list[kMax];

  bool has(int i) const { return i < count && list[i].kind != Kind::absent; }

  float* floats(int i, int64_t length) const { return static_cast<float*>(data(i, Kind::float32, length)); }
  int32_t* ints(int i, int64_t length) const { return static_cast<int32_t*>(data(i, Kind::int32, length)); }
  uint8_t* bytes(int i, int64_t length) const { return static_cast<uint8_t*>(data(i, Kind::uint8, length)); }
  // Null where the argument was left out.
  float* optionalFloats(int i, int64_t length) const { return has(i) ? floats(i, length) : nullptr; }

  double number(int i) const {
    if (i >= count || list[i].kind != Kind::number) fail(i, "must be a number");
    return list[i].number;
  }
  int64_t integer(int i) const {
    const double value = number(i);
    if (!(value >= -9e15 && value <= 9e15)) fail(i, "must be a whole number");
    return static_cast<int64_t>(value);
  }
  // A size or count: whole and not negative.
  int64_t size(int i) const {
    const int64_t value = integer(i);
    if (value < 0) fail(i, "must not be negative");
    return value;
  }
  bool flag(int i) const { return number(i) != 0; }

  int64_t lengthOf(int i) const {
    if (i >= count) fail(i, "is missing");
    return list[i].length;
  }

  [[noreturn]] static void fail(int i, const char* what);

 private:
  void* data(int i, Kind kind, int64_t length) const {
    if (i >= count || list[i].kind != kind) fail(i, "is not the typed array that the kernel expects");
    if (list[i].length < length) fail(i, "is shorter than its shape");
    return list[i].data;
  }
};

using Kernel = void (*)(const Args&);

}  // namespace moekit
