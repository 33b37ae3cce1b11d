// The document's n-gram language model: names, shapes, PyTorch's numbers, a batch of 0.
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/models/ngram_language_model.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

// What tests/reference/ngram_language_model.py prints.
constexpr double kLoss = 2.0823474545382763;
const std::vector<double> kLogits = {
    -0.8094350065777126,  0.31329693609795595,  0.8437575395611281,    0.5026055188472216,    -0.050799140682927235,
    -0.31989283403169777, -0.40991914695091114, -0.4330529605676513,   -0.056085079162409845, 0.2578160741119344,
    0.5395686608218999,   0.5561124160345159,   -0.012540258883658617, -0.8424620973198677,   -0.5601636749423686,
    0.10419559282376345,  0.4758579198928766,   0.5029884418290422,    0.3173177205250989,    -0.11143409030125467,
    -0.6597722825079451,  -0.3129311770819524,  -0.005070985938067152, 0.16663582897311913,   0.43682579238325914,
    0.5890041279692,      0.10886287933702099,  -0.8064788502350075};
const std::vector<std::vector<double>> kGradients = {
    {-0.17171947794270967,
     -0.09299443137845752,
     0.07122926652935548,
     0.23934015695417465,
     0.09754548290555735,
     -0.13393205827238697,
     0.16996510528067166,
     0.11243581007118057,
     -0.04846645039344952,
     -0.19336657465171092,
     -0.08254246950183876,
     0.10417080144392274,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     -0.023821330202291824,
     0.007622785807755356,
     0.03205854770043014},
    {0.0018053950834642583,
     0.08137889520954697,
     0.08613301437797562,
     0.06540641502509313,
     0.06366018527771977,
     0.003385074769996863,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     0.0,
     -0.347508978604489,
     -0.6512672251391163,
     -0.3562533883535299,
     -0.32206598512040485,
     -0.659697066124122,
     -0.3908057068822146},
    {-0.31518826338437334, 0.0, 0.0, 0.0, 0.0480778398177269},
    {0.015269359503234239, 0.0, 0.0, 0.0, -0.08532357509910345,
     0.04082886042497714,  0.0, 0.0, 0.0, 0.08900494872120042,
     -0.1135911691086446,  0.0, 0.0, 0.0, -0.2093108135041891,
     0.05229110065451223,  0.0, 0.0, 0.0, 0.1309019171355415,
     0.03405969992757541,  0.0, 0.0, 0.0, 0.11583991925365951,
     0.024560931737859504, 0.0, 0.0, 0.0, 0.074000201615036,
     -0.05341878313951389, 0.0, 0.0, 0.0, -0.11511259812214485},
    {-0.1735812054944798, 0.14020415406434789, -0.29702573504992946, 0.20901978529422588, 0.18741171113231025,
     0.11870607105764919, -0.18473478100412383}};  // in the order of parameters()

const IdArray kContexts = {{3, 1}, {6, 6}, {0, 2}, {1, 3}};
const IdArray kTargets = {2, 0, 6, 2};

NGramLanguageModel small_model() {
    Rng rng(1);
    return NGramLanguageModel({.vocab_size = 7, .embedding_dim = 3, .context_size = 2, .hidden_dim = 5}, rng);
}

/// The script's weights.
NGramLanguageModel wave_model() {
    NGramLanguageModel model = small_model();
    assign_waves(model.parameters());
    return model;
}

}  // namespace

TEST_CASE("ngram language model: names and shapes are PyTorch's [12.3]") {
    Rng rng(1);
    const NGramLanguageModel model({.vocab_size = 1'000, .embedding_dim = 64, .context_size = 3}, rng);
    std::vector<std::string> names, shapes;
    for (const auto& [name, parameter] : model.named_parameters()) {
        names.push_back(name);
        shapes.push_back(to_string(parameter.shape()));
    }
    CHECK(names == std::vector<std::string>{"embeddings.weight", "network.0.weight", "network.0.bias",
                                            "network.2.weight", "network.2.bias"});
    CHECK(shapes == std::vector<std::string>{"(1000, 64)", "(128, 192)", "(128,)", "(1000, 128)", "(1000,)"});
    CHECK(model.parameter_count() == 217'704);
    CHECK(model.vocab_size() == 1'000);
    CHECK(model.context_size() == 3);
    CHECK(model.embeddings().parameters().size() == 1);
    CHECK(model.network().size() == 3);
}

TEST_CASE("ngram language model: logits, loss and all gradients equal PyTorch's") {
    const NGramLanguageModel model = wave_model();
    Tape tape;
    const Var logits = model(tape, kContexts);
    CHECK(logits.shape() == Shape{4, 7});
    check_near(logits.value(), kLogits);
    const Var loss = cross_entropy(logits, kTargets);
    CHECK(is_near(static_cast<double>(loss.item()), kLoss));
    tape.backward(loss);
    check_gradients_near(model.parameters(), kGradients);
}

TEST_CASE("ngram language model: gradient check of the whole model") {
    const NGramLanguageModel model = wave_model();
    check_gradient(model.parameters(), [&](Tape& tape) { return cross_entropy(model(tape, kContexts), kTargets); });
}

TEST_CASE("ngram language model: the order of the context counts") {
    const NGramLanguageModel model = wave_model();
    Tape tape(Mode::eval);
    const Array logits = model(tape, {{3, 1}, {1, 3}}).value();
    CHECK(std::abs(logits(0, 0) - logits(1, 0)) > Real(0.01));
}

TEST_CASE("ngram language model: a new model's loss is near log V [12.3]") {
    Rng rng(3);
    INFO("seed 3");
    const std::size_t v = 2'000, b = 200;
    const NGramLanguageModel model({.vocab_size = v, .embedding_dim = 32, .context_size = 4}, rng);
    IdArray contexts(Shape{b, 4}), targets(Shape{b});
    for (std::int64_t& id : contexts) id = static_cast<std::int64_t>(rng.below(v));
    for (std::int64_t& id : targets) id = static_cast<std::int64_t>(rng.below(v));
    Tape tape(Mode::eval);
    const auto loss = static_cast<double>(cross_entropy(model(tape, contexts), targets).item());
    CHECK(std::abs(loss - std::log(2'000)) < 0.1);
}

TEST_CASE("ngram language model: a batch of 0") {
    const NGramLanguageModel model = small_model();
    Tape tape;
    const Var logits = model(tape, IdArray(Shape{0, 2}));
    CHECK(logits.shape() == Shape{0, 7});
    tape.backward(sum(logits));
    for (const Parameter& p : model.parameters()) check_same(dense_gradient(p), zeros(p.shape()));
}

TEST_CASE("ngram language model: the same seed gives the same model") {
    const StateDict state = small_model().state_dict(), same = small_model().state_dict();
    for (std::size_t i = 0; i < state.size(); ++i) check_same(state[i].second, same[i].second);
}

TEST_CASE("ngram language model: what it refuses, with the numbers") {
    const NGramLanguageModel model = small_model();
    Tape tape;
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, IdArray(Shape{4, 3}, 0));
        },
        "NGramLanguageModel: contexts must be (B, 2), not (4, 3)");
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, IdArray{1, 2});
        },
        "NGramLanguageModel: contexts must be (B, 2), not (2,)");
    check_refused<std::invalid_argument>([&] { model(tape, IdArray()); },
                                         "NGramLanguageModel: contexts must be (B, 2), not (0,)");
    check_refused<std::out_of_range>(
        [&] {
            model(tape, {{1, 2}, {7, 0}});
        },
        "embedding: id 7 at position (1, 0) is outside a table of 7 rows");

    Rng rng(1);
    check_refused<std::invalid_argument>(
        [&] { NGramLanguageModel({.vocab_size = 10, .embedding_dim = 4}, rng); },
        "NGramLanguageModel: sizes must be at least 1, but got vocab_size 10, embedding_dim 4, context_size 0, "
        "hidden_dim 128");
    check_refused<std::invalid_argument>(
        [&] { NGramLanguageModel({.vocab_size = 1, .embedding_dim = 4, .context_size = std::size_t{1} << 62}, rng); },
        "NGramLanguageModel: context_size 4611686018427387904 times embedding_dim 4 is too large");
}
