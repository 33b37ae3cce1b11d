// Embedding: lookups, gradients dense and by rows, padding, frequency, and the renormalisation of max_norm.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <embergrad/engine/kernels/uncached_rows.hpp>

#include "support.hpp"
#include "threads.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

const IdArray kIds = {{1, 3, 1}, {0, 3, 1}};  // of tests/reference/ops.py, for a table of (5, 2)

/// The gradient of the table from the upstream gradient wave(shape, 10).
Parameter looked_up(const EmbeddingOptions& options, const IdArray& ids = kIds, const Shape& table = {5, 2}) {
    const Parameter parameter(wave(table));
    Tape tape;
    const Var y = embedding(tape, parameter, ids, options);
    tape.backward(y, wave(y.shape(), 10));
    return parameter;
}

/// The definition, in double: contribution j goes to row ids[j], divided by how often it occurs.
Array naive_gradient(const IdArray& ids, const Array& g, std::size_t v, std::int64_t padding, bool by_frequency) {
    const std::size_t d = g.shape().back();
    std::vector<double> sums(v * d, 0.0);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::int64_t id = ids.data()[i];
        if (id == padding) continue;
        const auto count = static_cast<double>(by_frequency ? std::count(ids.begin(), ids.end(), id) : 1);
        for (std::size_t j = 0; j < d; ++j) sums[static_cast<std::size_t>(id) * d + j] += element(g, i * d + j) / count;
    }
    return array({v, d}, sums);
}

/// The table after a training lookup of `ids`; an eval lookup must hand out the same rows and leave its table alone.
Array renormalised(const Array& table, const IdArray& ids, double max_norm, double norm_type = 2) {
    const EmbeddingOptions options{.max_norm = max_norm, .norm_type = norm_type};
    const Parameter trained(table), evaluated(table);
    Tape train, eval(Mode::eval);
    const Var a = embedding(train, trained, ids, options), b = embedding(eval, evaluated, ids, options);
    check_same(b.value(), a.value());
    check_same(evaluated.value(), table);
    CHECK(evaluated.version() == 0);
    check_same(a.value(), embedding(train, trained, ids).value());
    return trained.value();
}

}  // namespace

TEST_CASE("embedding: ids that were moved away look nothing up") {
    const Parameter table(wave({5, 2}));
    IdArray ids = {{1, 3}, {0, 4}};
    const IdArray elsewhere = std::move(ids);
    Tape tape;
    CHECK(embedding(tape, table, ids).shape() == Shape{0, 2});
    CHECK(embedding(tape, table, elsewhere).shape() == Shape{2, 2, 2});
    Array values = {{1, 2}};
    const Var taken = tape.constant(std::move(values));
    CHECK(tape.constant(values).shape() == Shape{0});
    CHECK(taken.value() == Array{{1, 2}});
}

TEST_CASE("embedding: the gradient over all rows, for every shape of ids [1.7]") {
    const std::vector<IdArray> lookups = {
        IdArray::scalar(2), {0, 1, 1, 2, 3, 4, 1},     {{0, 1, 1}, {2, 3, 1}}, IdArray(), IdArray(Shape{2, 0}),
        {3, 3, 3},          IdArray(Shape{1, 1, 1}, 4)};
    for (const IdArray& ids : lookups) {
        for (const bool sparse : {false, true}) {
            for (const std::optional<std::int64_t> padding : {std::optional<std::int64_t>(), {3}, {-4}, {1}}) {
                const std::uint64_t seed = 5;
                INFO("seed ", seed, ", ids ", to_string(ids.shape()));
                Rng rng(seed);
                const Parameter table = random_parameter({5, 3}, rng);
                const EmbeddingOptions options{.padding_idx = padding, .sparse = sparse};
                const auto f = [&](Tape& tape) { return embedding(tape, table, ids, options); };
                if (!padding || std::find(ids.begin(), ids.end(), (*padding + 5) % 5) == ids.end())
                    check_gradient({table}, f);
                else
                    CHECK(!(ids.size() > 0 && gradcheck(f, {table}).ok));  // the padding row is read, but gets nothing
            }
        }
    }
}

TEST_CASE("embedding: the gradient of two lookups, dense and by rows mixed, and of the table used elsewhere [1.8]") {
    const std::uint64_t seed = 6;
    INFO("seed ", seed);
    Rng rng(seed);
    const Parameter table = random_parameter({4, 2}, rng);
    for (const bool first : {false, true}) {
        for (const bool second : {false, true}) {
            const EmbeddingOptions a{.sparse = first}, b{.sparse = second};
            check_gradient({table}, [&](Tape& tape) {
                return embedding(tape, table, {0, 2, 2}, a) * embedding(tape, table, {2, 1, 0}, b);
            });
            check_gradient({table}, [&](Tape& tape) {
                const Var x = embedding(tape, table, {3, 3}, a);
                return sum(linear(x, tape.leaf(table))) + sum(embedding(tape, table, {1}, b) * x);
            });
        }
    }
}

TEST_CASE("embedding: the gradient without width, and of a table of one row and column [1.7]") {
    const Parameter narrow(zeros({3, 0})), tiny(ones({1, 1}));
    for (const bool sparse : {false, true}) {
        const EmbeddingOptions options{.sparse = sparse};
        check_gradient({narrow}, [&](Tape& tape) { return embedding(tape, narrow, {0, 2, 2}, options); });
        check_gradient({tiny}, [&](Tape& tape) { return embedding(tape, tiny, {0, 0}, options); });
        Tape tape;
        tape.backward(sum(embedding(tape, tiny, {0}, options)));  // torch 1.13's SGD drops this gradient
        check_near(dense_gradient(tiny), {1});
        tiny.zero_grad();
    }
}

TEST_CASE("embedding: ids of any shape and integer width, a copy of the rows [1.3]") {
    const Parameter table(wave({5, 2}));
    Tape tape;
    CHECK(to_string(embedding(tape, table, IdArray::scalar(4)).shape()) == "(2,)");
    CHECK(to_string(embedding(tape, table, {1, 2, 3}).shape()) == "(3, 2)");
    CHECK(to_string(embedding(tape, table, {{{1, 2}, {3, 4}}}).shape()) == "(1, 2, 2, 2)");
    CHECK(to_string(embedding(tape, table, IdArray(Shape{2, 0})).shape()) == "(2, 0, 2)");
    CHECK(to_string(embedding(tape, Parameter(zeros({0, 0})), IdArray()).shape()) == "(0, 0)");
    CHECK(to_string(embedding(tape, table, std::vector<std::int32_t>{1, 2}).shape()) == "(2, 2)");

    const Parameter small(array({2, 3}, {1, 2, 3, 4, 5, 6}));
    const Var y = embedding(tape, small, {1, 0, 1});
    check_near(y.value(), {4, 5, 6, 1, 2, 3, 4, 5, 6});
    small.mutable_value().fill(0);
    check_near(y.value(), {4, 5, 6, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("embedding: NaN and infinity are handed out as they are [1.3]") {
    Tape tape;
    const Parameter table(array({2, 2}, {kNaN, -kInf, 1, 2}));
    check_near(embedding(tape, table, {1, 0}).value(), {1, 2, kNaN, -kInf});
}

TEST_CASE("embedding: many rows agree with a naive twin, dense and by rows [1.6] [1.7]") {
    for (const std::size_t d : {1u, 7u, 16u, 37u}) {  // less than a line, whole lines, and one with a rest
        INFO("width ", d, ", which is the seed too");
        Rng rng(d);
        const Parameter table = random_parameter({50, d}, rng);
        IdArray ids(Shape{500, 11});
        for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(50) * rng.below(50) / 50);
        const Array g = random_array({500, 11, d}, rng);
        const auto gradient = [&](const EmbeddingOptions& options) {
            Tape tape;
            const Var y = embedding(tape, table, ids, options);
            for (std::size_t i = 0; i < ids.size(); ++i) {
                const Real* row = table.value().data() + static_cast<std::size_t>(ids.data()[i]) * d;
                REQUIRE(std::equal(row, row + d, y.value().data() + i * d));
            }
            table.zero_grad();
            tape.backward(y, g);
            return dense_gradient(table);
        };
        const Array dense = gradient({.padding_idx = 3});
        check_arrays_near(dense, naive_gradient(ids, g, 50, 3, false), kDouble ? 1e-12 : 1e-4);
        check_same(gradient({.padding_idx = 3, .sparse = true}), dense);
        const Array unpadded = gradient({});
        check_arrays_near(unpadded, naive_gradient(ids, g, 50, -1, false), kDouble ? 1e-12 : 1e-4);
        check_same(gradient({.sparse = true}), unpadded);
        const Array divided = gradient({.padding_idx = 3, .scale_grad_by_freq = true});
        check_arrays_near(divided, naive_gradient(ids, g, 50, 3, true), kDouble ? 1e-12 : 1e-4);
        check_same(gradient({.padding_idx = 3, .scale_grad_by_freq = true, .sparse = true}), divided);
    }
}

TEST_CASE("embedding: so many rows that they are written past the cache, and rows that are not whole lines") {
    for (const std::size_t d : {std::size_t{64}, std::size_t{65}}) {
        Rng rng(d);
        const Parameter table = random_parameter({1000, d}, rng);
        IdArray ids(Shape{(std::size_t{17} << 20) / (d * sizeof(Real))});
        for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(1000));
        for (const int threads : {1, 3}) {
            const Threads scope(threads);
            Tape tape(Mode::eval);
            const Array y = embedding(tape, table, ids).value();
            bool equal = true;
            for (std::size_t i = 0; i < ids.size(); ++i) {
                const Real* row = table.value().data() + static_cast<std::size_t>(ids.data()[i]) * d;
                equal &= std::equal(row, row + d, y.data() + i * d);
            }
            CHECK_MESSAGE(equal, "width ", d, ", threads ", threads);
            CHECK(scope.has_shared() == (threads > 1));
        }
    }
}

TEST_CASE("embedding: each way of this machine to write past the cache copies whole rows") {
    Rng rng(1);
    const std::size_t line = 64 / sizeof(Real);
    const auto kernels = detail::stream_row_kernels();
    if (kernels.empty()) MESSAGE("this machine has none");
    for (const detail::StreamRow stream_row : kernels) {
        for (const std::size_t d : {line, 3 * line, 20 * line}) {
            const Array from = random_array({d + 1}, rng);
            Array to = zeros({d + line});
            stream_row(from.data() + 1, d, to.data());  // from anywhere
            CHECK(std::equal(to.data(), to.data() + d, from.data() + 1));
            CHECK(std::all_of(to.data() + d, to.data() + d + line, [](Real x) { return x == 0; }));
        }
    }
}

// The numbers of the next three come from tests/reference/ops.py.

TEST_CASE("embedding: PyTorch's gradients, dense [1.6] [1.7]") {
    check_near(looked_up({}).grad(), {-0.9613974918795568, -0.750987246771676, 0.4869532721424694, -0.8333275439559041,
                                      0.0, 0.0, 0.5700442464895933, 1.903552606422498, 0.0, 0.0});
    check_near(looked_up({.padding_idx = 1}).grad(), {-0.9613974918795568, -0.750987246771676, 0.0, 0.0, 0.0, 0.0,
                                                      0.5700442464895933, 1.903552606422498, 0.0, 0.0});
    check_near(looked_up({.padding_idx = -2}).grad(), {-0.9613974918795568, -0.750987246771676, 0.4869532721424694,
                                                       -0.8333275439559041, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0});
    check_near(looked_up({.scale_grad_by_freq = true}).grad(),
               {-0.9613974918795568, -0.750987246771676, 0.16231775738082313, -0.2777758479853014, 0.0, 0.0,
                0.28502212324479664, 0.951776303211249, 0.0, 0.0});
    check_near(looked_up({.padding_idx = 1, .scale_grad_by_freq = true}).grad(),
               {-0.9613974918795568, -0.750987246771676, 0.0, 0.0, 0.0, 0.0, 0.28502212324479664, 0.951776303211249,
                0.0, 0.0});
}

TEST_CASE("embedding: PyTorch's gradients by rows, before and after they are coalesced [1.7]") {
    RowGradient all = looked_up({.sparse = true}).row_grad();
    CHECK(!all.coalesced());
    CHECK(all.rows() == std::vector<std::int64_t>{1, 3, 1, 0, 3, 1});
    check_near(all.values(), {-0.9999902065507035, -0.5365729180004349, 0.4201670368266409, 0.9906073556948704,
                              0.6502878401571168, -0.2879033166650653, -0.9613974918795568, -0.750987246771676,
                              0.14987720966295234, 0.9129452507276277, 0.8366556385360561, -0.008851309290403876});
    all.coalesce();
    CHECK(all.rows() == std::vector<std::int64_t>{0, 1, 3});
    check_near(all.values(), {-0.9613974918795568, -0.750987246771676, 0.4869532721424694, -0.8333275439559041,
                              0.5700442464895933, 1.903552606422498});

    RowGradient unpadded = looked_up({.padding_idx = 1, .sparse = true}).row_grad();
    CHECK(unpadded.rows() == std::vector<std::int64_t>{3, 0, 3});
    check_near(unpadded.values(), {0.4201670368266409, 0.9906073556948704, -0.9613974918795568, -0.750987246771676,
                                   0.14987720966295234, 0.9129452507276277});
    unpadded.coalesce();
    CHECK(unpadded.rows() == std::vector<std::int64_t>{0, 3});
    check_near(unpadded.values(), {-0.9613974918795568, -0.750987246771676, 0.5700442464895933, 1.903552606422498});
}

TEST_CASE("embedding: the output's gradient and that by rows are the same values, and neither changes the other") {
    const Parameter table(ones({5, 2}));
    Tape tape;
    const Var out = embedding(tape, table, {{1, 3}, {3, 0}}, {.sparse = true});
    out.retain_grad();
    tape.backward(sum(out * out));
    const Real* before = table.row_grad().values().data();
    CHECK(out.grad().shape() == Shape{2, 2, 2});
    CHECK(out.grad().data() != before);
    for (Real g : out.grad().storage()) CHECK(g == 2);
    out.grad().data()[0] = 9;
    CHECK(table.row_grad().values().data()[0] == 2);
    table.mutable_row_grad().mutable_values().data()[1] = 8;
    CHECK(out.grad().data()[1] == 2);
    CHECK(table.row_grad().values().data() == before);  // the reader has had its copy
}

TEST_CASE("embedding: changing a gradient by rows while its tape lives does not change the output's") {
    const Parameter table(ones({5, 2}));
    Tape tape;
    const Var out = embedding(tape, table, {1, 3}, {.sparse = true});
    out.retain_grad();
    tape.backward(sum(out * out));
    table.mutable_row_grad().mutable_values().data()[0] = 1;
    CHECK(out.grad().data()[0] == 2);
    CHECK(out.grad().shape() == Shape{2, 2});
    CHECK(table.row_grad().values().data()[0] == 1);
}

TEST_CASE("embedding: PyTorch's tables after max_norm 0.6 for six norms [1.5]") {
    const Array table = wave({5, 2});
    const double near = kDouble ? 1e-12 : 2e-6;
    check_near(
        renormalised(table, kIds, 0.6, 2),
        {0.4075219378039426, 0.4403700853746456, 0.1099854389918709, -0.5898331201998949, -0.9589242746631385,
         -0.27941549819892586, 0.33191521689566894, 0.49983220001124673, 0.4121184852417566, -0.5440211108893698},
        near);
    check_near(renormalised(table, kIds, 0.6, 1),
               {0.2883776967256798, 0.3116222690036558, 0.09429766498620826, -0.5057022681928878, -0.9589242746631385,
                -0.27941549819892586, 0.23943460958562718, 0.3605653539700054, 0.4121184852417566, -0.5440211108893698},
               near);
    check_near(
        renormalised(table, kIds, 0.6, 0.5),
        {0.14424299499758325, 0.15586964560504157, 0.0545733043449128, -0.29266730829485094, -0.9589242746631385,
         -0.27941549819892586, 0.12096266017451046, 0.18215806168731075, 0.4121184852417566, -0.5440211108893698},
        near);
    check_near(renormalised(table, kIds, 0.6, kInf),
               {0.5552446542412374, 0.599999934014997, 0.11188122947896201, -0.5999999207190879, -0.9589242746631385,
                -0.27941549819892586, 0.3984319337645717, 0.599999939354633, 0.4121184852417566, -0.5440211108893698},
               near);
    check_near(renormalised(table, kIds, 0.6, 0),
               {0.2524412828203048, 0.2727892144082438, 0.04233600030116015, -0.2270407372403416, -0.9589242746631385,
                -0.27941549819892586, 0.19709596976083824, 0.2968074591466416, 0.4121184852417566, -0.5440211108893698},
               near);
    check_near(renormalised(table, kIds, 0.6, -kInf),
               {0.5999999286963021, 0.6483626899906629, 0.1411200080598672, -0.7568024953079282, -0.9589242746631385,
                -0.27941549819892586, 0.5999999086739501, 0.903541805536789, 0.4121184852417566, -0.5440211108893698},
               near);
}

TEST_CASE("embedding: a gradient by rows of nothing has no rows and the table's width [1.7]") {
    for (const IdArray& ids : {IdArray(), IdArray(Shape{3, 0}), IdArray{2, 2}}) {
        const Parameter table = looked_up({.padding_idx = 2, .sparse = true}, ids);
        REQUIRE(table.gradient_kind() == GradientKind::rows);
        CHECK(table.row_grad().size() == 0);
        CHECK(table.row_grad().coalesced());
        CHECK(to_string(table.row_grad().values().shape()) == "(0, 2)");
        check_same(looked_up({.padding_idx = 2}, ids).grad(), zeros({5, 2}));
        check_same(looked_up({.padding_idx = 2, .scale_grad_by_freq = true}, ids).grad(), zeros({5, 2}));
    }
}

TEST_CASE("embedding: one id of shape () may be padding, and counts as coalesced if it is not [1.7] [13.6]") {
    const RowGradient one = looked_up({.padding_idx = 2, .sparse = true}, IdArray::scalar(4)).row_grad();
    CHECK(one.rows() == std::vector<std::int64_t>{4});
    CHECK(one.coalesced());
    check_same(one.values(), wave({1, 2}, 10));
    CHECK(looked_up({.padding_idx = 2, .sparse = true}, IdArray::scalar(2)).row_grad().size() == 0);
    check_same(looked_up({.padding_idx = 2}, IdArray::scalar(2)).grad(), zeros({5, 2}));
}

TEST_CASE("embedding: tables without rows or width have gradients of their shape [1.1] [1.7]") {
    const Parameter none = looked_up({.sparse = true}, IdArray(), {0, 0});
    CHECK(none.row_grad().size() == 0);
    const Parameter narrow = looked_up({.sparse = true}, {0, 1, 2, 3, 0, 1, 2, 3}, {10, 0});
    CHECK(to_string(narrow.row_grad().values().shape()) == "(8, 0)");
    RowGradient rows = narrow.row_grad();
    rows.coalesce();
    CHECK(rows.rows() == std::vector<std::int64_t>{0, 1, 2, 3});
}

TEST_CASE("embedding: padding row is read but receives nothing [1.4]") {
    const Parameter table(array({3, 2}, {1, 2, 7, 7, 3, 4}));
    Tape tape;
    const Var y = embedding(tape, table, {1, 2, 1}, {.padding_idx = 1});
    check_near(y.value(), {7, 7, 3, 4, 7, 7});
    tape.backward(y, ones({3, 2}));
    check_near(table.grad(), {0, 0, 0, 0, 1, 1});
}

TEST_CASE("embedding: any number of padding positions among other ids leaves the padding row's gradient zero [1.4]") {
    for (const std::size_t n : {1u, 2u, 1000u}) {
        for (const std::vector<std::int64_t>& others : {std::vector<std::int64_t>{}, {1, 3}, {2}}) {
            std::vector<std::int64_t> ids(n, 0);
            ids.insert(ids.end(), others.begin(), others.end());
            for (const bool sparse : {false, true}) {
                const Array gradient = dense_gradient(looked_up({.padding_idx = 0, .sparse = sparse}, ids));
                check_arrays_near(gradient, naive_gradient(ids, wave({ids.size(), 2}, 10), 5, 0, false));
                CHECK(gradient.data()[0] == 0);
                CHECK(gradient.data()[1] == 0);
            }
        }
    }
}

TEST_CASE("embedding: by frequency, a row with k equal contributions gets one; each lookup counts by itself [1.6]") {
    const Parameter table(ones({4, 1}));
    const EmbeddingOptions options{.scale_grad_by_freq = true};
    Tape tape;
    tape.backward(sum(embedding(tape, table, {0, 0, 0, 1}, options)) + sum(embedding(tape, table, {0, 1, 1}, options)));
    check_near(table.grad(), {2, 2, 0, 0});
}

TEST_CASE("embedding: by frequency and by rows, where torch refuses: each position is divided [1.6] [13.5]") {
    const Parameter table = looked_up({.padding_idx = 0, .scale_grad_by_freq = true, .sparse = true}, {4, 1, 0, 4, 4});
    const Array g = wave({5, 2}, 10);
    CHECK(table.row_grad().rows() == std::vector<std::int64_t>{4, 1, 4, 4});
    std::vector<double> expected;
    for (const std::size_t i : {0u, 1u, 2u, 3u, 6u, 7u, 8u, 9u})
        expected.push_back(element(g, i) / (i == 2 || i == 3 ? 1 : 3));
    check_near(table.row_grad().values(), expected);
    CHECK(looked_up({.padding_idx = 0, .scale_grad_by_freq = true, .sparse = true}, {0, 0}).row_grad().size() == 0);

    const EmbeddingOptions options{.scale_grad_by_freq = true, .sparse = true};
    const Parameter twice(ones({4, 1}));  // each lookup counts by itself
    Tape tape;
    tape.backward(sum(embedding(tape, twice, {0, 0, 0, 1}, options)) + sum(embedding(tape, twice, {0, 1, 1}, options)));
    check_near(dense_gradient(twice), {2, 2, 0, 0});
}

TEST_CASE("embedding: lookups by rows and dense ones in any order, in one graph or several, with frozen rows [1.8]") {
    const std::vector<IdArray> lookups = {{0, 2, 2}, {2, 1, 3}, {3, 3, 0}};
    Array expected = zeros({4, 2});
    for (const IdArray& ids : lookups) {
        const Array gradient = looked_up({}, ids, {4, 2}).grad();
        for (std::size_t i = 0; i < 8; ++i) expected.data()[i] += gradient.data()[i];
    }
    expected.data()[6] = expected.data()[7] = 0;  // row 3 is frozen
    for (unsigned kinds = 0; kinds < 8; ++kinds) {
        CAPTURE(kinds);
        const Parameter together(wave({4, 2})), apart(wave({4, 2}));
        together.freeze_rows({3}), apart.freeze_rows({3});
        Tape tape;
        Var total = tape.constant(zeros({}));
        for (std::size_t k = 0; k < 3; ++k) {
            const EmbeddingOptions options{.sparse = (kinds >> k & 1) != 0};
            total = total + sum(embedding(tape, together, lookups[k], options) * tape.constant(wave({3, 2}, 10)));
            Tape step;
            step.backward(embedding(step, apart, lookups[k], options), wave({3, 2}, 10));
        }
        tape.backward(total);
        for (const Parameter& table : {together, apart}) {
            CHECK(table.gradient_kind() == (kinds == 7 ? GradientKind::rows : GradientKind::dense));
            check_arrays_near(dense_gradient(table), expected);
        }
    }
}

TEST_CASE("embedding: gradients by rows add up behind each other, with the ids of each lookup [1.8]") {
    const Parameter table(ones({10, 1}));
    const EmbeddingOptions options{.sparse = true};
    IdArray ids = {7, 1, 3};
    for (int step = 0; step < 2; ++step) {
        Tape tape;
        const Var y = sum(embedding(tape, table, ids, options));
        ids = {5, 5, 5};  // the tape has its own copy
        tape.backward(y);
        ids = {7, 1, 3};
    }
    CHECK(table.row_grad().rows() == std::vector<std::int64_t>{7, 1, 3, 7, 1, 3});
    check_same(table.row_grad().values(), ones({6, 1}));

    table.zero_grad();
    Tape tape;
    tape.backward(sum(concat({embedding(tape, table, {2, 4}, options), embedding(tape, table, {8}, options)})));
    CHECK(table.row_grad().rows() == std::vector<std::int64_t>{2, 4, 8});  // first, then second
}

TEST_CASE(
    "embedding: ids outside the table are refused, with value and position, before any change [1.3] [1.5] "
    "[13.2] [13.20]") {
    const Array values = full({10, 2}, 5);
    const Parameter table(values);
    Tape tape;
    const auto refused = [&](const IdArray& ids, const std::string& text) {
        for (const EmbeddingOptions& options : {EmbeddingOptions{}, EmbeddingOptions{.max_norm = 1}})
            check_refused<std::out_of_range>([&] { embedding(tape, table, ids, options); }, text);
    };
    refused({{0, 1, 2}, {3, 4, 10}}, "embedding: id 10 at position (1, 2) is outside a table of 10 rows");
    refused({0, 1, -1}, "embedding: id -1 at position 2 is outside a table of 10 rows");
    refused(IdArray::scalar(11), "embedding: id 11 at position () is outside a table of 10 rows");
    refused({0, std::numeric_limits<std::int64_t>::min()},
            "embedding: id -9223372036854775808 at position 1 is outside a table of 10 rows");
    refused({std::numeric_limits<std::int64_t>::max()},
            "embedding: id 9223372036854775807 at position 0 is outside a table of 10 rows");
    check_same(table.value(), values);  // row 0 is longer than max_norm and came first
    CHECK(table.version() == 0);
    CHECK(!table.has_gradient());
    CHECK(tape.size() == 0);

    const Parameter no_rows(zeros({0, 3}));
    check_refused<std::out_of_range>([&] { embedding(tape, no_rows, {0}); },
                                     "embedding: id 0 at position 0 is outside a table of 0 rows");
}

TEST_CASE("embedding: options and tables that make no sense are refused [1.1] [13.4]") {
    const Array values = full({4, 2}, 5);
    const Parameter table(values);
    Tape tape;
    const auto refused = [&](const EmbeddingOptions& options, const std::string& text) {
        check_refused<std::invalid_argument>([&] { embedding(tape, table, {0}, options); }, text);
        check_refused<std::invalid_argument>([&] { check_embedding_options(options, 4); }, text);
    };
    for (std::int64_t p = -6; p <= 5; ++p) {
        const EmbeddingOptions options{.padding_idx = p};
        if (p >= -4 && p < 4)
            CHECK_NOTHROW(embedding(tape, table, {0}, options));
        else
            refused(options, "embedding: padding_idx " + std::to_string(p) + " must be within a table of 4 rows");
    }
    const std::size_t size = tape.size();
    refused({.max_norm = -1}, "embedding: max_norm must not be negative or NaN, but got -1");
    refused({.max_norm = kNaN}, "embedding: max_norm must not be negative or NaN, but got nan");
    refused({.max_norm = 1, .norm_type = kNaN}, "embedding: norm_type must not be NaN");
    check_refused<std::invalid_argument>([] { check_embedding_options({.padding_idx = 0}, 0); },
                                         "embedding: padding_idx 0 must be within a table of 0 rows");
    check_refused<std::invalid_argument>([&] { embedding(tape, Parameter(ones({})), {0}); },
                                         "embedding: the table must be (V, D), not ()");
    check_refused<std::invalid_argument>(
        [&] {
            embedding(tape, Parameter(ones({2, 2, 2})), {0});
        },
        "embedding: the table must be (V, D), not (2, 2, 2)");
    check_refused<std::logic_error>([&] { embedding(tape, Parameter(), {0}); },
                                    "Parameter: this handle is empty; construct it from an array");
    check_same(table.value(), values);
    CHECK(tape.size() == size);
}

TEST_CASE("max_norm: only rows that are looked up and longer are scaled, once, whatever the number of lookups [1.5]") {
    const Array table = array({5, 2}, {3, 4, 0.3, 0.4, 6, 8, 30, 40, -3, 4});
    const Array after = renormalised(table, {2, 4, 2, 1, 2}, 1);
    check_near(after, {3, 4, 0.3, 0.4, 0.6, 0.8, 30, 40, -0.6, 0.8}, 1e-6);
    for (const std::size_t row : {0u, 1u, 3u}) {  // not looked up; short; not looked up
        CHECK(after.data()[row * 2] == table.data()[row * 2]);
        CHECK(after.data()[row * 2 + 1] == table.data()[row * 2 + 1]);
    }
    CHECK(std::hypot(element(after, 4), element(after, 5)) ==
          doctest::Approx(10 / (10 + 1e-7)).epsilon(kDouble ? 1e-14 : 1e-6));
}

TEST_CASE("max_norm: every norm is at most max_norm afterwards [1.5]") {
    const std::uint64_t seed = 11;
    INFO("seed ", seed);
    Rng rng(seed);
    const Array table = random_array({22, 5}, rng, -3, 3);
    for (const double q : {0.5, 1.0, 2.0, 3.0, kInf}) {
        const Array after = renormalised(table, {2, 8, 8, 6}, 1, q);
        for (const std::size_t row : {2u, 6u, 8u}) {
            double norm = 0;
            for (std::size_t j = 0; j < 5; ++j) {
                const double x = std::abs(element(after, row * 5 + j));
                norm = std::isinf(q) ? std::max(norm, x) : norm + std::pow(x, q);
            }
            CHECK((std::isinf(q) ? norm : std::pow(norm, 1 / q)) <= 1 + 1e-6);
        }
    }
}

TEST_CASE("max_norm: a row of exactly that norm is untouched, one of 0 stays, max_norm 0 empties [1.5]") {
    check_same(renormalised(array({2, 2}, {3, 4, 0, 0}), {0, 1}, 5), array({2, 2}, {3, 4, 0, 0}));
    check_same(renormalised(array({2, 2}, {3, 4, 0, 0}), {0, 1}, 0), zeros({2, 2}));
    check_same(renormalised(array({1, 2}, {3, 4}), {0}, 7, 1), array({1, 2}, {3, 4}));
    check_same(renormalised(array({1, 2}, {3, 4}), {0}, 4, kInf), array({1, 2}, {3, 4}));
    check_same(renormalised(array({1, 2}, {3, 4}), {0}, 3, -kInf), array({1, 2}, {3, 4}));
    check_same(renormalised(array({1, 2}, {3, 4}), {0}, 2, 0), array({1, 2}, {3, 4}));
    check_same(renormalised(array({1, 2}, {3, 4}), {0}, kInf), array({1, 2}, {3, 4}));
}

TEST_CASE("max_norm: rows with NaN and infinity as PyTorch has them [1.5]") {  // tests/reference/ops.py
    for (const double q : {2.0, 1.0, 0.5, 3.0, kInf, -kInf, -1.0}) {
        check_near(renormalised(array({2, 2}, {kNaN, 3, 3, kNaN}), {0, 1}, 1, q), {kNaN, 3, 3, kNaN});
        check_near(renormalised(array({1, 2}, {kInf, 3}), {0}, 1, q),
                   q > 0 ? std::vector<double>{kNaN, 0} : std::vector<double>{kInf, 1 / (1 + 1e-7 / 3)});
    }
    check_near(renormalised(array({1, 2}, {kNaN, 3}), {0}, 1, 0), {kNaN, 3 / (2 + 1e-7)});  // NaN is not 0
}

TEST_CASE("max_norm: a row whose norm overflows in float is scaled, not emptied [1.5] [13.3]") {
    const double huge = sizeof(Real) == 4 ? 1e30 : 1e200;
    for (const double unit : {huge, 1.0, 0.01}) {
        for (const double q : {1.0, 2.0, 20.0, 50.0, 200.0, -20.0}) {  // in double too the powers overflow or vanish
            CAPTURE(unit);
            CAPTURE(q);
            const double norm = std::pow(std::pow(3, q) + std::pow(4, q), 1 / q);
            const Array row = array({1, 2}, {3 * unit, 4 * unit});
            const Array scaled = renormalised(row, {0}, unit / 10, q);
            check_near(Array(scaled / static_cast<Real>(unit)), {0.3 / norm, 0.4 / norm}, 1e-5);
        }
    }
}

TEST_CASE("max_norm: the gradient ignores the scaling; ids that repeat add up [1.5]") {
    const Parameter table(array({4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7}));
    Tape tape;
    tape.backward(sum(embedding(tape, table, {0, 1, 2, 2}, {.max_norm = 1})));
    check_near(table.grad(), {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0});
}

TEST_CASE("max_norm: the padding row and a frozen table are scaled too [1.4] [1.5]") {
    const Parameter frozen(array({2, 2}, {3, 4, 6, 8}), false);
    Tape tape;
    const Var y = embedding(tape, frozen, {0, 1}, {.padding_idx = 0, .max_norm = 1});
    check_near(y.value(), {0.6, 0.8, 0.6, 0.8}, 1e-6);
    check_same(frozen.value(), y.value());
    CHECK(!y.needs_grad());
}

TEST_CASE("max_norm: counts as one change of the table, and as none where no row was long [1.5]") {
    const Parameter table(array({2, 2}, {3, 4, 6, 8}));
    Tape tape;
    embedding(tape, table, {0, 1, 0}, {.max_norm = 20});
    CHECK(table.version() == 0);
    embedding(tape, table, {0, 1, 0}, {.max_norm = 1});
    CHECK(table.version() == 1);
    embedding(tape, table, {0, 1, 0}, {.max_norm = 1});
    if (kDouble) CHECK(table.version() == 1);  // 1e-7 is lost in float: the row may still be an ulp too long
}

TEST_CASE("max_norm: two lookups of one table in one graph [1.5] [8.6] [13.1]") {
    const Parameter table(array({3, 2}, {3, 4, 6, 8, 5, 12}));
    Tape tape;
    const Var a = embedding(tape, table, {0, 1}, {.max_norm = 2}), b = embedding(tape, table, {1, 2}, {.max_norm = 1});
    check_near(a.value(), {1.2, 1.6, 1.2, 1.6}, 1e-6);
    check_near(b.value(), {0.6, 0.8, 5.0 / 13, 12.0 / 13}, 1e-6);
    tape.backward(sum(a * b));
    const double y = 12.0 / 13, x = 5.0 / 13;
    check_near(table.grad(), {0.6, 0.8, x + 1.2, y + 1.6, 1.2, 1.6}, 1e-6);
}

TEST_CASE("max_norm: an eval tape writes nothing; options say which tape is which [1.5]") {
    const Array values = array({1, 2}, {3, 4});
    const Parameter table(values);
    Tape recording({.training = false});
    const Var y = embedding(recording, table, {0, 0}, {.max_norm = 1});
    check_near(y.value(), {0.6, 0.8, 0.6, 0.8}, 1e-6);
    check_same(table.value(), values);
    recording.backward(sum(y));
    check_near(table.grad(), {2, 2});

    Tape training({.record = false});
    embedding(training, table, {0}, {.max_norm = 1});
    check_near(table.value(), {0.6, 0.8}, 1e-6);
}

TEST_CASE("embedding: the table may be stepped or scaled between forward and backward [1.10] [8.6]") {
    const Array expected = looked_up({}).grad();
    const Parameter table(wave({5, 2}));
    Tape tape;
    const Var y = embedding(tape, table, kIds);
    table.mutable_value().fill(3);
    embedding(tape, table, {0, 1, 2, 3, 4}, {.max_norm = 1});
    tape.backward(y, wave(y.shape(), 10));
    check_same(table.grad(), expected);
}

TEST_CASE("embedding: a table scaled after a lookup may then be used by an op that needs its values [8.6]") {
    const Parameter table(array({2, 2}, {3, 4, 6, 8}));
    Tape tape;
    const Var before = embedding(tape, table, {0, 0}), scaled = embedding(tape, table, {1}, {.max_norm = 5});
    tape.backward(sum(before) + sum(linear(scaled, tape.leaf(table))));
    check_near(table.grad(), {2 + 3, 2 + 4, 3 + 3 + 3, 4 + 4 + 4}, 1e-6);  // row 1 is (3, 4) now
}

TEST_CASE("embedding: a table scaled after another op has read it is refused by that op's way back [8.4]") {
    const Parameter table(full({2, 2}, 5));
    Tape tape;
    const Var tied = matmul(tape.leaf(table), tape.leaf(table));
    const Var y = sum(tied) + sum(embedding(tape, table, {0}, {.max_norm = 1}));
    check_refused<std::logic_error>([&] { tape.backward(y); },
                                    "backward: the values of a parameter of shape (2, 2) are needed but have changed "
                                    "since forward (version 0, now 1); look rows up with max_norm before another op "
                                    "reads the table");
    CHECK(!table.has_gradient());
}

TEST_CASE("embedding: whoever changed a table before backward is told what to do [8.4]") {
    const std::string kLookUp = "look rows up with max_norm before another op reads the table";
    const std::string kStep = "step the optimizer after backward";
    const auto refused = [](const std::function<void(Tape&, const Parameter&)>& change, const std::string& rest) {
        const Parameter table(full({4, 2}, 5)), other(ones({4, 2}));
        Tape before;  // what it does to the table counts no more
        embedding(before, table, {3}, {.max_norm = 2});
        Tape tape;
        const Var tied = sum(tape.leaf(table) * tape.leaf(other));
        change(tape, table);
        check_refused<std::logic_error>(
            [&] { tape.backward(tied); },
            "backward: the values of a parameter of shape (4, 2) are needed but have changed since forward " + rest);
    };
    const auto look_up = [](Tape& tape, const Parameter& table, const IdArray& ids) {
        embedding(tape, table, ids, {.max_norm = 1});
    };
    const auto step = [](const Parameter& table) { table.mutable_value()(0, 0) = 3; };
    refused(
        [&](Tape& tape, const Parameter& table) {
            look_up(tape, table, {0, 1, 1});
        },
        "(version 1, now 2); " + kLookUp);
    refused(
        [&](Tape& tape, const Parameter& table) {
            look_up(tape, table, {0});
            embedding_bag(tape, table, IdArray{{1, 2}}, {.max_norm = 1});
        },
        "(version 1, now 3); " + kLookUp);
    refused(
        [&](Tape&, const Parameter& table) {
            Tape another;
            look_up(another, table, {0});
        },
        "(version 1, now 2); " + kLookUp);
    refused([&](Tape&, const Parameter& table) { step(table); }, "(version 1, now 2); " + kStep);
    refused(
        [&](Tape& tape, const Parameter& table) {
            step(table);
            look_up(tape, table, {0});
        },
        "(version 1, now 3); " + kLookUp + ", and " + kStep);
}

TEST_CASE("embedding: a frozen table, an eval tape, and a table frozen after forward get no gradient [8.1] [8.3]") {
    const Parameter frozen(ones({2, 2}), false), table(ones({2, 2}));
    Tape tape, eval(Mode::eval);
    CHECK(!embedding(tape, frozen, {0}).needs_grad());
    CHECK(!embedding(eval, table, {0}).needs_grad());
    for (const bool sparse : {false, true}) {
        const Parameter late(ones({2, 2}));
        Tape step;
        const Var y = sum(embedding(step, late, {0}, {.sparse = sparse}));
        late.set_requires_grad(false);
        step.backward(y);
        CHECK(!late.has_gradient());
    }
}
