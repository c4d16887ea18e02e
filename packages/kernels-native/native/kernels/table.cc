// The kernels of one instruction set, in the order of kernels.def; MOEKIT_VECTORS is the set whose native/elements it uses.
#include "../runtime/args.h"

namespace moekit {
#define KERNEL(name) namespace MOEKIT_ISA { void name(const Args&); }
#define ELEMENT_KERNEL(name) namespace MOEKIT_VECTORS { void name(const Args&); }
#include "kernels.def"
#undef KERNEL

namespace MOEKIT_ISA {

extern const Kernel kernels[];
const Kernel kernels[] = {
#define KERNEL(name) &name,
#define ELEMENT_KERNEL(name) &MOEKIT_VECTORS::name,
#include "kernels.def"
#undef KERNEL
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
