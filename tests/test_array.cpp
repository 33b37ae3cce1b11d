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
static_assert(std::is_nothrow_move_constructible_v<Array> && std::is_nothrow_move_assignable_v<IdArray>);

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
    static_assert(!std::is_constructible_v<IdArray, std::vector<std::uint16_t>>);
    static_assert(!std::is_constructible_v<IdArray, std::initializer_list<double>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<float>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<double>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<bool>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<std::uint8_t>>);
    static_assert(!std::is_constructible_v<IdArray, xt::xarray<std::int16_t>>);
    static_assert(!std::is_assignable_v<IdArray&, Array>);
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
    CHECK_THROWS_WITH_AS(zeros({0, std::size_t{1} << 61, 8}),
                         "shape (0, 2305843009213693952, 8) has strides that overflow 64 bits", std::invalid_argument);
    CHECK_THROWS_AS(IdArray(Shape{huge, 0, huge}), std::invalid_argument);
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

TEST_CASE("array: unsigned integers are ids if 64 bits with a sign hold them [1.3]") {
    CHECK(passed(std::vector<std::size_t>{0, 7}) == Ids{0, 7});
    CHECK(passed(std::vector<std::uint32_t>{4'294'967'295}) == Ids{4'294'967'295});
    CHECK(passed(xt::xarray<std::size_t>{{1, 2}, {3, 4}}) == Ids{1, 2, 3, 4});
    CHECK(values(IdArray(Shape{2}, std::size_t{3})) == Ids{3, 3});
    const std::size_t count = 9;
    CHECK(values(IdArray{count}) == Ids{9});

    constexpr std::size_t beyond = std::size_t{1} << 63;
    const char* const refusal = "IdArray: 9223372036854775808 is no id; the largest is 9223372036854775807";
    CHECK_THROWS_WITH_AS(passed(std::vector<std::size_t>{0, beyond}), refusal, std::invalid_argument);
    CHECK_THROWS_WITH_AS(passed(xt::xarray<std::size_t>{0, beyond}), refusal, std::invalid_argument);
    CHECK_THROWS_WITH_AS(passed({beyond}), refusal, std::invalid_argument);
    CHECK_THROWS_WITH_AS(IdArray(Shape{2}, beyond), refusal, std::invalid_argument);
    IdArray ids = {1};
    CHECK_THROWS_WITH_AS((ids = xt::xarray<std::size_t>{beyond}), refusal, std::invalid_argument);
    CHECK(values(ids) == Ids{1});
    CHECK(values(IdArray(std::vector<std::int64_t>{-1})) == Ids{-1});
}

TEST_CASE("array: from vectors, with and without a shape") {
    CHECK(Array(std::vector<float>{1, 2.5F}).shape() == Shape{2});
    const Array matrix(Shape{2, 2}, std::vector<double>{1, 2, 3, 4.5});
    CHECK(matrix(1, 0) == 3);
    CHECK(matrix(1, 1) == Real{4.5});
    CHECK(Array(std::vector<double>()).shape() == Shape{0});
    CHECK(Array(Shape{}, std::vector<double>{3})() == 3);
    CHECK(values(IdArray(Shape{1, 3}, std::vector<int>{1, 2, 3})) == Ids{1, 2, 3});
    CHECK(Array(std::vector<std::size_t>{2, 3}).shape() == Shape{2, 3});  // a shape, as it always was
    CHECK_THROWS_WITH_AS(Array(Shape{2, 2}, std::vector<float>{1, 2, 3}),
                         "Array: 3 values do not fill shape (2, 2), which has 4 elements", std::invalid_argument);
    CHECK_THROWS_WITH_AS(IdArray(Shape{}, std::vector<int>()),
                         "IdArray: 0 values do not fill shape (), which has 1 elements", std::invalid_argument);
}

TEST_CASE("array: lists of one element, and lists to any depth") {
    CHECK(IdArray{{5}}.shape() == Shape{1, 1});
    CHECK(IdArray{{5}, {6}}.shape() == Shape{2, 1});
    CHECK(IdArray{{{5}}, {{6}}}.shape() == Shape{2, 1, 1});
    CHECK(Array{{5}}.shape() == Shape{1, 1});
    CHECK(Array{{{{{{1, 2}}}}}}.shape() == Shape{1, 1, 1, 1, 1, 2});
    CHECK(IdArray{{}, {}}.shape() == Shape{2, 0});
    CHECK(passed({{5}}) == Ids{5});
    CHECK(Array{1, 2.5, 3.5F}(1) == Real{2.5});
    Array x;
    x = {{1, 2}, {3, 4}};
    CHECK(x(1, 0) == 3);
    x = 2.5;
    CHECK(x.shape() == Shape{});
}

TEST_CASE("array: lists of different lengths are refused before anything is written") {
    CHECK_THROWS_WITH_AS(
        (IdArray{{3, 1}, {5, 9, 2}}),
        "IdArray: list 1 has length 3, the first one 2; lists must be of one length (pad_batch pads those of words)",
        std::invalid_argument);
    CHECK_THROWS_WITH_AS((Array{{1}, {2, 3}}),
                         "Array: list 1 has length 2, the first one 1; lists must be of one length",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS((Array{{{1, 2}, {3, 4}}, {{5, 6}, {7}}}),
                         "Array: list (1, 1) has length 1, the first one 2; lists must be of one length",
                         std::invalid_argument);
    CHECK_THROWS_AS((IdArray{{{1, 2}, {3, 4}}, {{5, 6}}}), std::invalid_argument);
    CHECK_THROWS_AS((IdArray{{{1, 2}, {3, 4}}, {{5}, {6}}}), std::invalid_argument);
    CHECK_THROWS_AS((Array{{}, {1}}), std::invalid_argument);
    CHECK_THROWS_AS((Array{{1}, {}}), std::invalid_argument);
    CHECK_THROWS_AS((Array{{{{1}}}, {{{2, 3}}}}), std::invalid_argument);
    CHECK_THROWS_AS((Array{{{{{1}}}}, {{{{2}, {3}}}}}), std::invalid_argument);
    Array x = {1, 2};
    CHECK_THROWS_AS((x = {{1}, {2, 3, 4, 5}}), std::invalid_argument);
    CHECK(x(1) == 2);
}

TEST_CASE("array: numbers beside lists are refused") {
    CHECK_THROWS_WITH_AS((Array{1, {2, 3}}),
                         "Array: element 1 is a list where the first one is a number; for a shape and a value write "
                         "Array(Shape{2, 3}, value)",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS((IdArray{{2, 3}, 9}),
                         "IdArray: element 1 is a number where the first one is a list; for a shape and a value write "
                         "IdArray(Shape{2, 3}, value)",
                         std::invalid_argument);
}

TEST_CASE("array: ids are expressions of xtensor's") {
    const IdArray ids = {{1, 2}, {3, 4}};
    const IdArray next = ids + 1;
    CHECK(values(next) == Ids{2, 3, 4, 5});
    CHECK(xt::sum(ids)() == 10);
    CHECK(xt::sum(ids > 2)() == 2);
    CHECK(ids == ids);
    CHECK(ids != next);
    IdArray sum = ids;
    sum += next;
    CHECK(values(sum) == Ids{3, 5, 7, 9});
    sum = sum * 2;
    CHECK(values(sum) == Ids{6, 10, 14, 18});
    const Array reals = ids;  // as numbers
    CHECK(reals(1, 1) == 4);
}

TEST_CASE("array: numbers of any type, without a warning under -Wconversion") {
    const double tenth = 0.1;
    const Array x = {tenth, 2 * tenth};
    const Array y = x * tenth;
    CHECK(y(0) == doctest::Approx(0.01));
    CHECK(Array(Shape{2}, tenth)(1) == static_cast<Real>(tenth));
    CHECK(full({2}, tenth)(1) == static_cast<Real>(tenth));
    const Array scalar = tenth;
    CHECK(scalar() == static_cast<Real>(tenth));
    const Array thirds = x / std::size_t{3};
    CHECK(thirds(0) == doctest::Approx(tenth / 3));
}

namespace {

template <class A>
void check_moves() {
    A from = {{1, 2}, {3, 4}};
    const auto* data = from.data();
    A to = std::move(from);
    CHECK(to.data() == data);  // not copied
    CHECK(from.shape() == Shape{0});
    CHECK(from.size() == 0);
    CHECK(A(from).shape() == Shape{0});

    A other = {5};
    other = std::move(to);
    CHECK(other.data() == data);
    CHECK(other(1, 1) == 4);
    CHECK(to.shape() == Shape{0});
    CHECK(to.size() == 0);

    A& same = other;
    other = std::move(same);
    CHECK(other(1, 1) == 4);
    other = same;
    CHECK(other(1, 1) == 4);

    from = {7, 8, 9};  // a moved-from one takes values again
    std::swap(from, other);
    CHECK(from(1, 0) == 3);
    CHECK(other(2) == 9);

    A deep(Shape{1, 1, 1, 1, 2, 1}, 6);  // more extents than a Shape holds by itself
    const A deeper = std::move(deep);
    CHECK(deep.shape() == Shape{0});
    CHECK(deeper(0, 0, 0, 0, 1, 0) == 6);
}

}  // namespace

TEST_CASE("array: a moved-from one is empty, one moved to itself stays") {
    check_moves<Array>();
    check_moves<IdArray>();
}

TEST_CASE("array: what cannot be had says its shape and bytes, and changes nothing") {
    constexpr std::size_t many = std::size_t{1} << 50;
    const std::string bytes = sizeof(Real) == 4 ? "4503599627370496 bytes (4 PiB)" : "9007199254740992 bytes (8 PiB)";
    const std::string refusal = "out of memory: an array of shape (1125899906842624, 1) takes " + bytes;
    const Shape shape = {many, 1};
    CHECK_THROWS_WITH_AS(Array{shape}, refusal.c_str(), OutOfMemory);
    CHECK_THROWS_WITH_AS(Array(shape, 1), refusal.c_str(), OutOfMemory);
    CHECK_THROWS_WITH_AS(zeros(shape), refusal.c_str(), OutOfMemory);
    CHECK_THROWS_WITH_AS(Array::from_shape(shape), refusal.c_str(), std::bad_alloc);
    CHECK_THROWS_WITH_AS(IdArray{Shape{many}},
                         "out of memory: an array of shape (1125899906842624,) takes 9007199254740992 bytes (8 PiB)",
                         OutOfMemory);
    Array kept = {{1, 2}, {3, 4}};
    CHECK_THROWS_WITH_AS(kept.resize(shape), refusal.c_str(), OutOfMemory);
    CHECK(kept(1, 1) == 4);
    CHECK(kept.shape() == Shape{2, 2});
    const Array column = zeros({std::size_t{1} << 25, 1}), row = zeros({1, std::size_t{1} << 25});
    CHECK_THROWS_AS((kept = column * row), OutOfMemory);  // in an expression of xtensor's
    CHECK(kept(1, 1) == 4);
    const Shape wraps = {std::size_t{1} << 40, std::size_t{1} << 40};
    CHECK_THROWS_AS(Array{wraps}, std::invalid_argument);
    CHECK_THROWS_AS(kept.resize(wraps), std::invalid_argument);
}

TEST_CASE("array: rows are taken along the first axis") {
    const Array table = {{1, 2}, {3, 4}, {5, 6}};
    CHECK(take_rows(table, {2, 0, 2}) == Array{{5, 6}, {1, 2}, {5, 6}});
    CHECK(take_rows(table, {{1}, {0}}).shape() == Shape{2, 1, 2});
    CHECK(take_rows(IdArray{4, 5, 6}, {2}) == IdArray{6});
    CHECK(take_rows(table, IdArray()).shape() == Shape{0, 2});
    CHECK(take_rows(Array(Shape{0, 2}), IdArray()).shape() == Shape{0, 2});
    CHECK_THROWS_WITH_AS(take_rows(table, {{0, 3}}),
                         "take_rows: row 3 at position (0, 1) is outside an array of 3 rows", std::out_of_range);
    CHECK_THROWS_AS(take_rows(table, {-1}), std::out_of_range);
    CHECK_THROWS_WITH_AS(take_rows(Array(1), {0}), "Array: a scalar has no rows to take", std::invalid_argument);

    CHECK(slice_rows(table, 1, 3) == Array{{3, 4}, {5, 6}});
    CHECK(slice_rows(IdArray{4, 5, 6}, 0, 2) == IdArray{4, 5});
    CHECK(slice_rows(table, 3, 3).shape() == Shape{0, 2});
    CHECK_THROWS_WITH_AS(slice_rows(table, 1, 4), "slice_rows: rows 1 to 4 are outside an array of 3 rows",
                         std::out_of_range);
    CHECK_THROWS_AS(slice_rows(table, 2, 1), std::out_of_range);
    CHECK_THROWS_AS(slice_rows(Array(1), 0, 0), std::invalid_argument);
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
