// Threads: fixed tiles, exceptions, nesting; and matrix products whose bits do not depend on the number of threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <embergrad/engine/blas.hpp>
#include <embergrad/engine/error.hpp>
#include <embergrad/engine/parallel.hpp>
#include <embergrad/engine/rng.hpp>
#include <embergrad/tests/threads.hpp>

using namespace embergrad;
using detail::gemm;
using detail::N;
using detail::parallel_for;
using detail::T;
using embergrad::testing::Threads;

namespace {

constexpr Real kNaN = std::numeric_limits<Real>::quiet_NaN();

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

std::vector<Real> random_values(std::size_t n, Rng& rng) {
    std::vector<Real> values(n);
    std::generate(values.begin(), values.end(), [&] { return static_cast<Real>(rng.uniform(-1, 1)); });
    return values;
}

/// op(a)(i, j) of a row-major matrix whose op is (rows, columns).
double entry(detail::Transpose transpose, const std::vector<Real>& a, std::size_t rows, std::size_t columns,
             std::size_t i, std::size_t j) {
    return static_cast<double>(transpose == T ? a[j * rows + i] : a[i * columns + j]);
}

struct Product {
    detail::Transpose transpose_a, transpose_b;
    std::size_t m, n, k;
    std::vector<Real> a, b, c;

    Product(detail::Transpose ta, detail::Transpose tb, std::size_t rows, std::size_t columns, std::size_t inner,
            Rng& rng)
        : transpose_a(ta),
          transpose_b(tb),
          m(rows),
          n(columns),
          k(inner),
          a(random_values(rows * inner, rng)),
          b(random_values(inner * columns, rng)),
          c(random_values(rows * columns, rng)) {}

    std::vector<Real> fast(Real beta) const {
        std::vector<Real> result = beta == 0 ? std::vector<Real>(c.size(), kNaN) : c;
        gemm(transpose_a, transpose_b, m, n, k, a.data(), b.data(), beta, result.data());
        return result;
    }
    /// The twin in double, and the largest error that rounding allows an entry.
    double worst_error(const std::vector<Real>& result, Real beta) const {
        const double epsilon = static_cast<double>(std::numeric_limits<Real>::epsilon());
        double worst = 0;
        for (std::size_t i = 0; i < m; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                double sum = beta == 0 ? 0 : static_cast<double>(beta * c[i * n + j]);
                double magnitude = std::abs(sum);
                for (std::size_t l = 0; l < k; ++l) {
                    const double term = entry(transpose_a, a, m, k, i, l) * entry(transpose_b, b, k, n, l, j);
                    sum += term;
                    magnitude += std::abs(term);
                }
                const double error = std::abs(static_cast<double>(result[i * n + j]) - sum);
                const double allowed = epsilon * static_cast<double>(k + 2) * magnitude;
                worst = std::max(worst, std::isnan(error) ? error : (error == 0 ? 0 : error / allowed));
                if (std::isnan(error)) return error;
            }
        }
        return worst;
    }
};

bool same_bits(const std::vector<Real>& a, const std::vector<Real>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Real)) == 0);
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

TEST_CASE("gemm: equals its naive twin in double, N and T, on shapes around the tile size") {
    constexpr std::uint64_t kSeed = 11;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    const std::vector<std::array<std::size_t, 3>> shapes = {
        {1, 1, 1},      {1, 7, 3},     {5, 1, 4},    {3, 4, 1},    {16, 16, 16},  {17, 33, 5},
        {191, 5, 9},    {192, 8, 7},   {193, 3, 11}, {208, 17, 2}, {384, 6, 5},   {385, 4, 20},
        {32, 128, 128}, {400, 31, 64}, {7, 1024, 3}, {3, 1025, 2}, {50, 2100, 33}};
    for (const std::array<std::size_t, 3>& shape : shapes) {
        const std::size_t m = shape[0], n = shape[1], k = shape[2];
        for (detail::Transpose ta : {N, T}) {
            for (detail::Transpose tb : {N, T}) {
                const Product product(ta, tb, m, n, k, rng);
                CAPTURE(m);
                CAPTURE(n);
                CAPTURE(k);
                CAPTURE(ta);
                CAPTURE(tb);
                for (Real beta : {Real{0}, Real{1}, Real{-0.5}})
                    CHECK(product.worst_error(product.fast(beta), beta) <= 1);
            }
        }
    }
}

TEST_CASE("gemm: the same bits with 1, 2 and 3 threads, and when several threads call") {
    constexpr std::uint64_t kSeed = 12;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    // m, n, k; the tiles of the last two, of rows and of columns, are worth threads
    const std::vector<std::array<std::size_t, 3>> shapes = {{1, 37, 129},   {191, 37, 129},  {193, 37, 129},
                                                            {577, 37, 129}, {3601, 37, 129}, {64, 2100, 129}};
    for (const std::array<std::size_t, 3>& shape : shapes) {
        const std::size_t m = shape[0], n = shape[1], k = shape[2];
        for (detail::Transpose ta : {N, T}) {
            for (detail::Transpose tb : {N, T}) {
                const Product product(ta, tb, m, n, k, rng);
                CAPTURE(m);
                std::vector<Real> one, zero;
                {
                    const Threads scope(1);
                    one = product.fast(1), zero = product.fast(0);
                }
                for (int threads : {2, 3}) {
                    const Threads scope(threads);
                    CHECK(same_bits(product.fast(1), one));
                    CHECK(same_bits(product.fast(0), zero));
                }
                const Threads scope(2);
                std::vector<std::vector<Real>> results(3);
                std::vector<std::thread> callers;
                for (std::vector<Real>& result : results) callers.emplace_back([&] { result = product.fast(1); });
                for (std::thread& caller : callers) caller.join();
                for (const std::vector<Real>& result : results) CHECK(same_bits(result, one));
            }
        }
    }
}

TEST_CASE("gemm: empty extents") {
    std::vector<Real> c{kNaN, kNaN};
    gemm(N, N, 1, 2, 0, nullptr, nullptr, 0, c.data());
    CHECK(c == std::vector<Real>{0, 0});  // a sum of nothing
    c = {3, 4};
    gemm(N, T, 1, 2, 0, nullptr, nullptr, 1, c.data());
    CHECK(c == std::vector<Real>{3, 4});
    gemm(T, N, 1, 2, 0, nullptr, nullptr, Real{0.5}, c.data());
    CHECK(c == std::vector<Real>{1.5, 2});
    const std::vector<Real> some{1, 2};
    gemm(N, N, 0, 2, 1, nullptr, some.data(), 0, nullptr);
    gemm(N, N, 2, 0, 1, some.data(), nullptr, 0, nullptr);
    gemm(T, T, 0, 0, 0, nullptr, nullptr, 1, nullptr);
}

TEST_CASE("gemm: NaN and infinity keep their meaning") {
    const Real infinity = std::numeric_limits<Real>::infinity();
    const std::vector<Real> a{0, 1}, b{infinity, 2};  // 0 * inf
    std::vector<Real> c{0};
    gemm(N, N, 1, 1, 2, a.data(), b.data(), 0, c.data());
    CHECK(std::isnan(c[0]));
    const std::vector<Real> one{1, 1};
    gemm(N, N, 1, 1, 2, one.data(), b.data(), 0, c.data());
    CHECK(c[0] == infinity);
}

TEST_CASE("gemm: extents beyond BLAS's integers are refused") {
    const std::size_t huge = std::size_t{1} << 31;
    CHECK_THROWS_WITH_AS(gemm(N, N, 1, 1, huge, nullptr, nullptr, 0, nullptr),
                         "matmul: extents 1, 1, 2147483648 are too large for BLAS", std::invalid_argument);
}

TEST_CASE("blas: says which OpenBLAS this is") {
    const std::string text = detail::blas_description();
    CHECK(text.starts_with("OpenBLAS "));
    CHECK(text.find(", core ") != std::string::npos);
}
