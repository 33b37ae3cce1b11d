// Reductions: gradients over every axis, PyTorch's numbers, ties and NaN, sums that float alone would lose.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

const std::vector<Shape> kShapes = {{}, {3}, {1}, {2, 3}, {3, 1}, {2, 3, 2}, {2, 1, 3}, {0}, {2, 0, 3}, {0, 2}};

/// f for every shape and axis, the axes counted from both ends, with and without keepdim.
template <class F>
void for_each_axis(F f) {
    for (const Shape& shape : kShapes) {
        const auto rank = static_cast<std::int64_t>(shape.size());
        for (std::int64_t axis = -rank; axis < rank; ++axis) {
            CAPTURE(axis);
            f(shape, axis, axis % 2 == 0);
        }
    }
}

/// No two alike, and farther apart than gradcheck steps: its differences must not meet a tie.
Array spread(const Shape& shape) {
    Array x(shape);
    for (std::size_t i = 0; i < x.size(); ++i)
        x.data()[i] = static_cast<Real>(static_cast<double>(7 * i % 13) * 0.25 - 1.5);
    return x;
}

/// The mean of the first lengths[b] rows of x, (B, L, D), in double.
Array naive_masked_mean(const Array& x, const IdArray& lengths) {
    const std::size_t b = x.shape()[0], l = x.shape()[1], d = x.shape()[2];
    Array means = zeros({b, d});
    for (std::size_t i = 0; i < b; ++i) {
        const auto length = static_cast<std::size_t>(lengths.data()[i]);
        for (std::size_t j = 0; j < d; ++j) {
            double sum = 0;
            for (std::size_t t = 0; t < length; ++t) sum += element(x, (i * l + t) * d + j);
            if (length > 0) means.data()[i * d + j] = static_cast<Real>(sum / static_cast<double>(length));
        }
    }
    return means;
}

Array value_of(const Function& f, const Array& x) {
    Tape tape(Mode::eval);
    return f({tape.constant(x)}).value();
}

}  // namespace

TEST_CASE("sum, mean: the gradient, over everything and over every axis") {
    for (const Shape& shape : kShapes) {
        check_op({shape}, [](const Vars& v) { return sum(v[0]); });
        check_op({shape}, [](const Vars& v) { return sum(v[0]) * v[0]; });
        if (element_count(shape) > 0) check_op({shape}, [](const Vars& v) { return mean(v[0]) * mean(v[0]); });
    }
    for_each_axis([](const Shape& shape, std::int64_t axis, bool keepdim) {
        check_op({shape}, [=](const Vars& v) { return sum(v[0], axis, keepdim); });
        check_op({shape}, [=](const Vars& v) { return v[0] * sum(v[0], axis, true); });
        if (element_count(shape) > 0) check_op({shape}, [=](const Vars& v) { return mean(v[0], axis, keepdim); });
    });
}

TEST_CASE("max: the gradient, over everything and over every axis") {
    const auto check = [](const Shape& shape, const Function& f) {
        const Parameter x(spread(shape));
        check_gradient({x}, [&](Tape& tape) { return f({tape.leaf(x)}); });
    };
    for (const Shape& shape : kShapes) {
        if (element_count(shape) > 0) check(shape, [](const Vars& v) { return max(v[0]) * sum(v[0]); });
    }
    for_each_axis([&](const Shape& shape, std::int64_t axis, bool keepdim) {
        const std::size_t extent = shape[static_cast<std::size_t>(axis < 0 ? axis + std::ssize(shape) : axis)];
        if (extent == 0) return;
        check(shape, [=](const Vars& v) { return max(v[0], axis, keepdim); });
        check(shape, [=](const Vars& v) { return v[0] * max(v[0], axis, true); });
    });
}

TEST_CASE("softmax, log_softmax: the gradient over every axis") {
    for_each_axis([](const Shape& shape, std::int64_t axis, bool) {
        check_op({shape}, [=](const Vars& v) { return softmax(v[0], axis); });
        check_op({shape}, [=](const Vars& v) { return log_softmax(v[0], axis); });
        check_op({shape}, [=](const Vars& v) { return softmax(v[0], axis) * v[0]; });
        check_op({shape}, [=](const Vars& v) { return log_softmax(v[0], axis) * v[0]; });
    });
}

// The numbers of the next three come from tests/reference/ops.py.

TEST_CASE("sum, mean, max: PyTorch's numbers") {
    const std::vector<Array> x = {wave({2, 3, 2})};
    check_numbers(x, [](const Vars& v) { return sum(v[0], 0); },
                  {{1.4984575835266856, 1.8986556734490634, 0.5532384933016238, -1.300823606197298, -1.958914481213842,
                    -0.8159884161993608},
                   {-0.9999902065507035, -0.5365729180004349, 0.4201670368266409, 0.9906073556948704,
                    0.6502878401571168, -0.2879033166650653, -0.9999902065507035, -0.5365729180004349,
                    0.4201670368266409, 0.9906073556948704, 0.6502878401571168, -0.2879033166650653}});
    check_numbers(x, [](const Vars& v) { return sum(v[0], 1); },
                  {{0.023666718204625292, -0.12692056668117235, 0.06911487740984212, -0.09123578226642293},
                   {-0.9999902065507035, -0.5365729180004349, -0.9999902065507035, -0.5365729180004349,
                    -0.9999902065507035, -0.5365729180004349, 0.4201670368266409, 0.9906073556948704,
                    0.4201670368266409, 0.9906073556948704, 0.4201670368266409, 0.9906073556948704}});
    check_numbers(x, [](const Vars& v) { return sum(v[0], 2); },
                  {{1.7507684116335782, -0.615682487248061, -1.2383397728620644, 1.646344845342171,
                    -0.13190262564761318, -1.5365631245511384},
                   {-0.9999902065507035, -0.9999902065507035, -0.5365729180004349, -0.5365729180004349,
                    0.4201670368266409, 0.4201670368266409, 0.9906073556948704, 0.9906073556948704, 0.6502878401571168,
                    0.6502878401571168, -0.2879033166650653, -0.2879033166650653}});
    check_numbers(x, [](const Vars& v) { return mean(v[0], 0); },
                  {{0.7492287917633428, 0.9493278367245317, 0.2766192466508119, -0.650411803098649, -0.979457240606921,
                    -0.4079942080996804},
                   {-0.49999510327535174, -0.26828645900021747, 0.21008351841332046, 0.4953036778474352,
                    0.3251439200785584, -0.14395165833253265, -0.49999510327535174, -0.26828645900021747,
                    0.21008351841332046, 0.4953036778474352, 0.3251439200785584, -0.14395165833253265}});
    check_numbers(x, [](const Vars& v) { return mean(v[0], 1); },
                  {{0.007888906068208431, -0.04230685556039079, 0.023038292469947375, -0.030411927422140977},
                   {-0.3333300688502345, -0.1788576393334783, -0.3333300688502345, -0.1788576393334783,
                    -0.3333300688502345, -0.1788576393334783, 0.14005567894221363, 0.3302024518982901,
                    0.14005567894221363, 0.3302024518982901, 0.14005567894221363, 0.3302024518982901}});
    check_numbers(x, [](const Vars& v) { return mean(v[0], 2); },
                  {{0.8753842058167891, -0.3078412436240305, -0.6191698864310322, 0.8231724226710855,
                    -0.06595131282380659, -0.7682815622755692},
                   {-0.49999510327535174, -0.49999510327535174, -0.26828645900021747, -0.26828645900021747,
                    0.21008351841332046, 0.21008351841332046, 0.4953036778474352, 0.4953036778474352,
                    0.3251439200785584, 0.3251439200785584, -0.14395165833253265, -0.14395165833253265}});
    check_numbers(x, [](const Vars& v) { return max(v[0], 0); },
                  {{0.8414709848078965, 0.9893582466233818, 0.4121184852417566, -0.5440211108893698,
                    -0.9589242746631385, -0.27941549819892586},
                   {-0.9999902065507035, 0.0, 0.0, 0.0, 0.6502878401571168, -0.2879033166650653, 0.0,
                    -0.5365729180004349, 0.4201670368266409, 0.9906073556948704, 0.0, 0.0}});
    check_numbers(x, [](const Vars& v) { return max(v[0], 1); },
                  {{0.8414709848078965, 0.9092974268256817, 0.6569865987187891, 0.9893582466233818},
                   {-0.9999902065507035, -0.5365729180004349, 0.0, 0.0, 0.0, 0.0, 0.4201670368266409,
                    0.9906073556948704, 0.0, 0.0, 0.0, 0.0}});
    check_numbers(x, [](const Vars& v) { return max(v[0], 2); },
                  {{0.9092974268256817, 0.1411200080598672, -0.27941549819892586, 0.9893582466233818,
                    0.4121184852417566, -0.5365729180004349},
                   {0.0, -0.9999902065507035, -0.5365729180004349, 0.0, 0.0, 0.4201670368266409, 0.0,
                    0.9906073556948704, 0.6502878401571168, 0.0, 0.0, -0.2879033166650653}});
    Tape tape(Mode::eval);
    const Var c = tape.constant(x[0]);
    check_ids(argmax(c, 0), {3, 2}, {0, 1, 1, 1, 0, 0});
    check_ids(argmax(c, 1), {2, 2}, {0, 0, 0, 0});
    check_ids(argmax(c, 2), {2, 3}, {1, 0, 1, 1, 0, 1});
    check_ids(argmax(c, -1, true), {2, 3, 1}, {1, 0, 1, 1, 0, 1});
}

TEST_CASE("max: ties share the gradient over everything, the first takes it over an axis") {
    check_numbers({array({5}, {1, 3, 3, 2, 3})}, [](const Vars& v) { return max(v[0]); },
                  {{3.0}, {0.0, -0.3333300688502345, -0.3333300688502345, 0.0, -0.3333300688502345}});
    check_numbers({array({3, 2}, {1, 5, 1, 5, 0, 5})}, [](const Vars& v) { return max(v[0], 0); },
                  {{1.0, 5.0}, {-0.9999902065507035, -0.5365729180004349, 0.0, 0.0, 0.0, 0.0}});
    check_numbers({array({4}, {1, kNaN, 3, kNaN})}, [](const Vars& v) { return max(v[0]); },
                  {{kNaN}, {0, -0.49999510327535174, 0, -0.49999510327535174}});
}

TEST_CASE("softmax, log_softmax: PyTorch's numbers") {
    const std::vector<Array> x = {wave({2, 3})};
    check_numbers(x, [](const Vars& v) { return softmax(v[0], 0); },
                  {{0.83177694182396, 0.8662523793904654, 0.6036113847053295, 0.16822305817604, 0.1337476206095347,
                    0.39638861529467057},
                   {-0.27853249447516754, -0.1375087315315871, 0.169416227225034, 0.27853249447516754,
                    0.13750873153158713, -0.169416227225034}});
    check_numbers(x, [](const Vars& v) { return softmax(v[0]); },
                  {{0.38962193679510665, 0.4169654306086446, 0.19341263259624877, 0.2916427549644868, 0.238270797621608,
                    0.47008644741390526},
                   {-0.18230618496891413, -0.001871362477995135, 0.1841775474469093, 0.1989291563807977,
                    0.0814360089863446, -0.2803651653671423}});
    check_numbers(x, [](const Vars& v) { return log_softmax(v[0], 0); },
                  {{-0.18419097287510697, -0.14357898171069647, -0.5048246909254787, -1.7824644529909317,
                    -2.0118006831995165, -0.9253601971842718},
                   {-0.9921857675602482, -0.6350787398908622, 0.340331149553634, 0.9921857675602482, 0.6350787398908622,
                    -0.340331149553634}});
    check_numbers(x, [](const Vars& v) { return log_softmax(v[0]); },
                  {{-0.9425784028566115, -0.8747519608388263, -1.6429293796046407, -1.2322256676323229,
                    -1.4343474469875332, -0.7548386705233207},
                   {-0.565017800621005, -0.07107434255258371, 0.6360921431735886, 0.5960170766042184,
                    0.32790938592769064, -0.923926462531909}});
}

TEST_CASE("sum, mean: of nothing, of one, and exact where the result is [8.5]") {
    check_near(value_of([](const Vars& v) { return sum(v[0]); }, zeros({0, 3})), {0});
    check_near(value_of([](const Vars& v) { return mean(v[0]); }, zeros({0, 3})), {kNaN});
    check_arrays_near(value_of([](const Vars& v) { return sum(v[0], 0); }, zeros({0, 3})), zeros({3}));
    check_near(value_of([](const Vars& v) { return mean(v[0], 0); }, zeros({0, 2})), {kNaN, kNaN});
    check_arrays_near(value_of([](const Vars& v) { return mean(v[0], 1); }, zeros({0, 3})), zeros({0}));
    check_same(value_of([](const Vars& v) { return sum(v[0], 1, true); }, wave({3, 1})), wave({3, 1}));
    for (std::size_t n = 1; n < 200; ++n) {  // 49 times 1/49 is not 1
        check_same(value_of([](const Vars& v) { return mean(v[0]); }, ones({n})), ones({}));
        check_same(value_of([](const Vars& v) { return mean(v[0], 0); }, ones({n, 2})), ones({2}));
    }
    // A float would forget each 1 beside 1e8.
    Array x = ones({102});
    x.data()[0] = static_cast<Real>(1e8);
    x.data()[101] = static_cast<Real>(-1e8);
    check_near(value_of([](const Vars& v) { return sum(v[0]); }, x), {100}, 0);
    check_near(value_of([](const Vars& v) { return sum(v[0], 0); }, x), {100}, 0);
}

TEST_CASE("max, argmax: NaN is the largest, the first of equals wins") {
    Tape tape(Mode::eval);
    const auto on = [&](const std::vector<double>& x) { return tape.constant(array({x.size()}, x)); };
    CHECK(std::isnan(max(on({1, kNaN, kInf})).item()));
    CHECK(std::isnan(max(on({1, kNaN, kInf}), 0).item()));
    check_ids(argmax(on({1, kNaN, kInf, kNaN})), {}, {1});
    check_ids(argmax(on({1, kNaN, kInf, kNaN}), 0), {}, {1});
    check_ids(argmax(on({-kInf, -kInf})), {}, {0});
    check_ids(argmax(on({2, 5, 5})), {}, {1});
    CHECK(max(on({-kInf, -kInf})).item() == static_cast<Real>(-kInf));
    check_ids(argmax(tape.constant(full({}, 3))), {}, {0});
    check_ids(argmax(tape.constant(array({2, 2}, {1, 2, 4, 3}))), {}, {2});
    check_ids(argmax(tape.constant(zeros({0, 3})), 1), {0}, {});
}

TEST_CASE("softmax, log_softmax: large, infinite and single entries") {
    const auto soft = [](const Vars& v) { return softmax(v[0]); };
    const auto log_soft = [](const Vars& v) { return log_softmax(v[0]); };
    check_near(value_of(soft, array({2, 2}, {1e4, 1e4, -1e4, 1e4})), {0.5, 0.5, 0, 1});
    check_near(value_of(log_soft, array({2, 2}, {1e4, 1e4, -1e4, 1e4})), {-std::log(2.0), -std::log(2.0), -2e4, 0});
    check_near(value_of(soft, array({3}, {0, -kInf, 0})), {0.5, 0, 0.5});
    check_near(value_of(log_soft, array({3}, {0, -kInf, 0})), {-std::log(2.0), -kInf, -std::log(2.0)});
    check_near(value_of(soft, array({2}, {-kInf, -kInf})), {kNaN, kNaN});
    check_near(value_of(log_soft, array({2}, {-kInf, -kInf})), {kNaN, kNaN});
    check_near(value_of(soft, array({2}, {kInf, 0})), {kNaN, kNaN});
    check_near(value_of(soft, array({2}, {kNaN, 0})), {kNaN, kNaN});
    const Array g = wave({3, 1});
    const auto single = run({wave({3, 1})}, soft, &g);
    check_same(single[0], ones({3, 1}));
    check_near(single[1], {0, 0, 0}, 0);
}

TEST_CASE("softmax, log_softmax: large entries along the first axis") {
    const Array x = array({2, 2}, {0, -1e4, 1e4, 0});  // the largest of a lane is not beside its first
    check_near(value_of([](const Vars& v) { return softmax(v[0], 0); }, x), {0, 0, 1, 1});
    check_near(value_of([](const Vars& v) { return log_softmax(v[0], 0); }, x), {-1e4, -1e4, 0, 0});
}

TEST_CASE("softmax: rows sum to 1, and log_softmax is its logarithm") {
    const std::uint64_t seed = 3;
    INFO("seed ", seed);
    Rng rng(seed);
    const Array x = random_array({40, 17}, rng, -20, 20);
    Tape tape(Mode::eval);
    const Var p = softmax(tape.constant(x)), log_p = log_softmax(tape.constant(x));
    check_arrays_near(sum(p, 1).value(), ones({40}), kDouble ? 1e-14 : 1e-6);
    check_arrays_near(exp(log_p).value(), p.value(), kDouble ? 1e-14 : 1e-5);
}

TEST_CASE("reductions: an axis that is not there, and the maximum of nothing") {
    Tape tape;
    const Var x = tape.constant(ones({2, 3})), none = tape.constant(zeros({2, 0})), scalar = tape.constant(ones({}));
    const auto refused = [&](const Function& f, const Var& on, const std::string& text) {
        const std::size_t size = tape.size();
        check_refused<std::invalid_argument>([&] { f({on}); }, text);
        CHECK(tape.size() == size);
    };
    refused([](const Vars& v) { return sum(v[0], 2); }, x, "sum: axis 2 does not exist in shape (2, 3)");
    refused([](const Vars& v) { return mean(v[0], -3); }, x, "mean: axis -3 does not exist in shape (2, 3)");
    refused([](const Vars& v) { return max(v[0], 2); }, x, "max: axis 2 does not exist in shape (2, 3)");
    refused([](const Vars& v) { return softmax(v[0], 2); }, x, "softmax: axis 2 does not exist in shape (2, 3)");
    refused([](const Vars& v) { return log_softmax(v[0], 2); }, x,
            "log_softmax: axis 2 does not exist in shape (2, 3)");
    refused([](const Vars& v) { return sum(v[0], 0); }, scalar, "sum: axis 0 does not exist in shape ()");
    refused([](const Vars& v) { return max(v[0]); }, none, "max: there is no maximum of shape (2, 0)");
    refused([](const Vars& v) { return max(v[0], -1); }, none, "max: there is no maximum over axis 1 of shape (2, 0)");
    check_refused<std::invalid_argument>([&] { argmax(none); }, "argmax: there is no maximum of shape (2, 0)");
    check_refused<std::invalid_argument>([&] { argmax(none, 1); },
                                         "argmax: there is no maximum over axis 1 of shape (2, 0)");
    check_refused<std::invalid_argument>([&] { argmax(x, 2); }, "argmax: axis 2 does not exist in shape (2, 3)");
}

TEST_CASE("reductions: a changed weight is refused by max, which looks for its ties, and by nothing else [8.4]") {
    check_refuses_changed({wave({2, 3})}, 0, [](const Vars& v) { return max(v[0]); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return max(v[0], 1); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return sum(v[0], 1); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return mean(v[0]); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return softmax(v[0]); });
    check_allows_changed({wave({2, 3})}, 0, [](const Vars& v) { return log_softmax(v[0]); });
    check_allows_changed({wave({2, 3, 2})}, 0, [](const Vars& v) { return masked_mean(v[0], {1, 3}); });
}

TEST_CASE("masked_mean: the gradient, also of length 0, of one row, of nothing, and of a value used twice [12.2]") {
    const auto check = [](const Shape& shape, const IdArray& lengths) {
        check_op({shape}, [&](const Vars& v) { return masked_mean(v[0], lengths); });
        check_op({shape}, [&](const Vars& v) { return masked_mean(v[0], lengths) * sum(v[0], 1); });
    };
    check({3, 4, 2}, {4, 0, 2});
    check({2, 3, 1}, {0, 0});
    check({1, 1, 3}, {1});
    check({0, 3, 2}, IdArray());
    check({2, 0, 3}, {0, 0});
    check({2, 3, 0}, {1, 3});
}

TEST_CASE("masked_mean: a closed form; what lies behind the length is never read [12.2]") {
    const Array x = array({2, 3, 2}, {1, 2, 3, 6, kNaN, kInf, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN}),
                g = array({2, 2}, {4, 8, 5, 7});
    const auto results = run(
        {x},
        [](const Vars& v) {
            return masked_mean(v[0], {2, 0});
        },
        &g);
    check_near(results[0], {2, 4, 0, 0});
    check_near(results[1], {2, 4, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("masked_mean: agrees with a naive twin at the borders of its blocks") {
    for (const std::size_t l : {1u, 31u, 32u, 33u, 65u, 100u}) {
        for (const std::size_t d : {1u, 63u, 64u, 65u, 130u}) {
            const std::uint64_t seed = l * 1000 + d;
            INFO("seed ", seed);
            Rng rng(seed);
            const Array x = random_array({6, l, d}, rng);
            IdArray lengths(Shape{6});
            for (std::int64_t& length : lengths) length = static_cast<std::int64_t>(rng.below(l + 1));
            lengths.data()[0] = static_cast<std::int64_t>(l);
            Tape tape(Mode::eval);
            check_arrays_near(masked_mean(tape.constant(x), lengths).value(), naive_masked_mean(x, lengths),
                              kDouble ? 1e-14 : 1e-6);
        }
    }
}

TEST_CASE("masked_mean: full lengths give the plain mean; the lengths may change afterwards [12.2]") {
    const Parameter x(wave({2, 3, 2}));
    Tape tape;
    IdArray lengths = {3, 3};
    const Var y = masked_mean(tape.leaf(x), lengths);
    check_arrays_near(y.value(), mean(tape.leaf(x), 1).value(), kDouble ? 1e-15 : 1e-6);
    lengths.fill(0);
    tape.backward(y, ones({2, 2}));
    check_arrays_near(x.grad(), full({2, 3, 2}, Real{1} / 3));
    CHECK(masked_mean(tape.leaf(x), std::vector<std::int32_t>{1, 2}).shape() == Shape{2, 2});
}

TEST_CASE("masked_mean: lengths that do not fit are refused [12.2]") {
    Tape tape;
    const Var x = tape.constant(ones({2, 3, 4}));
    const auto refused = [&](const Var& on, const IdArray& lengths, const std::string& text) {
        const std::size_t size = tape.size();
        check_refused<std::invalid_argument>([&] { masked_mean(on, lengths); }, text);
        CHECK(tape.size() == size);
    };
    refused(x, {1, 4}, "masked_mean: length 4 at position 1 is outside 0..3");
    refused(x, {-1, 4}, "masked_mean: length -1 at position 0 is outside 0..3");
    refused(x, {1}, "masked_mean: lengths must be of shape (2,) for x (2, 3, 4), not (1,)");
    refused(x, {{1, 2}}, "masked_mean: lengths must be of shape (2,) for x (2, 3, 4), not (1, 2)");
    refused(tape.constant(ones({2, 3})), {1, 2}, "masked_mean: x must be (B, L, D), not (2, 3)");
}
