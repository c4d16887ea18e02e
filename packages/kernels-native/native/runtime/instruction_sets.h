// The kernels compiled for each instruction set, fastest first. A new set is a vector header, a compiler flag in
// scripts/build-native.mjs and a line in instruction_sets.cc.
#pragma once
#include "args.h"

namespace moekit {

// Names of all kernels in the order of the tables.
extern const char* const kernelNames[];
extern const int kernelCount;

struct InstructionSet {
  const char* name;
  bool (*supported)();
  const Kernel* kernels;
};

extern const InstructionSet instructionSets[];
extern const int instructionSetCount;

// The set in use: the fastest one that this machine supports, until another is chosen.
const InstructionSet& currentSet();
// False if there is no set of that name or this machine does not support it.
bool chooseSet(const char* name);

}  // namespace moekit
