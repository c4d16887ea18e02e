#include "instruction_sets.h"

#include <atomic>
#include <cstring>

namespace moekit {
namespace scalar { extern const Kernel kernels[]; }
#if defined(__x86_64__)
namespace avx2 { extern const Kernel kernels[]; }
namespace avx512 { extern const Kernel kernels[]; }
namespace avx512bf16 { extern const Kernel kernels[]; }
#endif

namespace {

bool always() { return true; }

#if defined(__x86_64__)
// These ask CPUID, and the operating system (XGETBV) whether it saves the registers.
bool hasAvx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
bool hasAvx512Bf16() { return hasAvx512() && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni"); }
#endif

const InstructionSet* fastest() {
  const InstructionSet* set = instructionSets;
  while (!set->supported()) set++;
  return set;
}

std::atomic<const InstructionSet*> current{nullptr};

}  // namespace

const InstructionSet instructionSets[] = {
#if defined(__x86_64__)
    {"avx512bf16", hasAvx512Bf16, avx512bf16::kernels},
    {"avx512", hasAvx512, avx512::kernels},
    {"avx2", hasAvx2, avx2::kernels},
#endif
    {"scalar", always, scalar::kernels},
};
const int instructionSetCount = sizeof(instructionSets) / sizeof(instructionSets[0]);

const char* const kernelNames[] = {
#define KERNEL(name) #name,
#include "../kernels/kernels.def"
#undef KERNEL
};
const int kernelCount = sizeof(kernelNames) / sizeof(kernelNames[0]);

const InstructionSet& currentSet() {
  const InstructionSet* set = current;
  if (!set) current = set = fastest();
  return *set;
}

bool chooseSet(const char* name) {
  for (const auto& set : instructionSets) {
    if (std::strcmp(set.name, name) != 0 || !set.supported()) continue;
    current = &set;
    return true;
  }
  return false;
}

}  // namespace moekit
