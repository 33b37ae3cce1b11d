// The document's text classifier: names, shapes, PyTorch's numbers, and texts without words.
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/layers/init.hpp>
#include <embergrad/models/text_classifier.hpp>
#include <embergrad/optim/sgd.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

/// What tests/reference/text_classifier.py prints.
struct Expected {
    double loss = 0;
    std::vector<double> logits = {};
    std::vector<std::vector<double>> gradients = {};  // in the order of parameters()
};

const Expected kWithLengths = {
    .loss = 1.2805493614317642,
    .logits = {0.7512452506208965, 1.616654333706362, 2.587916901453977, -0.9079360961816478, 0.30166790767339213,
               1.7218764610056876, -0.00799631757737207, 0.9379956328697658, 2.043902631012167, -0.10217301856855332,
               1.0517612183541305, 2.3565480016542866},
    .gradients = {{0.0,
                   0.0,
                   0.0,
                   0.0,
                   -0.001950795059854667,
                   0.008009782712632339,
                   0.0106062031981307,
                   0.00345132937627977,
                   -0.008580392354495696,
                   -0.06674696776605961,
                   -0.06354668883292111,
                   -0.001921877247365277,
                   -0.0009753975299273335,
                   0.004004891356316169,
                   0.00530310159906535,
                   0.001725664688139885,
                   -0.0009753975299273335,
                   0.004004891356316169,
                   0.00530310159906535,
                   0.001725664688139885,
                   -0.0009753975299273335,
                   0.004004891356316169,
                   0.00530310159906535,
                   0.001725664688139885,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   -0.01469153947915238,
                   0.007638243787467528,
                   0.022945460941455775,
                   0.017156727124284257,
                   -0.015926162094071886,
                   -0.06292784587232585,
                   -0.05207395836219322,
                   0.006656486314776852},
                  {0.07210858958415108,
                   0.008999106915388758,
                   -0.06238411314987416,
                   -0.07641166728422064,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   -0.07581940069015196,
                   0.0008021232808468925,
                   0.07668617880661616,
                   0.08206531519401544,
                   -0.002748110938493106,
                   -0.002896474669299209,
                   -0.00038183294692893443,
                   0.0024838642259349484,
                   0.07380611043576736,
                   0.008508898536892273,
                   -0.0646113554360055,
                   -0.07832822719157173},
                  {0.1180132581596191, 0.0, 0.0, -0.10739061088862226, -0.0014865826640083, 0.07995058150704673},
                  {-0.4785679984474148, 0.0, 0.0, -0.32024998697821105, 0.0559589008718842, -0.34082344957790317,
                   0.07973887714010629, 0.0, 0.0, 0.062329899837342405, -0.024380294493041063, 0.02451394961731742,
                   0.3988291213073085, 0.0, 0.0, 0.2579200871408686, -0.03157860637884317, 0.31630949996058566},
                  {-0.17260557243951713, -0.03580609525296236, 0.20841166769247943}}};
const Expected kEveryPosition = {
    .loss = 1.2383752308494116,
    .logits = {0.7512452506208965, 1.616654333706362, 2.587916901453977, -0.8681126373117877, 0.22253437926793496,
               1.5300896768303822, -0.00799631757737207, 0.9379956328697658, 2.043902631012167, -0.06450233817208084,
               1.0062549841603847, 2.2314898533974388},
    .gradients = {{0.0,
                   0.0,
                   0.0,
                   0.0,
                   -0.001950795059854667,
                   0.008009782712632339,
                   0.0106062031981307,
                   0.00345132937627977,
                   -0.0033578814738933075,
                   -0.026109666878935883,
                   -0.024856344966382796,
                   -0.0007502141226452221,
                   -0.0009753975299273335,
                   0.004004891356316169,
                   0.00530310159906535,
                   0.001725664688139885,
                   -0.0009753975299273335,
                   0.004004891356316169,
                   0.00530310159906535,
                   0.001725664688139885,
                   -0.0009753975299273335,
                   0.004004891356316169,
                   0.00530310159906535,
                   0.001725664688139885,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   -0.009564161306621695,
                   0.0050041588548869614,
                   0.014971678443073486,
                   0.011174305916130885,
                   -0.008139962127204154,
                   -0.023607587451492402,
                   -0.017370505744846054,
                   0.004836938835420221},
                  {0.028739358301836677,
                   0.006063145241177453,
                   -0.022187495592593448,
                   -0.030039055301412303,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   0.0,
                   -0.02962113469075646,
                   0.00031337364215862747,
                   0.029959767693669672,
                   0.032061289494168414,
                   -0.0025511906512429173,
                   -0.002026046426867612,
                   0.0003618355387779647,
                   0.002417047578761162,
                   0.03379191878940828,
                   0.00626318205157694,
                   -0.02702389538033035,
                   -0.035465328026640645},
                  {0.1139187080048351, 0.0, 0.0, -0.10488844941726358, -0.0011038042310276847, 0.07653307870559757},
                  {-0.20472551138453687, 0.0, 0.0, -0.08737506371740639, 0.059116149856540685, -0.2325446703853569,
                   0.028636933105274417, 0.0, 0.0, 0.018601820686469223, -0.016450760949390214, -0.003014459345613232,
                   0.17608857827926244, 0.0, 0.0, 0.06877324303093717, -0.042665388907150506, 0.23555912973097007},
                  {-0.1673492019640146, -0.029442451675933554, 0.19679165363994813}}};

const IdArray kTokens = {{3, 1, 4, 1, 5}, {8, 2, 0, 0, 0}, {0, 0, 0, 0, 0}, {7, 8, 7, 0, 0}};
const IdArray kLengths = {5, 2, 0, 3};
const IdArray kLabels = {2, 0, 1, 2};

TextClassifier small_model(bool sparse = false, double dropout = 0) {
    Rng rng(1);
    return TextClassifier(
        {.vocab_size = 9, .embedding_dim = 4, .num_classes = 3, .hidden_dim = 6, .dropout = dropout, .sparse = sparse},
        rng);
}

/// The script's weights.
void set_weights(const TextClassifier& model) {
    assign_waves(model.parameters());
    std::fill_n(model.embedding().weight().mutable_value().data(), 4, Real{0});
}

void check_against_pytorch(const Expected& expected, bool sparse, bool with_lengths) {
    const TextClassifier model = small_model(sparse);
    set_weights(model);
    Tape tape;
    const Var logits = with_lengths ? model(tape, kTokens, kLengths) : model(tape, kTokens);
    CHECK(logits.shape() == Shape{4, 3});
    check_near(logits.value(), expected.logits);
    const Var loss = cross_entropy(logits, kLabels);
    CHECK(is_near(static_cast<double>(loss.item()), expected.loss));
    tape.backward(loss);
    check_gradients_near(model.parameters(), expected.gradients);
    CHECK(model.embedding().weight().gradient_kind() == (sparse ? GradientKind::rows : GradientKind::dense));
}

}  // namespace

TEST_CASE("text classifier: the document's has 1,297,157 parameters [12.1]") {
    Rng rng(1);
    const TextClassifier model({.vocab_size = 10'000, .embedding_dim = 128, .num_classes = 5}, rng);
    CHECK(model.parameter_count() == 1'297'157);
    std::vector<std::string> names, shapes;
    for (const auto& [name, parameter] : model.named_parameters()) {
        names.push_back(name);
        shapes.push_back(to_string(parameter.shape()));
    }
    CHECK(names == std::vector<std::string>{"embedding.weight", "classifier.1.weight", "classifier.1.bias",
                                            "classifier.4.weight", "classifier.4.bias"});
    CHECK(shapes == std::vector<std::string>{"(10000, 128)", "(128, 128)", "(128,)", "(5, 128)", "(5,)"});
    CHECK(model.embedding().parameters().size() == 1);
    CHECK(model.classifier().parameters().size() == 4);
    CHECK(model.classifier().size() == 5);
}

TEST_CASE("text classifier: logits, loss and all gradients equal PyTorch's [12.2]") {
    check_against_pytorch(kWithLengths, false, true);
    check_against_pytorch(kWithLengths, true, true);
    check_against_pytorch(kEveryPosition, false, false);
    check_against_pytorch(kEveryPosition, true, false);
}

TEST_CASE("text classifier: gradient check of the whole model, dropout included") {
    for (bool sparse : {false, true}) {
        const TextClassifier model = small_model(sparse, 0.3);
        set_weights(model);
        check_gradient(model.parameters(), [&](Tape& tape) {
            return cross_entropy(model(tape, kTokens, kLengths), kLabels, {.label_smoothing = 0.1});
        });
    }
}

TEST_CASE("text classifier: a text's logits do not depend on how far it is padded [12.2]") {
    const TextClassifier model = small_model();
    Tape tape(Mode::eval);
    const Var shorter = model(tape, {{7, 8, 7}}, {3});
    const Var longer = model(tape, {{7, 8, 7, 0, 0, 5}}, {3});  // not even on what stands there
    check_same(shorter.value(), longer.value());
}

TEST_CASE("text classifier: an empty text has finite logits and trains nothing in the table [12.2] [12.8]") {
    const TextClassifier model = small_model();
    for (const IdArray& tokens : {IdArray(Shape{2, 0}), IdArray(Shape{2, 3}, 0)}) {
        model.zero_grad();
        Tape tape;
        const Var logits = model(tape, tokens, {0, 0});
        CHECK(logits.shape() == Shape{2, 3});
        for (Real x : logits.value()) CHECK(std::isfinite(x));
        const Var loss = cross_entropy(logits, IdArray{0, 1});
        tape.backward(loss);
        check_same(dense_gradient(model.embedding().weight()), zeros({9, 4}));
        for (const Parameter& p : model.parameters()) {
            for (Real g : dense_gradient(p)) CHECK(std::isfinite(g));
        }
    }
}

TEST_CASE("text classifier: a batch without texts") {
    const TextClassifier model = small_model();
    Tape tape(Mode::eval);
    CHECK(model(tape, IdArray(Shape{0, 5}), IdArray()).shape() == Shape{0, 3});
}

TEST_CASE("text classifier: tokens of 32 bits") {
    const TextClassifier model = small_model();
    const xt::xarray<std::int32_t> tokens = {{3, 1, 4, 1, 5}, {8, 2, 0, 0, 0}, {0, 0, 0, 0, 0}, {7, 8, 7, 0, 0}};
    Tape tape(Mode::eval);
    const Var narrow = model(tape, tokens, std::vector<std::int32_t>{5, 2, 0, 3});
    check_same(narrow.value(), model(tape, kTokens, kLengths).value());
}

TEST_CASE("text classifier: what it refuses, with the numbers [12.2]") {
    const TextClassifier model = small_model();
    Tape tape;
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, kTokens, {5, 2, 0, 6});
        },
        "masked_mean: length 6 at position 3 is outside 0..5");
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, kTokens, {5, -1, 0, 6});
        },
        "masked_mean: length -1 at position 1 is outside 0..5");
    CHECK_THROWS_AS(model(tape, kTokens, {5, 2, 0}), std::invalid_argument);
    CHECK_THROWS_AS(model(tape, kTokens, {{5, 2}, {0, 3}}), std::invalid_argument);
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, {1, 2, 3}, {3});
        },
        "TextClassifier: tokens must be (B, L), not (3,)");
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, IdArray{1, 2, 3});
        },
        "TextClassifier: tokens must be (B, L), not (3,)");
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, IdArray(Shape{2, 0}));
        },
        "TextClassifier: tokens of shape (2, 0) have no mean; give lengths");
    check_refused<std::out_of_range>(
        [&] {
            model(tape, {{1, 2}, {9, 0}}, {2, 2});
        },
        "embedding: id 9 at position (1, 0) is outside a table of 9 rows");
    for (const Parameter& p : model.parameters()) CHECK_FALSE(p.has_gradient());

    Rng rng(1);
    check_refused<std::invalid_argument>(
        [&] { TextClassifier({.vocab_size = 10, .embedding_dim = 4}, rng); },
        "TextClassifier: sizes must be at least 1, but got vocab_size 10, embedding_dim 4, num_classes 0, "
        "hidden_dim 128");
    check_refused<std::invalid_argument>(
        [&] { TextClassifier({.vocab_size = 10, .embedding_dim = 4, .num_classes = 2, .dropout = 1.5}, rng); },
        "Dropout: probability has to be between 0 and 1, but got 1.5");
    check_refused<std::invalid_argument>(
        [&] { TextClassifier({.vocab_size = 10, .embedding_dim = 4, .num_classes = 2, .padding_idx = 10}, rng); },
        "embedding: padding_idx 10 must be within a table of 10 rows");
}

TEST_CASE("text classifier: without a padding row, id 0 is a word like any other [12.2]") {
    Rng rng(1);
    const TextClassifier model({.vocab_size = 3, .embedding_dim = 2, .num_classes = 2, .padding_idx = {}}, rng);
    CHECK(model.embedding().weight().value()(0, 0) != 0);
    Tape tape;
    Rng draw(2);
    Tape train(Mode::train, draw);
    train.backward(sum(model.embedding()(train, {0})));
    CHECK(model.embedding().weight().grad()(0, 0) == 1);
}

TEST_CASE("text classifier: the same seed gives the same model, and it learns a batch by heart") {
    const TextClassifier model = small_model(), twin = small_model();
    const StateDict state = model.state_dict(), same = twin.state_dict();
    for (std::size_t i = 0; i < state.size(); ++i) check_same(state[i].second, same[i].second);

    SGD optimizer(model.parameters(), {.lr = 0.5});
    Real loss_of_last = 0;
    for (int step = 0; step < 300; ++step) {
        Tape tape;
        const Var loss = cross_entropy(model(tape, kTokens, kLengths), kLabels);
        optimizer.zero_grad();
        tape.backward(loss);
        optimizer.step();
        loss_of_last = loss.item();
    }
    CHECK(loss_of_last < Real(0.05));
    Tape tape(Mode::eval);
    check_ids(argmax(model(tape, kTokens, kLengths), 1), {4}, {2, 0, 1, 2});
    check_near(slice(tape.leaf(model.embedding().weight()), 0, 0, 1).value(), {0, 0, 0, 0}, 0);  // the padding row
}

TEST_CASE("text classifier: around a table that is there already, which it shares") {
    Rng rng(3);
    const Embedding table(9, 4, rng, {.padding_idx = 2, .sparse = true});
    const TextClassifier model(table, {.num_classes = 3, .hidden_dim = 6, .dropout = 0}, rng);
    CHECK(model.embedding().weight() == table.weight());
    CHECK(model.embedding().padding_idx() == 2);
    CHECK(model.parameter_count() == 9 * 4 + 6 * 4 + 6 + 3 * 6 + 3);
    Tape tape(Mode::train, rng);
    tape.backward(sum(model(tape, {{1, 5, 2}}, {2})));
    CHECK(table.weight().gradient_kind() == GradientKind::rows);

    check_refused<std::invalid_argument>([&] { TextClassifier(table, {.hidden_dim = 6}, rng); },
                                         "TextClassifier: sizes must be at least 1, but got vocab_size 9, "
                                         "embedding_dim 4, num_classes 0, hidden_dim 6");
}

TEST_CASE("text classifier: the document's, printed [12.1]") {
    Rng rng(1);
    const TextClassifier model({.vocab_size = 10'000, .embedding_dim = 128, .num_classes = 5}, rng);
    CHECK(to_string(model) ==
          "TextClassifier                                        1,297,157\n"
          "  embedding     Embedding(10000, 128, padding_idx=0)  1,280,000\n"
          "  classifier    Sequential                               17,157\n"
          "    0           Dropout(p=0.5)                                0\n"
          "    1           Linear(128, 128)                         16,512\n"
          "    2           ReLU()                                        0\n"
          "    3           Dropout(p=0.5)                                0\n"
          "    4           Linear(128, 5)                              645\n");
}
