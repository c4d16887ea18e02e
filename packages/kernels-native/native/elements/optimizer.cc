#include "../kernels/loops.h"

namespace moekit {
namespace MOEKIT_ISA {

// adamwStep(param, grad, m, v, newParam, newM, newV, count, learningRate, beta1, beta2, eps, weightDecay, step), in one pass.
// Outputs may be the inputs.
void adamwStep(const Args& args) {
  const int64_t count = args.size(7);
  const float* param = args.floats(0, count);
  const float* grad = args.floats(1, count);
  const float* m = args.floats(2, count);
  const float* v = args.floats(3, count);
  float* newParam = args.floats(4, count);
  float* newM = args.floats(5, count);
  float* newV = args.floats(6, count);
  const double rate = args.number(8), beta1 = args.number(9), beta2 = args.number(10), step = args.number(13);
  const Vec b1 = broadcast(static_cast<float>(beta1)), c1 = broadcast(static_cast<float>(1 - beta1));
  const Vec b2 = broadcast(static_cast<float>(beta2)), c2 = broadcast(static_cast<float>(1 - beta2));
  const Vec size = broadcast(static_cast<float>(rate / (1 - __builtin_pow(beta1, step))));
  const Vec correction = broadcast(static_cast<float>(1 / (1 - __builtin_pow(beta2, step))));
  const Vec eps = broadcast(static_cast<float>(args.number(11))), keep = broadcast(static_cast<float>(1 - rate * args.number(12)));
  const auto at = [&](int64_t i, const auto& get, const auto& put) {
    const Vec g = get(grad + i);
    const Vec mean = fma(b1, get(m + i), mul(c1, g));
    const Vec square = fma(b2, get(v + i), mul(c2, mul(g, g)));
    const Vec update = div(mul(size, mean), add(sqrt(mul(square, correction)), eps));
    put(newParam + i, sub(mul(keep, get(param + i)), update));
    put(newM + i, mean);
    put(newV + i, square);
  };
  const auto whole = [](const float* p) { return load(p); };
  const auto aligned = [](const float* p) { return reinterpret_cast<uintptr_t>(p) % 64 == 0; };
  const bool past = largerThanCaches(7 * count) && aligned(newParam) && aligned(newM) && aligned(newV);
  parallelRanges(count, kGrain, [&](int64_t from, int64_t to) {
    int64_t i = from;
    if (past) {
      for (; i + kWidth <= to; i += kWidth) at(i, whole, [](float* p, Vec x) { stream(p, x); });
      endStream();
    }
    for (; i + kWidth <= to; i += kWidth) at(i, whole, [](float* p, Vec x) { store(p, x); });
    const int64_t rest = to - i;
    if (rest > 0) at(i, [rest](const float* p) { return loadPartial(p, rest); }, [rest](float* p, Vec x) { storePartial(p, x, rest); });
  });
}

}  // namespace MOEKIT_ISA
}  // namespace moekit
