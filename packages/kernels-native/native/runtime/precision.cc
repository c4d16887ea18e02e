#include "precision.h"

#include <atomic>
#include <cstring>

namespace moekit {
namespace {

struct Choice {
  const char* name;
  Precision precision;
  bool int8;
};

constexpr Choice kChoices[] = {{"f32", Precision::f32, false}, {"bf16", Precision::bf16, false}, {"int8", Precision::bf16, true}};
std::atomic<const Choice*> current{kChoices};

}  // namespace

Precision precision() { return current.load()->precision; }
bool roundsToInt8() { return current.load()->int8; }
const char* precisionName() { return current.load()->name; }

bool choosePrecision(const char* name) {
  for (const Choice& choice : kChoices) {
    if (std::strcmp(choice.name, name) != 0) continue;
    current = &choice;
    return true;
  }
  return false;
}

}  // namespace moekit
