// Working memory of kernels: 64-byte aligned, kept per thread, given back in reverse order like a stack.
#pragma once
#include <cstdint>

namespace moekit {

struct Arena;

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // `count` floats or ints, whose values are not set, until this Scratch goes out of scope.
  float* floats(int64_t count) { return static_cast<float*>(bytes(count * 4)); }
  int32_t* ints(int64_t count) { return static_cast<int32_t*>(bytes(count * 4)); }
  double* doubles(int64_t count) { return static_cast<double*>(bytes(count * 8)); }

 private:
  void* bytes(int64_t size);
  Arena* arena_;
  int64_t block_;
  int64_t used_;
};

// Gives the calling thread's memory back; what ends a thread that has run kernels calls it.
void freeScratch();

}  // namespace moekit
