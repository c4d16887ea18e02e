// A persistent pool of threads. One job runs at a time; whoever comes while it runs, from another thread or from inside a
// job, does his work alone, so nesting and worker_threads are safe.
#pragma once
#include <cstdint>

namespace moekit {

using Body = void (*)(void* context, int64_t index);

// Calls body(context, i) once for every i in [0, count), on the pool and the calling thread.
void parallelFor(int64_t count, Body body, void* context);

// Threads that parallelFor uses, the caller included; at least 1. Waits for a running job.
void setThreads(int count);
int threads();

// Ends all threads of the pool; it starts anew when it is needed.
void stopThreads();

}  // namespace moekit
