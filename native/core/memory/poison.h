// What AddressSanitizer is told of memory that is kept for another use, and would otherwise take for memory in use; in
// other builds nothing.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define CONTINUAL_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTINUAL_ADDRESS_SANITIZER
#endif
#endif

#ifdef CONTINUAL_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace continual {

/// From now on whoever touches these bytes ends the process with a report.
inline void forbid([[maybe_unused]] void* begin, [[maybe_unused]] size_t bytes) {
#ifdef CONTINUAL_ADDRESS_SANITIZER
  ASAN_POISON_MEMORY_REGION(begin, bytes);
#endif
}

inline void allow([[maybe_unused]] void* begin, [[maybe_unused]] size_t bytes) {
#ifdef CONTINUAL_ADDRESS_SANITIZER
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
#endif
}

/// Ends the process with a report where this byte is forbidden.
inline void require_allowed([[maybe_unused]] const void* byte) {
#ifdef CONTINUAL_ADDRESS_SANITIZER
  static_cast<void>(*static_cast<const volatile char*>(byte));
#endif
}

}  // namespace continual
