#include <embergrad/engine/gradient/row_sums.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <vector>

#include "support.hpp"
#include "threads.hpp"

using namespace embergrad;
using detail::for_each_row, detail::RowSums;

namespace {

RowGradient random_gradient(Rng& rng, std::size_t n, std::size_t d, std::uint64_t v) {
    std::vector<std::int64_t> rows(n);
    for (std::int64_t& row : rows) row = static_cast<std::int64_t>(rng.below(v));
    Array values(Shape{n, d});
    for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = static_cast<Real>(rng.normal());
    return RowGradient(std::move(rows), std::move(values));
}

/// Row by row, in the order they come.
std::map<std::int64_t, std::vector<Real>> naive_sums(const RowGradient& gradient) {
    std::map<std::int64_t, std::vector<Real>> sums;
    const std::size_t d = gradient.width();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
        const auto [entry, is_new] = sums.try_emplace(gradient.rows()[i], d);
        for (std::size_t j = 0; j < d; ++j) {
            const Real value = gradient.values().data()[i * d + j];
            entry->second[j] = is_new ? value : entry->second[j] + value;
        }
    }
    return sums;
}

}  // namespace

TEST_CASE("row sums: each row once, ascending, with the sum of its values to the bit") {
    Rng rng(5);
    for (const std::uint64_t v : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{1000000}}) {
        for (const std::size_t d : {std::size_t{0}, std::size_t{1}, std::size_t{33}}) {
            const RowGradient gradient = random_gradient(rng, 400, d, v);
            const auto expected = naive_sums(gradient);
            const RowSums sums(gradient);
            REQUIRE(sums.size() == expected.size());
            std::vector<Real> room(d);
            std::size_t i = 0;
            for (const auto& [row, sum] : expected) {
                CHECK(sums.row(i) == row);
                CHECK(std::equal(sum.begin(), sum.end(), sums.sum(i++, room.data())));
            }
        }
    }
    CHECK(RowSums(RowGradient()).size() == 0);
}

TEST_CASE("row sums: a row that comes once is not copied") {
    const RowGradient gradient({3, 1, 3}, Array{{1, 2}, {3, 4}, {5, 6}});
    const RowSums sums(gradient);
    std::vector<Real> room(2);
    CHECK(sums.sum(0, room.data()) == gradient.values().data() + 2);
    CHECK(sums.sum(1, room.data()) == room.data());
    CHECK(room == std::vector<Real>{6, 8});
}

TEST_CASE("row sums: every row is visited once, with any number of threads") {
    Rng rng(6);
    const std::size_t d = 40, v = 9000;  // several tiles
    const RowGradient gradient = random_gradient(rng, 20000, d, v);
    const auto expected = naive_sums(gradient);
    for (const int threads : {1, 3}) {
        const embergrad::testing::Threads scope(threads);
        Array seen = zeros({v, d});
        std::vector<int> visits(v);
        std::atomic<bool> within = true;
        for_each_row(
            gradient, [&](std::size_t row) { within = within && row < v; },
            [&](std::size_t row, const Real* sum) {
                ++visits[row];
                std::copy_n(sum, d, seen.data() + row * d);
            });
        CHECK(within);
        CHECK(scope.has_shared() == (threads > 1));
        for (std::size_t row = 0; row < v; ++row) {
            const auto found = expected.find(static_cast<std::int64_t>(row));
            CHECK(visits[row] == (found != expected.end() ? 1 : 0));
            if (found != expected.end())
                CHECK(std::equal(found->second.begin(), found->second.end(), seen.data() + row * d));
        }
    }
}
