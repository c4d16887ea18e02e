// The kernels of one instruction set, in the order of kernels.def.
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

#define KERNEL(name) void name(const Args&);
#include "kernels.def"
#undef KERNEL

extern const Kernel kernels[];
const Kernel kernels[] = {
#define KERNEL(name) &name,
#include "kernels.def"
#undef KERNEL
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
