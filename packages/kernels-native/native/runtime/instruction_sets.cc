#include "instruction_sets.h"

#include <atomic>
#include <cstring>
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace moekit {
namespace scalar { extern const Kernel kernels[]; }
namespace avx2 { extern const Kernel kernels[]; }
namespace avx512 { extern const Kernel kernels[]; }
namespace avx512bf16 { extern const Kernel kernels[]; }
namespace amx { extern const Kernel kernels[]; }
namespace amx_emulated { extern const Kernel kernels[]; }
namespace neon { extern const Kernel kernels[]; }
namespace neondot { extern const Kernel kernels[]; }

namespace {

bool always() { return true; }

#if defined(__x86_64__)
// These ask CPUID, and the operating system (XGETBV) whether it saves the registers.
[[maybe_unused]] bool hasAvx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
[[maybe_unused]] bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
[[maybe_unused]] bool hasAvx512Bf16() { return hasAvx512() && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni"); }

#if defined(__linux__)
// Linux gives the registers to processes that ask for them, from version 5.16 on.
bool askForTiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
bool hasTileInstructions() {
  constexpr unsigned kBf16 = 1u << 22, kTiles = 1u << 24, kInt8 = 1u << 25, kAll = kBf16 | kTiles | kInt8;
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kAll) == kAll;
}
// That the system saves their configuration and data; there is XGETBV wherever AVX-512 is usable.
bool savesTiles() {
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low >> 17 & 3) == 3;
}
[[maybe_unused]] bool hasAmx() {
  static const bool has = hasAvx512Bf16() && hasTileInstructions() && savesTiles() && askForTiles();
  return has;
}
#else
[[maybe_unused]] bool hasAmx() { return false; }
#endif
#endif

#if defined(__aarch64__)
// NEON is in every processor of arm64, its dot products from version 8.2 on.
#if defined(__linux__)
[[maybe_unused]] bool hasDot() { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
#elif defined(__APPLE__)
[[maybe_unused]] bool hasDot() {
  int32_t has = 0;
  size_t size = sizeof(has);
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, nullptr, 0) == 0 && has;
}
#else
[[maybe_unused]] bool hasDot() { return false; }
#endif
#endif

const InstructionSet* fastest() {
  const InstructionSet* set = instructionSets;
  while (!set->supported()) set++;
  return set;
}

std::atomic<const InstructionSet*> current{nullptr};

}  // namespace

const InstructionSet instructionSets[] = {
#if defined(MOEKIT_WITH_amx)
    {"amx", hasAmx, amx::kernels},
#endif
#if defined(MOEKIT_WITH_avx512bf16)
    {"avx512bf16", hasAvx512Bf16, avx512bf16::kernels},
#endif
#if defined(MOEKIT_WITH_avx512)
    {"avx512", hasAvx512, avx512::kernels},
#endif
#if defined(MOEKIT_WITH_avx2)
    {"avx2", hasAvx2, avx2::kernels},
#endif
#if defined(MOEKIT_WITH_amx_emulated)
    {"amx-emulated", hasAvx512Bf16, amx_emulated::kernels},
#endif
#if defined(MOEKIT_WITH_neondot)
    {"neondot", hasDot, neondot::kernels},
#endif
#if defined(MOEKIT_WITH_neon)
    {"neon", always, neon::kernels},
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
