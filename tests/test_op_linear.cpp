// Products: gradients for every shape, PyTorch's numbers, a naive twin at the borders of the tiles.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// a (M, K) times b (K, N), each accumulated in double; `transpose_a` and `transpose_b` say how they are stored.
Array naive_product(const Array& a, bool transpose_a, const Array& b, bool transpose_b) {
    const std::size_t m = a.shape()[transpose_a ? 1 : 0], k = a.shape()[transpose_a ? 0 : 1];
    const std::size_t n = b.shape()[transpose_b ? 0 : 1];
    Array c(Shape{m, n});
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            double sum = 0;
            for (std::size_t l = 0; l < k; ++l) {
                const std::size_t at = transpose_a ? l * m + i : i * k + l, bt = transpose_b ? j * k + l : l * n + j;
                sum += element(a, at) * element(b, bt);
            }
            c.data()[i * n + j] = static_cast<Real>(sum);
        }
    }
    return c;
}

Var apply(const Vars& v) { return v.size() == 3 ? linear(v[0], v[1], v[2]) : linear(v[0], v[1]); }

constexpr double kProductNear = kDouble ? 1e-12 : 1e-4;

}  // namespace

TEST_CASE("matmul: the gradient, also of empty matrices, and of a matrix used twice") {
    for (const std::size_t m : {0u, 1u, 2u}) {
        for (const std::size_t k : {0u, 1u, 3u}) {
            for (const std::size_t n : {0u, 1u, 4u}) {
                check_op({{m, k}, {k, n}}, [](const Vars& v) { return matmul(v[0], v[1]); });
                check_op({{m, k}, {k, n}}, [](const Vars& v) { return matmul(v[0] * v[0], v[1]) * sum(v[0]); });
            }
        }
    }
    check_op({{3, 3}}, [](const Vars& v) { return matmul(v[0], v[0]); });
    check_op({{2, 3}}, [](const Vars& v) { return matmul(v[0], transpose(v[0])); });
    check_op({{2, 2}}, [](const Vars& v) { return matmul(matmul(v[0], v[0]), v[0]); });
}

TEST_CASE("linear: the gradient for every leading shape, with and without bias, also of empty arrays [3.2]") {
    for (const Shape& leading : std::vector<Shape>{{}, {1}, {2}, {2, 3}, {1, 2, 2}, {0}, {2, 0}}) {
        for (const std::size_t in : {0u, 1u, 3u}) {
            for (const std::size_t out : {0u, 1u, 2u}) {
                Shape x = leading;
                x.push_back(in);
                check_op({x, {out, in}, {out}}, apply);
                check_op({x, {out, in}}, apply);
            }
        }
    }
    check_op({{3, 3}}, [](const Vars& v) { return linear(v[0], v[0]); });
    check_op({{3}, {3, 3}}, [](const Vars& v) { return linear(v[0], v[1], v[0]); });
    check_op({{2, 3}, {3, 3}, {3}}, [](const Vars& v) { return linear(linear(v[0], v[1], v[2]), v[1], v[2]); });
}

TEST_CASE("linear: no outputs leave gradients of zeros, whatever the memory held before [3.2]") {
    { const Array dirty = full({64}, 7); }  // its block is the next one handed out
    const Parameter x(ones({8, 8}));
    Tape tape;
    tape.backward(linear(tape.leaf(x), tape.constant(zeros({0, 8}))), zeros({8, 0}));
    check_same(x.grad(), zeros({8, 8}));
}

TEST_CASE("matmul, linear: PyTorch's numbers [3.1] [3.2]") {  // tests/reference/ops.py
    check_numbers({wave({2, 3}), wave({3, 2}, 5)}, [](const Vars& v) { return matmul(v[0], v[1]); },
                  {{0.5877286098699243, 0.7864548123988931, -0.5852493630307795, -0.6129867550725593},
                   {-0.07310845460430987, -1.210480175581646, 1.0805834461469725, 0.5334145753621042,
                    0.8239433257420593, -1.2191773923654836},
                   {-1.1594462058210122, -1.2012046603913389, -1.3121968926937835, -1.4378218136778163,
                    -0.25851980792990586, -0.3525122223239306}});
    check_numbers({wave({2, 2, 3}), wave({2, 3}, 5), wave({2}, 8)}, apply,
                  {{0.9140129182132568, -0.8330309855342266, -0.2828615935108936, -0.05482559796441944,
                    1.2862741787740772, -1.2236110105771272, -0.6237165909207052, 0.31236117909833816},
                   {0.05828114356932307, -0.36507316963009867, -0.45278089429278884, 0.29084642097662966,
                    -0.26286720168181743, -0.5749019313882122, -0.3003507795902887, 0.5838558784538745,
                    0.9312681344368824, -0.04086636741469623, -0.22307235195424813, -0.2001866448579228},
                   {-0.2091952779894301, 0.2925588211265339, 0.5253356893028919, -0.9818003649145021,
                    -0.971681442234469, -0.06820308270262415},
                   {-0.8909328214465025, -0.5848561257423059}});
    check_numbers({wave({3}), wave({2, 3}, 5), wave({2}, 8)}, apply,
                  {{0.9140129182132568, -0.8330309855342266},
                   {0.05828114356932307, -0.36507316963009867, -0.45278089429278884},
                   {-0.8414627439044723, -0.9092885216674367, -0.14111862600822356, -0.4515105417310727,
                    -0.487904373642143, -0.07572117451292784},
                   {-0.9999902065507035, -0.5365729180004349}});
    check_numbers({wave({2, 3}), wave({2, 3}, 5)}, apply,
                  {{0.5018944329715002, -0.28900987464485683, -0.6949800787526502, 0.48919551292495034},
                   {0.05828114356932307, -0.36507316963009867, -0.45278089429278884, 0.29084642097662966,
                    -0.26286720168181743, -0.5749019313882122},
                   {-1.1594462058210122, -1.3121968926937835, -0.25851980792990586, -1.2012046603913389,
                    -1.4378218136778163, -0.3525122223239306}});
}

TEST_CASE("linear: a closed form, and no inputs leave the bias [3.1] [3.2]") {
    const Array g = array({1, 2}, {1, 10});
    const auto results = run({array({1, 2}, {1, 2}), array({2, 2}, {3, 4, 5, 6}), array({2}, {100, 200})}, apply, &g);
    check_near(results[0], {111, 217});
    check_near(results[1], {53, 64});
    check_near(results[2], {1, 2, 10, 20});
    check_near(results[3], {1, 10});
    Tape tape(Mode::eval);
    const Var none = tape.constant(zeros({2, 0})), weight = tape.constant(zeros({3, 0}));
    check_near(linear(none, weight, tape.constant(array({3}, {1, 2, 3}))).value(), {1, 2, 3, 1, 2, 3});
    check_near(linear(none, weight).value(), {0, 0, 0, 0, 0, 0});
}

TEST_CASE("matmul, linear: agree with a naive twin at the borders of the tiles [3.1] [3.2]") {
    for (const std::size_t m : {1u, 7u, 192u, 193u, 255u, 256u, 257u, 513u}) {
        const std::uint64_t seed = m;
        INFO("seed ", seed);
        Rng rng(seed);
        const Array a = random_array({m, 33}, rng), b = random_array({33, 17}, rng), g = random_array({m, 17}, rng);
        const auto product = run(
            {a, b}, [](const Vars& v) { return matmul(v[0], v[1]); }, &g);
        check_arrays_near(product[0], naive_product(a, false, b, false), kProductNear);
        check_arrays_near(product[1], naive_product(g, false, b, true), kProductNear);
        check_arrays_near(product[2], naive_product(a, true, g, false), kProductNear);

        const Array w = random_array({17, 33}, rng), bias = zeros({17});
        const auto layer = run({a, w, bias}, apply, &g);
        check_arrays_near(layer[0], naive_product(a, false, w, true), kProductNear);
        check_arrays_near(layer[1], naive_product(g, false, w, false), kProductNear);
        check_arrays_near(layer[2], naive_product(g, true, a, false), kProductNear);
        const Array column_sums = naive_product(g, true, ones({m, 1}), false);  // (17, 1)
        check_near(layer[3], std::vector<double>(column_sums.begin(), column_sums.end()), kProductNear);
    }
}

TEST_CASE("linear: (2, 3, 4) gives what (6, 4) gives [3.1] [3.2]") {
    const std::vector<Array> deep = {wave({2, 3, 4}), wave({5, 4}, 3), wave({5}, 9)};
    const std::vector<Array> flat = {wave({6, 4}), deep[1], deep[2]};
    const auto a = run(deep, apply), b = run(flat, apply);
    CHECK(to_string(a[0].shape()) == "(2, 3, 5)");
    for (std::size_t k = 0; k < 4; ++k) check_near(a[k], std::vector<double>(b[k].begin(), b[k].end()), 0);
}

TEST_CASE("matmul, linear: NaN and infinity are not lost where the other factor is 0") {
    Tape tape(Mode::eval);
    const Var a = tape.constant(array({1, 2}, {0, 1})), b = tape.constant(array({2, 1}, {kNaN, 1}));
    const Var c = tape.constant(array({1, 2}, {kInf, 1}));
    check_near(matmul(a, b).value(), {kNaN});
    check_near(linear(a, c).value(), {kNaN});
    check_near(linear(c, tape.constant(array({1, 2}, {2, 1}))).value(), {kInf});
}

TEST_CASE("matmul, linear: shapes that do not fit are refused with all of them [3.3]") {
    Tape tape;
    const Var x = tape.constant(ones({2, 3})), w = tape.constant(ones({4, 3})), bias = tape.constant(ones({4}));
    const Var vector = tape.constant(ones({3})), scalar = tape.constant(ones({}));
    const std::size_t size = tape.size();
    const auto refused = [](const auto& f, const std::string& text) { check_refused<std::invalid_argument>(f, text); };
    refused([&] { matmul(x, w); }, "matmul: cannot multiply (2, 3) by (4, 3)");
    refused([&] { matmul(x, vector); }, "matmul: cannot multiply (2, 3) by (3,)");
    refused([&] { linear(w, transpose(w), bias); },
            "linear: cannot apply a weight of shape (3, 4) to an input of shape (4, 3)");
    refused([&] { linear(scalar, w); }, "linear: cannot apply a weight of shape (4, 3) to an input of shape ()");
    refused([&] { linear(x, vector); }, "linear: weight must be (out, in), not (3,)");
    refused([&] { linear(x, w, vector); }, "linear: bias must be of shape (4,) for a weight of (4, 3), not (3,)");
    refused([&] { linear(x, w, scalar); }, "linear: bias must be of shape (4,) for a weight of (4, 3), not ()");
    CHECK(tape.size() == size + 1);  // the transposed weight
}

TEST_CASE("matmul, linear: inputs of two tapes, or of none, are refused") {
    Tape tape, other;
    const Var x = tape.constant(ones({2, 2})), elsewhere = other.constant(ones({2, 2})),
              bias = other.constant(ones({2}));
    const std::string mixed = "Tape: an input belongs to another tape; the inputs of an op must share one";
    check_refused<std::logic_error>([&] { matmul(x, elsewhere); }, mixed);
    check_refused<std::logic_error>([&] { linear(x, elsewhere); }, mixed);
    check_refused<std::logic_error>([&] { linear(x, x, bias); }, mixed);
    check_refused<std::logic_error>(
        [&] { linear(x, x, Var()); },
        "Var: used after its tape has ended (or never assigned); values live as long as their tape");
}

TEST_CASE("matmul, linear: a changed weight is refused where its values are needed, and only there [8.4]") {
    const std::vector<Array> two = {wave({2, 2}), wave({2, 2}, 5)},
                             three = {wave({2, 2}), wave({2, 2}, 5), wave({2}, 8)};
    for (const std::size_t k : {0u, 1u}) {
        check_refuses_changed(two, k, [](const Vars& v) { return matmul(v[0], v[1]); });
        check_refuses_changed(two, k, apply);
        check_refuses_changed(three, k, apply);
        check_refuses_changed(two, k, [](const Vars& v) { return sum(tanh(matmul(v[0], v[1]))) + sum(v[0]); });
    }
    check_allows_changed(three, 2, apply);
    // The gradient of a factor needs the other one only.
    check_allows_changed(two, 0, [](const Vars& v) { return matmul(v[0], detach(v[1])); });
    check_allows_changed(two, 1, [](const Vars& v) { return matmul(detach(v[0]), v[1]); });
    check_allows_changed(three, 1, [](const Vars& v) { return linear(detach(v[0]), v[1], v[2]); });
}

TEST_CASE("linear: a frozen weight gets no gradient, but passes one on [8.1]") {
    const Parameter x(wave({2, 3})), w(wave({2, 3}, 5), false);
    Tape tape;
    tape.backward(linear(tape.leaf(x), tape.leaf(w)), ones({2, 2}));
    CHECK(!w.has_gradient());
    check_arrays_near(x.grad(), naive_product(ones({2, 2}), false, w.value(), false));
}
