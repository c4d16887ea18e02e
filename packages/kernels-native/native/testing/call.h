// A call of a kernel on memory of exactly the sizes that it may touch, and its comparison with that of another instruction set.
#pragma once
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "../runtime/instruction_sets.h"

namespace moekit {

using Ints = std::vector<int32_t>;

inline std::set<std::string> called;

// What is compared with, and what came of it.
struct Comparison {
  const InstructionSet* reference = nullptr;
  int64_t calls = 0, same = 0;
  uint64_t digest = 14695981039346656037u;  // FNV-1a

  void take(const std::vector<uint8_t>& bytes) {
    for (uint8_t byte : bytes) digest = (digest ^ byte) * 1099511628211u;
  }
};
inline Comparison comparison;

// Products agree up to the order of sums; where what lies between two products is rounded, to the digits of bfloat16.
inline bool agree(const std::vector<uint8_t>& got, const std::vector<uint8_t>& want, bool chain) {
  const auto* g = reinterpret_cast<const float*>(got.data());
  const auto* w = reinterpret_cast<const float*>(want.data());
  const size_t count = got.size() / sizeof(float);
  float most = 0;
  for (size_t i = 0; i < count; i++) most = std::max(most, std::fabs(w[i]));
  for (size_t i = 0; i < count; i++) {
    const float allowed = FLT_MIN + (chain ? 2e-2f * most : 1e-3f * std::fabs(w[i]) + 1e-6f * most);
    if (!(std::fabs(g[i] - w[i]) <= allowed)) return false;
  }
  return true;
}

// Arguments of one call and the memory behind them.
class Call {
 public:
  explicit Call(const char* kernel) : kernel_(kernel) { called.insert(kernel); }

  Call& floats(int64_t count) {
    float* x = memory<float>(count);
    for (int64_t i = 0; i < count; i++) x[i] = static_cast<float>((i * 37 + 11) % 101) / 50 - 1;
    return push(Kind::float32, x, count);
  }
  Call& floats(std::initializer_list<int64_t> counts) {
    for (int64_t count : counts) floats(count);
    return *this;
  }
  Call& ints(const Ints& values) {
    int32_t* x = memory<int32_t>(values.size());
    for (size_t i = 0; i < values.size(); i++) x[i] = values[i];
    return push(Kind::int32, x, values.size());
  }
  // Where results are compared, bytes of packed weights of various sizes; without signs also exponents are small.
  Call& bytes(int64_t count, bool signs = true) {
    uint8_t* x = memory<uint8_t>(count);
    for (int64_t i = 0; i < count; i++) x[i] = comparison.reference ? (i * 37 + 11) % 61 + (signs && i % 7 == 0) * 128 : i % 2;
    return push(Kind::uint8, x, count);
  }
  Call& none() { return push(Kind::absent, nullptr, 0); }
  Call& numbers(const std::vector<double>& values) {
    for (double value : values) push(Kind::number, nullptr, 0, value);
    return *this;
  }

  void run(const InstructionSet& set) const {
    if (comparison.reference) return compare(set);
    set.kernels[index()](args_);
  }
  void mustFail(const InstructionSet& set) const {
    try {
      set.kernels[index()](args_);
    } catch (const std::invalid_argument&) {
      return;
    }
    fail("took arguments that it must refuse");
  }

 private:
  using Memory = std::vector<std::vector<uint8_t>>;

  void compare(const InstructionSet& set) const {
    const Memory before = copyOut();
    set.kernels[index()](args_);
    const Memory got = copyOut();
    for (int i = 0; i < args_.count; i++) std::copy(before[i].begin(), before[i].end(), static_cast<uint8_t*>(args_.list[i].data));
    comparison.reference->kernels[index()](args_);
    const Memory want = copyOut();
    const bool chain = std::strstr(kernel_, "xpert") || std::strstr(kernel_, "Lora");
    for (int i = 0; i < args_.count; i++) {
      comparison.take(got[i]);
      if (args_.list[i].kind == Kind::float32 && !agree(got[i], want[i], chain)) fail("differs from the reference");
    }
    comparison.calls++;
    comparison.same += got == want;
  }
  Memory copyOut() const {
    Memory copies(args_.count);
    for (int i = 0; i < args_.count; i++) {
      const Arg& arg = args_.list[i];
      const auto* from = static_cast<const uint8_t*>(arg.data);
      if (from) copies[i].assign(from, from + arg.length * (arg.kind == Kind::uint8 ? 1 : 4));
    }
    return copies;
  }

  // Exactly as much as asked for; nothing where there is nothing to hold, as in Node.
  template <class T>
  T* memory(int64_t count) {
    if (count == 0) return nullptr;
    kept_.emplace_back(std::malloc(count * sizeof(T)), std::free);
    return static_cast<T*>(kept_.back().get());
  }
  Call& push(Kind kind, void* data, int64_t length, double number = 0) {
    args_.list[args_.count++] = {kind, data, length, number};
    return *this;
  }
  int index() const {
    for (int i = 0; i < kernelCount; i++) {
      if (std::strcmp(kernelNames[i], kernel_) == 0) return i;
    }
    fail("is no kernel");
  }
  [[noreturn]] void fail(const char* what) const {
    std::fprintf(stderr, "driver: %s %s\n", kernel_, what);
    std::exit(1);
  }

  const char* kernel_;
  Args args_;
  std::vector<std::shared_ptr<void>> kept_;
};

}  // namespace moekit
