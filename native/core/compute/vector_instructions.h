// Loops compiled for several generations of a processor, of which the newest that is there runs.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>

namespace continual {

#if defined(__x86_64__) && defined(__GNUC__)
#define CONTINUAL_INLINE [[gnu::always_inline]]

namespace targets {

template <typename Loop, typename... Arguments>
[[gnu::target("arch=x86-64-v4,prefer-vector-width=512")]] auto on_avx512(const Loop& loop, Arguments... arguments) {
  return loop(arguments...);
}

template <typename Loop, typename... Arguments>
[[gnu::target("arch=x86-64-v3")]] auto on_avx2(const Loop& loop, Arguments... arguments) {
  return loop(arguments...);
}

/// False where CONTINUAL_TORCH_VECTORS, read once, names something narrower: `baseline`, `avx2` or `avx512`.
inline bool is_allowed(const std::string& width) {
  const char* const widest = std::getenv("CONTINUAL_TORCH_VECTORS");
  return widest == nullptr || *widest == '\0' || width == widest || (width == "avx2" && std::string(widest) == "avx512");
}

inline const bool has_avx512 = is_allowed("avx512") && __builtin_cpu_supports("avx512f") &&
                               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                               __builtin_cpu_supports("avx512dq");
inline const bool has_avx2 = is_allowed("avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");

}  // namespace targets

/// For people: "avx512", "avx2" or "baseline".
inline const char* vector_width() { return targets::has_avx512 ? "avx512" : targets::has_avx2 ? "avx2" : "baseline"; }

/// Calls `loop`, whose operator() is CONTINUAL_INLINE, compiled for this processor. Operations are the same on all of them,
/// none contracted, and so are the results.
template <typename Loop, typename... Arguments>
auto vectorised(const Loop& loop, Arguments... arguments) {
  if (targets::has_avx512) return targets::on_avx512(loop, arguments...);
  if (targets::has_avx2) return targets::on_avx2(loop, arguments...);
  return loop(arguments...);
}

#else
#define CONTINUAL_INLINE

inline const char* vector_width() { return "baseline"; }

template <typename Loop, typename... Arguments>
auto vectorised(const Loop& loop, Arguments... arguments) {
  return loop(arguments...);
}

#endif

}  // namespace continual
