// Ops that move elements: gradients, naive twins, empty arrays, and bounds.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// Two axes exchanged, element by element.
Array naive_transpose(const Array& x, std::size_t a, std::size_t b) {
    Shape shape = x.shape();
    std::swap(shape[a], shape[b]);
    Array y(shape);
    for (std::size_t flat = 0; flat < x.size(); ++flat) {
        Shape index = x.shape();
        for (std::size_t axis = index.size(), rest = flat; axis-- > 0; rest /= x.shape()[axis])
            index[axis] = rest % x.shape()[axis];
        std::swap(index[a], index[b]);
        std::size_t offset = 0;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) offset = offset * shape[axis] + index[axis];
        y.data()[offset] = x.data()[flat];
    }
    return y;
}

/// The gradient of x must arrive, and be zeros: "none" would make an optimizer skip the parameter.
void check_zero_gradient(const Array& x, const Function& f) {
    const Parameter p(x);
    Tape tape;
    const Var y = f({tape.leaf(p)});
    tape.backward(y, ones(y.shape()));
    REQUIRE(p.gradient_kind() == GradientKind::dense);
    check_arrays_near(p.grad(), zeros(x.shape()), 0);
}

/// x alone on a tape; f must be refused and leave nothing there.
template <class Error = std::invalid_argument>
void refused(const Shape& shape, const Function& f, const std::string& text, int line = __builtin_LINE()) {
    Tape tape;
    const Var x = tape.constant(zeros(shape));
    check_refused<Error>([&] { f({x}); }, text, line);
    CHECK(tape.size() == 1);
}

}  // namespace

TEST_CASE("reshape, flatten: the gradient") {
    check_op({{2, 3}}, [](const Vars& v) { return reshape(v[0], {3, 2}) * reshape(v[0], {3, -1}); });
    check_op({{2, 3, 2}}, [](const Vars& v) { return flatten(v[0], 1) * flatten(v[0], -2, -1); });
    check_op({Shape{}}, [](const Vars& v) { return reshape(v[0], {1, 1}) * flatten(v[0]); });
    check_op({{1}}, [](const Vars& v) { return reshape(v[0], {}); });
    check_op({{2, 0}}, [](const Vars& v) { return reshape(v[0], {0, 5, 7}); });
}

TEST_CASE("reshape: the extents that are found") {
    Tape tape(Mode::eval);
    const auto shape = [&](const Shape& from, const std::vector<std::int64_t>& to) {
        return to_string(reshape(tape.constant(zeros(from)), to).shape());
    };
    CHECK(shape({2, 3}, {-1}) == "(6,)");
    CHECK(shape({2, 3}, {3, -1, 1}) == "(3, 2, 1)");
    CHECK(shape({}, {-1}) == "(1,)");
    CHECK(shape({1, 1}, {}) == "()");
    CHECK(shape({0, 3}, {-1, 3}) == "(0, 3)");
    CHECK(shape({2, 0}, {4, 0}) == "(4, 0)");
    check_same(reshape(tape.constant(wave({2, 3})), {3, 2}).value(), wave({3, 2}));
}

TEST_CASE("flatten: which axes become one") {
    Tape tape(Mode::eval);
    const Var x = tape.constant(zeros({2, 3, 4, 5})), scalar = tape.constant(zeros({}));
    CHECK(to_string(flatten(x).shape()) == "(120,)");
    CHECK(to_string(flatten(x, 1).shape()) == "(2, 60)");
    CHECK(to_string(flatten(x, 1, 2).shape()) == "(2, 12, 5)");
    CHECK(to_string(flatten(x, -2, -1).shape()) == "(2, 3, 20)");
    CHECK(to_string(flatten(x, 2, 2).shape()) == "(2, 3, 4, 5)");
    CHECK(to_string(flatten(scalar).shape()) == "(1,)");
}

TEST_CASE("reshape, flatten: what does not fit is refused") {
    const auto to = [](const std::vector<std::int64_t>& shape) {
        return [=](const Vars& v) { return reshape(v[0], shape); };
    };
    refused({2, 3}, to({4, 2}), "reshape: shape (2, 3) of 6 elements cannot become (4, 2)");
    refused({2, 3}, to({}), "reshape: shape (2, 3) of 6 elements cannot become ()");
    refused({2, 3}, to({4, -1}), "reshape: shape (2, 3) of 6 elements cannot become (4, -1)");
    refused({2, 0}, to({0, -1}), "reshape: shape (2, 0) of 0 elements cannot become (0, -1)");
    refused({2, 3}, to({-1, -1}), "reshape: extent -1 of axis 1 is not allowed; one extent may be -1");
    refused({2, 3}, to({-2, 3}), "reshape: extent -2 of axis 0 is not allowed; one extent may be -1");
    refused({2, 3}, to({1LL << 40, 1LL << 40}), "reshape: too many elements");
    refused(
        {2, 3}, [](const Vars& v) { return flatten(v[0], 1, 0); }, "flatten: axis 1 comes after axis 0");
    refused(
        {2, 3}, [](const Vars& v) { return flatten(v[0], 2); }, "flatten: axis 2 does not exist in shape (2, 3)");
    refused(
        {2, 3}, [](const Vars& v) { return flatten(v[0], 0, -3); }, "flatten: axis -3 does not exist in shape (2, 3)");
}

TEST_CASE("transpose: the gradient over every pair of axes") {
    for (const Shape& shape :
         std::vector<Shape>{{2, 3}, {1, 3}, {2, 3, 4}, {2, 1, 3}, {2, 3, 1, 2}, {2, 0, 3}, {0, 2}}) {
        const auto rank = static_cast<std::int64_t>(shape.size());
        for (std::int64_t a = 0; a < rank; ++a) {
            for (std::int64_t b = -rank; b < 0; ++b)
                check_op({shape}, [=](const Vars& v) { return transpose(v[0], a, b); });
        }
    }
    check_op({{3, 3}}, [](const Vars& v) { return transpose(v[0]) * v[0]; });
}

TEST_CASE("transpose: agrees with a naive twin, and undoes itself") {
    const Array x = wave({2, 3, 4, 5});
    Tape tape(Mode::eval);
    for (std::size_t a = 0; a < 4; ++a) {
        for (std::size_t b = 0; b < 4; ++b) {
            const auto i = static_cast<std::int64_t>(a), j = static_cast<std::int64_t>(b) - 4;
            const Var y = transpose(tape.constant(x), i, j);
            check_same(y.value(), naive_transpose(x, a, b));
            check_same(transpose(y, i, j).value(), x);
        }
    }
    check_near(transpose(tape.constant(array({2, 3}, {1, 2, 3, 4, 5, 6}))).value(), {1, 4, 2, 5, 3, 6});
    refused(
        {3}, [](const Vars& v) { return transpose(v[0]); }, "transpose: axis 1 does not exist in shape (3,)");
    refused(
        {}, [](const Vars& v) { return transpose(v[0]); }, "transpose: axis 0 does not exist in shape ()");
}

TEST_CASE("slice: the gradient, zero outside") {
    for (std::int64_t begin = 0; begin <= 3; ++begin) {
        for (std::int64_t end = begin; end <= 3; ++end) {
            for (std::int64_t axis : {0, 1, -1})
                check_op({{3, 3, 3}}, [=](const Vars& v) { return slice(v[0], axis, begin, end); });
        }
    }
    check_op({{4, 2}}, [](const Vars& v) { return slice(v[0], 0, 0, 3) * slice(v[0], 0, 1, 4); });
    check_op({{0, 5}}, [](const Vars& v) { return slice(v[0], 1, 2, 4); });
    check_op({{1}}, [](const Vars& v) { return slice(v[0], 0, 0, 1); });
    const Array g = ones({2, 1});
    check_near(run(
                   {wave({2, 3})}, [](const Vars& v) { return slice(v[0], 1, 1, 2); }, &g)[1],
               {0, 1, 0, 0, 1, 0});
}

TEST_CASE("slice: negative bounds count from the end, others are refused") {
    Tape tape(Mode::eval);
    const Var x = tape.constant(array({4}, {0, 1, 2, 3}));
    check_near(slice(x, 0, -3, -1).value(), {1, 2});
    check_near(slice(x, -1, -4, 4).value(), {0, 1, 2, 3});
    check_arrays_near(slice(x, 0, 4, 4).value(), zeros({0}));
    const auto part = [](std::int64_t axis, std::int64_t begin, std::int64_t end) {
        return [=](const Vars& v) { return slice(v[0], axis, begin, end); };
    };
    refused<std::out_of_range>({2, 3}, part(1, 0, 4), "slice: bound 4 is outside an extent of 3 in shape (2, 3)");
    refused<std::out_of_range>({2, 3}, part(0, -3, 1), "slice: bound -3 is outside an extent of 2 in shape (2, 3)");
    refused<std::out_of_range>({2, 3}, part(1, 2, 1), "slice: begin 2 lies behind end 1 in shape (2, 3)");
    refused({2, 3}, part(2, 0, 1), "slice: axis 2 does not exist in shape (2, 3)");
    refused({}, part(0, 0, 0), "slice: axis 0 does not exist in shape ()");
}

TEST_CASE("concat: the gradient, also of a part given twice, an empty part, and a part that needs none") {
    for (std::int64_t axis : {0, 1, 2, -1}) {
        check_op({{2, 3, 2}, {2, 3, 2}}, [=](const Vars& v) { return concat({v[0], v[1], v[0]}, axis); });
        check_op({{2, 1, 2}}, [=](const Vars& v) { return concat({v[0]}, axis); });
    }
    check_op({{2, 1}, {2, 3}, {2, 0}}, [](const Vars& v) {
        return concat({v[0], v[2], v[1], v[0].tape().constant(ones({2, 2}))}, 1);
    });
    check_op({{0, 2}, {0, 3}}, [](const Vars& v) { return concat({v[0], v[1]}, 1); });
    check_op({{3}}, [](const Vars& v) { return concat(v) * v[0]; });
}

TEST_CASE("concat: closed forms, and slice undoes it") {
    Tape tape(Mode::eval);
    const Var a = tape.constant(array({2, 1}, {1, 2})), b = tape.constant(array({2, 2}, {3, 4, 5, 6}));
    const Var c = concat({a, b}, 1);
    check_near(c.value(), {1, 3, 4, 2, 5, 6});
    check_same(slice(c, 1, 1, 3).value(), b.value());
    check_near(concat({b, b}).value(), {3, 4, 5, 6, 3, 4, 5, 6});
}

TEST_CASE("concat: parts that do not fit are refused") {
    Tape tape, other;
    const Var a = tape.constant(ones({2, 3})), b = tape.constant(ones({2, 4})), c = tape.constant(ones({2}));
    check_refused<std::invalid_argument>(
        [&] {
            concat({a, b});
        },
        "concat: shape (2, 4) does not fit behind (2, 3) along axis 0");
    check_refused<std::invalid_argument>(
        [&] {
            concat({a, c}, 1);
        },
        "concat: shape (2,) does not fit behind (2, 3) along axis 1");
    check_refused<std::invalid_argument>([&] { concat({a, b}, 2); }, "concat: axis 2 does not exist in shape (2, 3)");
    check_refused<std::invalid_argument>([&] { concat(Vars()); }, "concat: there is nothing to concatenate");
    check_refused<std::logic_error>(
        [&] {
            concat({a, other.constant(ones({2, 3}))});
        },
        "Tape: an input belongs to another tape; the inputs of an op must share one");
    CHECK(tape.size() == 3);
}

TEST_CASE("shape ops: a gradient arrives even where nothing is left to carry it") {
    check_zero_gradient(wave({2, 3}), [](const Vars& v) { return transpose(slice(v[0], 0, 1, 1)); });
    check_zero_gradient(wave({2, 3}), [](const Vars& v) {
        return concat({slice(v[0], 0, 0, 0), slice(v[0], 0, 2, 2)}, 1);
    });
    check_zero_gradient(wave({2, 3}), [](const Vars& v) { return reshape(slice(v[0], 1, 0, 0), {0}); });
    check_zero_gradient(zeros({0, 3}), [](const Vars& v) { return transpose(v[0]); });
    check_zero_gradient(zeros({0, 3}), [](const Vars& v) { return sum(concat({v[0], v[0]}, 1)); });
}

TEST_CASE("shape ops: NaN and infinity move unchanged") {
    const Array x = array({1, 3}, {kNaN, kInf, -kInf});
    Tape tape(Mode::eval);
    const Var v = tape.constant(x);
    check_near(concat({transpose(transpose(v)), slice(reshape(v, {1, 3}), 1, 0, 2)}, 1).value(),
               {kNaN, kInf, -kInf, kNaN, kInf});
}

TEST_CASE("detach: the value passes, the gradient does not") {
    const Array g = ones({2});
    check_near(run(
                   {array({2}, {3, 4})}, [](const Vars& v) { return v[0] * detach(v[0]); }, &g)[1],
               {3, 4});
    const Parameter p(ones({2}));
    Tape tape;
    const Var y = detach(tape.leaf(p));
    CHECK(!y.needs_grad());
    check_same(y.value(), p.value());
    p.mutable_value().fill(7);
    check_near(y.value(), {1, 1});
}

TEST_CASE("shape ops: the weight may change before backward [8.4]") {
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return reshape(v[0], {-1}); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return transpose(v[0]); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return slice(v[0], 1, 0, 2); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return concat({v[0], v[0]}); });
}
