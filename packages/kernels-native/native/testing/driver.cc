// Runs every kernel of every instruction set on odd shapes, on memory of exactly the sizes that it may touch: built with
// sanitizers by scripts/sanitize.mjs, which then report every stray access, undefined operation or race. Values are checked by
// the tests in TypeScript.
//
// `driver <set> <reference>` instead runs the products of one set in bf16 and int8, compares them with those of another and prints
// a digest of their bits: for machines without Node, emulated ones for instance.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "../runtime/precision.h"
#include "../runtime/scratch.h"
#include "../runtime/threads.h"
#include "call.h"

using namespace moekit;

namespace {

void products(const InstructionSet& set) {
  for (int64_t m : {1, 2, 7, 13, 100}) {
    for (int64_t n : {1, 15, 17, 70}) {
      for (int64_t k : {0, 1, 9, 260}) {
        for (double tA : {0, 1}) {
          for (double tB : {0, 1}) {
            const std::vector<double> sizes{2, double(m), double(n), double(k), tA, tB, double(m * k), double(k * n)};
            Call("matmul").floats({2 * m * k, 2 * k * n, 2 * m * n}).numbers(sizes).floats(n).run(set);
          }
        }
      }
    }
  }
  // Larger than a block in rows and depth.
  Call("matmul").floats({1030 * 520, 520 * 33, 1030 * 33}).numbers({1, 1030, 33, 520, 0, 0, 0, 0}).run(set);
  Call("matmul").floats({6, 6, 3}).numbers({1, 2, 2, 3, 0, 0, 0, 0}).mustFail(set);
}

void convolutions(const InstructionSet& set) {
  // Images of [2, 7, 6, 3], filters of [3, 2, 3, 5]: padded with stride 1, and with stride 2 to [4, 3].
  const std::vector<double> same{2, 7, 6, 3, 7, 6, 5, 3, 2, 1, 1, 1, 1, 1, 0}, strided{2, 7, 6, 3, 4, 3, 5, 3, 2, 2, 2, 1, 1, 1, 0};
  for (const auto& sizes : {same, strided}) {
    const int64_t x = 2 * 7 * 6 * 3, filter = 3 * 2 * 3 * 5, y = static_cast<int64_t>(2 * sizes[4] * sizes[5] * 5);
    Call("conv2d").floats({x, filter, y}).numbers(sizes).run(set);
    Call("conv2dInput").floats({y, filter, x}).numbers(sizes).run(set);
    Call("conv2dFilter").floats({x, y, filter}).numbers(sizes).run(set);
    std::vector<double> window = sizes;
    window[6] = 3;  // as many channels out as in
    const int64_t out = static_cast<int64_t>(2 * sizes[4] * sizes[5] * 3), weights = 3 * 2 * 3;
    Call("depthwise").floats({x, weights, out}).numbers(window).run(set);
    Call("depthwiseInput").floats({out, weights, x}).numbers(window).run(set);
    Call("depthwiseFilter").floats({x, out, weights}).numbers(window).run(set);
    Call("maxPoolGrad").floats({out, x, x}).numbers(window).run(set);
    Call("averagePoolGrad").floats({out, x}).numbers(window).run(set);
    for (double isMax : {0, 1}) {
      std::vector<double> pooled = window;
      pooled.push_back(isMax);
      Call("pool").floats({x, out}).numbers(pooled).run(set);
    }
    Call("pool").floats({x, out}).numbers(sizes).numbers({1}).mustFail(set);
  }
}

void experts(const InstructionSet& set) {
  const Ints offsets{0, 3, 3, 16, 17};
  const int64_t N = 19, E = 4, O = 21, I = 10;
  for (int bias = 0; bias < 2; bias++) {
    Call call("groupedMatmul");
    call.floats({N * I, E * O * I}).ints(offsets).floats(N * O).numbers({double(N), double(E), double(O), double(I)});
    (bias ? call.floats(E * O) : call.none()).run(set);
  }
  const std::vector<double> sizes{double(N), double(E), double(O), double(I)};
  Call("groupedMatmulInput").floats({N * O, E * O * I}).ints(offsets).floats(N * I).numbers(sizes).run(set);
  Call("groupedMatmulWeight").floats({N * O, N * I}).ints(offsets).floats(E * O * I).numbers(sizes).run(set);
  Call("groupedSum").floats(N * I).ints(offsets).floats(E * I).numbers({double(N), double(E), double(I)}).run(set);
  Call("groupedSum").floats(N * I).ints({0, 3, 2, 16, 17}).floats(E * I).numbers({double(N), double(E), double(I)}).mustFail(set);
  Call("groupedSum").floats(N * I).ints({0, 3, 3, 16, 20}).floats(E * I).numbers({double(N), double(E), double(I)}).mustFail(set);

  Call("segmentedLora").floats({N * I, E * 3 * I, E * O * 3}).ints(offsets).floats(N * O).numbers({double(N), double(E), 3, double(I), double(O), 0.5}).run(set);

  for (int gated = 0; gated < 2; gated++) {
    for (double activation : {0, 1, 2}) {
      const int64_t bank = E * O * I;
      const auto arguments = [&](const char* kernel) {
        Call call(kernel);
        call.floats(N * I);
        (gated ? call.floats(bank) : call.none()).floats({bank, bank});
        (gated ? call.floats(E * O) : call.none()).floats({E * O, E * I}).ints(offsets).numbers({double(N), double(E), double(I), double(O)});
        return call;
      };
      const int64_t before = (1 + gated) * N * O;
      for (int kept = 0; kept < 2; kept++) {
        Call forward = arguments("expertMlp");
        forward.floats(N * I).numbers({activation});
        (kept ? forward.floats(before) : forward.none()).run(set);
        Call grad = arguments("expertMlpGrad");
        grad.floats(N * I).numbers({activation}).floats(N * I);
        (gated ? grad.floats(bank) : grad.none()).floats({bank, bank});
        (gated ? grad.floats(E * O) : grad.none()).floats({E * O, E * I});
        (kept ? grad.floats(before) : grad.none()).run(set);
      }
    }
  }
}

// Every format: numbers that rows are a multiple of, and bytes of as many.
void packedWeights(const InstructionSet& set) {
  struct Format { int64_t unit, bytes; };
  const Format formats[] = {{1, 2}, {1, 2}, {1, 1}, {32, 34}, {32, 18}, {32, 20}, {32, 22}, {32, 24}, {256, 144}, {256, 176}, {256, 210}, {32, 17}, {256, 84}, {256, 110}, {32, 18}, {256, 136}};
  for (int f = 0; f < 16; f++) {
    const int64_t I = formats[f].unit == 1 ? 67 : formats[f].unit == 32 ? 160 : formats[f].unit, rowBytes = I / formats[f].unit * formats[f].bytes;
    const bool signs = f != 11;  // mxfp4 has bytes of exponents
    for (int64_t N : {0, 1, 7, 8, 25}) {
      for (int64_t O : {1, 5, 70}) {
        const std::vector<double> sizes{double(N), double(O), double(I), double(f)};
        Call("packedMatmul").floats(N * I).bytes(O * rowBytes, signs).floats(N * O).numbers(sizes).run(set);
        Call("packedMatmulInput").floats(N * O).bytes(O * rowBytes, signs).floats(N * I).numbers(sizes).run(set);
      }
    }
    Call("packBlocks").floats(70 * I).bytes(70 * rowBytes).ints({0}).numbers({double(f)}).run(set);
    Call("packBlocks").floats(I).bytes(rowBytes - 1).ints({0}).numbers({double(f)}).mustFail(set);
    Call("packedGatherRows").bytes(3 * rowBytes).ints({2, -1, 0}).floats(3 * I).numbers({3, 3, double(I), double(f)}).run(set);
    Call("packedMatmul").floats(I).bytes(rowBytes - 1).floats(1).numbers({1, 1, double(I), double(f)}).mustFail(set);

    const Ints offsets{0, 3, 3, 16, 17};
    const int64_t N = 19, E = 4, D = I, F = I;
    for (int gated = 0; gated < 2; gated++) {
      const auto arguments = [&](const char* kernel) {
        Call call(kernel);
        call.floats(N * D);
        (gated ? call.bytes(E * F * rowBytes, signs) : call.none()).bytes(E * F * rowBytes, signs).bytes(E * D * rowBytes, signs);
        (gated ? call.floats(E * F) : call.none()).floats({E * F, E * D}).ints(offsets).numbers({double(N), double(E), double(D), double(F), double(f), double(f), double(f)});
        return call;
      };
      arguments("packedExpertMlp").floats(N * D).numbers({0}).run(set);
      Call grad = arguments("packedExpertMlpGrad");
      grad.floats(N * D).numbers({0}).floats(N * D);
      (gated ? grad.floats(E * F) : grad.none()).floats({E * F, E * D}).run(set);
    }
  }
  Call("packedGatherRows").bytes(6).ints({3}).floats(1).numbers({1, 3, 1, 0}).mustFail(set);
  Call("packedMatmul").floats(33).bytes(100).floats(1).numbers({1, 1, 33, 3}).mustFail(set);
  Call("packedMatmul").floats(32).bytes(100).floats(1).numbers({1, 1, 32, 16}).mustFail(set);
  Call("packBlocks").floats(33).bytes(100).ints({0}).numbers({3}).mustFail(set);
  Call("packBlocks").floats(32).bytes(100).ints({0}).numbers({16}).mustFail(set);
}

void attentions(const InstructionSet& set) {
  struct Case { int64_t S, L, H, G, d, e; double causal, window; };
  for (const Case& c : {Case{7, 7, 3, 3, 5, 5, 1, 0}, Case{1, 300, 4, 2, 9, 3, 1, 0}, Case{150, 150, 2, 1, 4, 4, 1, 131}, Case{5, 2, 2, 2, 3, 3, 0, 0}, Case{0, 3, 2, 1, 3, 3, 1, 0}, Case{400, 400, 1, 1, 3, 4, 1, 0}, Case{6, 6, 1, 1, 8, 16, 0, 2}}) {
    const int64_t B = 2, q = B * c.S * c.H * c.d, k = B * c.L * c.G * c.d, v = B * c.L * c.G * c.e, y = B * c.S * c.H * c.e;
    const std::vector<double> sizes{double(B), double(c.S), double(c.L), double(c.H), double(c.G), double(c.d), double(c.e), c.causal, 0.5, c.window};
    Call("attention").floats({q, k, v, y}).numbers(sizes).floats(c.H).run(set);
    Call("attention").floats({q, k, v, y}).numbers(sizes).run(set);
    Call("attentionGrad").floats({q, k, v, y}).numbers(sizes).floats({q, k, v, c.H, c.H}).run(set);
    Call("attentionGrad").floats({q, k, v, y}).numbers(sizes).floats({q, k, v}).run(set);
  }
}

void rowOps(const InstructionSet& set) {
  for (int64_t rows : {0, 1, 131}) {
    for (int64_t width : {1, 8, 37}) {
      const int64_t n = rows * width;
      const double r = double(rows), w = double(width);
      Call("rmsNorm").floats({n, width, n}).numbers({r, w, 1e-6}).run(set);
      Call("rmsNormGrad").floats({n, width, n, n, width}).numbers({r, w, 1e-6}).run(set);
      Call("swiglu").floats({n, n, n}).numbers({double(n)}).run(set);
      Call("swigluGrad").floats({n, n, n, n, n}).numbers({double(n)}).run(set);
      Call("adamwStep").floats({n, n, n, n, n, n, n}).numbers({double(n), 1e-3, 0.9, 0.95, 1e-8, 0.1, 3}).run(set);
      Call("softmax").floats({n, n}).numbers({r, w}).run(set);
      Call("crossEntropy").floats(n).ints(Ints(rows, 0)).floats(rows).numbers({r, w}).run(set);
      Call("crossEntropyGrad").floats(n).ints(Ints(rows, -1)).floats({rows, n}).numbers({r, w}).run(set);
      Call("sum").floats({n, rows}).numbers({r, w, 1, 1}).run(set);
      Call("sum").floats({n, width}).numbers({1, r, w, 0.5}).run(set);
      Call("extreme").floats({n, rows}).numbers({r, w, 1, 1}).run(set);
      if (rows > 0) Call("extreme").floats({n, width}).numbers({1, r, w, 0}).run(set);
      Call("argExtreme").floats(n).ints(Ints(rows)).numbers({r, w, 1, 1}).run(set);
      if (rows > 0) Call("argExtreme").floats(n).ints(Ints(width)).numbers({1, r, w, 0}).run(set);
      for (double all : {0, 1}) {
        Call("anyOrAll").bytes(n).bytes(rows).numbers({r, w, 1, all}).run(set);
        Call("anyOrAll").bytes(n).bytes(width).numbers({1, r, w, all}).run(set);
      }
      for (double exclusive : {0, 1}) {
        for (double reverse : {0, 1}) {
          Call("cumulate").floats({n, n}).numbers({r, w, 1, 1, exclusive, reverse}).run(set);
          Call("cumulate").floats({n, n}).numbers({1, r, w, 0, exclusive, reverse}).run(set);
          Call("cumulateInt").ints(Ints(n, 2'000'000'000)).ints(Ints(n)).numbers({1, r, w, 0, exclusive, reverse}).run(set);
        }
      }
    }
  }
  Call("sum").floats({100'001, 1}).numbers({1, 100'001, 1, 1}).run(set);
  Call("crossEntropy").floats(6).ints({1, 3}).floats(2).numbers({2, 3}).mustFail(set);
  for (double interleaved : {0, 1}) Call("rotary").floats({2 * 3 * 2 * 9, 3 * 4, 3 * 4, 2 * 3 * 2 * 9}).numbers({12, 2, 9, 4, 3, interleaved}).run(set);
}

void moves(const InstructionSet& set) {
  const Ints ids{1, 0, 2, 1, -1, 2, 0, 1};
  Call("topK").floats({4 * 9, 4 * 3}).ints(Ints(12)).numbers({4, 9, 3}).run(set);
  Call("sortByExpert").ints(ids).ints(Ints(8)).ints(Ints(8)).ints(Ints(4)).numbers({8, 3}).run(set);
  Call("sortByExpert").ints({3}).ints(Ints(1)).ints(Ints(1)).ints(Ints(4)).numbers({1, 3}).mustFail(set);
  const Ints order{1, 6, 0, 3, 4, 7, 2, 5}, inverse{2, 0, 6, 3, 4, 7, 1, 5};
  Call("dispatch").floats(4 * 5).ints(order).floats(8 * 5).numbers({8, 2, 5}).run(set);
  Call("dispatchGrad").floats(8 * 5).ints(inverse).floats(4 * 5).numbers({4, 2, 5}).run(set);
  Call("combine").floats({8 * 5, 8}).ints(inverse).floats(4 * 5).numbers({4, 2, 5}).run(set);
  Call("combineGrad").floats({8 * 5, 8}).ints(inverse).floats({4 * 5, 8 * 5, 8}).numbers({4, 2, 5}).run(set);
  Call("combine").floats({8 * 5, 8}).ints({8, 0, 6, 3, 4, 7, 1, 5}).floats(4 * 5).numbers({4, 2, 5}).mustFail(set);
  Call("gatherRows").floats(3 * 7).ints(ids).floats(8 * 7).numbers({3, 8, 7}).run(set);
  Call("scatterRows").floats(8 * 130).ints(ids).floats(3 * 130).numbers({3, 8, 130}).run(set);
  Call("gather").floats(2 * 3 * 7).ints({2, 0}).floats(2 * 2 * 7).numbers({2, 3, 7, 2}).run(set);
  Call("gather").floats(2 * 3 * 7).ints({3, 0}).floats(2 * 2 * 7).numbers({2, 3, 7, 2}).mustFail(set);
  // Transposes of [70, 33] and of the last two of [3, 9, 17]; a row of [5, 4] repeated.
  Call("copy").floats(70 * 33).numbers({0}).floats(70 * 33).numbers({0, 2, 33, 70, 70, 1, 1, 33}).run(set);
  Call("copy").floats(3 * 9 * 17).numbers({0}).floats(3 * 9 * 17).numbers({0, 3, 3, 17, 9, 153, 9, 1, 153, 1, 17}).run(set);
  Call("copy").floats(3 * 4).numbers({0}).floats(5 * 4).numbers({8, 2, 3, 4, 4, 1, 0, 1}).run(set);
  // Rows backwards, and every other number of a row backwards.
  Call("copy").floats(3 * 4).numbers({0}).floats(3 * 4).numbers({8, 2, 3, 4, 4, 1, -4, 1}).run(set);
  Call("copy").bytes(3 * 2).numbers({0}).bytes(3 * 4).numbers({3, 2, 3, 2, 2, 1, 4, -2}).run(set);
  Call("copy").floats(3 * 4).numbers({0}).floats(3 * 4).numbers({7, 2, 3, 4, 4, 1, -4, 1}).mustFail(set);
  Call("copy").floats(3 * 4).numbers({1}).floats(5 * 4).numbers({8, 2, 3, 4, 4, 1, 0, 1}).mustFail(set);
}

void elements(const InstructionSet& set) {
  for (int64_t n : {0, 1, 13, 40'001}) {
    const double count = double(n);
    for (int f = 0; f <= 15; f++) Call("unary").numbers({double(f)}).floats({n, n}).numbers({count, -0.5, 0.5}).run(set);
    for (int f = 0; f <= 19; f++) Call("function").numbers({double(f)}).floats({n, n}).numbers({count}).run(set);
    for (int f = 0; f <= 2; f++) Call("classify").numbers({double(f)}).floats(n).bytes(n).numbers({count}).run(set);
    Call("power").floats({n, n, n}).numbers({1, count, 1, 1}).run(set);
    for (int f = 0; f <= 7; f++) Call("compareBytes").numbers({double(f)}).bytes(n).bytes(n).bytes(n).numbers({1, count, 1, 1}).run(set);
    for (int f = 0; f <= 8; f++) Call("binary").numbers({double(f)}).floats({n, n, n}).numbers({1, count, 1, 1}).run(set);
    for (int f = 0; f <= 5; f++) {
      const std::vector<double> shape{1, count, 1, 1};
      Call("binaryInt").numbers({double(f)}).ints(Ints(n, 2'000'000'000)).ints(Ints(n, 2'000'000'000)).ints(Ints(n)).numbers(shape).run(set);
      Call("compare").numbers({double(f)}).floats({n, n}).bytes(n).numbers(shape).run(set);
      Call("compareInt").numbers({double(f)}).ints(Ints(n, 1)).ints(Ints(n, 2)).bytes(n).numbers(shape).run(set);
    }
    Call("selectElements").bytes(n).floats({n, n, n}).numbers({count}).run(set);
    Call("selectElements").bytes(n).ints(Ints(n, 1)).ints(Ints(n, 2)).ints(Ints(n)).numbers({count}).run(set);
    Call("addN").floats(n).numbers({count}).floats({n, n, n}).run(set);
    Call("castToInt").floats(n).ints(Ints(n)).numbers({count}).run(set);
    Call("castToFloat").bytes(n).floats(n).numbers({count}).run(set);
    Call("castToFloat").ints(Ints(n)).floats(n).numbers({count}).run(set);
    Call("fill").floats(n).numbers({count, 3}).run(set);
  }
  Call("binary").numbers({0}).floats({5, 3, 15}).numbers({2, 5, 3, 1, 0, 0, 1}).run(set);
  Call("binary").numbers({0}).floats({5, 2, 15}).numbers({2, 5, 3, 1, 0, 0, 1}).mustFail(set);
}

void everything() {
  for (int i = 0; i < instructionSetCount; i++) {
    const InstructionSet& set = instructionSets[i];
    if (!set.supported()) continue;
    for (const char* name : {"bf16", "f32"}) {
      choosePrecision(name);
      products(set);
      experts(set);
    }
    convolutions(set);
    for (const char* name : {"int8", "bf16", "f32"}) {
      choosePrecision(name);
      packedWeights(set);
    }
    attentions(set);
    rowOps(set);
    moves(set);
    elements(set);
  }
}

const InstructionSet& setOf(const char* name) {
  for (int i = 0; i < instructionSetCount; i++) {
    if (std::strcmp(instructionSets[i].name, name) == 0 && instructionSets[i].supported()) return instructionSets[i];
  }
  std::fprintf(stderr, "driver: this machine has no set %s\n", name);
  std::exit(1);
}

void compareProducts(const InstructionSet& set, const InstructionSet& reference) {
  comparison.reference = &reference;
  for (const char* name : {"bf16", "int8"}) {
    choosePrecision(name);
    if (!roundsToInt8()) products(set);
    if (!roundsToInt8()) experts(set);
    packedWeights(set);
    std::printf("driver: %s in %s agrees with %s: %lld calls, %lld to the bit; digest %016llx\n", set.name, name, reference.name, static_cast<long long>(comparison.calls),
                static_cast<long long>(comparison.same), static_cast<unsigned long long>(comparison.digest));
    std::fflush(stdout);
    comparison = {&reference};
  }
}

}  // namespace

int main(int count, char** names) {
  if (count == 3) {
    compareProducts(setOf(names[1]), setOf(names[2]));
    return 0;
  }
  for (int count : {1, 3}) {
    setThreads(count);
    everything();
  }
  for (int i = 0; i < kernelCount; i++) {
    if (called.count(kernelNames[i])) continue;
    std::fprintf(stderr, "driver: nothing calls %s\n", kernelNames[i]);
    return 1;
  }
  // Two callers at once, as from two worker threads of Node; nothing may be shared but the pool.
  const auto caller = [] { products(instructionSets[0]); };
  std::thread other([&] {
    caller();
    freeScratch();
  });
  caller();
  other.join();
  stopThreads();
  std::puts("driver: every kernel ran");
}
