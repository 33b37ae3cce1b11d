// AddressSanitizer: memory that is ours but that nobody may use for now, so that a stale reference is found. Internal.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define EMBERGRAD_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMBERGRAD_ADDRESS_SANITIZER
#endif
#endif
#ifdef EMBERGRAD_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

#ifdef EMBERGRAD_ADDRESS_SANITIZER
inline constexpr bool kForbidsAccess = true;
inline void allow_access(const void* begin, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(begin, bytes); }
inline void forbid_access(const void* begin, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(begin, bytes); }
#else
inline constexpr bool kForbidsAccess = false;
inline void allow_access(const void*, std::size_t) {}
inline void forbid_access(const void*, std::size_t) {}
#endif

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
