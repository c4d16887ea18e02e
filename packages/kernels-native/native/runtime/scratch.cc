#include "scratch.h"

#include <memory>
#include <new>
#include <vector>

namespace moekit {
namespace {

constexpr int64_t kAlign = 64;
constexpr int64_t kFirstBlock = 1 << 20;

struct Delete {
  void operator()(char* memory) const { ::operator delete(memory, std::align_val_t{kAlign}); }
};

struct Block {
  std::unique_ptr<char, Delete> memory;
  int64_t size;
};

}  // namespace

// Blocks of growing size; a request that does not fit the current block goes to the next one.
struct Arena {
  std::vector<Block> blocks;
  int64_t block = 0;
  int64_t used = 0;

  void* take(int64_t size) {
#ifdef MOEKIT_EXACT_SCRATCH
    grow(size);
    return blocks[block++].memory.get();
#endif
    size = (size + kAlign - 1) / kAlign * kAlign;
    while (block < static_cast<int64_t>(blocks.size()) && used + size > blocks[block].size) advance();
    if (block == static_cast<int64_t>(blocks.size())) grow(size);
    char* result = blocks[block].memory.get() + used;
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
    while (static_cast<int64_t>(blocks.size()) > block) blocks.pop_back();
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
    void* memory = ::operator new(wanted, std::align_val_t{kAlign});
    blocks.push_back({std::unique_ptr<char, Delete>(static_cast<char*>(memory)), wanted});
  }
};

namespace {

// A plain pointer: with GCC on Windows, destructors of thread_local objects run when their memory is freed already (its bug 83562).
thread_local Arena* current = nullptr;

}  // namespace

Scratch::Scratch() {
  if (!current) current = new Arena;
  arena_ = current;
  block_ = arena_->block;
  used_ = arena_->used;
}

Scratch::~Scratch() { arena_->release(block_, used_); }

void* Scratch::bytes(int64_t size) { return arena_->take(size); }

void freeScratch() {
  delete current;
  current = nullptr;
}

}  // namespace moekit
