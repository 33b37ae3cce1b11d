// Memory: size classes, blocks used again, the cap, and blocks that outlive their thread's cache.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <embergrad/tests/threads.hpp>

using namespace embergrad;
using embergrad::testing::on_new_thread;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Made before main and freed after this thread's cache is gone: the sanitizers would see it go wrong.
Array static_array = full(Shape{3}, 1.5);
thread_local Array thread_array = full(Shape{1000}, 2.5);

struct CapRestored {
    ~CapRestored() { set_memory_cap(std::size_t{1} << 30); }
};

/// What a block of this size really takes.
std::size_t size_class(std::size_t bytes) {
    const std::uint64_t before = memory_stats().system_bytes;
    void* block = allocate_block(bytes);
    const std::uint64_t taken = memory_stats().system_bytes - before;
    std::memset(block, 0x5a, bytes);  // the rest is nobody's: AddressSanitizer would object
    free_block(block, bytes);
    release_memory();
    return taken;
}

}  // namespace

TEST_CASE("memory: a block holds what was asked for, and little more") {
    on_new_thread([] {
        std::vector<std::size_t> sizes;
        for (std::size_t bytes = 1; bytes <= 4200; ++bytes) sizes.push_back(bytes);
        for (std::size_t bytes = 4096; bytes <= 4 * kMiB; bytes += bytes / 7) {
            for (std::size_t near : {bytes - 1, bytes, bytes + 1}) sizes.push_back(near);
        }
        for (std::size_t bytes : sizes) {
            CAPTURE(bytes);
            const std::size_t taken = size_class(bytes);
            const std::size_t rounded = bytes <= 16 ? 16 : (bytes + 63) / 64 * 64;
            REQUIRE(taken >= rounded);
            REQUIRE(taken % std::min<std::size_t>(rounded, 64) == 0);
            REQUIRE(taken <= rounded + rounded / 8);
        }
        CHECK(size_class(1) == 16);  // a scalar
        CHECK(size_class(16) == 16);
        CHECK(size_class(17) == 64);
        CHECK(size_class(64) == 64);
        CHECK(size_class(65) == 128);
        CHECK(size_class(512) == 512);
        CHECK(size_class(1024) == 1024);
        CHECK(size_class(1025) == 1152);
        CHECK(size_class(1153) == 1280);
        CHECK(size_class(kMiB) == kMiB);
        CHECK(size_class(kMiB + 1) == kMiB + kMiB / 8);
    });
}

TEST_CASE("memory: blocks are aligned to a cache line, large ones to a huge page") {
    on_new_thread([] {
        for (std::size_t bytes : {1u, 16u, 17u, 63u, 1000u, 400'000u}) {
            void* block = allocate_block(bytes);
            CHECK(std::bit_cast<std::uintptr_t>(block) % (bytes <= 16 ? 16 : 64) == 0);
            free_block(block, bytes);
        }
        void* large = allocate_block(5 * kMiB);
        CHECK(std::bit_cast<std::uintptr_t>(large) % (2 * kMiB) == 0);
        free_block(large, 5 * kMiB);
        const Array array(Shape{17});
        CHECK(std::bit_cast<std::uintptr_t>(array.data()) % 64 == 0);
    });
    CHECK(allocate_block(0) == nullptr);
    free_block(nullptr, 0);
}

TEST_CASE("memory: a freed block is used again, also for a size a little different") {
    on_new_thread([] {
        const Real* first = Array(Shape{1000}).data();
        const MemoryStats warm = memory_stats();
        CHECK(warm.system_allocations == 1);
        CHECK(warm.kept_bytes >= 1000 * sizeof(Real));
        for (std::size_t n : {1000u, 999u, 1000u}) {
            const Array again(Shape{n});
            CHECK(again.data() == first);
            CHECK(memory_stats().kept_bytes == 0);
        }
        CHECK(memory_stats().system_allocations == 1);
        CHECK(memory_stats().system_bytes == warm.system_bytes);
        CHECK(memory_stats().kept_bytes == warm.kept_bytes);
    });
}

TEST_CASE("memory: release_memory gives everything back, the nodes of ended tapes too") {
    on_new_thread([] {
        Var stale;
        {
            Tape tape;
            Var x = tape.constant(full({2000}, 1));
            for (int i = 0; i < 300; ++i) x = neg(x);
            stale = x;
        }
        CHECK(memory_stats().kept_bytes > 0);
        release_memory();
        CHECK(memory_stats().kept_bytes == 0);
        CHECK_THROWS_AS(stale.value(), std::logic_error);

        Tape tape;  // and all goes on
        CHECK(sum(tape.constant(ones({20}))).item() == 20);
    });
}

TEST_CASE("memory: no more than the cap is kept") {
    on_new_thread([] {
        const CapRestored restored;
        set_memory_cap(kMiB);
        {
            std::vector<Array> arrays;
            for (int i = 0; i < 10; ++i) arrays.emplace_back(Shape{kMiB / 4 / sizeof(Real)});
        }
        CHECK(memory_stats().kept_bytes <= kMiB);
        CHECK(memory_stats().kept_bytes >= kMiB / 2);
        { const Array larger(Shape{2 * kMiB / sizeof(Real)}); }
        CHECK(memory_stats().kept_bytes <= kMiB);
        set_memory_cap(0);
        release_memory();
        { const Array small(Shape{1}); }
        CHECK(memory_stats().kept_bytes == 0);
    });
}

TEST_CASE("memory: of each small size only some MB are kept") {
    on_new_thread([] {
        { std::vector<Array> small(300'000, Array(Shape{16})); }
        CHECK(memory_stats().kept_bytes >= 8 * kMiB);
        CHECK(memory_stats().kept_bytes <= 9 * kMiB);
    });
}

TEST_CASE("memory: a block freed on another thread stays with that thread") {
    on_new_thread([] {
        Array array = full({5000}, 3);
        on_new_thread([moved = std::make_shared<Array>(std::move(array))]() mutable {
            CHECK(memory_stats().kept_bytes == 0);
            CHECK((*moved)(4999) == 3);
            moved->resize(Shape{0});
            CHECK(memory_stats().kept_bytes >= 5000 * sizeof(Real));
            CHECK(memory_stats().system_allocations == 0);
            const Array again(Shape{5000});
            CHECK(memory_stats().system_allocations == 0);
        });
        CHECK(memory_stats().kept_bytes == 0);
    });
}

TEST_CASE("memory: arrays that live longer than their thread's cache") {
    CHECK(static_array(2) == Real{1.5});
    on_new_thread([] { CHECK(thread_array(999) == Real{2.5}); });
    CHECK(thread_array(999) == Real{2.5});
    static_array = full(Shape{5000}, 2);
}

TEST_CASE("memory: what cannot be had is std::bad_alloc") {
    CHECK_THROWS_AS(Allocator<double>().allocate(std::numeric_limits<std::size_t>::max()), std::bad_array_new_length);
    CHECK_THROWS_AS(Allocator<double>().allocate(std::numeric_limits<std::size_t>::max() / 16 + 1), std::bad_alloc);
#ifndef EMBERGRAD_SANITIZED  // sanitizers end the program instead
    const MemoryStats before = memory_stats();
    CHECK_THROWS_AS(Allocator<char>().allocate(std::size_t{1} << 60), std::bad_alloc);
    CHECK(memory_stats().system_bytes == before.system_bytes);  // what was not given is not counted
#endif
}

TEST_CASE("memory: a thread that only frees what others made keeps none of it") {
    std::vector<Array> made;
    on_new_thread([&] {
        for (int i = 0; i < 64; ++i) made.push_back(zeros({std::size_t{1} << 20}));
    });
    on_new_thread([&] {
        made.clear();
        CHECK(memory_stats().kept_bytes <= std::size_t{8} << 20);  // of 256, or 512 in double
    });
}
