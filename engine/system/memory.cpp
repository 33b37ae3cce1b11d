// Memory: size classes with eight steps a doubling (at most 12.5 % unused; from 2 MiB on also the rest of a huge page),
// one list of free blocks a class and thread.
#include <embergrad/engine/system/memory.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <embergrad/engine/system/divided_up.hpp>
#include <embergrad/engine/system/sanitizer.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::allow_access;
using detail::forbid_access;

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kTiny = 16;  // a scalar is not aligned to 64: the C library would spend 190 bytes on it, not 32
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kSmall = std::size_t{64} << 10;     // below this a class may keep kSmallKept at most
constexpr std::size_t kSmallKept = std::size_t{8} << 20;  // (a million scalars must not stay for ever)
constexpr std::size_t kForeignKept = std::size_t{8} << 20;
constexpr std::size_t kClasses = 8 * 64;

std::atomic<std::size_t> kept_at_most{std::size_t{1} << 30};
std::atomic<void (*)()> release_first{nullptr};

/// The class of a size: tiny ones, sizes up to 512 in steps of 64, then eight steps a doubling.
std::size_t class_of(std::size_t bytes) {
    if (bytes <= kTiny) return 0;
    const std::size_t units = detail::divided_up(bytes, kAlignment);
    if (units <= 8) return units;
    const auto shift = static_cast<std::size_t>(std::bit_width(units - 1)) - 4;  // leaves a number of 9..16 eighths
    const std::size_t eighths = ((units - 1) >> shift) + 1;
    return shift * 8 + eighths;
}

/// The largest size of a class: what its blocks really hold.
std::size_t size_of_class(std::size_t size_class) {
    if (size_class == 0) return kTiny;
    if (size_class <= 8) return size_class * kAlignment;
    const std::size_t shift = (size_class - 9) / 8;
    return ((size_class - shift * 8) << shift) * kAlignment;
}

void* system_allocate(std::size_t bytes) {
    const bool large = bytes >= kHugePage;
    const std::size_t alignment = large ? kHugePage : kAlignment;
    void* block =
        bytes <= kTiny ? std::malloc(bytes) : std::aligned_alloc(alignment, detail::rounded_up(bytes, alignment));
    if (block == nullptr) throw std::bad_alloc();
#ifdef __linux__
    if (large) madvise(block, bytes, MADV_HUGEPAGE);  // row gathers and updates miss the TLB otherwise
#endif
    return block;
}

/// The free blocks a thread keeps. AddressSanitizer is told that they are free, and how much of the others is used.
class BlockCache {
public:
    ~BlockCache();

    void* allocate(std::size_t bytes) {
        const std::size_t size_class = class_of(bytes);
        const std::size_t size = size_of_class(size_class);
        FreeList& list = free_[size_class];
        in_use_ += size;
        most_in_use_ = std::max(most_in_use_, in_use_);
        if (list.first != nullptr) {
            stats_.kept_bytes -= size;
            --list.blocks;
            return usable(pop(list, size), bytes, size);
        }
        void* block = usable(system_allocate(size), bytes, size);
        ++stats_.system_allocations;
        stats_.system_bytes += size;
        return block;
    }

    void release(void* block, std::size_t bytes) noexcept {
        const std::size_t size_class = class_of(bytes);
        const std::size_t size = size_of_class(size_class);
        FreeList& list = free_[size_class];
        in_use_ -= std::min(in_use_, size);
        const bool full = size < kSmall && list.blocks * size >= kSmallKept;
        const std::size_t most = std::min(most_in_use_, kept_at_most.load(std::memory_order_relaxed));
        if (full || stats_.kept_bytes + size > most) return std::free(block);
        push(list, block, size);
        ++list.blocks;
        stats_.kept_bytes += size;
    }

    void clear() {
        for (std::size_t size_class = 0; size_class < kClasses; ++size_class) {
            FreeList& list = free_[size_class];
            while (list.first != nullptr) std::free(pop(list, size_of_class(size_class)));
            list.blocks = 0;
        }
        stats_.kept_bytes = 0;
    }

    const MemoryStats& stats() const { return stats_; }

private:
    /// A free block holds the address of the next: keeping blocks takes no memory and cannot fail.
    struct FreeBlock {
        FreeBlock* next;
    };
    struct FreeList {
        FreeBlock* first = nullptr;
        std::size_t blocks = 0;
    };
    /// Where in a block. LeakSanitizer follows no address in forbidden memory, and few stale reads meet the last bytes.
    static constexpr std::size_t place_in(std::size_t size) {
        return detail::kForbidsAccess ? size - sizeof(FreeBlock) : 0;
    }
    static void push(FreeList& list, void* block, std::size_t size) {
        void* const place = static_cast<char*>(block) + place_in(size);
        forbid_access(block, size);
        allow_access(place, sizeof(FreeBlock));
        list.first = ::new (place) FreeBlock{list.first};
    }
    /// The first block of a list that has one.
    static void* pop(FreeList& list, std::size_t size) {
        return reinterpret_cast<char*>(std::exchange(list.first, list.first->next)) - place_in(size);
    }
    /// The first bytes of a block, and no others.
    static void* usable(void* block, std::size_t bytes, std::size_t size) {
        allow_access(block, bytes);
        forbid_access(static_cast<char*>(block) + bytes, size - bytes);
        return block;
    }

    std::array<FreeList, kClasses> free_;
    // A thread that frees what others made has little use for it: it keeps no more than it once used itself.
    std::size_t in_use_ = 0, most_in_use_ = kForeignKept;
    MemoryStats stats_;
};

// Arrays with static storage are freed after the thread's cache is gone: they go straight to the system then.
thread_local bool cache_ended = false;
thread_local BlockCache cache;

BlockCache::~BlockCache() {
    clear();
    cache_ended = true;
}

}  // namespace

void* allocate_block(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    return cache_ended ? system_allocate(size_of_class(class_of(bytes))) : cache.allocate(bytes);
}

void free_block(void* block, std::size_t bytes) noexcept {
    if (block == nullptr) return;
    if (cache_ended) return std::free(block);
    cache.release(block, bytes);
}

namespace detail {

void forget_contents([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef __linux__
    constexpr std::size_t page = std::size_t{64} << 10;  // a multiple of every machine's
    const auto address = reinterpret_cast<std::uintptr_t>(begin);
    const std::size_t before = (page - address % page) % page;
    if (bytes < before + page) return;
    madvise(static_cast<char*>(begin) + before, (bytes - before) / page * page, MADV_DONTNEED);
#endif
}

void trim_heap() {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void on_release_memory(void (*release)()) { release_first = release; }

}  // namespace detail

MemoryStats memory_stats() { return cache.stats(); }

void release_memory() {
    if (const auto release = release_first.load()) release();
    if (!cache_ended) cache.clear();
    detail::trim_heap();
}

void set_memory_cap(std::size_t bytes) { kept_at_most = bytes; }
std::size_t memory_cap() { return kept_at_most; }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
