// Threads: fixed tiles, exceptions, nesting.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/parallel.hpp>
#include <embergrad/tests/threads.hpp>

using namespace embergrad;
using detail::parallel_for;
using embergrad::testing::Threads;

namespace {

using Ranges = std::set<std::pair<std::size_t, std::size_t>>;

Ranges ranges_of(std::size_t count, std::size_t tile) {
    std::mutex mutex;
    Ranges ranges;
    std::size_t calls = 0;
    parallel_for(count, tile, [&](std::size_t begin, std::size_t end) {
        const std::lock_guard lock(mutex);
        ++calls;
        ranges.emplace(begin, end);
    });
    CHECK(calls == ranges.size());
    return ranges;
}

}  // namespace

TEST_CASE("parallel: the tiles are the same for any number of threads") {
    for (int threads : {1, 2, 3, 7}) {
        const Threads scope(threads);
        CHECK(num_threads() == threads);
        CHECK(ranges_of(10, 4) == Ranges{{0, 4}, {4, 8}, {8, 10}});
        CHECK(ranges_of(8, 4) == Ranges{{0, 4}, {4, 8}});
        CHECK(ranges_of(3, 4) == Ranges{{0, 3}});
        CHECK(ranges_of(0, 4).empty());
        CHECK(ranges_of(5, 1).size() == 5);
        CHECK(ranges_of(1000, 3).size() == 334);
    }
}

TEST_CASE("parallel: a number of threads below 1 is refused") {
    const int before = num_threads();
    CHECK_THROWS_WITH_AS(set_num_threads(0), "set_num_threads: at least one thread is needed, not 0",
                         std::invalid_argument);
    CHECK_THROWS_AS(set_num_threads(-3), std::invalid_argument);
    CHECK(num_threads() == before);
}

TEST_CASE("parallel: several threads do take part") {
    const Threads scope(3);
    std::mutex mutex;
    std::set<std::thread::id> seen;
    std::atomic<int> inside{0};
    parallel_for(3, 1, [&](std::size_t, std::size_t) {
        ++inside;
        while (inside < 3) std::this_thread::yield();  // three tiles, and none can end before all have begun
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
    });
    CHECK(seen.size() == 3);
}

TEST_CASE("parallel: it is counted what was offered to the pool") {
    const auto nothing = [](std::size_t, std::size_t) {};
    const Threads scope(2);
    parallel_for(9, 10, nothing);          // one tile
    parallel_for(20, 10, nothing, false);  // not worth it
    CHECK_FALSE(scope.has_shared());
    parallel_for(20, 10, nothing);
    CHECK(scope.has_shared());
    const Threads alone(1);
    parallel_for(20, 10, nothing);
    CHECK_FALSE(alone.has_shared());
}

TEST_CASE("parallel: what is not worth waking a thread stays on the caller's, in order") {
    const Threads scope(3);
    std::vector<std::size_t> begins;
    const auto here = std::this_thread::get_id();
    const auto note = [&](std::size_t begin, std::size_t) {
        REQUIRE(std::this_thread::get_id() == here);
        begins.push_back(begin);
    };
    parallel_for(35, 10, note, false);
    CHECK(begins == std::vector<std::size_t>{0, 10, 20, 30});
    CHECK_THROWS_AS(parallel_for(
                        3, 1, [](std::size_t, std::size_t) { throw std::domain_error("x"); }, false),
                    std::domain_error);
}

TEST_CASE("parallel: the caller waits for the slowest tile") {
    const Threads scope(2);
    const std::thread::id caller = std::this_thread::get_id();
    for (int round = 0; round < 5; ++round) {
        std::atomic<int> begun{0}, ended{0};
        parallel_for(2, 1, [&](std::size_t, std::size_t) {
            ++begun;
            while (begun < 2) std::this_thread::yield();  // one tile each
            if (std::this_thread::get_id() != caller) std::this_thread::sleep_for(std::chrono::milliseconds(5));
            ++ended;
        });
        CHECK(ended == 2);
    }
}

TEST_CASE("parallel: after an exception no further tile begins") {
    for (int threads : {1, 2}) {
        const Threads scope(threads);
        std::atomic<int> begun{0};
        const auto call = [&] {
            parallel_for(1000, 1, [&](std::size_t begin, std::size_t) {
                ++begun;
                if (begin == 0) throw std::runtime_error("first");
                std::this_thread::sleep_for(std::chrono::microseconds(100));
            });
        };
        CHECK_THROWS_WITH_AS(call(), "first", std::runtime_error);
        CHECK(begun < 900);
    }
}

TEST_CASE("parallel: an exception in a tile is passed on, and the pool goes on") {
    for (int threads : {1, 2, 3}) {
        const Threads scope(threads);
        for (int round = 0; round < 50; ++round) {
            std::atomic<int> running{0};
            const auto call = [&] {
                parallel_for(20, 1, [&](std::size_t begin, std::size_t) {
                    ++running;
                    const bool fails = begin % 7 == 3;
                    --running;
                    if (fails) throw std::runtime_error("tile");
                });
            };
            REQUIRE_THROWS_WITH_AS(call(), "tile", std::runtime_error);
            REQUIRE(running == 0);
            std::atomic<std::size_t> sum{0};
            parallel_for(100, 1, [&](std::size_t begin, std::size_t) { sum += begin; });
            REQUIRE(sum == 4950);
        }
    }
}

TEST_CASE("parallel: a tile may call parallel_for itself") {
    const Threads scope(3);
    std::atomic<std::size_t> sum{0};
    parallel_for(10, 1, [&](std::size_t i, std::size_t) {
        parallel_for(10, 2, [&](std::size_t begin, std::size_t end) {
            for (std::size_t j = begin; j < end; ++j) sum += i * 10 + j;
        });
    });
    CHECK(sum == 4950);
    CHECK_THROWS_AS(parallel_for(4, 1,
                                 [&](std::size_t, std::size_t) {
                                     parallel_for(4, 1, [](std::size_t, std::size_t) { throw std::domain_error("x"); });
                                 }),
                    std::domain_error);
}

TEST_CASE("parallel: the number of threads cannot change inside a tile") {
    const Threads scope(2);
    const auto call = [] { parallel_for(2, 1, [](std::size_t, std::size_t) { set_num_threads(1); }); };
    CHECK_THROWS_WITH_AS(call(), "set_num_threads: not from inside a computation", std::logic_error);
    CHECK(num_threads() == 2);
}

TEST_CASE("parallel: several threads call at once, while the pool changes its size") {
    const Threads scope(2);
    std::atomic<bool> failed{false};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
        callers.emplace_back([&] {
            for (int round = 0; round < 200; ++round) {
                std::vector<std::size_t> seen(50);
                parallel_for(50, 3, [&](std::size_t begin, std::size_t end) {
                    for (std::size_t i = begin; i < end; ++i) seen[i] += i + 1;
                });
                for (std::size_t i = 0; i < seen.size(); ++i) {
                    if (seen[i] != i + 1) failed = true;
                }
            }
        });
    }
    for (int threads : {1, 3, 2, 4, 1, 2}) set_num_threads(threads);
    for (std::thread& caller : callers) caller.join();
    CHECK_FALSE(failed);
}
