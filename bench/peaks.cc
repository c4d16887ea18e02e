// What this machine can do at most, as JSON: multiplications and additions per second (GFLOP/s) in registers, float32 and pairs
// of bfloat16 with AVX-512, and bytes read per second (GB/s) from memory. Compiled and run by bench/peaks.ts.
#include <immintrin.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr long kRounds = 4000000;
constexpr int kChains = 12;
volatile float sink;

float float32() {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; i++) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (long k = 0; k < kRounds; k++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  }
  for (int i = 1; i < kChains; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_reduce_add_ps(sums[0]);
}

#if defined(__AVX512BF16__)
float bfloat16() {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; i++) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f803f80), b = (__m512bh)_mm512_set1_epi32(0x3a803a80);
  for (long k = 0; k < kRounds; k++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
  }
  for (int i = 1; i < kChains; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_reduce_add_ps(sums[0]);
}
#endif

constexpr long kFloats = 1L << 26;  // 256 MB each thread

float readAll(const float* memory) {
  __m512 sums[8] = {};
  for (long i = 0; i < kFloats; i += 128) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) sums[j] = _mm512_add_ps(sums[j], _mm512_load_ps(memory + i + 16 * j));
  }
  for (int j = 1; j < 8; j++) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return _mm512_reduce_add_ps(sums[0]);
}

// Seconds of the fastest of ten goes of work(thread) on all threads.
template <class F>
double fastest(int threads, const F& work) {
  double best = 1e9;
  for (int go = 0; go < 10; go++) {
    const auto started = std::chrono::steady_clock::now();
    std::vector<std::thread> all;
    for (int i = 0; i < threads; i++) all.emplace_back([&, i] { sink = work(i); });
    for (auto& each : all) each.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    best = seconds < best ? seconds : best;
  }
  return best;
}

}  // namespace

int main(int, char** arguments) {
  const int threads = std::atoi(arguments[1]);
  const double instructions = double(kRounds) * kChains * threads / 1e9;
  std::vector<float*> memory;
  for (int i = 0; i < threads; i++) {
    memory.push_back(static_cast<float*>(std::aligned_alloc(64, kFloats * 4)));
    for (long j = 0; j < kFloats; j++) memory[i][j] = 1;
  }
  std::printf("{\"f32\": %.1f", 32 * instructions / fastest(threads, [](int) { return float32(); }));
#if defined(__AVX512BF16__)
  std::printf(", \"bf16\": %.1f", 64 * instructions / fastest(threads, [](int) { return bfloat16(); }));
#endif
  std::printf(", \"read\": %.1f}\n", 4e-9 * kFloats * threads / fastest(threads, [&](int i) { return readAll(memory[i]); }));
}
