#include <embergrad/engine/kernels/row_order.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "support.hpp"

using namespace embergrad;
using detail::ascending_order;

namespace {

std::vector<std::size_t> sorted_by_comparison(const std::vector<std::int64_t>& rows) {
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });
    return order;
}

void check_order(const std::vector<std::int64_t>& rows) {
    const detail::Positions order = ascending_order(rows);
    CHECK(std::vector<std::size_t>(order.begin(), order.end()) == sorted_by_comparison(rows));
}

}  // namespace

TEST_CASE("row order: ascending, equal rows in the order they come, by digits and by comparison") {
    Rng rng(11);
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{127}, std::size_t{128},
                                std::size_t{129}, std::size_t{3000}}) {
        for (const std::uint64_t below : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{2048}, std::uint64_t{2049},
                                          std::uint64_t{1} << 22, std::uint64_t{1} << 40, std::uint64_t{1} << 63}) {
            CAPTURE(n);
            CAPTURE(below);
            std::vector<std::int64_t> rows(n);
            for (std::int64_t& row : rows) row = static_cast<std::int64_t>(rng.below(below));
            check_order(rows);
        }
    }
}

TEST_CASE("row order: rows that no table has are sorted too; they are refused elsewhere") {
    std::vector<std::int64_t> rows(1000);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i * 7919 % 1000) - 500;
    rows[3] = std::numeric_limits<std::int64_t>::min();
    rows[4] = std::numeric_limits<std::int64_t>::max();
    check_order(rows);
}
