#include "scratch.h"

#include <cstdlib>
#include <new>
#include <vector>

namespace moekit {
namespace {

constexpr int64_t kAlign = 64;
constexpr int64_t kFirstBlock = 1 << 20;

struct Block {
  char* memory;
  int64_t size;
};

// Blocks of growing size; a request that does not fit the current block goes to the next one.
struct Arena {
  std::vector<Block> blocks;
  int64_t block = 0;
  int64_t used = 0;

  ~Arena() {
    for (auto& each : blocks) std::free(each.memory);
  }

  void* take(int64_t size) {
#ifdef MOEKIT_EXACT_SCRATCH
    grow(size);
    return blocks[block++].memory;
#endif
    size = (size + kAlign - 1) / kAlign * kAlign;
    while (block < static_cast<int64_t>(blocks.size()) && used + size > blocks[block].size) advance();
    if (block == static_cast<int64_t>(blocks.size())) grow(size);
    char* result = blocks[block].memory + used;
    used += size;
    return result;
  }

  void advance() {
    block++;
    used = 0;
  }

  void release(int64_t toBlock, int64_t toUsed) {
    block = toBlock;
    used = toUsed;
#ifdef MOEKIT_EXACT_SCRATCH
    for (; static_cast<int64_t>(blocks.size()) > block; blocks.pop_back()) std::free(blocks.back().memory);
#endif
  }

  void grow(int64_t size) {
#ifdef MOEKIT_EXACT_SCRATCH
    // A block for each request, so that sanitizers see where it ends.
    int64_t wanted = (size + kAlign - 1) / kAlign * kAlign;
#else
    int64_t wanted = blocks.empty() ? kFirstBlock : 2 * blocks.back().size;
    while (wanted < size) wanted *= 2;
#endif
    void* memory = std::aligned_alloc(kAlign, wanted);
    if (!memory) throw std::bad_alloc();
    blocks.push_back({static_cast<char*>(memory), wanted});
  }
};

thread_local Arena arena;

}  // namespace

Scratch::Scratch() : block_(arena.block), used_(arena.used) {}

Scratch::~Scratch() {
  arena.release(block_, used_);
}

void* Scratch::bytes(int64_t size) { return arena.take(size); }

}  // namespace moekit
