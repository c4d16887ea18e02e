// Activations of the form x * share(x), by the numbers that the TypeScript side passes.
#pragma once
#include "math.h"

namespace moekit {
namespace MOEKIT_ISA {

struct Silu {
  static Vec share(Vec x) { return sigmoid(x); }
  // Derivative of x * share(x), given that share.
  static Vec slope(Vec x, Vec share) { return mul(share, fma(x, sub(broadcast(1), share), broadcast(1))); }
};

struct Gelu {
  static Vec share(Vec x) { return normalShare(x); }
  static Vec slope(Vec x, Vec share) { return fma(x, normalDensity(x), share); }
};

struct Relu {
  // A NaN stays one.
  static Vec share(Vec x) { return select(lessEqual(x, zero()), zero(), broadcast(1)); }
  static Vec slope(Vec, Vec share) { return share; }
};

enum class Activation { silu = 0, gelu = 1, relu = 2 };

// use(A{}) with the type of the activation.
template <class F>
inline void withActivation(Activation activation, const F& use) {
  switch (activation) {
    case Activation::silu: return use(Silu{});
    case Activation::gelu: return use(Gelu{});
    case Activation::relu: return use(Relu{});
  }
}

inline Activation activationOf(const Args& args, int i) {
  const int64_t number = args.integer(i);
  if (number < 0 || number > 2) Args::fail(i, "is no activation");
  return static_cast<Activation>(number);
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
