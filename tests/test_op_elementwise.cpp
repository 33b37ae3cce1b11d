// Elementwise ops: gradients under every broadcast, PyTorch's numbers, a naive twin, NaN and infinity.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using BinaryOp = Var (*)(Var, Var);
using UnaryOp = Var (*)(Var);
struct Binary {
    std::string name;
    BinaryOp op;
};
struct Unary {
    std::string name;
    UnaryOp op;
};

const std::vector<Binary> kBinaries = {{"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}};

const std::vector<Unary> kUnaries = {{"neg", neg},        {"exp", exp},   {"log", log},
                                     {"sqrt", sqrt},      {"relu", relu}, {"tanh", embergrad::tanh},
                                     {"sigmoid", sigmoid}};

const std::vector<std::pair<Shape, Shape>> kBroadcasts = {
    {{2, 3}, {2, 3}}, {{3, 1}, {1, 4}}, {{}, {2, 3}},  {{2, 3}, {}},     {{2, 1, 3}, {4, 1}}, {{4, 1}, {2, 1, 3}},
    {{3}, {2, 3}},    {{2, 3}, {3}},    {{}, {}},      {{1}, {}},        {{1}, {1, 1}},       {{2, 3, 2}, {3, 1}},
    {{1, 3}, {2, 3}}, {{0, 3}, {3}},    {{2, 0}, {1}}, {{0, 1}, {1, 4}}, {{}, {0}},           {{0}, {0}},
    {{2, 0, 3}, {3}}, {{4, 0}, {4, 1}}, {{1}, {1}},    {{1, 1}, {3, 2}}};

/// The offset in an array of `shape` that broadcasting reads for the element `index` of a result.
std::size_t naive_offset(const Shape& shape, const Shape& index) {
    std::size_t offset = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        const std::size_t i = index[index.size() - shape.size() + axis];
        offset = offset * shape[axis] + (shape[axis] == 1 ? 0 : i);
    }
    return offset;
}

/// a / b and its gradients, written from the definition of broadcasting.
std::vector<std::vector<double>> naive_division(const Array& a, const Array& b, const Shape& shape, const Array& g) {
    std::vector<double> out, da(a.size(), 0.0), db(b.size(), 0.0);
    Shape index(shape.size(), 0);
    for (std::size_t flat = 0; flat < element_count(shape); ++flat) {
        for (std::size_t axis = shape.size(), rest = flat; axis-- > 0; rest /= shape[axis])
            index[axis] = rest % shape[axis];
        const std::size_t i = naive_offset(a.shape(), index), j = naive_offset(b.shape(), index);
        const double x = element(a, i), y = element(b, j);
        out.push_back(x / y);
        da[i] += element(g, flat) / y;
        db[j] -= element(g, flat) * x / (y * y);
    }
    return {out, da, db};
}

/// A shape that broadcasts to `to`: leading axes dropped, others made 1.
Shape random_part(const Shape& to, Rng& rng) {
    Shape part;
    for (std::size_t axis = rng.below(to.size() + 1); axis < to.size(); ++axis)
        part.push_back(rng.below(3) == 0 ? 1 : to[axis]);
    return part;
}

}  // namespace

TEST_CASE("elementwise: the gradient of two inputs under every broadcast [8.5]") {
    for (const Binary& binary : kBinaries) {
        const BinaryOp op = binary.op;
        for (const auto& [a, b] : kBroadcasts) {
            CAPTURE(binary.name);
            check_op({a, b}, [op](const Vars& v) { return op(v[0], v[1]); }, {.low = 0.5, .high = 1.5});
        }
    }
}

TEST_CASE("elementwise: a value used twice [8.2]") {
    for (const Binary& binary : kBinaries) {
        const BinaryOp op = binary.op;
        CAPTURE(binary.name);
        check_op({{2, 3}}, [op](const Vars& v) { return op(v[0], v[0]); }, {.low = 0.5, .high = 1.5});
        check_op({{3, 1}}, [op](const Vars& v) { return op(v[0], transpose(v[0])); }, {.low = 0.5, .high = 1.5});
        check_op({{2, 2}}, [op](const Vars& v) { return op(sum(v[0]), v[0]); }, {.low = 0.5, .high = 1.5});
    }
}

TEST_CASE("elementwise: the gradient of one input") {
    for (const Unary& unary : kUnaries) {
        const UnaryOp op = unary.op;
        for (const Shape& shape : std::vector<Shape>{{2, 3}, {}, {1}, {0}, {2, 0, 3}}) {
            CAPTURE(unary.name);
            const auto twice = [op](const Vars& v) { return op(v[0]) * op(v[0]); };
            check_op({shape}, [op](const Vars& v) { return op(v[0]); }, {.low = 0.5, .high = 1.5});
            check_op({shape}, twice, {.low = 0.5, .high = 1.5});
        }
    }
    for (UnaryOp op : {UnaryOp(relu), UnaryOp(embergrad::tanh), UnaryOp(sigmoid), UnaryOp(exp), UnaryOp(neg)})
        check_op({{3, 2}}, [op](const Vars& v) { return op(v[0]); }, {.low = -1.5, .high = -0.5});
}

TEST_CASE("elementwise: broadcasting agrees with a naive twin on random shapes [8.5]") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        INFO("seed ", seed);
        Rng rng(seed);
        Shape to;
        for (std::size_t axis = rng.below(5); axis > 0; --axis) to.push_back(rng.below(4));
        const Array a = random_array(random_part(to, rng), rng, 0.5, 1.5);
        const Array b = random_array(random_part(to, rng), rng, 0.5, 1.5);
        Tape tape(Mode::eval);
        const Shape shape = div(tape.constant(a), tape.constant(b)).shape();
        const Array g = random_array(shape, rng);
        const auto expected = naive_division(a, b, shape, g);
        const auto actual = run(
            {a, b}, [](const Vars& v) { return v[0] / v[1]; }, &g);
        for (std::size_t k = 0; k < 3; ++k) check_near(actual[k], expected[k], kDouble ? 1e-13 : 1e-5);
    }
}

// The numbers below come from tests/reference/ops.py.

TEST_CASE("elementwise: PyTorch's numbers for one input") {
    const Array edges = array({5}, {-2, -0.5, 0, 0.5, 2}), positive = array({3}, {0.25, 1, 3});
    check_numbers({edges}, [](const Vars& v) { return relu(v[0]); },
                  {{0.0, 0.0, 0.0, 0.5, 2.0}, {0.0, 0.0, 0.0, 0.9906073556948704, 0.6502878401571168}});
    check_numbers(
        {edges}, [](const Vars& v) { return embergrad::tanh(v[0]); },
        {{-0.9640275800758169, -0.46211715726000974, 0.0, 0.46211715726000974, 0.9640275800758169},
         {-0.07065013293789348, -0.42198655493235454, 0.4201670368266409, 0.7790609091456029, 0.045943372299083046}});
    check_numbers(
        {edges}, [](const Vars& v) { return sigmoid(v[0]); },
        {{0.11920292202211755, 0.3775406687981454, 0.5, 0.6224593312018546, 0.8807970779778823},
         {-0.10499255715415139, -0.12609662759694396, 0.10504175920666023, 0.23279640592249984, 0.0682760518823981}});
    check_numbers(
        {edges}, [](const Vars& v) { return exp(v[0]); },
        {{0.1353352832366127, 0.6065306597126334, 1.0, 1.6487212707001282, 7.38905609893065},
         {-0.13533395783737828, -0.32544792593873656, 0.4201670368266409, 1.6332354182461406, 4.805013331373384}});
    check_numbers({positive}, [](const Vars& v) { return log(v[0]); },
                  {{-1.3862943611198906, 0.0, 1.0986122886681098},
                   {-3.999960826202814, -0.5365729180004349, 0.14005567894221363}});
    check_numbers({positive}, [](const Vars& v) { return sqrt(v[0]); },
                  {{0.5, 1.0, 1.7320508075688772}, {-0.9999902065507035, -0.26828645900021747, 0.12129177590823427}});
}

TEST_CASE("elementwise: PyTorch's numbers for two inputs that broadcast [8.5]") {
    const std::vector<Array> outer = {wave({3, 1}), wave({1, 4}, 5)};
    check_numbers(outer, [](const Vars& v) { return v[0] - v[1]; },
                  {{1.1208864830068224, 0.18448438608910744, -0.14788726181548528, 0.4293524995661399,
                    1.1887129250246076, 0.25231082810689265, -0.08006081979770008, 0.4971789415839251,
                    0.4205355062587931, -0.5158665906589218, -0.8482382385635145, -0.2709984771818894},
                   {-0.12578873202962704, -1.3500002151591812, 1.890626789636232},
                   {0.1998251567306343, -0.08846901606212743, -0.2954251834831402, -0.23076879963279043}});
    check_numbers(outer, [](const Vars& v) { return v[0] * v[1]; },
                  {{-0.23512003444003918, 0.5528351602294898, 0.8325162581139908, 0.3467857476339195,
                    -0.2540717935274992, 0.5973962236739516, 0.8996209078634093, 0.37473827817762695,
                    -0.03943111735788423, 0.09271395410642026, 0.13961824373758774, 0.058158163958936956},
                   {0.7508348711377495, -1.6315113850553395, 1.3820191472778083},
                   {-0.22900701111794952, -0.5844654456082957, -0.40256904480687444, 0.14944747924771834}});
    check_numbers(outer, [](const Vars& v) { return v[0] / v[1]; },
                  {{-3.0115401265567, 1.280803880092648, 0.850522030497835, 2.0418181055729, -3.2542841491860286,
                    1.384042579557836, 0.919078028539265, 2.206398061208709, -0.5050543329539968, 0.2147989142169261,
                    0.14263792568718262, 0.3424258146952169},
                   {5.590528251688996, -5.559531817975742, 1.6773767639272492},
                   {2.933241333036639, 1.3540846609764021, 0.41127586166351493, -0.879922462333556}});
    const std::vector<Array> mixed = {wave({2, 1, 3}), wave({4, 1}, 5)};
    check_numbers(mixed, [](const Vars& v) { return sum(v[0] + v[1], 1); },
                  {{5.144931771616587, 5.416237539687728, 2.3435278646244706, -1.2481621488467112, -2.056649266267552,
                    0.6613858395892982},
                   {-3.999960826202814, -2.1462916720017398, 1.6806681473065637, 3.9624294227794814, 2.6011513606284673,
                    -1.1516132666602612},
                   {0.23659579146242438, 0.23659579146242438, 0.23659579146242438, 0.23659579146242438}});
    check_numbers(mixed, [](const Vars& v) { return sum(v[0] / v[1], 1); },
                  {{1.161603889606683, 1.2552345201197812, 0.19480832164532877, -1.044723749345235, -1.3237416231782064,
                    -0.3857175534084031},
                   {-1.380430857949396, -0.7407090676444485, 0.5800172234979245, 1.3674783542427789, 0.8976861925463592,
                    -0.39743451468520075},
                   {32.826953364491786, 5.937703933091077, 2.618330136705778, 15.089935063458004}});
}

TEST_CASE("elementwise: closed forms") {
    const double g0 = std::sin(11.0), g1 = std::sin(12.0), back = g0 / 3 + g1 / 4;
    check_numbers({array({2}, {6, 1}), array({2}, {3, 4})}, [](const Vars& v) { return sum(v[0] * v[1]) / v[1]; },
                  {{22.0 / 3, 22.0 / 4}, {3 * back, 4 * back}, {6 * back - 22 * g0 / 9, back - 22 * g1 / 16}});
    const Array x = array({3}, {-1, 0, 2}), g = array({3}, {1, 10, 100});
    const auto check = [&](const Function& f, const std::vector<double>& value, const std::vector<double>& gradient) {
        const auto results = run({x}, f, &g);
        check_near(results[0], value);
        check_near(results[1], gradient);
    };
    check([](const Vars& v) { return v[0] + 3; }, {2, 3, 5}, {1, 10, 100});
    check([](const Vars& v) { return 3 + v[0]; }, {2, 3, 5}, {1, 10, 100});
    check([](const Vars& v) { return v[0] - 3; }, {-4, -3, -1}, {1, 10, 100});
    check([](const Vars& v) { return 3 - v[0]; }, {4, 3, 1}, {-1, -10, -100});
    check([](const Vars& v) { return v[0] * 4; }, {-4, 0, 8}, {4, 40, 400});
    check([](const Vars& v) { return 4 * v[0]; }, {-4, 0, 8}, {4, 40, 400});
    check([](const Vars& v) { return v[0] / 4; }, {-.25, 0, .5}, {.25, 2.5, 25});
    check([](const Vars& v) { return -v[0]; }, {1, 0, -2}, {-1, -10, -100});
    check([](const Vars& v) { return affine(v[0], 2, 1); }, {-1, 1, 5}, {2, 20, 200});
    check([](const Vars& v) { return v[0] * v[0] - v[0]; }, {2, 0, 2}, {-3, -10, 300});
}

TEST_CASE("relu: NaN passes, zero of either sign does not [4.1] [4.2]") {
    const Array g = array({6}, {1, 2, 3, 4, 5, 6});
    const auto results = run(
        {array({6}, {kNaN, 0.0, -0.0, kInf, -kInf, -3})}, [](const Vars& v) { return relu(v[0]); }, &g);
    check_near(results[0], {kNaN, 0, 0, kInf, 0, 0});
    check_near(results[1], {1, 0, 0, 4, 0, 0});
}

TEST_CASE("elementwise: NaN and infinity as PyTorch has them") {
    Tape tape(Mode::eval);
    const auto on = [&](UnaryOp op, const std::vector<double>& x) {
        return Array(op(tape.constant(array({x.size()}, x))).value());
    };
    check_near(on(log, {0, -1, kInf, kNaN, 1}), {-kInf, kNaN, kInf, kNaN, 0});
    check_near(on(sqrt, {0, -1, kInf, kNaN, 4}), {0, kNaN, kInf, kNaN, 2});
    check_near(on(exp, {-kInf, kInf, kNaN, 1e4, -1e4}), {0, kInf, kNaN, kInf, 0});
    check_near(on(embergrad::tanh, {-kInf, kInf, kNaN, 1e4, -1e4}), {-1, 1, kNaN, 1, -1});
    check_near(on(sigmoid, {-kInf, kInf, kNaN, 1e4, -1e4}), {0, 1, kNaN, 1, 0});
    const Var one_zero = tape.constant(array({4}, {1, -1, 0, kNaN})), zero = tape.constant(zeros({}));
    check_near((one_zero / zero).value(), {kInf, -kInf, kNaN, kNaN});
}

TEST_CASE("elementwise: gradients at the edges of the domain") {
    const Array g = ones({2});
    check_near(run(
                   {array({2}, {0, 4})}, [](const Vars& v) { return sqrt(v[0]); }, &g)[1],
               {kInf, 0.25});
    check_near(run(
                   {array({2}, {0, 4})}, [](const Vars& v) { return log(v[0]); }, &g)[1],
               {kInf, 0.25});
    check_near(run(
                   {array({2}, {1e4, -1e4})}, [](const Vars& v) { return sigmoid(v[0]); }, &g)[1],
               {0, 0});
    check_near(run(
                   {array({2}, {1e4, -1e4})}, [](const Vars& v) { return embergrad::tanh(v[0]); }, &g)[1],
               {0, 0});
}

TEST_CASE("elementwise: shapes that do not broadcast are refused") {
    const Parameter p(ones({2, 3}));
    for (const Binary& binary : kBinaries) {
        const BinaryOp op = binary.op;
        Tape tape;
        const Var a = tape.leaf(p), b = tape.constant(ones({2}));
        const std::size_t size = tape.size();
        check_refused<std::invalid_argument>([&] { op(a, b); },
                                             binary.name + ": shapes (2, 3) and (2,) do not broadcast");
        check_refused<std::invalid_argument>([&] { op(tape.constant(ones({0})), b); },
                                             binary.name + ": shapes (0,) and (2,) do not broadcast");
        CHECK(tape.size() == size + 1);  // the constant; no half-made result
    }
}

TEST_CASE("elementwise: inputs of two tapes, of an ended tape, or of none are refused") {
    Var stale;
    Tape other;
    {
        Tape tape;
        stale = tape.constant(ones({2}));
    }
    Tape tape;
    const Var x = tape.constant(ones({2})), elsewhere = other.constant(ones({2}));
    const std::string mixed = "Tape: an input belongs to another tape; the inputs of an op must share one";
    const std::string ended =
        "Var: used after its tape has ended (or never assigned); values live as long as their tape";
    for (const Binary& binary : kBinaries) {
        const BinaryOp op = binary.op;
        CAPTURE(binary.name);
        check_refused<std::logic_error>([&] { op(x, elsewhere); }, mixed);
        check_refused<std::logic_error>([&] { op(elsewhere, x); }, mixed);
        check_refused<std::logic_error>([&] { op(x, stale); }, ended);
        check_refused<std::logic_error>([&] { op(stale, x); }, ended);
        check_refused<std::logic_error>([&] { op(x, Var()); }, ended);
    }
    for (const Unary& unary : kUnaries) {
        const UnaryOp op = unary.op;
        CAPTURE(unary.name);
        check_refused<std::logic_error>([&] { op(stale); }, ended);
    }
}

TEST_CASE("elementwise: a changed weight is refused where its values are needed, and only there [8.4]") {
    const std::vector<Array> two = {wave({2, 3}), wave({2, 3}, 5)}, row = {wave({2, 3}), wave({3}, 5)};
    for (const auto& inputs : {two, row}) {
        check_refuses_changed(inputs, 0, [](const Vars& v) { return v[0] * v[1]; });
        check_refuses_changed(inputs, 1, [](const Vars& v) { return v[0] * v[1]; });
        check_refuses_changed(inputs, 0, [](const Vars& v) { return v[0] / v[1]; });
        check_refuses_changed(inputs, 1, [](const Vars& v) { return v[0] / v[1]; });
        check_allows_changed(inputs, 0, [](const Vars& v) { return v[0] + v[1]; });
        check_allows_changed(inputs, 1, [](const Vars& v) { return v[0] - v[1]; });
        // The gradient of a factor needs the other one only.
        check_allows_changed(inputs, 0, [](const Vars& v) { return v[0] * detach(v[1]); });
        check_allows_changed(inputs, 0, [](const Vars& v) { return v[0] / detach(v[1]); });
    }
    check_refuses_changed({wave({3})}, 0, [](const Vars& v) { return log(v[0]); });
    for (UnaryOp op : {UnaryOp(neg), UnaryOp(exp), UnaryOp(relu), UnaryOp(embergrad::tanh), UnaryOp(sigmoid)})
        check_allows_changed({wave({3})}, 0, [op](const Vars& v) { return op(v[0]); });
    check_allows_changed({ones({3})}, 0, [](const Vars& v) { return sqrt(v[0]); });
    check_allows_changed({wave({3})}, 0, [](const Vars& v) { return affine(v[0], 2, 1); });
}

TEST_CASE("elementwise: only what needs a gradient gets one [8.1]") {
    const Parameter w(wave({3})), frozen(wave({3}, 5), false);
    Tape tape;
    const Var y = tape.leaf(w) * tape.leaf(frozen);
    CHECK(y.needs_grad());
    CHECK(!(tape.leaf(frozen) * tape.constant(ones({3}))).needs_grad());
    tape.backward(sum(y));
    check_same(w.grad(), frozen.value());
    CHECK(!frozen.has_gradient());

    Tape eval(Mode::eval);
    CHECK(!(eval.leaf(w) * eval.leaf(w)).needs_grad());
}

TEST_CASE("div: by and of a number") {
    const Parameter x(Array{1, 2, -4});
    check_gradient({x}, [&](Tape& tape) { return tape.leaf(x) / Real{49}; });
    check_gradient({x}, [&](Tape& tape) { return Real{3} / tape.leaf(x); });
    Tape tape;
    CHECK((Real{3} / tape.leaf(x)).value()(1) == Real{1.5});
    CHECK((tape.constant(Array{49}) / Real{49}).item() == 1);
}
