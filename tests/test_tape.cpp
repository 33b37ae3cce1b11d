// The tape: checked handles, going back once, what may change in between, and a chain of a million ops.
#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <embergrad/engine/gradcheck.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/memory.hpp>
#include <embergrad/tests/threads.hpp>

using namespace embergrad;
using embergrad::testing::on_new_thread;

namespace {

using Ids = std::vector<std::int64_t>;
using Values = std::vector<Real>;

constexpr const char* kStale =
    "Var: used after its tape has ended (or never assigned); values live as long as their tape";
constexpr const char* kMixed = "Tape: an input belongs to another tape; the inputs of an op must share one";

Array array(const Shape& shape, const Values& values) {
    Array result(shape);
    REQUIRE(values.size() == result.size());
    std::copy(values.begin(), values.end(), result.data());
    return result;
}

Array vector(const Values& values) { return array({values.size()}, values); }

Values values(const Array& array) { return {array.begin(), array.end()}; }

void check_misuse(const std::function<void()>& call, const std::string& message) {
    CHECK_THROWS_WITH_AS(call(), message.c_str(), std::logic_error);
}

void check_invalid(const std::function<void()>& call, const std::string& message) {
    CHECK_THROWS_WITH_AS(call(), message.c_str(), std::invalid_argument);
}

/// An op of a user's own. a: (M, K), b: (K, N) -> (M, N)
Var my_matmul(Var a, Var b) {
    if (a.rank() != 2 || b.rank() != 2 || a.dim(1) != b.dim(0)) throw std::invalid_argument("my_matmul: shapes");
    const std::size_t m = a.dim(0), k = a.dim(1), n = b.dim(1);
    const Var out = a.tape().result({m, n}, {a, b});
    const auto multiply = [=](auto&& visit) {
        for (std::size_t i = 0; i < m; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                for (std::size_t l = 0; l < k; ++l) visit(i * n + j, i * k + l, l * n + j);
            }
        }
    };
    Real* y = out.mutable_value().data();
    std::fill_n(y, m * n, Real{0});
    multiply([&](std::size_t o, std::size_t i, std::size_t j) { y[o] += a.value().data()[i] * b.value().data()[j]; });

    if (out.needs_grad()) {
        out.on_backward([=] {
            const Array& dout = out.grad();
            multiply([&](std::size_t o, std::size_t i, std::size_t j) {
                if (a.needs_grad()) a.grad().data()[i] += dout.data()[o] * b.value().data()[j];
                if (b.needs_grad()) b.grad().data()[j] += dout.data()[o] * a.value().data()[i];
            });
        });
    }
    return out;
}

/// x itself; `on_the_way_back` runs before the gradient is passed on.
template <class F>
Var with_hook(Var x, F on_the_way_back) {
    const Var y = x.tape().result(x.shape(), {x});
    std::copy_n(x.value().data(), x.size(), y.mutable_value().data());
    y.on_backward([=] {
        on_the_way_back();
        for (std::size_t i = 0; i < y.size(); ++i) x.grad().data()[i] += y.grad().data()[i];
    });
    return y;
}

/// A figure of this process in bytes ("VmRSS", "VmHWM"); nothing where the system has none.
std::optional<double> process_bytes(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) * 1024;
    }
    return {};
}

void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace

static_assert(sizeof(Var) == 24);
static_assert(std::is_nothrow_copy_constructible_v<Var> && std::is_nothrow_move_constructible_v<Var>);

template <class T>
concept TakesRequiresGrad = requires(const T& x) {
    x.set_requires_grad(true);
};

TEST_CASE("tape: a loss goes back to its parameters [8.2]") {
    const Parameter a(vector({1, 2, 3})), b(vector({4, 5, 6}));
    Tape tape;
    const Var x = tape.leaf(a), y = tape.leaf(b);
    const Var loss = sum(x * y + x);
    CHECK(loss.item() == 38);
    tape.backward(loss);
    CHECK(values(a.grad()) == Values{5, 6, 7});
    CHECK(values(b.grad()) == Values{1, 2, 3});
    CHECK(values(loss.grad()) == Values{1});
}

TEST_CASE("tape: a stale Var throws, also when another tape has taken its record") {
    const Parameter p(vector({1, 2}));
    std::vector<Var> stale;
    {
        Tape tape;
        stale = {tape.leaf(p), tape.constant(vector({3, 4})), tape.leaf(p) * Real{2}};
    }
    const auto check_all = [&] {
        for (const Var& var : stale) {
            check_misuse([&] { var.value(); }, kStale);
            check_misuse([&] { var.shape(); }, kStale);
            check_misuse([&] { var.size(); }, kStale);
            check_misuse([&] { var.item(); }, kStale);
            check_misuse([&] { var.grad(); }, kStale);
            check_misuse([&] { var.needs_grad(); }, kStale);
            check_misuse([&] { var.tape(); }, kStale);
            check_misuse([&] { var.mutable_value(); }, kStale);
            check_misuse([&] { var.gradient(); }, kStale);
            check_misuse([&] { var.on_backward([] {}); }, kStale);
            check_misuse([&] { relu(var); }, kStale);
        }
    };
    check_all();
    Tape tape;  // takes the record, and the same nodes
    const Var fresh = tape.constant(vector({5, 6}));
    tape.constant(vector({7, 8}));
    tape.constant(vector({9, 10}));
    check_all();
    check_misuse([&] { add(fresh, stale[1]); }, kStale);
    check_misuse([&] { add(stale[1], fresh); }, kStale);
    check_misuse([&] { tape.backward(stale[2]); }, kStale);
    check_misuse([&] { tape.backward(stale[2], vector({1, 1})); }, kStale);
    CHECK(tape.size() == 3);
    CHECK(values(fresh.value()) == Values{5, 6});
    on_new_thread(check_all);
}

TEST_CASE("tape: a Var that was never assigned throws") {
    const Var none;
    check_misuse([&] { none.value(); }, kStale);
    check_misuse([&] { none.tape(); }, kStale);
    Tape tape;
    const Var x = tape.constant(vector({1}));
    check_misuse([&] { mul(x, none); }, kStale);
    check_misuse([&] { mul(none, x); }, kStale);
    check_misuse([&] { tape.backward(none); }, kStale);
}

TEST_CASE("tape: inputs of two tapes do not mix") {
    const Parameter p(vector({1, 2}));
    Tape first, second;
    const Var x = first.leaf(p), y = second.leaf(p);
    const Var loss = sum(x);
    const std::size_t sizes = first.size() + second.size();
    check_misuse([&] { add(x, y); }, kMixed);
    check_misuse([&] { add(y, x); }, kMixed);
    check_misuse([&] { concat({x, y}); }, kMixed);
    check_misuse([&] { second.backward(loss); }, kMixed);
    check_misuse([&] { second.backward(x, vector({1, 1})); }, kMixed);
    CHECK(first.size() + second.size() == sizes);
    CHECK_FALSE(p.has_gradient());
    first.backward(loss);  // both are as good as before
    second.backward(sum(y));
    CHECK(values(p.grad()) == Values{2, 2});
}

TEST_CASE("tape: goes back once [8.2]") {
    const Parameter p(vector({1, 2}));
    Tape tape;
    const Var loss = sum(tape.leaf(p));
    tape.backward(loss);
    check_misuse([&] { tape.backward(loss); }, "backward: a tape goes back once; run forward again on a new tape");
    CHECK(values(p.grad()) == Values{1, 1});
}

TEST_CASE("tape: what cannot go back says why, and the tape stays usable [8.1] [8.2]") {
    const Parameter p(vector({1, 2, 3})), frozen(vector({1, 2, 3}), false);
    {
        Tape tape(Mode::eval);
        const Var loss = sum(tape.leaf(p));
        CHECK_FALSE(loss.needs_grad());
        check_misuse([&] { tape.backward(loss); }, "backward: an eval tape records nothing to go back through");
        check_misuse([&] { loss.grad(); }, "Var::grad: this value needs no gradient");
    }
    Tape tape;
    const Var x = tape.leaf(p);
    check_invalid([&] { tape.backward(x); },
                  "backward: the loss must have one element, not shape (3,); for others give a gradient: "
                  "backward(root, gradient)");
    check_invalid([&] { tape.backward(x, ones({2})); },
                  "backward: a gradient of shape (2,) does not fit a root of shape (3,)");
    check_invalid(
        [&] {
            tape.backward(x, ones({3, 1}));
        },
        "backward: a gradient of shape (3, 1) does not fit a root of shape (3,)");
    check_misuse([&] { tape.backward(sum(tape.leaf(frozen))); },
                 "backward: the root does not depend on any trainable parameter");
    check_misuse([&] { tape.backward(sum(tape.constant(ones({2})))); },
                 "backward: the root does not depend on any trainable parameter");
    check_misuse([&] { tape.backward(sum(detach(x))); },
                 "backward: the root does not depend on any trainable parameter");
    CHECK_FALSE(p.has_gradient());
    tape.backward(sum(x));
    CHECK(values(p.grad()) == Values{1, 1, 1});
}

TEST_CASE("tape: back from a given gradient, which stays as it is [8.2]") {
    const Parameter p(vector({1, 2, 3}));
    Tape tape;
    const Var y = tape.leaf(p) * Real{2};
    const Array gradient = vector({1, 10, 100});
    tape.backward(y, gradient);
    CHECK(values(p.grad()) == Values{2, 20, 200});
    CHECK(values(gradient) == Values{1, 10, 100});
    CHECK(values(y.grad()) == Values{1, 10, 100});
}

TEST_CASE("tape: a loss of one element need not be a scalar, and may be a leaf [8.2]") {
    const Parameter p(array({1, 1}, {3}));
    Tape tape;
    tape.backward(tape.leaf(p));
    CHECK(p.grad().shape() == Shape{1, 1});
    CHECK(p.grad().data()[0] == 1);
    const Parameter empty(zeros({0, 2}));
    Tape other;
    other.backward(other.leaf(empty) * Real{3}, zeros({0, 2}));
    CHECK(empty.grad().shape() == Shape{0, 2});
}

TEST_CASE("tape: from the middle, what comes after the root gets nothing [8.2]") {
    const Parameter p(vector({1, 2}));
    Tape tape;
    const Var middle = tape.leaf(p) * Real{3};
    const Var after = middle * Real{5};
    tape.backward(sum(middle));
    CHECK(values(p.grad()) == Values{3, 3});
    CHECK(values(after.grad()) == Values{0, 0});
    CHECK(values(middle.grad()) == Values{1, 1});
}

TEST_CASE("tape: a parameter that the root does not depend on has no gradient, not even zeros [8.2]") {
    const Parameter used(vector({1, 2})), aside(vector({3, 4})), table(ones({3, 2}));
    Tape tape;
    const Var x = tape.leaf(used);
    const Var unused = sum(tape.leaf(aside) * x) + sum(embedding(tape, table, {1}));
    const Var loss = sum(x);
    CHECK(unused.item() == 13);
    tape.backward(loss);
    CHECK(values(used.grad()) == Values{1, 1});
    CHECK_FALSE(aside.has_gradient());
    CHECK_FALSE(table.has_gradient());
}

TEST_CASE("tape: gradients of several tapes add up [8.2]") {
    const Parameter p(vector({1, 2}));
    for (int i = 1; i <= 3; ++i) {
        Tape tape;
        tape.backward(sum(tape.leaf(p) * static_cast<Real>(i)));
    }
    CHECK(values(p.grad()) == Values{6, 6});
    Tape first, second;  // at the same time, too
    const Var a = sum(first.leaf(p)), b = sum(second.leaf(p) * Real{2});
    second.backward(b);
    first.backward(a);
    CHECK(values(p.grad()) == Values{9, 9});
}

TEST_CASE("tape: one leaf for a parameter, whichever handle it comes by [8.2]") {
    const Parameter p(vector({2, 3}));
    const Parameter handle = p;
    Tape tape;
    const Var x = tape.leaf(p);
    const Var again = tape.leaf(handle);
    CHECK(tape.size() == 1);
    CHECK(x.value().data() == p.value().data());  // not copied
    tape.backward(sum(x * again * x));
    CHECK(values(p.grad()) == Values{12, 27});
    check_misuse([&] { tape.leaf(Parameter()); }, "Tape::leaf: the parameter handle is empty");
}

TEST_CASE("tape: many parameters find their leaves") {
    std::vector<Parameter> parameters;
    for (std::size_t i = 0; i < 500; ++i) parameters.emplace_back(full({1 + i % 3}, static_cast<Real>(i)));
    for (int step = 0; step < 3; ++step) {
        Tape tape;
        Var total = tape.constant(zeros({}));
        for (int round = 0; round < 2; ++round) {
            for (std::size_t i = parameters.size(); i-- > 0;) total = total + sum(tape.leaf(parameters[i]));
        }
        CHECK(tape.size() == 1 + 500 + 4 * 500);
        for (const Parameter& p : parameters) p.zero_grad();
        tape.backward(total);
        for (const Parameter& p : parameters) REQUIRE(values(p.grad()) == Values(p.size(), 2));
    }
}

TEST_CASE("tape: a leaf with gradients by rows and dense ones has a dense one [1.8]") {
    const Parameter table(array({3, 2}, {1, 2, 3, 4, 5, 6}));
    const EmbeddingOptions by_rows{.sparse = true};
    const auto forward = [&](Tape& tape, bool rows_first) {
        const Var looked_up = sum(embedding(tape, table, {2, 0, 2}, by_rows));
        const Var whole = sum(tape.leaf(table) * Real{10});
        return rows_first ? looked_up + whole : whole + looked_up;
    };
    for (bool rows_first : {false, true}) {
        table.zero_grad();
        Tape tape;
        tape.backward(forward(tape, rows_first));
        CHECK(table.gradient_kind() == GradientKind::dense);
        CHECK(values(table.grad()) == Values{11, 11, 10, 10, 12, 12});
    }
}

TEST_CASE("tape: gradients by rows come in the order of the lookups, over tapes too [1.8]") {
    const Parameter table(zeros({5, 1}));
    const EmbeddingOptions by_rows{.sparse = true};
    Tape tape;
    const Var first = sum(embedding(tape, table, {4, 1}, by_rows));
    const Var second = sum(embedding(tape, table, {3}, by_rows)) * Real{2};
    tape.backward(second + first);
    CHECK(table.row_grad().rows() == Ids{4, 1, 3});
    CHECK(values(table.row_grad().values()) == Values{1, 1, 2});
    Tape other;
    other.backward(sum(embedding(other, table, {0}, by_rows)));
    CHECK(table.row_grad().rows() == Ids{4, 1, 3, 0});
}

TEST_CASE("tape: a lookup of nothing, or of padding alone, leaves a gradient of no rows [1.7]") {
    for (bool nothing : {true, false}) {
        const Parameter table(zeros({5, 2}));
        Tape tape;
        const IdArray ids = nothing ? IdArray() : IdArray{3, 3};
        tape.backward(sum(embedding(tape, table, ids, {.padding_idx = 3, .sparse = true})));
        CHECK(table.gradient_kind() == GradientKind::rows);
        CHECK(table.row_grad().values().shape() == Shape{0, 2});
    }
}

TEST_CASE("tape: a parameter frozen after forward gets nothing, the others do [8.3]") {
    const Parameter p(vector({1, 2})), other(vector({3, 4}));
    Tape tape;
    const Var loss = sum(tape.leaf(p) * tape.leaf(other));
    p.set_requires_grad(false);
    tape.backward(loss);
    CHECK_FALSE(p.has_gradient());
    CHECK(values(other.grad()) == Values{1, 2});
}

TEST_CASE("tape: a parameter unfrozen after forward has no way back [8.3]") {
    const Parameter p(vector({1, 2}), false), other(vector({3, 4}));
    Tape tape;
    const Var product = tape.leaf(p) * tape.leaf(other);
    p.set_requires_grad(true);
    CHECK_FALSE(tape.leaf(p).needs_grad());
    tape.backward(sum(product));
    CHECK_FALSE(p.has_gradient());
    CHECK(values(other.grad()) == Values{1, 2});
}

TEST_CASE("tape: values that are needed on the way back must not have changed [8.4]") {
    const Parameter p(vector({1, 2})), other(vector({3, 4}));
    Tape tape;
    const Var loss = sum(tape.leaf(p) * tape.leaf(other));
    p.mutable_value()(0) = 7;
    p.mutable_value()(1) = 7;
    check_misuse([&] { tape.backward(loss); },
                 "backward: the values of a parameter of shape (2,) are needed but have changed since forward "
                 "(version 0, now 2); step the optimizer after backward");
    CHECK_FALSE(p.has_gradient());
    CHECK_FALSE(other.has_gradient());
    Tape again;  // and nobody holds them
    again.backward(sum(again.leaf(p) * again.leaf(other)));
    CHECK(values(other.grad()) == Values{7, 7});
}

TEST_CASE("tape: values that are not needed may change [1.10] [8.4] [8.6]") {
    const Parameter a(vector({1, 2})), b(vector({3, 4})), table(ones({3, 2}));
    Tape tape;
    const Var y = tape.leaf(a) + tape.leaf(b);
    const Var rows = embedding(tape, table, {1, 1});
    for (const Parameter& p : {a, b, table}) p.mutable_value().fill(9);
    tape.backward(sum(y) + sum(rows));
    CHECK(values(a.grad()) == Values{1, 1});
    CHECK(values(table.grad()) == Values{0, 0, 2, 2, 0, 0});
}

TEST_CASE("tape: read before and after a change, the earlier values are the ones missing [8.4]") {
    const Parameter p(vector({1, 2})), c(vector({3, 4}));
    Tape tape;
    const Var before = tape.leaf(p) * tape.leaf(c);
    p.mutable_value().fill(9);
    const Var after = tape.leaf(p) * tape.leaf(c);
    CHECK(values(after.value()) == Values{27, 36});
    CHECK_THROWS_AS(tape.backward(sum(before + after)), std::logic_error);
}

TEST_CASE("tape: an exception on the way back changes no parameter and holds none [8.2]") {
    const Parameter p(vector({1, 2})), q(vector({3, 4}));
    p.add_grad(vector({5, 5}));
    {
        Tape tape;
        const Var x = with_hook(tape.leaf(p), [] { throw std::domain_error("hook"); });
        const Var loss = sum(x) + sum(tape.leaf(q));
        CHECK_THROWS_WITH_AS(tape.backward(loss), "hook", std::domain_error);
        check_misuse([&] { tape.backward(loss); }, "backward: a tape goes back once; run forward again on a new tape");
    }
    CHECK(values(p.grad()) == Values{5, 5});
    CHECK_FALSE(q.has_gradient());
    Tape tape;
    tape.backward(sum(tape.leaf(p)) + sum(tape.leaf(q)));
    CHECK(values(p.grad()) == Values{6, 6});
    CHECK(values(q.grad()) == Values{1, 1});
}

TEST_CASE("tape: a gradient of the wrong shape is refused before any parameter has changed") {
    const Parameter first(vector({1, 2})), second(vector({3, 4})), table(ones({3, 2}));
    const auto refused = [&](const std::function<void(Var)>& spoil, const Parameter& spoilt) {
        Tape tape;
        const Var x = tape.leaf(first), y = tape.leaf(spoilt);
        const Var out = tape.result({}, {x, y});
        out.mutable_value().fill(0);
        out.on_backward([=] {
            x.grad().fill(1);
            spoil(y);
        });
        try {
            tape.backward(out);
        } catch (const std::exception& error) {
            CHECK_FALSE(first.has_gradient());
            CHECK_FALSE(spoilt.has_gradient());
            return std::string(error.what());
        }
        return std::string("nothing thrown");
    };
    CHECK(refused([](Var y) { y.grad() = ones({5}); }, second) ==
          "backward: an op left a gradient of shape (5,) for a parameter of shape (2,)");
    CHECK(refused(
              [](Var y) {
                  y.gradient().add(RowGradient({3}, ones({1, 2})));
              },
              table) == "Parameter: a gradient for row 3 does not fit a parameter of shape (3, 2)");
    CHECK(refused(
              [](Var y) {
                  y.gradient().add(RowGradient({1}, ones({1, 4})));
              },
              table) == "Parameter: a gradient by rows of 4 values does not fit a parameter of shape (3, 2)");
    CHECK(refused(
              [](Var y) {
                  y.gradient().add(RowGradient({1}, ones({1, 2})));
              },
              second) == "Parameter: a gradient by rows of 2 values does not fit a parameter of shape (2,)");
}

TEST_CASE("tape: only a leaf takes a gradient by rows") {
    const Parameter table(ones({3, 2})), frozen(ones({3, 2}), false);
    {
        Tape tape;
        const RowGradient gradient({1}, ones({1, 2}));
        check_misuse([&] { neg(tape.leaf(table)).gradient().add(gradient); },
                     "Gradient::add: only a parameter's gradient takes rows, not a result's");
        const char* text = "Var::grad: this value needs no gradient";
        check_misuse([&] { tape.constant(ones({3, 2})).gradient().add(gradient); }, text);
        check_misuse([&] { tape.leaf(frozen).gradient().add(gradient); }, text);
    }
    Tape tape;  // its nodes have kept nothing of that
    for (int i = 0; i < 3; ++i) tape.leaf(Parameter(ones({3, 2})));
    tape.backward(sum(tape.leaf(table)));
    CHECK(values(table.grad()) == Values(6, 1));
}

TEST_CASE("tape: an exception in mid-step leaves nothing behind, and the memory is used again") {
    on_new_thread([] {
        const Parameter table(ones({10, 8})), weight(ones({4, 8}));
        const auto step = [&](std::int64_t id) {
            Tape tape;
            const Var x = linear(embedding(tape, table, {1, 2, 3}), tape.leaf(weight));
            const Var y = linear(embedding(tape, table, {4, 5, id}), tape.leaf(weight));
            tape.backward(sum(x * y));
        };
        for (int i = 0; i < 3; ++i) {
            step(6);
            CHECK_THROWS_WITH_AS(step(10), "embedding: id 10 at position 2 is outside a table of 10 rows",
                                 std::out_of_range);
        }
        const Values gradient = values(weight.grad());
        const MemoryStats before = memory_stats();
        for (int i = 0; i < 100; ++i) {
            CHECK_THROWS_AS(step(10), std::out_of_range);
        }
        CHECK(values(weight.grad()) == gradient);
        step(6);
        CHECK(memory_stats().system_allocations == before.system_allocations);
        CHECK(memory_stats().kept_bytes == before.kept_bytes);
    });
}

TEST_CASE("tape: an op of the user's own") {
    const Parameter a(array({2, 3}, {1, 2, 3, 4, 5, 6})), b(array({3, 2}, {1, -1, 2, Real(0.5), 0, 3}));
    const auto f = [&](Tape& tape) { return my_matmul(tape.leaf(a), tape.leaf(b)); };
    const GradcheckResult result = gradcheck(f, {a, b});
    CHECK_MESSAGE(result, result.message);
    Tape tape;
    CHECK(values(f(tape).value()) == Values{5, 9, 14, Real(16.5)});
    CHECK_THROWS_AS(my_matmul(tape.leaf(a), tape.leaf(a)), std::invalid_argument);
    const auto squared = [&](Tape& t) {
        return my_matmul(my_matmul(t.leaf(a), t.leaf(b)), my_matmul(t.leaf(a), t.leaf(b)));
    };
    const GradcheckResult twice = gradcheck(squared, {a, b});
    CHECK_MESSAGE(twice, twice.message);
}

TEST_CASE("tape: closures of any size and alignment live as long as the tape, no longer") {
    const Parameter p(vector({1}));
    const auto counted = std::make_shared<int>(0);
    struct alignas(64) Aligned {
        std::array<double, 40> numbers{};
    };
    for (int step = 1; step <= 3; ++step) {
        {
            Tape tape;
            const Var x = tape.leaf(p);
            const std::array<double, 100> large{1, 2, 3};
            const Aligned aligned{{4, 5, 6}};
            Var y = with_hook(x, [counted] { ++*counted; });
            y = with_hook(y, [counted, large] { *counted += static_cast<int>(large[2]); });
            y = with_hook(y, [counted, aligned] {
                const bool is_aligned = reinterpret_cast<std::uintptr_t>(&aligned) % 64 == 0;
                *counted += is_aligned ? static_cast<int>(aligned.numbers[1]) : 1000;
            });
            CHECK(counted.use_count() == 4);
            tape.backward(y);
            CHECK(*counted == 9 * step);
        }
        CHECK(counted.use_count() == 1);
    }
}

TEST_CASE("tape: train, eval, and the rare combinations [5.2] [8.1]") {
    Rng rng(1);
    const Parameter p(ones({1000}));
    Tape train(Mode::train, rng), eval(Mode::eval), no_draw({.record = true, .training = false}),
        no_record({.record = false, .training = true, .rng = &rng});
    CHECK(train.training());
    CHECK(train.recording());
    CHECK_FALSE(eval.training());
    CHECK_FALSE(eval.recording());
    CHECK(values(dropout(no_draw.leaf(p)).value()) == Values(1000, 1));
    CHECK(dropout(no_draw.leaf(p)).needs_grad());
    CHECK(values(dropout(no_record.leaf(p)).value()) != Values(1000, 1));
    CHECK_FALSE(dropout(no_record.leaf(p)).needs_grad());
    CHECK(&train.rng() == &rng);
    check_misuse([&] { eval.rng(); }, "Tape: this tape has no random numbers; make it with Tape(Mode::train, rng)");
    Tape without_rng;
    check_misuse([&] { dropout(without_rng.leaf(p)); },
                 "Tape: this tape has no random numbers; make it with Tape(Mode::train, rng)");
}

TEST_CASE("tape: requires_grad can be set on leaves alone, and those are real [8.1]") {
    static_assert(TakesRequiresGrad<Parameter> && !TakesRequiresGrad<Var> && !TakesRequiresGrad<IdArray>);
    static_assert(std::is_floating_point_v<Array::value_type>);
    const Parameter p(vector({1, 2})), frozen(vector({3, 4}), false);
    Tape tape, eval(Mode::eval);
    CHECK((tape.leaf(p) * tape.leaf(frozen)).needs_grad());
    CHECK_FALSE((tape.leaf(frozen) * tape.constant(ones({2}))).needs_grad());
    CHECK_FALSE((eval.leaf(p) * eval.leaf(p)).needs_grad());
    CHECK(p.requires_grad());
}

TEST_CASE("tape: evaluating while another tape records, or until an exception, changes nothing there [8.1]") {
    const Parameter p(vector({1, 2}));
    Tape tape;
    const Var before = tape.leaf(p) * Real{2};
    try {
        Tape eval(Mode::eval);
        CHECK_FALSE((eval.leaf(p) * Real{2}).needs_grad());
        {
            Tape inner;
            CHECK((inner.leaf(p) * Real{2}).needs_grad());
        }
        CHECK_FALSE((eval.leaf(p) * Real{2}).needs_grad());
        throw std::domain_error("in mid-evaluation");
    } catch (const std::domain_error&) {
    }
    const Var after = tape.leaf(p) * Real{3};
    CHECK(after.needs_grad());
    tape.backward(sum(before) + sum(after));
    CHECK(values(p.grad()) == Values{5, 5});
}

TEST_CASE("tape: a change of values counts whatever tapes are open [8.4]") {
    const Parameter p(vector({1, 2}));
    Tape tape;
    const Var loss = sum(tape.leaf(p) * tape.leaf(p));
    {
        Tape eval(Mode::eval);
        eval.leaf(p);
        p.mutable_value()(0) = 5;
    }
    check_misuse([&] { tape.backward(loss); },
                 "backward: the values of a parameter of shape (2,) are needed but have changed since forward "
                 "(version 0, now 1); step the optimizer after backward");
}

TEST_CASE("tape: several roots go back as their sum, one of another and one twice too [8.2]") {
    const Parameter p(vector({1, 2})), q(vector({3, 4}));
    Tape tape;
    const Var x = tape.leaf(p) * Real{2}, y = x * tape.leaf(q);
    const Var first = sum(x * tape.constant(vector({10, 100})));
    tape.backward(first + sum(y) + sum(y));
    CHECK(values(p.grad()) == Values{20 + 12, 200 + 16});
    CHECK(values(q.grad()) == Values{4, 8});
}

TEST_CASE("tape: a way back may make tapes and go back on them, as deep as it likes [8.2]") {
    const Parameter p(vector({1, 2}));
    std::vector<Parameter> inner;
    for (int depth = 0; depth < 100; ++depth) inner.emplace_back(vector({1, 2}));
    const std::function<void(std::size_t)> go_back = [&](std::size_t depth) {
        if (depth == inner.size()) return;
        Tape tape;
        tape.backward(sum(with_hook(tape.leaf(inner[depth]), [&, depth] { go_back(depth + 1); }) * Real{3}));
    };
    Tape tape;
    tape.backward(sum(with_hook(tape.leaf(p), [&] { go_back(0); }) * Real{2}));
    CHECK(values(p.grad()) == Values{2, 2});
    for (const Parameter& each : inner) CHECK(values(each.grad()) == Values{3, 3});
}

TEST_CASE("tape: a gradient that is one number is the same as one written out, for whoever reads or adds to it") {
    for (const std::size_t n :
         {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{1024}, std::size_t{2500}}) {
        CAPTURE(n);
        Array start(Shape{n});
        for (std::size_t i = 0; i < n; ++i) start.data()[i] = static_cast<Real>(i % 7) - 3;
        const Parameter p(start);
        Tape tape;
        const Var x = tape.leaf(p), square = x * x, doubled = square * 2, shifted = square + x;
        // square gets 3 * 2 from doubled, 5 and 1 from the sums, and 1 from shifted
        tape.backward(sum(doubled) * 3 + sum(square) * 5 + sum(shifted) + mean(square) * static_cast<Real>(n));
        for (std::size_t i = 0; i < n; ++i) CHECK(p.grad().data()[i] == 13 * 2 * start.data()[i] + 1);
        CHECK(values(doubled.grad()) == Values(n, 3));  // readable afterwards,
        CHECK(values(square.grad()) == Values(n, 13));
        CHECK(values(shifted.grad()) == Values(n, 1));
        CHECK_FALSE(shifted.gradient().number());  // and written out by that
    }
}

TEST_CASE("tape: item is for one element") {
    Tape tape;
    CHECK(tape.constant(full({1, 1}, 4)).item() == 4);
    check_invalid([&] { tape.constant(ones({2, 3})).item(); }, "Var::item: shape (2, 3) has 6 elements, not one");
    check_invalid([&] { tape.constant(ones({0})).item(); }, "Var::item: shape (0,) has 0 elements, not one");
}

TEST_CASE("tape: gradients start at zero on nodes that were used before") {
    const Parameter p(vector({1, 2, 3, 4}));
    for (int step = 0; step < 3; ++step) {
        Tape tape;
        const Var x = tape.leaf(p);
        const Var y = neg(x);
        CHECK(values(x.grad()) == Values{0, 0, 0, 0});
        CHECK(values(y.grad()) == Values{0, 0, 0, 0});
        p.zero_grad();
        tape.backward(sum(y));
        CHECK(values(p.grad()) == Values{-1, -1, -1, -1});
        CHECK(values(x.grad()) == Values{0, 0, 0, 0});  // moved into the parameter
    }
}

namespace {

/// A random graph over p (4, 4) and table (5, 4): the loss, and with it the gradients of both.
Values random_step(std::uint64_t seed) {
    Rng rng(seed);
    const Parameter p(full({4, 4}, Real(0.5))), table(full({5, 4}, Real(0.25)));
    Tape tape(Mode::train, rng);
    const EmbeddingOptions by_rows{.sparse = rng.below(2) == 0};
    std::vector<Var> pool = {tape.leaf(p), embedding(tape, table, {1, 4, 1, 0}, by_rows)};
    const std::uint64_t ops = 1 + rng.below(12);
    for (std::uint64_t i = 0; i < ops; ++i) {
        const Var a = pool[rng.below(pool.size())], b = pool[rng.below(pool.size())];
        switch (rng.below(9)) {
            case 0:
                pool.push_back(tanh(a));
                break;
            case 1:
                pool.push_back(a * b);
                break;
            case 2:
                pool.push_back(matmul(a, b));
                break;
            case 3:
                pool.push_back(softmax(a));
                break;
            case 4:
                pool.push_back(a + sum(b, 0, true));
                break;
            case 5:
                pool.push_back(concat({slice(a, 0, 0, 2), slice(b, 0, 2, 4)}));
                break;
            case 6:
                pool.push_back(a + tape.constant(full({4, 1}, static_cast<Real>(i))));
                break;
            case 7:
                pool.push_back(dropout(a, 0.3));
                break;
            default:
                pool.push_back(reshape(flatten(transpose(a)), {4, 4}));
                break;
        }
    }
    const Var loss = mean(pool.back()) + sum(pool[1]) + sum(pool[0]);
    tape.backward(loss);
    Values result{loss.item()};
    for (const Parameter& parameter : {p, table}) {
        Array gradient = zeros(parameter.shape());
        if (parameter.gradient_kind() == GradientKind::dense) gradient = parameter.grad();
        if (parameter.gradient_kind() == GradientKind::rows) parameter.row_grad().add_to(gradient);
        result.insert(result.end(), gradient.begin(), gradient.end());
    }
    return result;
}

}  // namespace

TEST_CASE("tape: used nodes compute what fresh ones do") {
    constexpr std::uint64_t kSeed = 31;
    INFO("seed ", kSeed);
    std::vector<Values> fresh(200);
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        on_new_thread([&] {
            fresh[i] = random_step(kSeed + i);
            release_memory();  // the next thread takes over this one's record, without its nodes
        });
    }
    Rng order(kSeed);
    for (int round = 0; round < 1000; ++round) {
        const std::size_t i = order.below(fresh.size());
        CAPTURE(i);
        REQUIRE(random_step(kSeed + i) == fresh[i]);
    }
}

TEST_CASE("tape: two tapes go back through one parameter at once, and nothing is lost") {
    const Parameter shared(vector({1, 2})), frozen(vector({1, 2}), false);
    std::promise<void> inside, go_on;
    std::thread thread([&] {
        Tape tape;
        const Var x = with_hook(tape.leaf(shared) * tape.leaf(frozen), [&] {
            inside.set_value();
            go_on.get_future().wait();
        });
        tape.backward(sum(x));
    });
    inside.get_future().wait();
    Tape tape;
    tape.backward(sum(tape.leaf(shared)));
    CHECK(values(shared.grad()) == Values{1, 1});
    go_on.set_value();
    thread.join();
    CHECK(values(shared.grad()) == Values{2, 3});
}

TEST_CASE("tape: many threads train one model: every gradient arrives, dense and by rows") {
    const Parameter weight(full({40, 3}, 2)), table(ones({50, 3})), dense(ones({50, 3}));
    constexpr int kThreads = 4, kSteps = 60;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int step = 0; step < kSteps; ++step) {
                Tape tape;
                const Var w = tape.leaf(weight);
                tape.backward(sum(w * w) + sum(embedding(tape, table, {t, step % 50}, {.sparse = true})) +
                              sum(embedding(tape, dense, {t, t})));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(values(weight.grad()) == Values(120, 4 * kThreads * kSteps));
    RowGradient rows = table.row_grad();
    rows.coalesce();
    Real total = 0;
    for (Real value : rows.values()) total += value;
    CHECK(total == 2 * 3 * kThreads * kSteps);
    CHECK(dense.grad()(kThreads - 1, 2) == 2 * kSteps);
}

TEST_CASE("backward of many tapes: the bits of going back one after another, on any number of threads") {
    const auto gradients = [](int threads, bool together) {
        set_num_threads(threads);
        Rng rng(4);
        const Parameter weight(zeros({8, 8})), table(zeros({30, 8}));
        for (const Parameter& p : {weight, table})
            for (Real& x : p.mutable_value()) x = static_cast<Real>(rng.normal());
        std::vector<Tape> tapes(6);
        std::vector<Var> losses;
        for (Tape& tape : tapes) {
            IdArray ids(Shape{20});
            for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(30));
            losses.push_back(mean(tanh(linear(embedding(tape, table, ids), tape.leaf(weight)))));
        }
        if (together) backward(losses);
        for (std::size_t i = 0; i < losses.size() && !together; ++i) tapes[i].backward(losses[i]);
        return std::pair(values(weight.grad()), values(table.grad()));
    };
    const int before = num_threads();
    const auto expected = gradients(1, false);
    for (int threads : {1, 2, 3}) CHECK(gradients(threads, true) == expected);
    set_num_threads(before);
}

TEST_CASE("backward of many tapes: what cannot be done is refused before anything changes") {
    const Parameter p(vector({1, 2}));
    Tape one, other;
    const Var loss = sum(one.leaf(p)), wide = other.leaf(p) * Real{2};
    CHECK_THROWS_WITH_AS(backward({loss, wide}), "backward: loss 1 must have one element, not shape (2,)",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(backward({loss, loss}),
                         "backward: loss 0 shares its tape with another loss; add the two, since a tape goes back once",
                         std::invalid_argument);
    const Var fails = with_hook(wide, [] { throw std::runtime_error("no"); });
    CHECK_THROWS_AS(backward({loss, sum(fails)}), std::runtime_error);
    CHECK_FALSE(p.has_gradient());
}

TEST_CASE("tape: a tape inside another's way back, as checkpointing of activations needs") {
    const Parameter w(vector({2, 3}));
    const auto block = [](Tape& tape, const Parameter& weight, Var x) { return tanh(x * tape.leaf(weight)); };
    const Parameter expected_w(vector({2, 3})), x0(vector({0.5, -1})), expected_x0(vector({0.5, -1}));
    Tape plain;
    plain.backward(sum(exp(block(plain, expected_w, plain.leaf(expected_x0)))));

    Tape tape;
    const Var x = tape.leaf(x0);
    const Array kept = x.value();
    Array values_of_block;
    {
        Tape inner(Mode::eval);
        values_of_block = block(inner, w, inner.constant(kept)).value();
    }
    const Var y = tape.result(x.shape(), {x});
    std::copy_n(values_of_block.data(), y.size(), y.mutable_value().data());
    y.on_backward([&, x, y] {
        Tape again;  // forward once more, and back at once
        const Parameter input(kept);
        again.backward(block(again, w, again.leaf(input)), y.grad());
        for (std::size_t i = 0; i < x.size(); ++i) x.grad().data()[i] += input.grad().data()[i];
    });
    tape.backward(sum(exp(y)));
    CHECK(values(w.grad()) == values(expected_w.grad()));
    CHECK(values(x0.grad()) == values(expected_x0.grad()));
}

TEST_CASE("tape: threads train models of their own, and take over the records of threads that ended") {
    for (int round = 0; round < 3; ++round) {
        std::vector<std::thread> threads;
        std::vector<Values> gradients(4);
        for (std::size_t i = 0; i < gradients.size(); ++i) {
            threads.emplace_back([&gradients, i] {
                const Parameter p(full({50, 3}, static_cast<Real>(i + 1)));
                for (int step = 0; step < 20; ++step) {
                    Tape tape;
                    tape.backward(sum(tape.leaf(p) * tape.leaf(p)));
                }
                gradients[i] = values(p.grad());
            });
        }
        for (std::thread& thread : threads) thread.join();
        for (std::size_t i = 0; i < gradients.size(); ++i)
            CHECK(gradients[i] == Values(150, 40 * static_cast<Real>(i + 1)));
    }
}

TEST_CASE("tape: a chain of a million ops on a stack of 8 MiB, within 1 GB, trimmed afterwards [8.4]") {
    struct Chain {
        Real value = 0, gradient = 0;
        std::size_t size = 0;
        std::optional<double> rss_before, peak, rss_after;

        void run() {
            reset_peak();
            rss_before = process_bytes("VmRSS");
            const Parameter p(vector({3}));
            {
                Tape tape;
                Var x = tape.leaf(p);
                for (int i = 0; i < 500'000; ++i) x = -(x + Real{1});
                value = x.item();
                size = tape.size();
                tape.backward(x);
                gradient = p.grad()(0);
            }
            peak = process_bytes("VmHWM");
            rss_after = process_bytes("VmRSS");
        }
    } chain;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, std::size_t{8} << 20);
    pthread_t thread{};
    const auto run = [](void* raw) -> void* {
        static_cast<Chain*>(raw)->run();
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, run, &chain) == 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);

    CHECK(chain.size == 1'000'001);
    CHECK(chain.value == 3);
    CHECK(chain.gradient == 1);
#ifndef EMBERGRAD_SANITIZED  // sanitizers need memory of their own
    if (chain.rss_before && chain.peak && chain.rss_after) {
        const double peak = (*chain.peak - *chain.rss_before) / 1e6,
                     kept = (*chain.rss_after - *chain.rss_before) / 1e6;
        MESSAGE("a million ops: ", peak, " MB at the peak, ", kept, " MB kept afterwards");
        CHECK(peak < 1000);
        CHECK(kept < 100);
    }
#endif
}

namespace {

// Ends after everything of the thread has: its record must find a place even then.
std::optional<Tape> tape_with_static_storage;

}  // namespace

TEST_CASE("tape: one with static storage may end after its thread's memory") {
    tape_with_static_storage.emplace();
    CHECK(tape_with_static_storage->constant(ones({3})).size() == 3);
}

TEST_CASE("tape: a result too large for the memory leaves no trace; the next one is sound") {
    const Shape huge{std::size_t{1} << 40, std::size_t{1} << 16};
    for (int attempt = 0; attempt < 2; ++attempt) {
        Tape tape;
        CHECK_THROWS_AS(tape.workspace(huge), std::bad_alloc);
        CHECK_THROWS_AS(tape.workspace(huge), std::bad_alloc);
    }
    Tape tape;
    CHECK_THROWS_AS(tape.workspace({std::size_t{1} << 62, 4}), std::invalid_argument);
    const Var sound = tape.workspace({2, 3});
    CHECK(sound.value().storage().size() == 6);
}

TEST_CASE("tape: a gradient that was replaced by a misfit is found before any parameter changes") {
    const Parameter a(ones({2})), b(ones({2}));
    b.add_grad(ones({2}));
    b.mutable_grad() = ones({3});
    Tape tape;
    const Var loss = sum(tape.leaf(a) * tape.leaf(b));
    CHECK_THROWS_AS(tape.backward(loss), std::invalid_argument);
    CHECK(!a.has_gradient());
}

TEST_CASE("tape: a leaf's values are not written through its Var, and axes are checked [8.4]") {
    const Parameter a(ones({2}));
    Tape tape;
    CHECK_THROWS_AS(tape.leaf(a).mutable_value(), std::logic_error);
    CHECK_THROWS_WITH_AS(tape.leaf(a).dim(2), "Var::dim: axis 2 does not exist in shape (2,)", std::out_of_range);
}

TEST_CASE("tape: a thread keeps the nodes of long tapes that come in turn") {
    const Parameter x(ones({1}));
    const auto allocations_of_a_long_tape = [&] {
        const std::uint64_t before = memory_stats().system_allocations;
        Tape tape(Mode::eval);
        Var y = tape.leaf(x);
        for (int i = 0; i < 50'000; ++i) y = y + Real{1};
        return memory_stats().system_allocations - before;
    };
    allocations_of_a_long_tape();
    allocations_of_a_long_tape();
    CHECK(allocations_of_a_long_tape() == 0);
}

TEST_CASE("tape: reading a gradient changes none: what has not arrived is no gradient") {
    const Parameter used(vector({1, 2})), aside(vector({3, 4})), table(ones({4, 2}));
    Tape tape;
    const Var x = tape.leaf(used), y = tape.leaf(aside), rows = embedding(tape, table, {1, 3}, {.sparse = true});
    const Var middle = x * Real{2};
    for (const Var& var : {x, y, middle, tape.leaf(table)}) {
        for (int i = 0; i < 2; ++i) CHECK(values(var.grad()) == Values(var.size(), 0));
    }
    tape.backward(sum(middle) + sum(rows));
    CHECK(values(used.grad()) == Values{2, 2});
    CHECK(aside.gradient_kind() == GradientKind::none);
    CHECK(table.gradient_kind() == GradientKind::rows);
    CHECK(table.row_grad().rows() == Ids{1, 3});
}

TEST_CASE("tape: a result without a way back is refused by the place of its op, and no parameter has changed") {
    const Parameter p(vector({1, 2})), q(vector({3, 4}));
    Tape tape;
    const Var x = tape.leaf(p) * Real{2};
    const Var y = tape.result({2}, {x});
    const int line = __LINE__ - 1;
    std::copy_n(x.value().data(), 2, y.mutable_value().data());
    const Var loss = sum(y) + sum(tape.leaf(q));
    CHECK_THROWS_WITH_AS(tape.backward(loss),
                         doctest::Contains(("tests/test_tape.cpp:" + std::to_string(line) +
                                            " has a result of shape (2,) that needs a gradient, but never said how "
                                            "to go back: call on_backward() on it")
                                               .c_str()),
                         std::logic_error);
    CHECK_FALSE(p.has_gradient());
    CHECK_FALSE(q.has_gradient());
}

TEST_CASE("tape: values and gradients that nobody can read make room for the next ones") {
    constexpr std::size_t kBytes = std::size_t{1} << 20, kN = kBytes / sizeof(Real);
    const auto asked_for = [&](Mode mode) {
        std::uint64_t bytes = 0;
        on_new_thread([&] {
            const Parameter p(ones({kN}));
            const std::uint64_t before = memory_stats().system_bytes;
            Tape tape(mode);
            Var y = tape.leaf(p);
            for (int i = 0; i < 50; ++i) y = y * Real{0.5} + Real{1};
            if (mode == Mode::train) tape.backward(sum(y));
            bytes = memory_stats().system_bytes - before;
            CHECK(y.value()(kN - 1) == doctest::Approx(2));
            if (mode == Mode::train) CHECK(p.grad()(0) == doctest::Approx(std::pow(0.5, 50)));
        });
        return static_cast<double>(bytes) / kBytes;
    };
    CHECK(asked_for(Mode::eval) <= 4);
    CHECK(asked_for(Mode::train) <= 6);
}

TEST_CASE("tape: what is read on the way back, or was shown, stays") {
    constexpr std::size_t kN = 4096;
    const Parameter p(full({kN}, 2));
    Tape tape;
    const Array& shown = (tape.leaf(p) * Real{3}).value();
    Var y = exp(tape.leaf(p) * Real{0.5});  // its derivative reads the result
    y = y * (tape.leaf(p) + Real{1});       // both factors are read
    const Var loss = mean(tanh(y * Real(1e-3)));
    y = Var();
    tape.backward(loss);
    CHECK(shown(kN - 1) == 6);
    const double e = std::exp(1.0), u = 3e-3 * e, slope = 1 - std::tanh(u) * std::tanh(u);
    CHECK(p.grad()(7) == doctest::Approx(slope * 1e-3 * (1.5 * e + e) / kN).epsilon(1e-4));
    CHECK((tape.leaf(p) * Real{3}).value_copy()(0) == 6);
}

TEST_CASE("tape: clear() ends its values and goes on, so that a tape for many runs does not grow") {
    const Parameter p(vector({1, 2}));
    Tape tape;
    for (int run = 0; run < 3; ++run) {
        const Var y = tape.leaf(p) * Real{2};
        tape.backward(sum(y));
        tape.clear();
        CHECK(tape.size() == 0);
        check_misuse([&] { y.value(); }, kStale);
    }
    CHECK(values(p.grad()) == Values{6, 6});
    const Var hooked = with_hook(tape.leaf(p), [&] { tape.clear(); });
    check_misuse([&] { tape.backward(sum(hooked)); }, "Tape::clear: not on the way back");
}

TEST_CASE("tape: the trainable leaves are the parameters that were used, each once, in their order") {
    const Parameter p(vector({1, 2})), q(vector({3, 4})), frozen(vector({5, 6}), false), table(ones({2, 2}));
    Tape tape;
    CHECK(tape.trainable_leaves().empty());
    const Var y = tape.leaf(q), x = tape.leaf(p), rows = embedding(tape, table, {0});
    const Var loss = sum(y * tape.leaf(frozen) + x * tape.leaf(q)) + sum(rows) + sum(tape.constant(ones({2})));
    CHECK(tape.trainable_leaves() == std::vector{q, p, table});
    tape.backward(loss);
    CHECK(tape.trainable_leaves() == std::vector{q, p, table});
    q.set_requires_grad(false);
    CHECK(tape.trainable_leaves() == std::vector{p, table});
    tape.clear();
    CHECK(tape.trainable_leaves().empty());
    Tape eval(Mode::eval);
    eval.leaf(p);
    CHECK_THROWS_AS(eval.trainable_leaves(), std::logic_error);
}
