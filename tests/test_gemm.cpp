// Matrix products: right for any extents and transpositions, the same bits with any number of threads.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <embergrad/engine/kernels/product/blas.hpp>
#include <embergrad/engine/kernels/product/gemm.hpp>
#include <embergrad/tests/matrix.hpp>
#include <embergrad/tests/threads.hpp>

using namespace embergrad;
using detail::gemm;
using detail::gemm_with_bias;
using detail::N;
using detail::T;
using embergrad::testing::RandomProduct;
using embergrad::testing::same_bits;
using embergrad::testing::Threads;

namespace {

constexpr Real kNaN = std::numeric_limits<Real>::quiet_NaN();

std::vector<Real> product_of(const RandomProduct& p) {
    std::vector<Real> result(p.c.size(), kNaN);
    gemm(p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.a.data(), p.b.data(), false, result.data());
    return result;
}

std::vector<Real> added(const RandomProduct& p) {
    std::vector<Real> result = p.c;
    gemm(p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.a.data(), p.b.data(), true, result.data());
    return result;
}

std::vector<Real> with_bias(const RandomProduct& p) {
    std::vector<Real> result(p.c.size(), kNaN);
    gemm_with_bias(p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.a.data(), p.b.data(), p.bias.data(), result.data());
    return result;
}

template <class Check>
void for_each_product(std::uint64_t seed, const std::vector<std::array<std::size_t, 3>>& shapes, Check check) {
    INFO("seed ", seed);
    Rng rng(seed);
    for (const auto& [m, n, k] : shapes) {
        for (detail::Transpose ta : {N, T}) {
            for (detail::Transpose tb : {N, T}) {
                const RandomProduct product(ta, tb, m, n, k, rng);
                INFO("m ", product.m, ", n ", product.n, ", k ", product.k, ", ta ", ta, ", tb ", tb);
                check(product);
            }
        }
    }
}

}  // namespace

TEST_CASE("gemm: equals its naive twin in double, N and T, on shapes around the tile size") {
    const std::vector<std::array<std::size_t, 3>> shapes = {
        {1, 1, 1},     {1, 7, 3},    {5, 1, 4},    {3, 4, 1},      {16, 16, 16},  {17, 33, 5},     {191, 5, 9},
        {192, 8, 7},   {193, 3, 11}, {208, 17, 2}, {384, 6, 5},    {385, 4, 20},  {257, 256, 258}, {32, 128, 128},
        {400, 31, 64}, {7, 1024, 3}, {3, 1025, 2}, {50, 2100, 33}, {30, 600, 20}, {180, 1100, 3}};
    for_each_product(11, shapes, [](const RandomProduct& p) {
        CHECK(p.worst_error(product_of(p).data(), p.n, {}) <= 1);
        CHECK(p.worst_error(added(p).data(), p.n, {p.c.data(), p.n}) <= 1);
        CHECK(p.worst_error(with_bias(p).data(), p.n, {p.bias.data(), 0}) <= 1);
    });
}

TEST_CASE("gemm: the same bits with 1, 2 and 3 threads, and when several threads call") {
    // those of 16,777,216 multiplications and more are worth threads: by rows, by columns, by columns of BLAS or by
    // rows
    const std::vector<std::array<std::size_t, 3>> shapes = {{1, 37, 129},    {193, 37, 129},  {3601, 37, 129},
                                                            {64, 2100, 129}, {64, 128, 2100}, {40, 640, 700},
                                                            {260, 270, 280}, {512, 1000, 40}, {200, 401, 240}};
    for_each_product(12, shapes, [](const RandomProduct& p) {
        std::vector<Real> whole, sum, biased;
        {
            const Threads scope(1);
            whole = product_of(p), sum = added(p), biased = with_bias(p);
        }
        for (int threads : {2, 3}) {
            const Threads scope(threads);
            CHECK(same_bits(product_of(p), whole));
            CHECK(same_bits(added(p), sum));
            CHECK(same_bits(with_bias(p), biased));
            CHECK(scope.has_shared() == (p.m * p.n * p.k >= std::size_t{1} << 24));
        }
        const Threads scope(2);
        std::vector<std::vector<Real>> results(3);
        std::vector<std::thread> callers;
        for (std::vector<Real>& result : results) callers.emplace_back([&] { result = added(p); });
        for (std::thread& caller : callers) caller.join();
        for (const std::vector<Real>& result : results) CHECK(same_bits(result, sum));
    });
}

TEST_CASE("gemm: empty extents") {
    std::vector<Real> c{kNaN, kNaN};
    gemm(N, N, 1, 2, 0, nullptr, nullptr, false, c.data());
    CHECK(c == std::vector<Real>{0, 0});  // a sum of nothing
    c = {3, 4};
    gemm(N, T, 1, 2, 0, nullptr, nullptr, true, c.data());
    CHECK(c == std::vector<Real>{3, 4});
    const std::vector<Real> some{1, 2};
    gemm_with_bias(T, N, 1, 2, 0, nullptr, nullptr, some.data(), c.data());
    CHECK(c == some);
    gemm(N, N, 0, 2, 1, nullptr, some.data(), false, nullptr);
    gemm(N, N, 2, 0, 1, some.data(), nullptr, false, nullptr);
    gemm(T, T, 0, 0, 0, nullptr, nullptr, true, nullptr);
}

TEST_CASE("gemm: NaN and infinity keep their meaning") {
    const Real infinity = std::numeric_limits<Real>::infinity();
    const std::vector<Real> a{0, 1}, b{infinity, 2};  // 0 * inf
    std::vector<Real> c{0};
    gemm(N, N, 1, 1, 2, a.data(), b.data(), false, c.data());
    CHECK(std::isnan(c[0]));
    const std::vector<Real> one{1, 1};
    gemm(N, N, 1, 1, 2, one.data(), b.data(), false, c.data());
    CHECK(c[0] == infinity);
}

TEST_CASE("gemm: extents beyond BLAS's integers are refused where BLAS is asked") {
    const std::size_t huge = std::size_t{1} << 31;
    CHECK(detail::is_blas_extent(huge - 1));
    if (detail::is_blas_extent(huge)) return;  // a BLAS of 64-bit integers
    CHECK_THROWS_WITH_AS(gemm(N, N, 1000, 1000, huge, nullptr, nullptr, false, nullptr),
                         "matmul: extents 1000, 1000, 2147483648 are too large for BLAS", std::invalid_argument);
}

TEST_CASE("blas: equals the naive twin, whichever way gemm takes") {
    const std::vector<std::array<std::size_t, 3>> shapes = {{1, 1, 1}, {1, 7, 3},   {5, 1, 4},
                                                            {3, 4, 1}, {17, 33, 5}, {64, 300, 40}};
    for_each_product(13, shapes, [](const RandomProduct& p) {
        std::vector<Real> whole(p.c.size(), kNaN), sum = p.c;
        detail::blas_gemm(p.m, p.n, p.k, p.view_a(), p.view_b(), false, whole.data(), p.n);
        detail::blas_gemm(p.m, p.n, p.k, p.view_a(), p.view_b(), true, sum.data(), p.n);
        CHECK(p.worst_error(whole.data(), p.n, {}) <= 1);
        CHECK(p.worst_error(sum.data(), p.n, {p.c.data(), p.n}) <= 1);
    });
}

TEST_CASE("blas: says which OpenBLAS this is") {
    const std::string text = detail::blas_description();
    CHECK(text.starts_with("OpenBLAS "));
    CHECK(text.find(", core ") != std::string::npos);
}
