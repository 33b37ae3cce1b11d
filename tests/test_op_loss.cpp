// Cross entropy: PyTorch's numbers for every combination of options, a naive twin, and the edges of PyTorch's
// behaviour.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support.hpp"
#include "threads.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// One line of what tests/reference/ops.py prints: the options, the digest of the loss and of the logits' gradient.
struct Reference {
    bool weighted;
    std::int64_t ignore_index;
    Reduction reduction;
    double label_smoothing;
    double loss, gradient;
};

CrossEntropyOptions options_of(const Reference& reference) {
    CrossEntropyOptions options{.ignore_index = reference.ignore_index,
                                .reduction = reference.reduction,
                                .label_smoothing = reference.label_smoothing};
    if (reference.weighted) options.weight = array({3}, {0.5, 2, 1.25});
    return options;
}

Array doubled_wave(const Shape& shape) {
    Array logits = wave(shape);
    for (Real& z : logits) z *= 2;
    return logits;
}

Array softmax_of(const Array& x, std::int64_t axis = -1) {
    Tape tape(Mode::eval);
    return softmax(tape.constant(x), axis).value();
}

const IdArray kDeepTargets = {{{2, 0}, {1, 2}}, {{1, 1}, {0, 2}}};  // for logits (2, 3, 2, 2)

/// Logits (B, K, ...) as rows: (B ..., K).
Var as_rows(Var x) {
    const auto k = static_cast<std::int64_t>(x.dim(1)), b = static_cast<std::int64_t>(x.dim(0));
    return reshape(transpose(reshape(x, {b, k, static_cast<std::int64_t>(x.size() / x.dim(0) / x.dim(1))}), 1, 2),
                   {-1, k});
}

template <class Targets>
void check_references(const Array& logits, const Targets& targets, const std::vector<Reference>& references) {
    for (std::size_t line = 0; line < references.size(); ++line) {
        INFO("line ", line + 1);
        const auto loss = [&](const Vars& v) { return cross_entropy(v[0], targets, options_of(references[line])); };
        const auto results = run({logits}, loss);
        Shape expected;  // of the loss: the logits' without the classes
        for (std::size_t axis = 0; axis < logits.dimension() && references[line].reduction == Reduction::none; ++axis)
            if (axis != 1 && logits.dimension() > 1) expected.push_back(logits.shape()[axis]);
        CHECK(to_string(results[0].shape()) == to_string(expected));
        CHECK(is_near(digest(results[0]), references[line].loss));
        CHECK(is_near(digest(results[1]), references[line].gradient));
    }
}

/// The definition, in double, for (B, K) logits and rows of class probabilities q.
/// Ids are one-hot rows, except that the mean then divides by their weights.
struct Naive {
    std::vector<double> losses, gradient;  // (B), and (B, K) of the sum of the losses

    Naive(const Array& logits, const std::vector<double>& q, const CrossEntropyOptions& options) {
        const std::size_t b = logits.shape()[0], k = logits.shape()[1];
        for (std::size_t i = 0; i < b; ++i) {
            double normalizer = 0, loss = 0, wanted_sum = 0;
            for (std::size_t c = 0; c < k; ++c) normalizer += std::exp(element(logits, i * k + c));
            const auto wanted = [&](std::size_t c) {
                const double smoothed =
                    q[i * k + c] * (1 - options.label_smoothing) + options.label_smoothing / static_cast<double>(k);
                return smoothed * (options.weight ? element(*options.weight, c) : 1);
            };
            for (std::size_t c = 0; c < k; ++c) {
                loss -= wanted(c) * (element(logits, i * k + c) - std::log(normalizer));
                wanted_sum += wanted(c);
            }
            losses.push_back(loss);
            for (std::size_t c = 0; c < k; ++c)
                gradient.push_back(std::exp(element(logits, i * k + c)) / normalizer * wanted_sum - wanted(c));
        }
    }
};

/// The loss, and the gradient of its sum.
std::vector<Array> summed(const Array& logits, const IdArray& targets, const CrossEntropyOptions& options = {}) {
    return run({logits}, [&](const Vars& v) { return sum(cross_entropy(v[0], targets, options)); });
}

void check_edge(const Array& logits, const IdArray& targets, const CrossEntropyOptions& options, double loss,
                const std::vector<double>& gradient, int line = __builtin_LINE()) {
    const Array one = ones({});
    const auto results = run(
        {logits}, [&](const Vars& v) { return cross_entropy(v[0], targets, options); }, &one);
    check_near(results[0], {loss}, kNear, line);
    check_near(results[1], gradient, kNear, line);
}

}  // namespace

TEST_CASE("cross_entropy: the gradient for ids, every option [6.4]") {
    const Array weight = array({3}, {0.5, 2, 1.25});
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
        for (const double smoothing : {0.0, 0.1, 1.0}) {
            for (const bool weighted : {false, true}) {
                CrossEntropyOptions options{.ignore_index = 1, .reduction = reduction, .label_smoothing = smoothing};
                if (weighted) options.weight = weight;
                check_op({{4, 3}}, [&](const Vars& v) { return cross_entropy(v[0], IdArray{0, 2, 1, 2}, options); });
                check_op({{3}}, [&](const Vars& v) { return cross_entropy(v[0], IdArray::scalar(2), options); });
                check_op({{3, 4}}, [&](const Vars& v) {  // a value used twice
                    return cross_entropy(transpose(v[0]), IdArray{0, 2, 1, 2}, options) * sum(v[0]);
                });
                options.ignore_index = -100;
                check_op({{4, 3}, {4, 3}}, [&](const Vars& v) { return cross_entropy(v[0], v[1], options); });
                check_op({{3}, {3}}, [&](const Vars& v) { return cross_entropy(v[0], v[1], options); });
                check_op({{2, 3}}, [&](const Vars& v) { return cross_entropy(v[0], v[0], options); });
            }
        }
    }
    check_op({{3, 1}}, [](const Vars& v) { return cross_entropy(v[0], IdArray{0, 0, 0}); });
    check_op({{0, 3}}, [](const Vars& v) { return cross_entropy(v[0], IdArray(), {.reduction = Reduction::sum}); });
    check_op({{0, 3}}, [](const Vars& v) { return cross_entropy(v[0], IdArray(), {.reduction = Reduction::none}); });
    check_op({{2, 3}}, [](const Vars& v) {
        return cross_entropy(v[0], IdArray{-100, -100}, {.reduction = Reduction::sum});
    });
}

TEST_CASE("cross_entropy: the gradient for logits with axes behind the classes [6.1] [6.4]") {
    const IdArray with_two = {{2, 0, 1, 2}, {1, 1, 0, 2}};
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
        for (const double smoothing : {0.0, 0.1}) {
            CrossEntropyOptions options{
                .weight = array({3}, {0.5, 2, 1.25}), .reduction = reduction, .label_smoothing = smoothing};
            check_op({{2, 3, 2, 2}, {2, 3, 2, 2}}, [&](const Vars& v) { return cross_entropy(v[0], v[1], options); });
            check_op({{2, 3, 4}}, [&](const Vars& v) { return cross_entropy(v[0], v[0], options); });
            options.ignore_index = 1;
            check_op({{2, 3, 4}}, [&](const Vars& v) { return cross_entropy(v[0], with_two, options); });
            check_op({{2, 3, 2, 2}},
                     [&](const Vars& v) { return cross_entropy(v[0], kDeepTargets, options) * sum(v[0]); });
        }
    }
}

// The numbers of the next eight come from tests/reference/ops.py.

TEST_CASE("cross_entropy: PyTorch's numbers for (B, K, ...) logits and ids [6.1] [6.3] [6.4]") {
    check_references(doubled_wave({2, 3, 2, 2}), kDeepTargets,
                     {{false, -100, Reduction::none, 0.0, 1.513072904421985, -1.8040729167062102},
                      {false, -100, Reduction::none, 0.1, 1.5053968238373052, -1.6693255416343895},
                      {false, -100, Reduction::mean, 0.0, 1.7293777820642753, -0.2570548961745302},
                      {false, -100, Reduction::mean, 0.1, 1.7178614650546775, -0.26214746656013793},
                      {false, -100, Reduction::sum, 0.0, 13.835022256514202, -2.0564391693962416},
                      {false, -100, Reduction::sum, 0.1, 13.74289172043742, -2.0971797324811035},
                      {false, 2, Reduction::none, 0.0, 2.2993964308663677, -0.03388992066818597},
                      {false, 2, Reduction::none, 0.1, 2.2043666667591757, -0.017173449070899016},
                      {false, 2, Reduction::mean, 0.0, 1.4107425030537353, -0.14890100321872748},
                      {false, 2, Reduction::mean, 0.1, 1.4235538821461104, -0.15712895623716241},
                      {false, 2, Reduction::sum, 0.0, 7.053712515268677, -0.7445050160936374},
                      {false, 2, Reduction::sum, 0.1, 7.117769410730552, -0.7856447811858123},
                      {true, -100, Reduction::none, 0.0, 3.116986789095456, -1.7679655367891667},
                      {true, -100, Reduction::none, 0.1, 3.225431645043164, -1.6190829133437041},
                      {true, -100, Reduction::mean, 0.0, 2.0440376627899597, -0.24050040756755098},
                      {true, -100, Reduction::mean, 0.1, 2.0020506029368916, -0.23571798236193497},
                      {true, -100, Reduction::sum, 0.0, 21.973404874992067, -2.585379381351173},
                      {true, -100, Reduction::sum, 0.1, 21.52204398157159, -2.5339683103908017},
                      {true, 2, Reduction::none, 0.0, 4.099891197150933, 0.44476320825836324},
                      {true, 2, Reduction::none, 0.1, 3.9610299785894743, 0.4668584023705018},
                      {true, 2, Reduction::mean, 0.0, 1.928109671205023, -0.13506595567470253},
                      {true, 2, Reduction::mean, 0.1, 1.8983724499913874, -0.13473690922997725},
                      {true, 2, Reduction::sum, 0.0, 13.49676769843516, -0.9454616897229177},
                      {true, 2, Reduction::sum, 0.1, 13.288607149939713, -0.9431583646098405}});
}

TEST_CASE("cross_entropy: PyTorch's numbers for (B, K, ...) logits and class probabilities [6.1] [6.3] [6.4]") {
    check_references(doubled_wave({2, 3, 2, 2}), softmax_of(wave({2, 3, 2, 2}, 5), 1),
                     {{false, -100, Reduction::none, 0.0, 1.0790624137501104, -1.1353744001752097},
                      {false, -100, Reduction::none, 0.1, 1.1147873822326182, -1.0674968767564894},
                      {false, -100, Reduction::mean, 0.0, 1.4068988539751681, -0.6173349050241586},
                      {false, -100, Reduction::mean, 0.1, 1.427630429774481, -0.5863994745248035},
                      {false, -100, Reduction::sum, 0.0, 11.255190831801345, -4.938679240193268},
                      {false, -100, Reduction::sum, 0.1, 11.421043438195849, -4.691195796198428},
                      {true, -100, Reduction::none, 0.0, 2.9867379811342047, -1.24651163865973},
                      {true, -100, Reduction::none, 0.1, 3.108207717878038, -1.1497744050272112},
                      {true, -100, Reduction::mean, 0.0, 1.593678603560823, -0.5541657463396784},
                      {true, -100, Reduction::mean, 0.1, 1.6525581924645818, -0.5246400301025537},
                      {true, -100, Reduction::sum, 0.0, 12.749428828486584, -4.433325970717427},
                      {true, -100, Reduction::sum, 0.1, 13.220465539716654, -4.197120240820429}});
}

TEST_CASE("cross_entropy: PyTorch's numbers for (B, K, ...) logits, element by element [6.1]") {
    check_numbers({doubled_wave({2, 3, 2, 2})},
                  [](const Vars& v) { return cross_entropy(v[0], kDeepTargets, {.reduction = Reduction::none}); },
                  {{1.2309666315939356, 0.13754065932123682, 0.3312879835135946, 3.1266923565441638, 3.976037011552985,
                    3.636932260918087, 0.34904530187596855, 3.7475989326848214},
                   {-0.689167159278691,    0.06895020229360072,   0.10751508616194934,  0.027970957352512163,
                    -0.018815732106565845, -0.043390301904957566, -0.1184877902776978,  0.9191857449639136,
                    0.7079828913852567,    -0.025559900388643173, 0.010972704115748494, -0.9471567023164259,
                    0.19335099066723008,   -0.24687488300833646,  0.2832650270176291,   -0.06089431544764798,
                    -0.6380885461191204,   0.2803219577738671,    -0.24926619552726922, -0.6723889466464057,
                    0.44473755545189025,   -0.033447074765530604, -0.03399883149036002, 0.7332832620940537}});
}

TEST_CASE("cross_entropy: PyTorch's numbers for (B, K) logits and ids [6.1] [6.3]") {
    check_references(doubled_wave({4, 3}), IdArray{2, 0, 1, 2},
                     {{false, -100, Reduction::none, 0.0, 0.5918089779284385, -2.489722089177786},
                      {false, -100, Reduction::none, 0.1, 0.43031874921554203, -2.276177773488394},
                      {false, -100, Reduction::mean, 0.0, 1.0865908208791932, -0.36937798639696307},
                      {false, -100, Reduction::mean, 0.1, 1.0815246378043704, -0.3508980307340146},
                      {false, -100, Reduction::sum, 0.0, 4.346363283516773, -1.4775119455878523},
                      {false, -100, Reduction::sum, 0.1, 4.326098551217481, -1.4035921229360584},
                      {false, 2, Reduction::none, 0.0, -0.52405154352664, -0.5967745445616504},
                      {false, 2, Reduction::none, 0.1, -0.5752045619819266, -0.5496205344306612},
                      {false, 2, Reduction::mean, 0.0, 0.8595326487832391, -0.5843654091675596},
                      {false, 2, Reduction::mean, 0.1, 0.877223626047555, -0.5478275354700297},
                      {false, 2, Reduction::sum, 0.0, 1.7190652975664782, -1.1687308183351193},
                      {false, 2, Reduction::sum, 0.1, 1.75444725209511, -1.0956550709400594},
                      {true, -100, Reduction::none, 0.0, 0.36598179160418565, -2.6445846933920825},
                      {true, -100, Reduction::none, 0.1, 0.19198732408930885, -2.4424386651239285},
                      {true, -100, Reduction::mean, 0.0, 0.9803611864882541, -0.20358211040231847},
                      {true, -100, Reduction::mean, 0.1, 0.988075641380393, -0.20255051631667947},
                      {true, -100, Reduction::sum, 0.0, 4.90180593244127, -1.0179105520115925},
                      {true, -100, Reduction::sum, 0.1, 4.940378206901965, -1.0127525815833973},
                      {true, 2, Reduction::none, 0.0, -1.0288438602146623, -0.2784002626219128},
                      {true, 2, Reduction::none, 0.1, -1.0414336588109947, -0.24864193134056467},
                      {true, 2, Reduction::mean, 0.0, 0.6470733800013608, -0.2527736571782706},
                      {true, 2, Reduction::mean, 0.1, 0.6838307984050561, -0.24851740255593285},
                      {true, 2, Reduction::sum, 0.0, 1.6176834500034019, -0.6319341429456765},
                      {true, 2, Reduction::sum, 0.1, 1.7095769960126401, -0.6212935063898322}});
}

TEST_CASE("cross_entropy: PyTorch's numbers for (B, K) logits and probabilities [6.1] [6.3]") {
    check_references(doubled_wave({4, 3}), softmax_of(wave({4, 3}, 5)),
                     {{false, -100, Reduction::none, 0.0, -0.8655558578540286, -0.3438940851798254},
                      {false, -100, Reduction::none, 0.1, -0.8813096029886776, -0.34493256989022925},
                      {false, -100, Reduction::mean, 0.0, 1.1221746320485393, -0.5378754570835169},
                      {false, -100, Reduction::mean, 0.1, 1.1135500678567818, -0.5025457543519131},
                      {false, -100, Reduction::sum, 0.0, 4.488698528194157, -2.1515018283340677},
                      {false, -100, Reduction::sum, 0.1, 4.454200271427127, -2.0101830174076523},
                      {true, -100, Reduction::none, 0.0, -0.9366381218561239, -0.6061634583411016},
                      {true, -100, Reduction::none, 0.1, -0.9803705980249691, -0.6078595535780461},
                      {true, -100, Reduction::mean, 0.0, 1.341885161007687, -0.5272745631846093},
                      {true, -100, Reduction::mean, 0.1, 1.3398848618331236, -0.4987053780593894},
                      {true, -100, Reduction::sum, 0.0, 5.367540644030748, -2.109098252738437},
                      {true, -100, Reduction::sum, 0.1, 5.359539447332494, -1.9948215122375577}});
}

TEST_CASE("cross_entropy: PyTorch's numbers for (K) logits and one id [6.1] [6.3]") {
    check_references(doubled_wave({3}), IdArray::scalar(2),
                     {{false, -100, Reduction::none, 0.0, 1.9014754635045878, -1.1045978874836917},
                      {false, -100, Reduction::none, 0.1, 1.8195652926741233, -1.0205905389602576},
                      {false, -100, Reduction::mean, 0.0, 1.9014754635045878, -1.1045978874836917},
                      {false, -100, Reduction::mean, 0.1, 1.8195652926741233, -1.0205905389602576},
                      {false, -100, Reduction::sum, 0.0, 1.9014754635045878, -1.1045978874836917},
                      {false, -100, Reduction::sum, 0.1, 1.8195652926741233, -1.0205905389602576},
                      {false, 2, Reduction::none, 0.0, 0.0, 0.0},
                      {false, 2, Reduction::none, 0.1, 0.0, 0.0},
                      {false, 2, Reduction::mean, 0.0, kNaN, 0.0},
                      {false, 2, Reduction::mean, 0.1, kNaN, 0.0},
                      {false, 2, Reduction::sum, 0.0, 0.0, 0.0},
                      {false, 2, Reduction::sum, 0.1, 0.0, 0.0},
                      {true, -100, Reduction::none, 0.0, 2.376844329380735, -1.3807473593546147},
                      {true, -100, Reduction::none, 0.1, 2.2716192470848533, -1.296875640385248},
                      {true, -100, Reduction::mean, 0.0, 1.9014754635045878, -1.1045978874836917},
                      {true, -100, Reduction::mean, 0.1, 1.8172953976678827, -1.0375005123081982},
                      {true, -100, Reduction::sum, 0.0, 2.376844329380735, -1.3807473593546147},
                      {true, -100, Reduction::sum, 0.1, 2.2716192470848533, -1.296875640385248},
                      {true, 2, Reduction::none, 0.0, 0.0, 0.0},
                      {true, 2, Reduction::none, 0.1, 0.0, 0.0},
                      {true, 2, Reduction::mean, 0.0, kNaN, 0.0},
                      {true, 2, Reduction::mean, 0.1, kNaN, 0.0},
                      {true, 2, Reduction::sum, 0.0, 0.0, 0.0},
                      {true, 2, Reduction::sum, 0.1, 0.0, 0.0}});
}

TEST_CASE("cross_entropy: PyTorch's numbers for (K) logits and probabilities [6.1] [6.3]") {
    check_references(doubled_wave({3}), softmax_of(wave({3}, 5)),
                     {{false, -100, Reduction::none, 0.0, 1.2752598675513471, -0.567290892018778},
                      {false, -100, Reduction::none, 0.1, 1.2559712563162069, -0.5370142430418352},
                      {false, -100, Reduction::mean, 0.0, 1.2752598675513471, -0.567290892018778},
                      {false, -100, Reduction::mean, 0.1, 1.2559712563162069, -0.5370142430418352},
                      {false, -100, Reduction::sum, 0.0, 1.2752598675513471, -0.567290892018778},
                      {false, -100, Reduction::sum, 0.1, 1.2559712563162069, -0.5370142430418352},
                      {true, -100, Reduction::none, 0.0, 1.6829176695129826, -0.8420681823885086},
                      {true, -100, Reduction::none, 0.1, 1.6470852532038769, -0.8120643811157526},
                      {true, -100, Reduction::mean, 0.0, 1.6829176695129826, -0.8420681823885086},
                      {true, -100, Reduction::mean, 0.1, 1.6470852532038769, -0.8120643811157526},
                      {true, -100, Reduction::sum, 0.0, 1.6829176695129826, -0.8420681823885086},
                      {true, -100, Reduction::sum, 0.1, 1.6470852532038769, -0.8120643811157526}});
}

TEST_CASE("cross_entropy: PyTorch's numbers element by element, and the gradient of the probabilities [6.3] [6.4]") {
    check_numbers({doubled_wave({4, 3})},
                  [](const Vars& v) {
                      return cross_entropy(v[0], IdArray{2, 0, 1, 2}, {.reduction = Reduction::none});
                  },
                  {{2.272709793519957, 1.450574614198417, 0.604112186902242, 0.8675283940184991},
                   {-0.4181071107283351, -0.4788515004926781, 0.8969586112210133, 0.4107811565449525,
                    -0.0839636774642106, -0.3268174790807419, 0.11813131636197247, -0.19052077061383693,
                    0.07238945425186444, 0.40989189976512086, 0.1646719436562946, -0.5745638434214153}});
    const CrossEntropyOptions options{.weight = array({3}, {0.5, 2, 1.25}), .label_smoothing = 0.1};
    check_numbers({doubled_wave({4, 3}), softmax_of(wave({4, 3}, 5))},
                  [&](const Vars& v) { return cross_entropy(v[0], v[1], options); },
                  {{1.601477119281233},
                   {-0.1260581777908626, 0.010896260882893674, 0.11516191690796894, 0.01496840106497969,
                    0.08399653537809626, -0.09896493644307591, -0.07925393409014582, -0.029434243834095958,
                    0.10868817792424185, -0.027708765875757088, 0.08614393397880715, -0.058435168103050085},
                   {-0.09809992125667476, -0.33135648504003107, -0.6391933694583268, -0.16318804590781674,
                    -0.834660003528498, -0.13944255873248793, -0.1427448438269542, -0.2718478217520766,
                    -0.49459907446502355, -0.09927181550407836, -0.8074554291523166, -0.24398997129088848}});
}

TEST_CASE("cross_entropy: the three numbers of PyTorch's C++ tests [6.3]") {
    Tape tape(Mode::eval);
    const Var equal = tape.constant(array({2, 2}, {3, 3, 2, 2})), z = tape.constant(array({2, 2}, {3, 1, 1, 2}));
    const IdArray ids = {0, 1};
    check_near(cross_entropy(equal, ids).value(), {0.6931}, 1e-4);
    check_near(cross_entropy(z, ids, {.label_smoothing = 0.15}).value(), {0.3326}, 1e-4);
    check_near(cross_entropy(z, array({2, 2}, {0.8, 0.2, 0.1, 0.9}), {.label_smoothing = 0.2}).value(), {0.5701}, 1e-4);
}

TEST_CASE("cross_entropy: agrees with a naive twin on random batches [6.3] [6.4]") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed ", seed);
        Rng rng(seed);
        const std::size_t b = 1 + rng.below(20), k = 1 + rng.below(12);
        const Array logits = random_array({b, k}, rng, -4, 4);
        CrossEntropyOptions options{.reduction = Reduction::sum, .label_smoothing = seed % 3 == 0 ? 0 : rng.uniform()};
        if (seed % 2 == 0) options.weight = random_array({k}, rng, 0, 2);
        const double tolerance = kDouble ? 1e-11 : 1e-4;
        const auto check = [&](const std::vector<Array>& results, const Naive& naive) {
            double total = 0;
            for (double loss : naive.losses) total += loss;
            check_near(results[0], {total}, tolerance);
            check_near(results[1], naive.gradient, tolerance);
        };
        const Array one = ones({}), q = random_array({b, k}, rng, 0, 1);
        const std::vector<double> probabilities(q.begin(), q.end());
        check(run(
                  {logits}, [&](const Vars& v) { return cross_entropy(v[0], q, options); }, &one),
              Naive(logits, probabilities, options));
        IdArray ids(Shape{b});
        std::vector<double> one_hot(b * k, 0.0);
        for (std::size_t i = 0; i < b; ++i) {
            ids.data()[i] = static_cast<std::int64_t>(rng.below(k));
            one_hot[i * k + static_cast<std::size_t>(ids.data()[i])] = 1;
        }
        check(run(
                  {logits}, [&](const Vars& v) { return cross_entropy(v[0], ids, options); }, &one),
              Naive(logits, one_hot, options));
    }
}

TEST_CASE(
    "cross_entropy: unit weights are none, one-hot probabilities are ids, smoothing is smoothed probabilities [6.3]") {
    const Array z = doubled_wave({3, 4});
    const IdArray ids = {3, 0, 2};
    const Array one_hot = array({3, 4}, {0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0});
    const Array smoothed =
        array({3, 4}, {.0125, .0125, .0125, .9625, .9625, .0125, .0125, .0125, .0125, .0125, .9625, .0125});
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
        const auto on = [&](const auto& targets, CrossEntropyOptions options) {
            options.reduction = reduction;
            return run({z}, [&](const Vars& v) { return cross_entropy(v[0], targets, options); });
        };
        const auto plain = on(ids, {}), smooth = on(ids, {.label_smoothing = 0.05});
        for (std::size_t k = 0; k < 2; ++k) {
            check_arrays_near(on(ids, {.weight = ones({4})})[k], plain[k]);
            check_arrays_near(on(one_hot, {})[k], plain[k]);
            check_arrays_near(on(one_hot, {.label_smoothing = 0.05})[k], smooth[k]);
            check_arrays_near(on(smoothed, {})[k], smooth[k]);
        }
    }
}

TEST_CASE("cross_entropy: axes behind the classes are more rows [6.1] [6.3]") {
    for (const Shape& shape : {Shape{4, 3, 1}, Shape{2, 3, 5}, Shape{2, 3, 2, 4}, Shape{1, 3, 2, 1, 3}}) {
        for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
            for (const double smoothing : {0.0, 0.15}) {
                INFO("logits ", to_string(shape));
                CrossEntropyOptions options{
                    .weight = array({3}, {0.5, 2, 1.25}), .reduction = reduction, .label_smoothing = smoothing};
                const Array z = doubled_wave(shape), q = softmax_of(wave(shape, 5), 1);
                const auto soft = [&](const Vars& v) { return flatten(cross_entropy(v[0], v[1], options)); };
                const auto soft_rows = [&](const Vars& v) {
                    return flatten(cross_entropy(as_rows(v[0]), as_rows(v[1]), options));
                };
                const auto a = run({z, q}, soft), b = run({z, q}, soft_rows);
                for (std::size_t k = 0; k < 3; ++k) check_same(a[k], b[k]);

                options.ignore_index = 1;
                IdArray flat(Shape{z.size() / 3});
                for (std::size_t i = 0; i < flat.size(); ++i) flat.data()[i] = static_cast<std::int64_t>(i % 4 % 3);
                Shape behind;
                for (std::size_t axis = 0; axis < shape.size(); ++axis)
                    if (axis != 1) behind.push_back(shape[axis]);
                IdArray deep(behind);
                std::copy(flat.begin(), flat.end(), deep.begin());
                const auto hard = [&](const Vars& v) { return flatten(cross_entropy(v[0], deep, options)); };
                const auto hard_rows = [&](const Vars& v) {
                    return flatten(cross_entropy(as_rows(v[0]), flat, options));
                };
                const auto c = run({z}, hard), d = run({z}, hard_rows);
                for (std::size_t k = 0; k < 2; ++k) check_same(c[k], d[k]);
            }
        }
    }
}

TEST_CASE("cross_entropy: with axes behind the classes too, one-hot probabilities are ids, unit weights none [6.3]") {
    const Array z = doubled_wave({2, 3, 2, 2});
    Array one_hot = zeros({2, 3, 2, 2}), smoothed = full({2, 3, 2, 2}, static_cast<Real>(0.15 / 3));
    for (std::size_t i = 0; i < 8; ++i) {
        const std::size_t at = i / 4 * 12 + static_cast<std::size_t>(kDeepTargets.data()[i]) * 4 + i % 4;
        one_hot.data()[at] = 1;
        smoothed.data()[at] += static_cast<Real>(0.85);
    }
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
        const auto on = [&](const auto& targets, CrossEntropyOptions options) {
            options.reduction = reduction;
            return run({z}, [&](const Vars& v) { return cross_entropy(v[0], targets, options); });
        };
        const auto plain = on(kDeepTargets, {}), smooth = on(kDeepTargets, {.label_smoothing = 0.15});
        for (std::size_t k = 0; k < 2; ++k) {
            check_arrays_near(on(kDeepTargets, {.weight = ones({3})})[k], plain[k]);
            check_arrays_near(on(one_hot, {})[k], plain[k]);
            check_arrays_near(on(smoothed, {})[k], smooth[k]);
            if (reduction == Reduction::mean) continue;  // with weights they divide by different numbers
            const Array w = array({3}, {0.5, 2, 1.25});
            check_arrays_near(on(one_hot, {.weight = w})[k], on(kDeepTargets, {.weight = w})[k]);
        }
    }
}

TEST_CASE("cross_entropy: no rows because of any axis; all ignored; weights of no sum [6.5]") {
    Tape tape(Mode::eval);
    for (const Shape& shape : {Shape{0, 3}, Shape{0, 3, 5, 7}, Shape{2, 3, 0}, Shape{2, 3, 0, 7}, Shape{2, 3, 5, 0}}) {
        INFO("logits ", to_string(shape));
        const Var z = tape.constant(zeros(shape));
        Shape behind = shape;
        behind.erase(behind.begin() + 1);
        const IdArray none(behind);
        CHECK(cross_entropy(z, none, {.reduction = Reduction::none}).shape() == behind);
        CHECK(std::isnan(cross_entropy(z, none).item()));
        CHECK(cross_entropy(z, none, {.reduction = Reduction::sum}).item() == 0);
        CHECK(std::isnan(cross_entropy(z, zeros(shape)).item()));
        CHECK(cross_entropy(z, zeros(shape), {.reduction = Reduction::none}).shape() == behind);
        CHECK(cross_entropy(z, zeros(shape), {.reduction = Reduction::sum}).item() == 0);
    }
    const Array deep = doubled_wave({2, 3, 4});
    const std::vector<double> nothing(24, 0.0), nan(24, kNaN);
    check_edge(deep, IdArray(Shape{2, 4}, -100), {}, kNaN, nothing);
    check_edge(deep, IdArray(Shape{2, 4}, 255), {.ignore_index = 255, .reduction = Reduction::sum}, 0, nothing);
    for (const double smoothing : {0.0, 0.1, 1.0}) {
        const CrossEntropyOptions no_sum{.weight = array({3}, {1, 0, 1}), .label_smoothing = smoothing};
        check_edge(deep, IdArray(Shape{2, 4}, 1), no_sum, kNaN, nan);
    }
}

TEST_CASE("cross_entropy: an image's worth of rows in Real agrees with double [6.2]") {
    const std::uint64_t seed = 22;
    INFO("seed ", seed);
    Rng rng(seed);
    const std::size_t b = 4, side = 64, pixels = side * side;
    const Array z = random_array({b, 2, side, side}, rng, -5, 5);
    IdArray ids(Shape{b, side, side});
    double total = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::size_t at = i / pixels * 2 * pixels + i % pixels, target = rng.below(2);
        ids.data()[i] = static_cast<std::int64_t>(target);
        const double wanted = element(z, at + target * pixels), other = element(z, at + (1 - target) * pixels);
        total += std::log1p(std::exp(other - wanted));
    }
    Tape tape(Mode::eval);
    const double mean = total / static_cast<double>(b * pixels);
    CHECK(is_near(cross_entropy(tape.constant(z), ids).item(), mean, kDouble ? 1e-12 : 1e-6));
}

TEST_CASE("cross_entropy: ignored rows enter neither the value nor the mean's divisor, and get exactly 0 [6.3] [6.4]") {
    const Array z = doubled_wave({4, 3}), kept = array({2, 3}, std::vector<double>(z.begin() + 3, z.begin() + 9));
    for (const std::int64_t ignore : {-100, -2, 2, 255}) {
        for (const double smoothing : {0.0, 0.15}) {
            for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
                CAPTURE(ignore);
                const CrossEntropyOptions options{.weight = array({3}, {0.5, 2, 1.25}),
                                                  .ignore_index = ignore,
                                                  .reduction = reduction,
                                                  .label_smoothing = smoothing};
                const auto all = summed(z, {ignore, 0, 1, ignore}, options), two = summed(kept, {0, 1}, options);
                check_same(all[0], two[0]);
                for (std::size_t i = 0; i < 12; ++i)
                    CHECK(all[1].data()[i] == (i < 3 || i >= 9 ? 0 : two[1].data()[i - 3]));
            }
        }
    }
}

TEST_CASE("cross_entropy: edges as PyTorch has them [6.2] [6.5]") {  // tests/reference/ops.py
    const Array inf_off = array({1, 3}, {1, -kInf, 0});
    check_edge(inf_off, {0}, {}, 0.31326168751822286, {-0.2689414213699951, 0, 0.2689414213699951});
    check_edge(inf_off, {0}, {.label_smoothing = 0.1}, kInf,
               {-0.20227475470332845, -0.03333333333333333, 0.23560808803666178});
    check_edge(inf_off, {1}, {}, kInf, {0.7310585786300049, -1, 0.2689414213699951});
    check_edge(inf_off, {1}, {.label_smoothing = 1}, kInf,  // PyTorch: NaN, because of 0 * log p of the target itself
               {0.3977252452966716, -0.3333333333333333, -0.06439191196333821});
    check_edge(array({1, 3}, {1, kInf, 0}), {1}, {}, kNaN, {kNaN, kNaN, kNaN});
    check_edge(array({1, 3}, {1, kNaN, 0}), {0}, {}, kNaN, {kNaN, kNaN, kNaN});
    check_edge(array({1, 2}, {-kInf, -kInf}), {1}, {}, kNaN, {kNaN, kNaN});
    check_edge(array({1, 2}, {1e4, -1e4}), {1}, {}, 20000, {1, -1});
    check_edge(array({2, 1}, {3, 4}), {0, 0}, {}, 0, {0, 0});
    check_edge(array({1, 2}, {1, 2}), {-100}, {}, kNaN, {0, 0});
    check_edge(array({1, 2}, {1, 2}), {-100}, {.reduction = Reduction::sum}, 0, {0, 0});
    check_edge(array({1, 2}, {1, 2}), {1}, {.weight = array({2}, {1, 0})}, kNaN, {kNaN, kNaN});
    check_edge(zeros({0, 3}), IdArray(), {}, kNaN, {});
    check_edge(zeros({0, 3}), IdArray(), {.reduction = Reduction::sum}, 0, {});
}

TEST_CASE("cross_entropy: a class that has no target, or no weight, adds nothing where its probability is 0") {
    const Array logits = array({1, 3}, {-kInf, 0, 1});
    const Array one = ones({});
    const auto check = [&](const Array& wanted, const CrossEntropyOptions& options, double loss,
                           const std::vector<double>& dz, const std::vector<double>& dq) {
        const auto results = run(
            {logits, wanted}, [&](const Vars& v) { return cross_entropy(v[0], v[1], options); }, &one);
        check_near(results[0], {loss}, kNear);
        check_near(results[1], dz, kNear);
        check_near(results[2], dq, kNear);
    };
    constexpr double p1 = 0.2689414213699951, log_p1 = -1.3132616875182228, log_p2 = -0.3132616875182228;
    const Array one_hot = array({1, 3}, {0, 1, 0});
    check(one_hot, {}, -log_p1, {0, p1 - 1, 1 - p1}, {0, -log_p1, -log_p2});
    check(one_hot, {.weight = array({3}, {1, 0.5, 2})}, -log_p1 / 2, {0, (p1 - 1) / 2, (1 - p1) / 2},
          {0, -log_p1 / 2, -2 * log_p2});
    check(array({1, 3}, {0.5, 0.5, 0}), {.weight = array({3}, {0, 1, 1})}, -log_p1 / 2, {0, (p1 - 1) / 2, (1 - p1) / 2},
          {0, -log_p1, -log_p2});
    // A target that is not 0 is infinitely wrong: with label smoothing every class has one.
    check(array({1, 3}, {0.5, 0.5, 0}), {}, kInf, {-0.5, p1 - 0.5, 1 - p1}, {kInf, -log_p1, -log_p2});
    check(one_hot, {.label_smoothing = 0.3}, kInf, {-0.1, p1 - 0.8, 1 - p1 - 0.1},
          {kInf, -0.7 * log_p1, -0.7 * log_p2});
    // Ids, where a class has no weight.
    check_edge(logits, {1}, {.weight = array({3}, {0, 1, 1}), .label_smoothing = 0.3},
               -0.7 * log_p1 - 0.1 * (log_p1 + log_p2), {0, 0.9 * p1 - 0.8, 0.9 * (1 - p1) - 0.1});
    // NaN stays NaN, whatever its target.
    check(array({1, 3}, {0, 0, 0}), {}, 0, {0, 0, 0}, {0, -log_p1, -log_p2});
    Tape tape;
    CHECK(std::isnan(cross_entropy(tape.constant(array({1, 3}, {kNaN, 0, 1})), tape.constant(one_hot)).item()));
}

TEST_CASE("cross_entropy: the gradient is written whole, whatever its memory held [6.4]") {
    const auto after_nan = [](const Shape& shape, const Function& f) {
        { const std::vector<Array> dirty(8, full(shape, static_cast<Real>(kNaN))); }  // blocks that are used again
        return run({doubled_wave(shape)}, f)[1];
    };
    const CrossEntropyOptions options{.ignore_index = 1};
    for (const Shape& shape : {Shape{40, 30}, Shape{40, 30, 1}, Shape{8, 30, 5}}) {
        IdArray ids(shape.size() == 2 ? Shape{40} : Shape{shape[0], shape[2]});
        for (std::size_t i = 0; i < 40; ++i) ids.data()[i] = static_cast<std::int64_t>(i % 3);
        const auto once = [&](const Vars& v) { return cross_entropy(v[0], ids, options); };
        const auto in_place = [&](const Vars& v) {
            return cross_entropy(v[0] + v[0].tape().constant(zeros(shape)), ids, options);
        };
        check_same(after_nan(shape, in_place), after_nan(shape, once));
        const Array gradient = after_nan(shape, once);
        double sum = 0;
        for (Real g : gradient) sum += std::abs(static_cast<double>(g));
        CHECK(std::isfinite(sum));
        Array doubled = after_nan(shape, [&](const Vars& v) { return once(v) + once(v); });
        for (Real& g : doubled) g /= 2;
        check_same(doubled, gradient);
    }
}

// A leaf's gradient belongs to its parameter; that of other logits is computed where the softmax was, unless something
// has arrived before.
TEST_CASE("cross_entropy: the same gradient for a leaf as for logits that others use too, before and after [6.4]") {
    Rng rng(17);
    const IdArray targets = {1, 0, 2, 4, 3, 2};
    const Array weight = random_array({5}, rng, 0.5, 2), others = random_array({6, 5}, rng);
    for (const double smoothing : {0.0, 0.2}) {
        for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
            const CrossEntropyOptions options{
                .weight = weight, .ignore_index = 3, .reduction = reduction, .label_smoothing = smoothing};
            const Array z = random_array({6, 5}, rng);
            const auto gradient = [&](bool leaf, bool before, bool after) {
                const Parameter x(z);
                Tape tape;
                const Var logits = leaf ? tape.leaf(x) : tape.leaf(x) + tape.constant(zeros({6, 5}));
                Var loss = tape.constant(zeros({}));
                if (before) loss = loss + sum(logits * tape.constant(others));
                loss = loss + cross_entropy(logits, targets, options);
                if (after) loss = loss + sum(logits * tape.constant(others));
                tape.backward(loss);
                return x.grad();
            };
            check_same(gradient(false, false, false), gradient(true, false, false));
            check_same(gradient(false, true, false), gradient(true, true, false));
            check_same(gradient(false, false, true), gradient(true, false, true));
            check_arrays_near(gradient(false, true, false), gradient(false, false, true));
        }
    }
}

TEST_CASE("cross_entropy: where it can be, the gradient is computed in place") {
    on_new_thread([] {
        const Parameter x(full({200, 5'000}, 0.5));
        const std::uint64_t bytes = x.value().size() * sizeof(Real);
        Tape tape;
        const Var loss = cross_entropy(tape.leaf(x) + tape.constant(zeros({200, 5'000})), IdArray(Shape{200}, 7));
        const std::uint64_t before = memory_stats().system_bytes;
        tape.backward(loss);
        CHECK(memory_stats().system_bytes - before < 2 * bytes);  // the parameter's gradient alone, not the logits' too
    });
}

TEST_CASE("cross_entropy: a NaN row that is ignored does no harm [6.4]") {
    check_edge(array({2, 2}, {kNaN, kNaN, 3, 3}), {-100, 0}, {}, std::log(2.0), {0, 0, -0.5, 0.5});
}

TEST_CASE("cross_entropy: no rows and no classes [6.5]") {
    Tape tape(Mode::eval);
    const Var none = tape.constant(zeros({0, 3})), no_classes = tape.constant(zeros({5, 0}));
    CHECK(to_string(cross_entropy(none, IdArray(), {.reduction = Reduction::none}).shape()) == "(0,)");
    CHECK(std::isnan(cross_entropy(none, zeros({0, 3})).item()));
    CHECK(cross_entropy(none, zeros({0, 3}), {.reduction = Reduction::sum}).item() == 0);
    check_same(cross_entropy(no_classes, zeros({5, 0}), {.reduction = Reduction::none}).value(), zeros({5}));
    CHECK(cross_entropy(no_classes, zeros({5, 0}), {.reduction = Reduction::sum}).item() == 0);
    CHECK(std::isnan(cross_entropy(no_classes, IdArray(Shape{5}, -100)).item()));
}

TEST_CASE("cross_entropy: a large batch in Real agrees with double [6.2]") {
    const std::uint64_t seed = 21;
    INFO("seed ", seed);
    Rng rng(seed);
    const Array z = random_array({2000, 10}, rng, -5, 5);
    IdArray ids(Shape{2000});
    std::vector<double> one_hot(20000, 0.0);
    for (std::size_t i = 0; i < 2000; ++i) {
        ids.data()[i] = static_cast<std::int64_t>(rng.below(10));
        one_hot[i * 10 + static_cast<std::size_t>(ids.data()[i])] = 1;
    }
    double total = 0;
    for (double loss : Naive(z, one_hot, {}).losses) total += loss;
    Tape tape(Mode::eval);
    CHECK(is_near(cross_entropy(tape.constant(z), ids).item(), total / 2000, kDouble ? 1e-13 : 1e-6));
}

TEST_CASE("cross_entropy: targets that are no class are refused with their position [6.6]") {
    const Parameter z(wave({3, 4}));
    Tape tape;
    const Var logits = tape.leaf(z);
    const auto refused = [&](const IdArray& targets, const CrossEntropyOptions& options, const std::string& text) {
        check_refused<std::out_of_range>([&] { cross_entropy(logits, targets, options); }, text);
    };
    refused({0, 1, 4}, {}, "cross_entropy: target 4 at position 2 is out of bounds for 4 classes");
    refused({0, -1, 1}, {}, "cross_entropy: target -1 at position 1 is out of bounds for 4 classes");
    refused({-100, 1, 1}, {.ignore_index = 1},
            "cross_entropy: target -100 at position 0 is out of bounds for 4 classes");
    check_refused<std::out_of_range>([&] { cross_entropy(tape.constant(ones({4})), IdArray::scalar(7)); },
                                     "cross_entropy: target 7 at position 0 is out of bounds for 4 classes");
    CHECK(tape.size() == 2);
    IdArray deep(Shape{2, 2, 3}, 0);
    deep(1, 0, 2) = 5;
    check_refused<std::out_of_range>(
        [&] {
            cross_entropy(tape.constant(ones({2, 4, 2, 3})), deep);
        },
        "cross_entropy: target 5 at position (1, 0, 2) is out of bounds for 4 classes");
}

TEST_CASE("cross_entropy: shapes and options that make no sense are refused [6.6] [13.17]") {
    Tape tape;
    const Var z = tape.constant(ones({3, 4})), cube = tape.constant(ones({2, 3, 4})), scalar = tape.constant(ones({}));
    const auto refused = [&](const Var& logits, const auto& targets, const CrossEntropyOptions& options,
                             const std::string& text) {
        const std::size_t size = tape.size();
        check_refused<std::invalid_argument>([&] { cross_entropy(logits, targets, options); }, text);
        CHECK(tape.size() <= size + 1);  // class probabilities are put on the tape before they are looked at
    };
    const IdArray ids = {0, 1, 2};
    refused(scalar, ids, {}, "cross_entropy: logits must be (B, K, ...) or (K), not ()");
    refused(cube, ids, {}, "cross_entropy: targets for logits (2, 3, 4) must be of shape (2, 4), not (3,)");
    refused(cube, IdArray(Shape{2, 3}, 0), {},
            "cross_entropy: targets for logits (2, 3, 4) must be of shape (2, 4), not (2, 3)");
    refused(cube, IdArray(Shape{8}, 0), {},
            "cross_entropy: targets for logits (2, 3, 4) must be of shape (2, 4), not (8,)");
    refused(cube, ones({2, 4, 3}), {},
            "cross_entropy: probabilities of shape (2, 4, 3) do not fit logits of shape (2, 3, 4)");
    refused(cube, IdArray(Shape{2, 4}, 0), {.weight = ones({4})},
            "cross_entropy: weight must be of shape (3,) for logits (2, 3, 4), not (4,)");
    refused(z, IdArray{0, 1}, {}, "cross_entropy: targets for logits (3, 4) must be of shape (3,), not (2,)");
    refused(z, IdArray{{0, 1, 2}, {0, 1, 2}}, {},
            "cross_entropy: targets for logits (3, 4) must be of shape (3,), not (2, 3)");
    refused(tape.constant(ones({4})), IdArray{1, 2}, {},
            "cross_entropy: targets for logits (4,) must be of shape (), not (2,)");
    refused(z, ids, {.weight = ones({3})}, "cross_entropy: weight must be of shape (4,) for logits (3, 4), not (3,)");
    refused(z, ids, {.weight = ones({1, 4})},
            "cross_entropy: weight must be of shape (4,) for logits (3, 4), not (1, 4)");
    refused(z, ids, {.label_smoothing = 1.2}, "cross_entropy: label_smoothing must be between 0 and 1, but got 1.2");
    refused(z, ids, {.label_smoothing = -0.1}, "cross_entropy: label_smoothing must be between 0 and 1, but got -0.1");
    refused(z, ids, {.label_smoothing = kNaN}, "cross_entropy: label_smoothing must be between 0 and 1, but got nan");
    refused(z, ones({3, 3}), {}, "cross_entropy: probabilities of shape (3, 3) do not fit logits of shape (3, 4)");
    refused(z, ones({3, 4}), {.ignore_index = 2},
            "cross_entropy: ignore_index 2 means nothing for class probabilities");
    Tape other;
    check_refused<std::logic_error>(
        [&] {
            cross_entropy(z, other.constant(ones({3, 4})));
        },
        "Tape: an input belongs to another tape; the inputs of an op must share one");
}

TEST_CASE("cross_entropy: targets and weights may change after the call; so may the logits") {
    const Array expected = summed(wave({2, 3}), {2, 0}, {.weight = array({3}, {1, 2, 3})})[1];
    const Parameter z(wave({2, 3}));
    Tape tape;
    IdArray targets = {2, 0};
    CrossEntropyOptions options{.weight = array({3}, {1, 2, 3})};
    const Var loss = cross_entropy(tape.leaf(z), targets, options);
    targets = {1, 1};
    options.weight->fill(100);
    z.mutable_value().fill(0);
    tape.backward(loss, wave({}, 10));
    check_same(z.grad(), expected);
}

TEST_CASE("cross_entropy: only the gradient of the logits needs the probabilities") {
    const std::vector<Array> inputs = {wave({2, 3}), softmax_of(wave({2, 3}, 5))};
    check_refuses_changed(inputs, 1, [](const Vars& v) { return cross_entropy(v[0], v[1]); });
    check_allows_changed(inputs, 0, [](const Vars& v) { return cross_entropy(v[0], v[1]); });
}

TEST_CASE("cross_entropy: integers of any array are ids, reals are probabilities [6.1]") {
    Tape tape;
    const Var logits = tape.constant(Array{{3, 3}, {2, 2}});
    const xt::xarray<int> narrow = {0, 1};
    const xt::xarray<double> probabilities = {{1, 0}, {0, 1}};
    const Real expected = cross_entropy(logits, IdArray{0, 1}).item();
    CHECK(cross_entropy(logits, {0, 1}).item() == expected);
    CHECK(cross_entropy(logits, narrow).item() == expected);
    CHECK(cross_entropy(logits, probabilities).item() == expected);
}
