// Our own product: every edge of tiles, panels and blocks, both layouts of either matrix. Not on machines without AVX2.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <embergrad/engine/kernels/product/packed.hpp>
#include <embergrad/tests/matrix.hpp>

using namespace embergrad;
using detail::MatrixView;
using detail::multiply_packed;
using detail::N;
using detail::ProductStart;
using detail::T;
using embergrad::testing::RandomProduct;
using embergrad::testing::same_bits;

namespace {

constexpr Real kNaN = std::numeric_limits<Real>::quiet_NaN();
constexpr std::size_t kGap = 3;  // between the rows of c

bool can_run() {
    if (detail::has_packed_product()) return true;
    MESSAGE("skipped: this machine has no AVX2");
    return false;
}

/// The product's rows and columns from `row`, `column` on, between kGap numbers that must stay.
std::vector<Real> multiply(const RandomProduct& p, std::size_t row, std::size_t rows, std::size_t column,
                           std::size_t columns, ProductStart start) {
    std::vector<Real> c(rows * (columns + kGap), kNaN);
    multiply_packed({rows, columns, p.k, p.view_a().at(row, 0), p.view_b().at(0, column), start.at(row, column),
                     c.data(), columns + kGap});
    for (std::size_t i = 0; i < rows; ++i) {
        const auto gap = c.begin() + static_cast<std::ptrdiff_t>(i * (columns + kGap) + columns);
        CHECK(std::all_of(gap, gap + kGap, [](Real x) { return std::isnan(x); }));
    }
    return c;
}

void check(const RandomProduct& p) {
    for (const ProductStart& start : {ProductStart{}, ProductStart{p.c.data(), p.n}, ProductStart{p.bias.data(), 0}}) {
        const std::vector<Real> c = multiply(p, 0, p.m, 0, p.n, start);
        CHECK(p.worst_error(c.data(), p.n + kGap, start) <= 1);
    }
    std::vector<Real> sum = p.c;  // in place
    multiply_packed({p.m, p.n, p.k, p.view_a(), p.view_b(), {sum.data(), p.n}, sum.data(), p.n});
    CHECK(p.worst_error(sum.data(), p.n, {p.c.data(), p.n}) <= 1);
}

void check_piece(const RandomProduct& p, ProductStart start, const std::vector<Real>& whole, std::size_t row,
                 std::size_t rows, std::size_t column, std::size_t columns) {
    std::vector<Real> expected(rows * (columns + kGap), kNaN);
    for (std::size_t i = 0; i < rows; ++i)
        std::copy_n(&whole[(row + i) * (p.n + kGap) + column], columns, &expected[i * (columns + kGap)]);
    CHECK(same_bits(multiply(p, row, rows, column, columns, start), expected));
}

/// One extent at a time takes the values around what the product does at once, and those that choose its ways.
void check_around(std::uint64_t seed, const std::vector<std::size_t>& values, std::size_t extent) {
    INFO("seed ", seed);
    Rng rng(seed);
    for (std::size_t value : values) {
        std::size_t extents[] = {13, 21, 19};  // m, n, k
        extents[extent] = value;
        const auto [m, n, k] = extents;
        for (detail::Transpose ta : {N, T}) {
            for (detail::Transpose tb : {N, T}) {
                INFO("m ", extents[0], ", n ", extents[1], ", k ", extents[2], ", ta ", ta, ", tb ", tb);
                check(RandomProduct(ta, tb, m, n, k, rng));
            }
        }
    }
}

}  // namespace

TEST_CASE("packed product: rows around tiles, strips and what is copied") {
    if (!can_run()) return;
    check_around(21, {1, 2, 3, 4, 5, 6, 7, 23, 24, 47, 48, 49, 54, 255, 256, 257, 1023, 1024, 1030}, 0);
}

TEST_CASE("packed product: columns around panels and blocks") {
    if (!can_run()) return;
    check_around(22, {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 63, 64, 65, 127, 128, 129, 144, 300, 513, 600}, 1);
}

TEST_CASE("packed product: depths around quads and blocks") {
    if (!can_run()) return;
    check_around(23, {1, 2, 3, 4, 5, 255, 256, 257, 511, 512, 513}, 2);
}

TEST_CASE("packed product: several blocks of every extent, of a size that is asked for ahead") {
    if (!can_run()) return;
    constexpr std::uint64_t kSeed = 24;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    for (detail::Transpose ta : {N, T}) {
        for (detail::Transpose tb : {N, T}) {
            check(RandomProduct(ta, tb, 101, 290, 530, rng));
            check(RandomProduct(ta, tb, 1100, 300, 5, rng));
            check(RandomProduct(ta, tb, 600, 40, 530, rng));
        }
    }
}

TEST_CASE("packed product: what is computed as its transpose, around its strips and quads") {
    if (!can_run()) return;
    constexpr std::uint64_t kSeed = 27;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    for (std::size_t m : {24U, 25U, 26U, 27U, 48U, 127U, 128U, 130U, 255U}) {
        for (std::size_t n : {1U, 3U, 4U, 47U, 48U, 50U, 99U}) check(RandomProduct(N, T, m, n, 270, rng));
    }
    check(RandomProduct(N, T, 64, 2100, 70, rng));  // large enough to be asked for ahead
}

TEST_CASE("packed product: the bits of an entry do not depend on what is asked for with it") {
    if (!can_run()) return;
    constexpr std::uint64_t kSeed = 25;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    for (detail::Transpose ta : {N, T}) {
        for (detail::Transpose tb : {N, T}) {
            const RandomProduct p(ta, tb, 300, 290, 310, rng);
            for (const ProductStart& start : {ProductStart{}, ProductStart{p.bias.data(), 0}}) {
                const std::vector<Real> whole = multiply(p, 0, p.m, 0, p.n, start);
                check_piece(p, start, whole, 7, 20, 30, 31);
                check_piece(p, start, whole, 250, 50, 259, 31);  // N, T: this and the next as their transposes
                check_piece(p, start, whole, 3, 255, 0, 290);
            }
        }
    }
}

// The sums underflow to -0, which adding 0 would make +0.
TEST_CASE("packed product: a zero keeps its sign in every tile") {
    if (!can_run()) return;
    Rng rng(1);
    const Real tiny = std::numeric_limits<Real>::denorm_min();
    for (const std::size_t m : {13U, 30U}) {
        RandomProduct p(N, T, m, 21, 40, rng);
        std::fill(p.a.begin(), p.a.end(), -tiny);
        std::fill(p.b.begin(), p.b.end(), tiny);
        const std::vector<Real> c = multiply(p, 0, p.m, 0, p.n, {});
        for (std::size_t i = 0; i < p.m; ++i) {
            for (std::size_t j = 0; j < p.n; ++j) CHECK(std::signbit(c[i * (p.n + kGap) + j]));
        }
    }
}

TEST_CASE("packed product: a NaN or an infinity stays in its row and column") {
    if (!can_run()) return;
    constexpr std::uint64_t kSeed = 26;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    for (const std::size_t m : {14U, 40U}) {  // 40: N, T as its transpose
        for (detail::Transpose tb : {N, T}) {
            RandomProduct p(N, tb, m, 37, 59, rng);
            p.a[3 * p.k + 2] = kNaN;                                                             // row 3
            p.b[tb == T ? 35 * p.k + 4 : 4 * p.n + 35] = std::numeric_limits<Real>::infinity();  // column 35
            p.bias[1] = kNaN;
            const std::vector<Real> c = multiply(p, 0, p.m, 0, p.n, {p.bias.data(), 0});
            for (std::size_t i = 0; i < p.m; ++i) {
                for (std::size_t j = 0; j < p.n; ++j) {
                    const Real entry = c[i * (p.n + kGap) + j];
                    CHECK(std::isnan(entry) == (i == 3 || j == 1));
                    if (i != 3) CHECK(std::isinf(entry) == (j == 35));
                }
            }
        }
    }
}
