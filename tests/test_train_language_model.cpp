// N-grams, training, perplexity and generation: PyTorch's numbers, batches of unequal size, stopping, divergence.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/models/train_language_model.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Ids = std::vector<std::int64_t>;

// What tests/reference/ngram_language_model.py prints of two epochs in batches of 2, 2 and 1.
constexpr double kLosses[] = {2.3870886395857918, 1.9366439816291194};
constexpr double kMeansOfBatches[] = {2.341610014281577, 1.8945550892835938};
constexpr double kLossAfter = 1.668664200645532, kPerplexityAfter = 5.305076544166911;
const std::vector<std::vector<double>> kWeights = {
    {1.0155769762574547,   1.0841149310867746,  0.1269286352859598, -0.9352733618192325,    -1.1422770766623702,
     -0.21869083174717316, 0.5523913320022812,  0.8960712601554683, 0.5237495005198615,     -0.37740197618080557,
     -0.8230352149418371,  -0.6846826293641751, 0.4201670368266409, 0.9906073556948704,     0.6502878401571168,
     -0.2879033166650653,  -0.9613974918795568, -0.750987246771676, -0.0017689630064092153, 0.7626635716115086,
     0.6884582332782269},
    {0.9056993647540926,  0.11161439861780553, -0.8754386555141355, -1.0034938305363637,  -0.3119844432882873,
     0.6543244528555282,  1.064140882425579,   0.4869011313025772,  -0.46923846853137674, -0.9252075607651715,
     -0.4617902703128121, 0.49494964144402454, 0.9906073556948704,  0.6502878401571168,   -0.2879033166650653,
     -0.9613974918795568, -0.750987246771676,  0.14987720966295234, 0.9429234809714601,   0.8690388263301468,
     0.04278614077498484, -0.8096331448870624, -0.871066280713907,  -0.10293062931442945, 0.7542788139234825,
     0.9714023531450489,  0.27142138348695377, -0.8306247436911337, -0.9804971953202615,  -0.2955420475905481},
    {0.3762747484996512, -0.8315851424385989, -0.9589242746631385, -0.36348137251541446, 0.9516784476391532},
    {-0.9772281077519559,  -1.0337065899848634,  -0.27941549819892586, 0.5736821275738396,  1.031023935600128,
     0.29241225221369244,  -0.6188036714256993,  -0.9999902065507035,  -0.567026567855648,  0.39729485532614117,
     0.7784607928496384,   0.5755052553478118,   -0.2879033166650653,  -1.0482420313665748, -0.9568991953017912,
     -0.07035333916118322, 0.8381627702910006,   0.8366556385360561,   -0.0956419595310643, -1.1425360889820195,
     -1.1323974821111291,  -0.20713409289430548, 0.7625584504796027,   0.8726842387196674,  -0.015571673401369696,
     -0.8863039931251135,  -1.0628139979221414,  -0.404037645323065,   0.4670194598287597,  0.7091473641138611,
     0.7258498397197586,   -0.3534000386884929,  -0.9917788534431158,  -0.5798275044543328, 0.47260507169808225},
    {-0.9050307599129207, -0.3087262617254844, 0.5767537027201103, 0.6951669756928083, 0.11643517211603324,
     -0.8416045107639379, -0.8197116940267811}};  // in the order of parameters()

const Ids kText = {3, 1, 6, 6, 0, 2, 1};

/// A model of contexts of two tokens.
NGramLanguageModel make_model(std::size_t vocab_size = 7, std::size_t hidden_dim = 5) {
    Rng rng(1);
    return NGramLanguageModel(
        {.vocab_size = vocab_size, .embedding_dim = 3, .context_size = 2, .hidden_dim = hidden_dim}, rng);
}

/// The script's weights.
NGramLanguageModel wave_model() {
    NGramLanguageModel model = make_model();
    assign_waves(model.parameters());
    return model;
}

void check_same_weights(const NGramLanguageModel& a, const NGramLanguageModel& b) {
    const std::vector<Parameter> left = a.parameters(), right = b.parameters();
    for (std::size_t i = 0; i < left.size(); ++i) check_same(left[i].value(), right[i].value());
}

bool same_weights(const NGramLanguageModel& a, const NGramLanguageModel& b) {
    const std::vector<Parameter> left = a.parameters(), right = b.parameters();
    return std::equal(left.begin(), left.end(), right.begin(), [](const Parameter& x, const Parameter& y) {
        return std::equal(x.value().begin(), x.value().end(), y.value().begin());
    });
}

/// 0 1 2 ... period-1 0 1 2 ...
Ids cycle(std::size_t length, std::size_t period) {
    Ids ids;
    for (std::size_t i = 0; i < length; ++i) ids.push_back(static_cast<std::int64_t>(i % period));
    return ids;
}

/// A model that knows the cycle of 7 by heart.
NGramLanguageModel trained_on_cycle() {
    NGramLanguageModel model = make_model(7, 32);
    Rng rng(2);
    train_language_model(model, make_ngrams(cycle(100, 7), 2), rng, {.epochs = 60, .lr = 0.01, .batch_size = 8});
    return model;
}

/// A model whose logits are `logits` whatever the context.
NGramLanguageModel constant_model(const std::vector<double>& logits) {
    NGramLanguageModel model = make_model(logits.size());
    const std::vector<Parameter> parameters = model.parameters();
    parameters[3].assign(zeros(parameters[3].shape()));
    parameters[4].assign(array({logits.size()}, logits));
    return model;
}

}  // namespace

TEST_CASE("make_ngrams: every context with the token that follows") {
    const NGrams data = make_ngrams(kText, 2);
    CHECK(data.size() == 5);
    check_ids(data.contexts, {5, 2}, {3, 1, 1, 6, 6, 6, 6, 0, 0, 2});
    check_ids(data.targets, {5}, {6, 6, 0, 2, 1});
    check_ids(make_ngrams(Ids{4, 5}, 1).contexts, {1, 1}, {4});
}

TEST_CASE("make_ngrams: a text shorter than n + 1 has none") {
    for (const Ids& ids : {Ids{}, Ids{1}, Ids{1, 2}, Ids{1, 2, 3}}) {
        const NGrams data = make_ngrams(ids, 3);
        CHECK(data.size() == 0);
        check_ids(data.contexts, {0, 3}, {});
    }
    CHECK(make_ngrams(Ids{1, 2, 3}, std::numeric_limits<std::size_t>::max()).size() == 0);
    CHECK(NGrams{}.size() == 0);
    check_refused<std::invalid_argument>([] { make_ngrams(kText, 0); }, "make_ngrams: context_size is 0");
}

TEST_CASE("train language model: losses and weights equal PyTorch's after two epochs of Adam") {
    const NGramLanguageModel model = wave_model();
    const NGrams data = make_ngrams(kText, 2);
    Rng rng(1);
    const LanguageModelResult result =
        train_language_model(model, data, rng, {.epochs = 2, .lr = 0.05, .batch_size = 2, .shuffle = false});
    REQUIRE(result.losses.size() == 2);
    for (std::size_t epoch = 0; epoch < 2; ++epoch) {
        CHECK(is_near(result.losses[epoch], kLosses[epoch]));
        CHECK_FALSE(is_near(result.losses[epoch], kMeansOfBatches[epoch], 1e-2));  // the document's mean
    }
    CHECK(result.examples == 10);
    CHECK_FALSE(result.stopped);
    CHECK_FALSE(result.diverged);
    const std::vector<Parameter> parameters = model.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        CAPTURE(i);
        check_near(parameters[i].value(), kWeights[i], 10 * kNear);
        CHECK_FALSE(parameters[i].has_gradient());
    }
    const LanguageModelScore score = evaluate_language_model(model, data);
    CHECK(is_near(score.loss, kLossAfter));
    CHECK(is_near(score.perplexity(), kPerplexityAfter));
}

TEST_CASE("evaluate language model: the size of the batches changes nothing") {
    const NGramLanguageModel model = wave_model();
    const NGrams data = make_ngrams(kText, 2);
    const double whole = evaluate_language_model(model, data).loss;
    for (const std::size_t batch_size : std::vector<std::size_t>{1, 2, 3, 5})
        CHECK(is_near(evaluate_language_model(model, data, batch_size).loss, whole));
}

TEST_CASE("evaluate language model: a model that knows nothing has the perplexity V") {
    const LanguageModelScore score =
        evaluate_language_model(constant_model({2, 2, 2, 2, 2}), make_ngrams(Ids{0, 1, 2, 3, 4}, 2));
    CHECK(is_near(score.loss, std::log(5)));
    CHECK(is_near(score.perplexity(), 5));
}

TEST_CASE("train language model: progress after each step, weighted by examples") {
    std::vector<LanguageModelProgress> seen;
    const auto keep = [&](const LanguageModelProgress& progress) {
        seen.push_back(progress);
        return true;
    };
    const NGrams data = make_ngrams(kText, 2);
    Rng rng(1);
    train_language_model(wave_model(), data, rng,
                         {.epochs = 2, .lr = 0.05, .batch_size = 2, .shuffle = false, .on_progress = keep});
    REQUIRE(seen.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) {
        CAPTURE(i);
        CHECK(seen[i].epoch == i / 3 + 1);
        CHECK(seen[i].epochs == 2);
        CHECK(seen[i].total == 5);
        CHECK(seen[i].done == std::min<std::size_t>(2 * (i % 3 + 1), 5));
        CHECK(seen[i].epoch_done() == (i % 3 == 2));
        CHECK(is_near(seen[i].perplexity(), std::exp(seen[i].loss)));
    }
    CHECK(is_near(seen[2].loss, kLosses[0]));
    CHECK(is_near(seen[5].loss, kLosses[1]));
    NGrams first_two = make_ngrams(Ids(kText.begin(), kText.begin() + 4), 2);
    CHECK(is_near(seen[0].loss, evaluate_language_model(wave_model(), first_two).loss));
}

TEST_CASE("train language model: on_progress stops it there") {
    const NGrams data = make_ngrams(kText, 2);
    for (const std::size_t last : std::vector<std::size_t>{1, 3, 4, 6}) {
        CAPTURE(last);
        std::size_t steps = 0;
        const NGramLanguageModel model = wave_model();
        Rng rng(1);
        const LanguageModelResult result = train_language_model(
            model, data, rng, {.epochs = 2, .batch_size = 2, .on_progress = [&](const LanguageModelProgress&) {
                                   return ++steps < last;
                               }});
        CHECK(result.stopped);
        CHECK(steps == last);
        CHECK(result.losses.size() == last / 3);
        CHECK(result.examples == (last / 3) * 5 + (last % 3) * 2);
        CHECK_FALSE(same_weights(model, wave_model()));  // what was learned stays
    }
}

TEST_CASE("train language model: shuffled afresh for each epoch, the same for the same seed") {
    const NGrams data = make_ngrams(cycle(300, 37), 2);
    const auto trained = [&](std::uint64_t seed, bool shuffle) {
        NGramLanguageModel model = make_model(37, 64);
        Rng rng(seed);
        train_language_model(model, data, rng, {.epochs = 3, .batch_size = 50, .shuffle = shuffle});
        return model;
    };
    const NGramLanguageModel first = trained(5, true);
    check_same_weights(first, trained(5, true));
    CHECK_FALSE(same_weights(first, trained(6, true)));
    CHECK_FALSE(same_weights(first, trained(5, false)));
    check_same_weights(trained(5, false), trained(6, false));
}

TEST_CASE("train language model: a deterministic sequence is learned to a perplexity near 1, and goes on") {
    const NGramLanguageModel model = trained_on_cycle();
    CHECK(evaluate_language_model(model, make_ngrams(cycle(50, 7), 2)).perplexity() < 1.05);
    Rng rng(3);
    CHECK(generate(model, Ids{1, 2}, 8, rng) == Ids{3, 4, 5, 6, 0, 1, 2, 3});
    CHECK(generate(model, Ids{1, 1, 5, 6}, 3, rng, {.temperature = 0}) == Ids{0, 1, 2});  // the last two count
    CHECK(generate(model, Ids{1, 2}, 0, rng).empty());
}

TEST_CASE("train language model: no epochs, no change") {
    const NGramLanguageModel model = wave_model();
    Rng rng(1);
    const LanguageModelResult result = train_language_model(model, make_ngrams(kText, 2), rng, {.epochs = 0});
    CHECK(result.losses.empty());
    CHECK(result.examples == 0);
    CHECK_FALSE(result.diverged);
    check_same_weights(model, wave_model());
}

TEST_CASE("train language model: frozen embeddings stay as they are") {
    const NGramLanguageModel model = wave_model();
    model.embeddings().set_requires_grad(false);
    Rng rng(1);
    train_language_model(model, make_ngrams(kText, 2), rng, {.epochs = 1});
    check_same(model.embeddings().weight().value(), wave_model().embeddings().weight().value());
    CHECK_FALSE(same_weights(model, wave_model()));
}

TEST_CASE("train language model: a loss that is not finite ends training before the step") {
    const NGramLanguageModel model = wave_model();
    model.parameters()[4].mutable_value()(3) = std::numeric_limits<Real>::quiet_NaN();
    const StateDict before = model.state_dict();
    std::size_t calls = 0;
    Rng rng(1);
    const LanguageModelResult result = train_language_model(
        model, make_ngrams(kText, 2), rng, {.on_progress = [&](const LanguageModelProgress&) { return ++calls > 0; }});
    CHECK(result.diverged);
    CHECK_FALSE(result.stopped);
    CHECK(result.losses.empty());
    CHECK(result.examples == 0);
    CHECK(calls == 0);
    for (std::size_t i = 0; i < before.size(); ++i) check_same(model.parameters()[i].value(), before[i].second);
}

TEST_CASE("train language model: weights that the last step of an epoch ruined are noticed") {
    const NGramLanguageModel model = wave_model();
    constexpr Real largest = std::numeric_limits<Real>::max();
    model.parameters()[4].assign(full({7}, -largest * Real(0.98)));  // all logits are equal
    std::size_t calls = 0;
    Rng rng(1);
    const LanguageModelResult result = train_language_model(  // the first step of Adam is as long as lr
        model, make_ngrams(kText, 2), rng,
        {.epochs = 1, .lr = 0.05 * static_cast<double>(largest), .on_progress = [&](const LanguageModelProgress&) {
             return ++calls > 0;
         }});
    CHECK_FALSE(all_finite(model.parameters()[4].value()));
    CHECK(result.diverged);
    CHECK(result.losses.empty());
    CHECK(calls == 0);
}

TEST_CASE("train and evaluate language model: what they refuse, before anything changes") {
    const NGramLanguageModel model = wave_model();
    Rng rng(1), untouched(1);
    const NGrams good = make_ngrams(kText, 2);
    const auto train = [&](const NGrams& data, const LanguageModelTraining& options = {}) {
        return [&model, &rng, data, options] { train_language_model(model, data, rng, options); };
    };
    const auto evaluate = [&](const NGrams& data, std::size_t batch_size = 4) {
        return [&model, data, batch_size] { evaluate_language_model(model, data, batch_size); };
    };
    check_refused<std::invalid_argument>(
        train(make_ngrams(Ids{1, 2}, 2)),
        "train_language_model: there are no examples; a text must have at least 3 tokens");
    check_refused<std::invalid_argument>(
        evaluate(make_ngrams(Ids{1, 2}, 2)),
        "evaluate_language_model: there are no examples; a text must have at least 3 tokens");
    check_refused<std::invalid_argument>(
        train(make_ngrams(kText, 3)),
        "train_language_model: contexts must be (N, 2) and targets (N), but got (4, 3) and (4,)");
    check_refused<std::invalid_argument>(
        train({{{1, 2}, {3, 4}}, {5}}),
        "train_language_model: contexts must be (N, 2) and targets (N), but got (2, 2) and (1,)");
    check_refused<std::invalid_argument>(
        evaluate({{1, 2}, {3, 4}}),
        "evaluate_language_model: contexts must be (N, 2) and targets (N), but got (2,) and (2,)");
    check_refused<std::invalid_argument>(
        evaluate({{{1, 2}, {3, 4}}, IdArray(Shape{2, 1}, 0)}),
        "evaluate_language_model: contexts must be (N, 2) and targets (N), but got (2, 2) and (2, 1)");
    check_refused<std::out_of_range>(
        train({{{1, 2}, {3, 7}}, {5, 6}}),
        "train_language_model: context id 7 at position (1, 1) is outside a vocabulary of 7");
    check_refused<std::out_of_range>(train({{{1, 2}, {3, 4}}, {5, -100}}),
                                     "train_language_model: target id -100 at position 1 is outside a vocabulary of 7");
    check_refused<std::out_of_range>(
        evaluate({{{1, 2}, {-1, 4}}, {5, 6}}),
        "evaluate_language_model: context id -1 at position (1, 0) is outside a vocabulary of 7");
    check_refused<std::invalid_argument>(train(good, {.batch_size = 0}), "train_language_model: batch_size is 0");
    check_refused<std::invalid_argument>(evaluate(good, 0), "evaluate_language_model: batch_size is 0");
    CHECK_THROWS_AS(train(good, {.lr = -1})(), std::invalid_argument);  // Adam's own words
    check_same_weights(model, wave_model());
    CHECK(rng() == untouched());
}

TEST_CASE("generate: draws in proportion to softmax(logits / temperature)") {
    const NGramLanguageModel model = constant_model({std::log(1.0), std::log(2.0), std::log(5.0)});
    const auto frequencies = [&](const GenerateOptions& options) {
        Rng rng(4);
        std::vector<double> counts(3);
        for (const std::int64_t id : generate(model, Ids{0, 0}, 8000, rng, options))
            counts[static_cast<std::size_t>(id)] += 1.0 / 8000;
        return counts;
    };
    const auto check = [&](const GenerateOptions& options, const std::vector<double>& expected,
                           int line = __builtin_LINE()) {
        INFO("called from line ", line, ", seed 4");
        const std::vector<double> actual = frequencies(options);
        for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(actual[i] - expected[i]) < 0.02);  // 3.5 standard deviations
    };
    check({}, {0.125, 0.25, 0.625});
    check({.temperature = 0.5}, {1.0 / 30, 4.0 / 30, 25.0 / 30});
    check({.temperature = 1e6}, {1.0 / 3, 1.0 / 3, 1.0 / 3});
    check({.temperature = 0}, {0, 0, 1});
    check({.temperature = 1e-300}, {0, 0, 1});
    check({.top_k = 2}, {0, 2.0 / 7, 5.0 / 7});
    check({.top_k = 1}, {0, 0, 1});
    check({.top_k = 9}, {0.125, 0.25, 0.625});
    check({.suppress_tokens = {2, 2}}, {1.0 / 3, 2.0 / 3, 0});
    check({.temperature = 0, .suppress_tokens = {2}}, {0, 1, 0});
}

TEST_CASE("generate: of equally probable tokens the lower id comes first") {
    const NGramLanguageModel model = constant_model({1, 3, 3, 3, 2});
    Rng rng(1);
    CHECK(generate(model, Ids{0, 0}, 2, rng, {.temperature = 0}) == Ids{1, 1});
    const Ids drawn = generate(model, Ids{0, 0}, 200, rng, {.top_k = 2});
    CHECK(std::set<std::int64_t>(drawn.begin(), drawn.end()) == std::set<std::int64_t>{1, 2});
}

TEST_CASE("generate: the same seed gives the same text") {
    const NGramLanguageModel model = wave_model();
    Rng rng(8), same(8), other(9);
    const Ids text = generate(model, Ids{1, 2}, 50, rng);
    CHECK(text == generate(model, Ids{1, 2}, 50, same));
    CHECK(text != generate(model, Ids{1, 2}, 50, other));
}

TEST_CASE("generate: what it refuses, with the numbers") {
    const NGramLanguageModel model = wave_model();
    Rng rng(1), untouched(1);
    const auto go_on = [&](const Ids& context, const GenerateOptions& options = {}) {
        return [&model, &rng, context, options] { generate(model, context, 3, rng, options); };
    };
    check_refused<std::invalid_argument>(go_on({1}), "generate: a context of 1 ids is shorter than the model's 2");
    check_refused<std::out_of_range>(go_on({1, 2, 7}),
                                     "generate: context id 7 at position 2 is outside a vocabulary of 7");
    check_refused<std::invalid_argument>(go_on({1, 2}, {.temperature = -1}),
                                         "generate: temperature must be finite and at least 0, but got -1");
    check_refused<std::invalid_argument>(go_on({1, 2}, {.temperature = kNaN}),
                                         "generate: temperature must be finite and at least 0, but got nan");
    check_refused<std::invalid_argument>(go_on({1, 2}, {.top_k = 0}), "generate: top_k is 0");
    check_refused<std::out_of_range>(go_on({1, 2}, {.suppress_tokens = {3, -1}}),
                                     "generate: suppressed id -1 at position 1 is outside a vocabulary of 7");
    check_refused<std::invalid_argument>(go_on({1, 2}, {.suppress_tokens = {0, 1, 2, 3, 4, 5, 6}}),
                                         "generate: suppress_tokens leaves none of 7 tokens");
    model.parameters()[4].mutable_value()(3) = std::numeric_limits<Real>::quiet_NaN();
    check_refused<std::invalid_argument>(go_on({1, 2}), "generate: the model's logits are not finite");
    CHECK(rng() == untouched());
}

TEST_CASE("train language model: ids in braces") {
    check_ids(make_ngrams({3, 1, 4, 1}, 2).contexts, {2, 2}, {3, 1, 1, 4});
    CHECK(make_ngrams({}, 2).size() == 0);
    Rng rng(1), same(1), weights(2);
    const NGramLanguageModel model({.vocab_size = 5, .embedding_dim = 2, .context_size = 2}, weights);
    CHECK(generate(model, {1, 2}, 5, rng) == generate(model, std::vector<std::int64_t>{1, 2}, 5, same));
}

TEST_CASE("train language model: a model that is frozen whole is refused, an exception leaves no gradients") {
    Rng rng(1);
    const NGramLanguageModel model({.vocab_size = 5, .embedding_dim = 2, .context_size = 2, .hidden_dim = 3}, rng);
    const NGrams data = make_ngrams(std::vector<std::int64_t>{0, 1, 2, 3, 4, 0, 1}, 2);
    CHECK_THROWS_AS(
        train_language_model(model, data, rng, {.on_progress = [](const LanguageModelProgress&) -> bool { throw 1; }}),
        int);
    for (const Parameter& parameter : model.parameters()) CHECK(!parameter.has_gradient());
    model.set_requires_grad(false);
    check_refused<std::invalid_argument>([&] { train_language_model(model, data, rng); },
                                         "train_language_model: every parameter of the model is frozen");
}

namespace {

class Forgetful : public NGramLanguageModel {
public:
    using NGramLanguageModel::NGramLanguageModel;
    void visit(const Visitor& visit) const override { visit.child("embeddings", embeddings()); }
};

}  // namespace

TEST_CASE("train language model: a model whose visit forgets layers is refused before the first step") {
    Rng rng(1);
    const Forgetful model({.vocab_size = 7, .embedding_dim = 3, .context_size = 2, .hidden_dim = 5}, rng);
    const Array before = model.embeddings().weight().value();
    try {
        train_language_model(model, make_ngrams(kText, 2), rng);
        FAIL("it was trained");
    } catch (const std::logic_error& error) {
        const std::string message = error.what();
        INFO(message);
        CHECK(message.starts_with("Adam: parameters were used that it does not hold, and would never be trained:"));
        for (const char* shape : {"(5, 6)", "(5,)", "(7, 5)", "(7,)"})
            CHECK(message.find(std::string("\n  one without a name of shape ") + shape + "\n") != message.npos);
    }
    check_same(model.embeddings().weight().value(), before);
    CHECK_FALSE(model.embeddings().weight().has_gradient());
}
