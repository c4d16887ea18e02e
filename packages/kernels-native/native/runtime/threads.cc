#include "threads.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "scratch.h"

namespace moekit {
namespace {

// How long an idle thread looks for the next job before it sleeps. Waking a sleeper costs about as much.
constexpr auto kSpin = std::chrono::microseconds(50);

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Done>
bool spinUntil(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; i++) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

struct Job {
  Body body;
  void* context;
  int64_t count;
  std::atomic<int64_t> next{0};
  std::atomic<int> inside{0};

  void work() {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(context, i);
  }
};

thread_local bool insideJob = false;

class Pool {
 public:
  // True if the job was run here; false if the pool is taken.
  bool run(Job& job) {
    std::unique_lock<std::mutex> taken(use_, std::try_to_lock);
    if (!taken) return false;
    start();
    publish(&job);
    insideJob = true;
    job.work();
    insideJob = false;
    publish(nullptr);  // From here on nobody joins; those inside are waited for.
    const auto left = [&] { return job.inside.load(std::memory_order_acquire) == 0; };
    if (!spinUntil(left)) {
      std::unique_lock<std::mutex> lock(mutex_);
      idle_.wait(lock, left);
    }
    return true;
  }

  void stop() {
    std::lock_guard<std::mutex> taken(use_);
    join();
  }

  void resize(int count) {
    std::lock_guard<std::mutex> taken(use_);
    if (count == wanted_.load()) return;
    join();
    wanted_ = count;
  }

  int size() const { return wanted_; }

 private:
  void start() {
    while (static_cast<int>(threads_.size()) + 1 < wanted_) threads_.emplace_back([this] { serve(); });
  }

  void join() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    stopping_ = false;
  }

  void publish(Job* job) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = job;
      if (job) generation_.fetch_add(1, std::memory_order_release);
    }
    if (job && sleepers_.load() > 0) wake_.notify_all();
  }

  void serve() {
    insideJob = true;
    for (uint64_t seen = 0;;) {
      const auto news = [&] { return stopping_ || generation_.load(std::memory_order_acquire) != seen; };
      spinUntil(news);
      std::unique_lock<std::mutex> lock(mutex_);
      sleepers_++;
      wake_.wait(lock, news);
      sleepers_--;
      if (stopping_) return freeScratch();
      seen = generation_;
      Job* job = job_;
      if (!job) continue;
      job->inside++;
      lock.unlock();
      job->work();
      leave(*job);
    }
  }

  void leave(Job& job) {
    // Under the lock, so that the caller cannot give up the job's memory before the notification is through.
    std::lock_guard<std::mutex> lock(mutex_);
    job.inside.fetch_sub(1, std::memory_order_release);
    idle_.notify_all();
  }

  std::mutex use_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::vector<std::thread> threads_;
  std::atomic<int> wanted_{1};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> generation_{0};
  Job* job_ = nullptr;
};

// Never destroyed: a process may end while its threads wait, and Windows ends them first, which a destructor would wait for.
Pool& pool() {
  static Pool& instance = *new Pool;
  return instance;
}

}  // namespace

void parallelFor(int64_t count, Body body, void* context) {
  Job job{body, context, count};
  if (count > 1 && !insideJob && pool().size() > 1 && pool().run(job)) return;
  job.work();
}

void setThreads(int count) { pool().resize(count < 1 ? 1 : count); }
int threads() { return pool().size(); }
void stopThreads() { pool().stop(); }

}  // namespace moekit
