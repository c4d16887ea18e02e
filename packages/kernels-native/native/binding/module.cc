// The Node-API module: one JavaScript function per kernel, and the settings.
#include <node_api.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <atomic>
#include <exception>
#include <string>

#include "../runtime/args.h"
#include "../runtime/instruction_sets.h"
#include "../runtime/precision.h"
#include "../runtime/scratch.h"
#include "../runtime/threads.h"

namespace moekit {
namespace {

std::atomic<int> environments{0};

Kind kindOf(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array: return Kind::float32;
    case napi_int32_array: return Kind::int32;
    case napi_uint8_array:
    case napi_uint8_clamped_array: return Kind::uint8;
    default: return Kind::other;
  }
}

Arg readArg(napi_env env, napi_value value) {
  Arg arg{Kind::absent, nullptr, 0, 0};
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_number) {
    arg.kind = Kind::number;
    napi_get_value_double(env, value, &arg.number);
  } else if (type == napi_boolean) {
    bool flag;
    napi_get_value_bool(env, value, &flag);
    arg.kind = Kind::number;
    arg.number = flag;
  } else if (type == napi_object) {
    napi_typedarray_type arrayType;
    size_t length;
    arg.kind = Kind::other;
    if (napi_get_typedarray_info(env, value, &arrayType, &length, &arg.data, nullptr, nullptr) == napi_ok) {
      arg.kind = kindOf(arrayType);
      arg.length = static_cast<int64_t>(length);
    }
  }
  return arg;
}

void throwError(napi_env env, int kernel, const char* what) {
  napi_throw_error(env, nullptr, ("moekit-native " + std::string(kernelNames[kernel]) + ": " + what).c_str());
}

napi_value callKernel(napi_env env, napi_callback_info info) {
  napi_value values[Args::kMax];
  size_t count = Args::kMax;
  void* data;
  napi_get_cb_info(env, info, &count, values, nullptr, &data);
  const int kernel = static_cast<int>(reinterpret_cast<intptr_t>(data));
  try {
    if (count > Args::kMax) Args::fail(Args::kMax, "is one too many");
    Args args;
    args.count = static_cast<int>(count);
    for (size_t i = 0; i < count; i++) args.list[i] = readArg(env, values[i]);
    currentSet().kernels[kernel](args);
  } catch (const std::exception& error) {
    throwError(env, kernel, error.what());
  }
  return nullptr;
}

napi_value setThreadsFromJs(napi_env env, napi_callback_info info) {
  napi_value value;
  size_t count = 1;
  int32_t wanted = 1;
  napi_get_cb_info(env, info, &count, &value, nullptr, nullptr);
  napi_get_value_int32(env, value, &wanted);
  setThreads(wanted);
  return nullptr;
}

napi_value threadsToJs(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_int32(env, threads(), &result);
  return result;
}

// True if `choose` takes the name that was passed.
template <bool (*choose)(const char*)>
napi_value chooseFromJs(napi_env env, napi_callback_info info) {
  napi_value value, result;
  size_t count = 1, length = 0;
  char name[32] = "";
  napi_get_cb_info(env, info, &count, &value, nullptr, nullptr);
  napi_get_value_string_utf8(env, value, name, sizeof(name), &length);
  napi_get_boolean(env, choose(name), &result);
  return result;
}

template <const char* (*name)()>
napi_value nameToJs(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_string_utf8(env, name(), NAPI_AUTO_LENGTH, &result);
  return result;
}

const char* currentSetName() { return currentSet().name; }

// Names of the sets that this machine supports, fastest first.
napi_value supportedSetsToJs(napi_env env, napi_callback_info) {
  napi_value result, name;
  napi_create_array(env, &result);
  uint32_t n = 0;
  for (int i = 0; i < instructionSetCount; i++) {
    if (!instructionSets[i].supported()) continue;
    napi_create_string_utf8(env, instructionSets[i].name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, result, n++, name);
  }
  return result;
}

// Large pages for the whole ones that lie in [data, data + length): fewer faults and fewer misses of the address cache. The
// system may refuse; nothing depends on it.
void useLargePages([[maybe_unused]] void* data, [[maybe_unused]] size_t length) {
#if defined(__linux__)
  constexpr uintptr_t kPage = 2 << 20;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(data) + kPage - 1) / kPage * kPage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + length) / kPage * kPage;
  if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#endif
}

// Prepares an ArrayBuffer for the pool; returns the bytes from its first byte to the next multiple of 64.
napi_value prepareBuffer(napi_env env, napi_callback_info info) {
  napi_value buffer, result;
  size_t count = 1, length = 0;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, &buffer, nullptr, nullptr);
  napi_get_arraybuffer_info(env, buffer, &data, &length);
  useLargePages(data, length);
  napi_create_uint32(env, (64 - reinterpret_cast<uintptr_t>(data) % 64) % 64, &result);
  return result;
}

void define(napi_env env, napi_value exports, const char* name, napi_callback callback, intptr_t data = 0) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, reinterpret_cast<void*>(data), &function);
  napi_set_named_property(env, exports, name, function);
}

// The last environment takes the threads with it: Node may unload the module once a worker ends.
void leave(void*) {
  freeScratch();
  if (--environments == 0) stopThreads();
}

napi_value init(napi_env env, napi_value exports) {
  environments++;
  napi_add_env_cleanup_hook(env, leave, nullptr);
  for (int i = 0; i < kernelCount; i++) define(env, exports, kernelNames[i], callKernel, i);
  define(env, exports, "setThreads", setThreadsFromJs);
  define(env, exports, "threads", threadsToJs);
  define(env, exports, "chooseInstructionSet", chooseFromJs<chooseSet>);
  define(env, exports, "instructionSet", nameToJs<currentSetName>);
  define(env, exports, "choosePrecision", chooseFromJs<choosePrecision>);
  define(env, exports, "precision", nameToJs<precisionName>);
  define(env, exports, "supportedInstructionSets", supportedSetsToJs);
  define(env, exports, "prepareBuffer", prepareBuffer);
  return exports;
}

}  // namespace
}  // namespace moekit

NAPI_MODULE_INIT() { return moekit::init(env, exports); }
