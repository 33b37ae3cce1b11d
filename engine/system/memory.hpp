// Memory for arrays: aligned blocks that are kept by the thread that frees them, so that a warm training step asks
// the system for nothing. Fresh pages are dear (about 1.7 us for 4 KB on a virtual machine); kept ones are not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// What the calling thread's blocks amount to.
struct MemoryStats {
    std::size_t kept_bytes = 0;            ///< freed blocks this thread keeps for its next arrays
    std::uint64_t system_allocations = 0;  ///< how often this thread had to ask the system
    std::uint64_t system_bytes = 0;        ///< bytes it asked for, in all
};

/// The calling thread's figures.
MemoryStats memory_stats();

/// Gives everything the calling thread keeps (blocks and the nodes of ended tapes) back to the system.
void release_memory();

/// How many bytes each thread may keep at most, in all (default 1 GiB), but no more than it once had in
/// use itself, or 8 MiB. Blocks
/// freed beyond it go back at once.
void set_memory_cap(std::size_t bytes);
std::size_t memory_cap();

/// A block of at least `bytes`, aligned to 64 bytes (16 for up to 16 bytes; 2 MiB and huge pages for large ones);
/// nullptr for 0.
/// Throws std::bad_alloc.
void* allocate_block(std::size_t bytes);
void free_block(void* block, std::size_t bytes) noexcept;

namespace detail {

/// The system may have back what lies here: the contents are lost, the block stays. (Only whole pages; a no-op where
/// there is no such call.)
void forget_contents(void* begin, std::size_t bytes) noexcept;
/// Returns freed memory to the operating system where the C library can.
void trim_heap();
/// What release_memory() calls first, on the calling thread: the tape gives its nodes back by it.
void on_release_memory(void (*release)());

}  // namespace detail

/// The allocator of Array and IdArray: one fixed type, whatever macros and flags the user compiles with.
template <class T>
struct Allocator {
    using value_type = T;

    Allocator() = default;
    template <class U>
    Allocator(const Allocator<U>&) {}  // NOLINT: allocators convert implicitly

    T* allocate(std::size_t n) {
        if (n > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_array_new_length();
        return static_cast<T*>(allocate_block(n * sizeof(T)));
    }
    void deallocate(T* block, std::size_t n) noexcept { free_block(block, n * sizeof(T)); }

    friend bool operator==(const Allocator&, const Allocator&) { return true; }
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
