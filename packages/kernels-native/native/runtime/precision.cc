#include "precision.h"

#include <atomic>
#include <cstring>

namespace moekit {
namespace {

const char* const kNames[] = {"f32", "bf16"};
std::atomic<Precision> current{Precision::f32};

}  // namespace

Precision precision() { return current; }
const char* precisionName() { return kNames[static_cast<int>(precision())]; }

bool choosePrecision(const char* name) {
  for (int i = 0; i < 2; i++) {
    if (std::strcmp(kNames[i], name) != 0) continue;
    current = static_cast<Precision>(i);
    return true;
  }
  return false;
}

}  // namespace moekit
