// Loops compiled for several generations of a processor, of which the newest that is there runs.
#pragma once

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

inline const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
inline const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");

}  // namespace targets

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

template <typename Loop, typename... Arguments>
auto vectorised(const Loop& loop, Arguments... arguments) {
  return loop(arguments...);
}

#endif

}  // namespace continual
