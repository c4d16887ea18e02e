#include "args.h"

#include <stdexcept>
#include <string>

namespace moekit {

void Args::fail(int i, const char* what) { throw std::invalid_argument("argument " + std::to_string(i) + " " + what); }

}  // namespace moekit
