// Parameters: shared handles, versions, and gradients that are none, dense or by rows.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <embergrad/engine/parameter.hpp>
#include <embergrad/engine/rng.hpp>

using namespace embergrad;

namespace {

using Ids = std::vector<std::int64_t>;
using Values = std::vector<Real>;

Array array(const Shape& shape, const Values& values) {
    Array result(shape);
    REQUIRE(values.size() == result.size());
    std::copy(values.begin(), values.end(), result.data());
    return result;
}

Values values(const Array& array) { return {array.begin(), array.end()}; }

RowGradient rows(Ids ids, const Values& values) {
    const std::size_t n = ids.size();
    return RowGradient(std::move(ids), array({n, n == 0 ? 2 : values.size() / n}, values));
}

/// Small whole numbers: sums of them are exact in any order.
RowGradient random_rows(std::size_t v, std::size_t d, Rng& rng) {
    Ids ids(rng.below(6));
    std::generate(ids.begin(), ids.end(), [&] { return static_cast<std::int64_t>(rng.below(v)); });
    Array table(Shape{ids.size(), d});
    std::generate_n(table.data(), table.size(), [&] { return static_cast<Real>(rng.below(9)) - 4; });
    return RowGradient(std::move(ids), std::move(table));
}

/// The naive twin: a table with every row.
Array dense(const RowGradient& gradient, std::size_t v, std::size_t d) {
    Array table = zeros({v, d});
    for (std::size_t i = 0; i < gradient.size(); ++i) {
        for (std::size_t j = 0; j < d; ++j) {
            table(static_cast<std::size_t>(gradient.rows()[i]), j) += gradient.values()(i, j);
        }
    }
    return table;
}

void add(Array& sum, const Array& term) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum.data()[i] += term.data()[i];
}

/// The gradient as a table, whatever its kind.
Array gradient(const Parameter& p) {
    Array table = zeros(p.shape());
    if (p.gradient_kind() == GradientKind::dense) table = p.grad();
    if (p.gradient_kind() == GradientKind::rows) p.row_grad().add_to(table);
    return table;
}

}  // namespace

TEST_CASE("parameter: copies are handles on the same values, clones are not") {
    const Parameter p(array({2}, {1, 2}));
    const Parameter handle = p, clone = p.clone(), other(array({2}, {1, 2}));
    CHECK(handle == p);
    CHECK(handle.id() == p.id());
    CHECK(clone != p);
    CHECK(other != p);
    handle.mutable_value()(0) = 5;
    handle.add_grad(ones({2}));
    CHECK(values(p.value()) == Values{5, 2});
    CHECK(p.has_gradient());
    CHECK(values(clone.value()) == Values{1, 2});
    CHECK_FALSE(clone.has_gradient());
    CHECK(p.clone().requires_grad());
    CHECK_FALSE(Parameter(zeros({1}), false).clone().requires_grad());
    CHECK(p.size() == 2);
    CHECK(p.shape() == Shape{2});
}

TEST_CASE("parameter: an empty handle says so") {
    const Parameter none;
    CHECK_FALSE(none.defined());
    CHECK(none.id() == nullptr);
    CHECK(none == Parameter());
    const char* text = "Parameter: this handle is empty; construct it from an array";
    CHECK_THROWS_WITH_AS(none.value(), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.shape(), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.mutable_value(), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.requires_grad(), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.set_requires_grad(false), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.zero_grad(), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.add_grad(Array(Shape{})), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.add_grad(RowGradient()), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.clone(), text, std::logic_error);
    CHECK_THROWS_WITH_AS(none.version(), text, std::logic_error);
}

TEST_CASE("parameter: a moved-from array is an empty one, wherever it goes") {
    Array from = {{1, 2}, {3, 4}};
    const Parameter p(std::move(from));
    CHECK(values(p.value()) == Values{1, 2, 3, 4});
    CHECK(Parameter(from).shape() == Shape{0});
    CHECK_THROWS_WITH_AS(p.assign(from), "Parameter: cannot assign values of shape (0,) to a parameter of shape (2, 2)",
                         std::invalid_argument);
    CHECK_THROWS_AS(p.add_grad(from), std::invalid_argument);

    IdArray ids = {1};
    const IdArray taken = std::move(ids);
    p.freeze_rows(ids);
    CHECK(!p.has_frozen_rows());
}

TEST_CASE("parameter: every change counts, in the one place that all handles see") {
    const Parameter p(zeros({2}));
    const Parameter handle = p;
    const Real* storage = p.value().data();
    CHECK(p.version() == 0);
    handle.mutable_value();
    CHECK(p.version() == 1);
    p.assign(array({2}, {3, 4}));
    CHECK(handle.version() == 2);
    CHECK(values(handle.value()) == Values{3, 4});
    CHECK(p.value().data() == storage);  // the storage never moves
    p.add_grad(ones({2}));
    p.zero_grad();
    CHECK(p.version() == 2);  // gradients are no values
    CHECK_THROWS_WITH_AS(p.assign(zeros({3})),
                         "Parameter: cannot assign values of shape (3,) to a parameter of shape (2,)",
                         std::invalid_argument);
    CHECK_THROWS_AS(p.assign(zeros({1, 2})), std::invalid_argument);
    CHECK(p.version() == 2);
    CHECK(values(p.value()) == Values{3, 4});
}

TEST_CASE("row gradient: shapes are checked") {
    CHECK(RowGradient().size() == 0);
    CHECK(RowGradient().coalesced());
    CHECK(RowGradient({}, zeros({0, 3})).width() == 3);
    CHECK_THROWS_WITH_AS(RowGradient({1, 2}, zeros({3, 4})),
                         "RowGradient: 2 rows need values of shape (2, D), not (3, 4)", std::invalid_argument);
    CHECK_THROWS_WITH_AS(RowGradient({1}, zeros({1})), "RowGradient: values must be (n, D), not (1,)",
                         std::invalid_argument);
    CHECK_THROWS_AS(RowGradient({1}, zeros({})), std::invalid_argument);
}

TEST_CASE("row gradient: a copy has values of its own; moved ones stay where they are") {
    RowGradient g({4, 2}, array({2, 1}, {1, 2}));
    RowGradient copy = g, assigned;
    assigned = g;
    copy.mutable_values().data()[0] = 7;
    CHECK(values(assigned.values()) == Values{1, 2});
    CHECK(values(g.values()) == Values{1, 2});
    const Real* own = g.values().data();
    g.mutable_values().data()[0] = 5;
    CHECK(g.values().data() == own);
    CHECK(values(g.values()) == Values{5, 2});
    const RowGradient moved = std::move(g);
    CHECK(moved.values().data() == own);
    CHECK(RowGradient().mutable_values().size() == 0);
}

TEST_CASE("row gradient: appended behind, summed in the order of coming, sorted [1.7] [1.8]") {
    RowGradient g = rows({7, 1, 7}, {1, 2, 3, 4, 5, 6});
    CHECK_FALSE(g.coalesced());
    g.append(rows({3, 1}, {7, 8, 9, 10}));
    CHECK(g.rows() == Ids{7, 1, 7, 3, 1});
    CHECK(values(g.values()) == Values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    g.coalesce();
    CHECK(g.coalesced());
    CHECK(g.rows() == Ids{1, 3, 7});
    CHECK(values(g.values()) == Values{12, 14, 7, 8, 6, 8});
    g.coalesce();
    CHECK(g.rows() == Ids{1, 3, 7});
    CHECK_THROWS_WITH_AS(g.append(RowGradient({1}, zeros({1, 3}))),
                         "RowGradient: cannot append rows of 3 values to rows of 2", std::invalid_argument);
    CHECK(g.rows() == Ids{1, 3, 7});
    CHECK(g.coalesced());
    g.append(RowGradient());
    CHECK(g.coalesced());  // nothing came
    g.append(rows({1}, {1, 1}));
    CHECK_FALSE(g.coalesced());
    CHECK(rows({5}, {1, 2}).coalesced());
    RowGradient narrow({4, 4}, zeros({2, 0}));
    narrow.coalesce();
    CHECK(narrow.rows() == Ids{4});
    CHECK(narrow.values().shape() == Shape{1, 0});
}

TEST_CASE("row gradient: several are appended at once, as one after the other") {
    RowGradient g;
    g.append(std::span<RowGradient>());
    CHECK(g.width() == 0);
    std::vector<RowGradient> parts = {
        RowGradient(), rows({}, {}), rows({4}, {1, 2}), RowGradient(), rows({2, 4}, {3, 4, 5, 6}), rows({}, {})};
    g.append(parts);
    CHECK(g.rows() == Ids{4, 2, 4});
    CHECK(values(g.values()) == Values{1, 2, 3, 4, 5, 6});
    CHECK_FALSE(g.coalesced());
    std::vector<RowGradient> one = {rows({}, {}), rows({7}, {1, 2})};
    RowGradient only;
    only.append(one);
    CHECK(only.rows() == Ids{7});
    CHECK(only.coalesced());
    RowGradient empty = rows({}, {});
    empty.append(RowGradient());
    CHECK(empty.width() == 2);
    std::vector<RowGradient> misfits = {rows({1}, {1, 2}), RowGradient({1}, zeros({1, 3}))};
    CHECK_THROWS_WITH_AS(empty.append(misfits), "RowGradient: cannot append rows of 3 values to rows of 2",
                         std::invalid_argument);
    CHECK(empty.size() == 0);
    CHECK(misfits[0].size() == 1);  // nothing was taken
}

TEST_CASE("row gradient: rounding follows the order of coming") {
    // In float and in double alike (big + 1) - big loses the 1 and (big - big) + 1 does not.
    const Real big = sizeof(Real) == 4 ? Real(1e8f) : Real(1e17);
    RowGradient lost({0, 0, 0}, array({3, 1}, {big, 1, -big}));
    RowGradient kept({0, 0, 0}, array({3, 1}, {big, -big, 1}));
    lost.coalesce();
    kept.coalesce();
    CHECK(lost.values()(0, 0) == 0);
    CHECK(kept.values()(0, 0) == 1);
}

TEST_CASE("row gradient: random appends, sums and coalescing equal the dense twin [1.7] [1.8]") {
    constexpr std::uint64_t kSeed = 21;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    for (int round = 0; round < 500; ++round) {
        CAPTURE(round);
        const std::size_t v = 1 + rng.below(8), d = rng.below(4);
        RowGradient sum;
        Array twin = zeros({v, d});
        for (std::uint64_t part = rng.below(5); part > 0; --part) {
            RowGradient g = random_rows(v, d, rng);
            if (rng.below(2) == 0) g.coalesce();
            add(twin, dense(g, v, d));
            sum.append(std::move(g));
            if (rng.below(3) == 0) sum.coalesce();
        }
        Array added = full({v, d}, 2);
        sum.add_to(added);
        Array expected = full({v, d}, 2);
        add(expected, twin);
        REQUIRE(values(added) == values(expected));
        sum.coalesce();
        REQUIRE(std::adjacent_find(sum.rows().begin(), sum.rows().end(), std::greater_equal<>()) == sum.rows().end());
        REQUIRE(sum.values().shape()[0] == sum.size());
        if (sum.size() > 0) REQUIRE(values(dense(sum, v, d)) == values(twin));
    }
}

TEST_CASE("row gradient: rows that a table does not have are refused, not written") {
    Array table = ones({3, 2});
    const auto add_to = [&](const RowGradient& g) { g.add_to(table); };
    CHECK_THROWS_WITH_AS(add_to(rows({0, 3}, {1, 2, 3, 4})),
                         "Parameter: a gradient for row 3 does not fit a parameter of shape (3, 2)", std::out_of_range);
    CHECK_THROWS_AS(add_to(rows({-1}, {1, 2})), std::out_of_range);
    CHECK_THROWS_AS(add_to(RowGradient({1}, ones({1, 3}))), std::invalid_argument);
    CHECK(values(table) == Values(6, 1));
}

TEST_CASE("parameter: gradients add up; rows + rows stay rows, dense wins [1.8]") {
    const RowGradient first = rows({2, 0}, {1, 2, 3, 4}), second = rows({2}, {5, 6});
    const Array table = array({3, 2}, {10, 20, 30, 40, 50, 60});

    const Parameter by_rows(zeros({3, 2}));
    by_rows.add_grad(first);
    CHECK(by_rows.gradient_kind() == GradientKind::rows);
    by_rows.add_grad(second);
    CHECK(by_rows.row_grad().rows() == Ids{2, 0, 2});
    CHECK(values(by_rows.row_grad().values()) == Values{1, 2, 3, 4, 5, 6});
    by_rows.add_grad(table);
    CHECK(by_rows.gradient_kind() == GradientKind::dense);
    CHECK(values(by_rows.grad()) == Values{13, 24, 30, 40, 56, 68});
    by_rows.add_grad(second);
    CHECK(by_rows.gradient_kind() == GradientKind::dense);
    CHECK(values(by_rows.grad()) == Values{13, 24, 30, 40, 61, 74});
    by_rows.add_grad(table);
    CHECK(values(by_rows.grad()) == Values{23, 44, 60, 80, 111, 134});

    const Parameter plain(zeros({3, 2}));
    CHECK(plain.gradient_kind() == GradientKind::none);
    plain.add_grad(table);
    CHECK(values(plain.grad()) == values(table));
    plain.add_grad(plain.grad());  // itself
    CHECK(values(plain.grad()) == Values{20, 40, 60, 80, 100, 120});
}

TEST_CASE("parameter: random sequences of gradients equal the dense twin [1.8]") {
    constexpr std::uint64_t kSeed = 22;
    INFO("seed ", kSeed);
    Rng rng(kSeed);
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        const std::size_t v = 1 + rng.below(6), d = 1 + rng.below(3);
        const Parameter p(zeros({v, d}));
        Array twin = zeros({v, d});
        bool any = false, any_dense = false;
        for (std::uint64_t i = rng.below(6); i > 0; --i) {
            any = true;
            if (rng.below(4) == 0) {
                const Array g = full({v, d}, static_cast<Real>(rng.below(5)));
                any_dense = true;
                p.add_grad(g);
                add(twin, g);
            } else {
                RowGradient g = random_rows(v, d, rng);
                add(twin, dense(g, v, d));
                p.add_grad(std::move(g));
            }
        }
        REQUIRE(p.has_gradient() == any);
        if (any) REQUIRE((p.gradient_kind() == GradientKind::dense) == any_dense);
        REQUIRE(values(gradient(p)) == values(twin));
    }
}

TEST_CASE("parameter: an empty gradient by rows is a gradient, and knows its width [1.7] [1.8]") {
    const Parameter p(zeros({3, 2}));
    p.add_grad(RowGradient({}, zeros({0, 2})));
    CHECK(p.gradient_kind() == GradientKind::rows);
    CHECK(p.row_grad().size() == 0);
    CHECK(p.row_grad().coalesced());
    CHECK(p.row_grad().values().shape() == Shape{0, 2});
    p.add_grad(rows({1}, {1, 2}));
    CHECK(p.row_grad().rows() == Ids{1});
    p.add_grad(RowGradient());
    CHECK(p.row_grad().rows() == Ids{1});
    const Parameter no_rows(zeros({0, 2}));
    no_rows.add_grad(RowGradient({}, zeros({0, 2})));
    CHECK(no_rows.row_grad().values().shape() == Shape{0, 2});
}

TEST_CASE("parameter: gradients that do not fit are refused and change nothing") {
    const Parameter p(zeros({3, 2}));
    const auto refuses_all = [&] {
        CHECK_THROWS_WITH_AS(p.add_grad(ones({2, 3})),
                             "Parameter: a gradient of shape (2, 3) does not fit a parameter of shape (3, 2)",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(p.add_grad(RowGradient({0}, ones({1, 3}))),
                             "Parameter: a gradient by rows of 3 values does not fit a parameter of shape (3, 2)",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(p.add_grad(rows({0, 3}, {1, 2, 3, 4})),
                             "Parameter: a gradient for row 3 does not fit a parameter of shape (3, 2)",
                             std::out_of_range);
        CHECK_THROWS_WITH_AS(p.add_grad(rows({0, -1}, {1, 2, 3, 4})),
                             "Parameter: a gradient for row -1 does not fit a parameter of shape (3, 2)",
                             std::out_of_range);
    };
    refuses_all();
    CHECK(p.gradient_kind() == GradientKind::none);
    p.add_grad(rows({1}, {1, 2}));
    refuses_all();
    CHECK(p.row_grad().rows() == Ids{1});
    p.add_grad(ones({3, 2}));
    refuses_all();
    CHECK(values(p.grad()) == Values{1, 1, 2, 3, 1, 1});
    CHECK_THROWS_AS(Parameter(zeros({3})).add_grad(rows({0}, {1, 2})), std::invalid_argument);
    CHECK_THROWS_AS(Parameter(zeros({2, 2, 2})).add_grad(rows({0}, {1, 2})), std::invalid_argument);
}

TEST_CASE("parameter: a gradient that its user replaced by a misfit is refused, not overrun") {
    const Parameter p(zeros({3, 2}));
    p.add_grad(ones({3, 2}));
    p.mutable_grad() = ones({1});
    CHECK_THROWS_WITH_AS(p.add_grad(ones({3, 2})),
                         "Parameter: the gradient of a parameter of shape (3, 2) was replaced by one of shape (1,)",
                         std::invalid_argument);
    CHECK_THROWS_AS(p.add_grad(rows({2}, {1, 2})), std::invalid_argument);
    p.zero_grad();
    p.add_grad(rows({2}, {1, 2}));
    p.mutable_row_grad() = rows({8}, {1, 2});
    CHECK_THROWS_AS(p.add_grad(ones({3, 2})), std::out_of_range);
    CHECK(p.gradient_kind() == GradientKind::rows);
}

TEST_CASE("parameter: the wrong kind of gradient is not handed out") {
    const Parameter p(zeros({3, 2}));
    CHECK_THROWS_WITH_AS(p.grad(), "Parameter: a parameter of shape (3, 2) has no gradient", std::logic_error);
    CHECK_THROWS_WITH_AS(p.row_grad(), "Parameter: a parameter of shape (3, 2) has no gradient", std::logic_error);
    p.add_grad(rows({1}, {1, 2}));
    CHECK_THROWS_WITH_AS(p.mutable_grad(),
                         "Parameter: a parameter of shape (3, 2) has a gradient by rows (see row_grad)",
                         std::logic_error);
    p.add_grad(zeros({3, 2}));
    CHECK_THROWS_WITH_AS(p.mutable_row_grad(), "Parameter: a parameter of shape (3, 2) has a dense gradient (see grad)",
                         std::logic_error);
}

TEST_CASE("parameter: a gradient of any kind is copied as a dense one") {
    const Parameter p(ones({3, 2}));
    CHECK(values(p.dense_grad()) == Values{0, 0, 0, 0, 0, 0});
    CHECK(!p.has_gradient());
    p.add_grad(rows({2, 0, 2}, {1, 2, 3, 4, 5, 6}));
    CHECK(values(p.dense_grad()) == Values{3, 4, 0, 0, 6, 8});
    CHECK(p.gradient_kind() == GradientKind::rows);  // as it was
    p.add_grad(ones({3, 2}));
    CHECK(values(p.dense_grad()) == Values{4, 5, 1, 1, 7, 9});
    Array copy = p.dense_grad();
    copy(0, 0) = 9;
    CHECK(p.grad()(0, 0) == 4);
    CHECK_THROWS_AS(Parameter().dense_grad(), std::logic_error);
}

TEST_CASE("parameter: zero_grad drops the gradient or keeps a zero one of its kind [8.7]") {
    const Parameter p(zeros({3, 2}));
    p.zero_grad(false);
    CHECK(p.gradient_kind() == GradientKind::none);  // what was never computed does not appear
    p.add_grad(ones({3, 2}));
    p.zero_grad(false);
    CHECK(p.gradient_kind() == GradientKind::dense);
    CHECK(values(p.grad()) == Values(6, 0));
    p.add_grad(ones({3, 2}));
    p.zero_grad();
    CHECK(p.gradient_kind() == GradientKind::none);
    p.add_grad(rows({1, 1}, {1, 2, 3, 4}));
    p.zero_grad(false);
    CHECK(p.gradient_kind() == GradientKind::rows);
    CHECK(p.row_grad().size() == 0);
    CHECK(p.row_grad().values().shape() == Shape{0, 2});
    p.add_grad(rows({2}, {5, 6}));
    CHECK(p.row_grad().rows() == Ids{2});
    p.zero_grad();
    CHECK(p.gradient_kind() == GradientKind::none);
}

TEST_CASE("parameter: freezing drops the gradient [9.6]") {
    const Parameter p(zeros({3, 2}));
    for (int kind = 0; kind < 2; ++kind) {
        kind == 0 ? p.add_grad(ones({3, 2})) : p.add_grad(rows({1}, {1, 2}));
        p.set_requires_grad(true);
        CHECK(p.has_gradient());
        p.set_requires_grad(false);
        CHECK_FALSE(p.has_gradient());
        CHECK_FALSE(p.requires_grad());
        p.set_requires_grad(true);
        CHECK_FALSE(p.has_gradient());
    }
}

TEST_CASE("parameter: braces are an array, whose second number is not taken for requires_grad") {
    CHECK(Parameter({1.0, 2.0}).shape() == Shape{2});
    CHECK(Parameter({1, 0}).requires_grad());
    CHECK(Parameter({{1, 2}, {3, 4}}).shape() == Shape{2, 2});
    CHECK(Parameter{{1, 2}}.shape() == Shape{2});
    CHECK(Parameter{1.0}.shape() == Shape{});
    const Parameter fixed{{1, 2}, false}, frozen_number{2.0, false};
    CHECK(fixed.shape() == Shape{2});
    CHECK_FALSE(fixed.requires_grad());
    CHECK_FALSE(frozen_number.requires_grad());
}

TEST_CASE("parameter: values of another shape are told of wherever rows or elements are counted") {
    const Parameter p(zeros({3, 2}));
    p.freeze_rows(IdArray{2});
    CHECK_THROWS_AS(p.is_frozen(3), std::out_of_range);
    p.mutable_value() = zeros({1, 2});
    const auto said =
        "Parameter: values of shape (1, 2) were put in the place of those of shape (3, 2); put such back, "
        "or make a new Parameter";
    CHECK_THROWS_WITH_AS(p.add_grad(ones({1, 2})), said, std::logic_error);
    CHECK_THROWS_WITH_AS(p.freeze_rows(IdArray{0}), said, std::logic_error);
    CHECK_THROWS_WITH_AS(p.check_gradient(), said, std::logic_error);
    Array values(Shape{1, 2});
    CHECK_THROWS_WITH_AS(p.zero_frozen_rows(values), said, std::logic_error);
}
