// Arrays and ids: what converts to what, and shapes in messages.
#include <doctest/doctest.h>

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/system/error.hpp>

using namespace embergrad;

namespace {

using Ids = std::vector<std::int64_t>;

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

Ids values(const IdArray& ids) { return {ids.begin(), ids.end()}; }

/// As functions of the library take ids.
Ids passed(const IdArray& ids) { return values(ids); }

}  // namespace

static_assert(std::is_convertible_v<std::vector<std::int32_t>, IdArray>);
static_assert(std::is_convertible_v<std::vector<std::int64_t>, IdArray>);
static_assert(std::is_convertible_v<std::vector<long long>, IdArray>);
static_assert(std::is_convertible_v<xt::xarray<std::int32_t>, IdArray>);
static_assert(std::is_convertible_v<xt::xarray<std::int64_t>, IdArray>);
static_assert(!std::is_convertible_v<Shape, IdArray>);  // a shape is not a list of ids
static_assert(std::is_nothrow_move_constructible_v<Array> || std::is_move_constructible_v<Array>);

TEST_CASE("array: ids from vectors of 32 and 64 bits [1.3]") {
    const IdArray narrow = std::vector<std::int32_t>{7, -1, std::numeric_limits<std::int32_t>::min()};
    CHECK(narrow.shape() == Shape{3});
    CHECK(values(narrow) == Ids{7, -1, std::numeric_limits<std::int32_t>::min()});
    const IdArray wide = std::vector<std::int64_t>{kLargest, -kLargest - 1};
    CHECK(values(wide) == Ids{kLargest, -kLargest - 1});
    CHECK(IdArray(std::vector<std::int32_t>()).shape() == Shape{0});
    CHECK(passed(std::vector<int>{1, 2}) == Ids{1, 2});
}

TEST_CASE("array: ids from xtensor arrays and expressions of any layout [1.3]") {
    const xt::xarray<std::int32_t> narrow = {{1, 2, 3}, {4, 5, 6}};
    const IdArray ids = narrow;
    CHECK(ids.shape() == Shape{2, 3});
    CHECK(values(ids) == Ids{1, 2, 3, 4, 5, 6});

    const xt::xarray<std::int64_t, xt::layout_type::column_major> columns = {{1, 2, 3}, {4, 5, 6}};
    const IdArray rows = columns;
    CHECK(rows.shape() == Shape{2, 3});
    CHECK(Ids(rows.data(), rows.data() + rows.size()) == Ids{1, 2, 3, 4, 5, 6});  // row by row, whatever it came from
    CHECK(passed(columns) == Ids{1, 2, 3, 4, 5, 6});
}

TEST_CASE("array: reals, truth values and integers of other widths are no ids [1.3]") {
    static_assert(!std::is_constructible_v<IdArray, std::vector<float>>);
    static_assert(!std::is_constructible_v<IdArray, std::vector<double>>);
    static_assert(!std::is_constructible_v<IdArray, std::vector<bool>>);
    static_assert(!std::is_constructible_v<IdArray, std::vector<std::int16_t>>);
    static_assert(!std::is_constructible_v<IdArray, std::vector<std::uint32_t>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<float>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<double>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<bool>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<std::uint8_t>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<std::int16_t>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<std::uint64_t>>);
    static_assert(!std::is_constructible_v<IdArray, Array>);
    CHECK(IdArray(std::vector<std::int32_t>{-1})(0) == -1);
}

TEST_CASE("array: ids from nested lists") {
    CHECK(IdArray().shape() == Shape{0});
    CHECK(IdArray{4, 5}.shape() == Shape{2});
    CHECK(IdArray{4}.shape() == Shape{1});
    const IdArray matrix = {{1, 2, 3}, {4, 5, 6}};
    CHECK(matrix.shape() == Shape{2, 3});
    CHECK(values(matrix) == Ids{1, 2, 3, 4, 5, 6});
    const IdArray cube = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}, {{9, 10}, {11, 12}}};
    CHECK(cube.shape() == Shape{3, 2, 2});
    CHECK(passed({{1, 2}, {3, 4}}) == Ids{1, 2, 3, 4});
    CHECK(passed({1, 2, 3}) == Ids{1, 2, 3});
    CHECK(passed({}).empty());
}

TEST_CASE("array: ids of a shape, and a single one") {
    CHECK(IdArray(Shape{2, 0}).size() == 0);
    CHECK(values(IdArray(Shape{2, 2}, 9)) == Ids{9, 9, 9, 9});
    const IdArray one = IdArray::scalar(5);
    CHECK(one.dimension() == 0);
    CHECK(values(one) == Ids{5});
}

TEST_CASE("array: counting elements in 64 bits") {
    CHECK(element_count({}) == 1);
    CHECK(element_count({3}) == 3);
    CHECK(element_count({70'000, 70'000}) == 4'900'000'000);  // beyond 32 bits
    CHECK(element_count({5, 0, 7}) == 0);
    const std::size_t huge = std::size_t{1} << 40;
    CHECK(element_count({huge, huge, 0}) == 0);
    CHECK(element_count({0, huge, huge}) == 0);
    CHECK_THROWS_WITH_AS(element_count({huge, huge}),
                         "shape (1099511627776, 1099511627776) has more elements than a 64-bit machine can hold",
                         std::invalid_argument);
    const std::size_t bytes_overflow = std::size_t{1} << 62;  // elements fit, bytes do not
    CHECK_THROWS_WITH_AS(element_count({bytes_overflow}),
                         "shape (4611686018427387904,) has more elements than a 64-bit machine can hold",
                         std::invalid_argument);
    CHECK_THROWS_AS(zeros({huge, huge}), std::invalid_argument);
}

TEST_CASE("array: shapes and positions as text") {
    CHECK(to_string(Shape{}) == "()");
    CHECK(to_string(Shape{3}) == "(3,)");
    CHECK(to_string(Shape{32, 50, 128}) == "(32, 50, 128)");
    CHECK(to_string(Shape{1, 2, 3, 4, 5, 6}) == "(1, 2, 3, 4, 5, 6)");  // more than live without an allocation
    CHECK(position_text(0, {}) == "()");
    CHECK(position_text(17, {20}) == "17");
    CHECK(position_text(0, {2, 3}) == "(0, 0)");
    CHECK(position_text(5, {2, 3}) == "(1, 2)");
    CHECK(position_text(3 * 50 + 17, {32, 50}) == "(3, 17)");
    CHECK(position_text(23, {2, 3, 4}) == "(1, 2, 3)");
}

TEST_CASE("array: same_shape compares rank and extents") {
    CHECK(same_shape({}, {}));
    CHECK(same_shape({2, 3}, {2, 3}));
    CHECK_FALSE(same_shape({2, 3}, {3, 2}));
    CHECK_FALSE(same_shape({2, 3}, {2, 3, 1}));
    CHECK_FALSE(same_shape({}, {1}));
}

TEST_CASE("array: full, zeros, ones") {
    const Array array = full({2, 3}, 1.5);
    CHECK(array.shape() == Shape{2, 3});
    for (Real x : array) CHECK(x == Real{1.5});
    CHECK(zeros({}).size() == 1);
    CHECK(zeros({}).data()[0] == 0);
    CHECK(ones({0, 3}).size() == 0);
}

TEST_CASE("error: a message is put together from texts, numbers and shapes") {
    CHECK_NOTHROW(require(true, "never"));
    CHECK_THROWS_WITH_AS(require(false, "id ", std::int64_t{-1}, " of ", std::size_t{3}, " in ", Shape{2}, ", ", 0.1),
                         "id -1 of 3 in (2,), 0.1", std::invalid_argument);
    CHECK_THROWS_WITH_AS(require<std::out_of_range>(false, std::string("x")), "x", std::out_of_range);
    CHECK_THROWS_WITH_AS(fail<std::logic_error>("nan ", std::numeric_limits<double>::quiet_NaN(), " inf ",
                                                -std::numeric_limits<double>::infinity()),
                         "nan nan inf -inf", std::logic_error);
    CHECK_THROWS_WITH_AS(fail<std::runtime_error>(1e300, ' ' == ' ' ? " " : "", 1.0), "1e+300 1", std::runtime_error);
}

TEST_CASE("IdArray: lists of different lengths are refused") {
    CHECK_THROWS_WITH_AS((IdArray{{3, 1}, {5, 9, 2}}),
                         "IdArray: row 1 has 3 ids and row 0 has 2; pad them to one length (pad_batch)",
                         std::invalid_argument);
    CHECK_THROWS_AS((IdArray{{{1, 2}, {3, 4}}, {{5, 6}}}), std::invalid_argument);
    CHECK_THROWS_AS((IdArray{{{1, 2}, {3, 4}}, {{5}, {6}}}), std::invalid_argument);
    CHECK(IdArray{{3, 1}, {5, 9}}.shape() == Shape{2, 2});
}

TEST_CASE("array: whether all elements are finite") {
    constexpr Real largest = std::numeric_limits<Real>::max(), infinity = std::numeric_limits<Real>::infinity();
    CHECK(all_finite(Array{{0, largest}, {-largest, 1}}));
    CHECK(all_finite(Array(Shape{0})));
    for (const Real bad : {infinity, -infinity, std::numeric_limits<Real>::quiet_NaN()}) {
        CHECK_FALSE(all_finite(Array{0, 1, bad}));
        CHECK_FALSE(all_finite(Array(bad)));
    }
}

TEST_CASE("array: the first id outside a range") {
    CHECK(!first_outside(IdArray(), 0));
    CHECK(!first_outside({{0, 1}, {2, 3}}, 4));
    CHECK(first_outside({{0, 1}, {4, 5}}, 4) == 2);
    CHECK(first_outside({3, -1}, 4) == 1);
    CHECK(first_outside({0}, 0) == 0);
}
