// Every mistake of the founding document, mended: what its Python gives (reference/document_says.hpp) does not come
// out.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/models/text_classifier.hpp>
#include <embergrad/text/batch.hpp>
#include <embergrad/text/vocabulary.hpp>

#include "reference/document_says.hpp"
#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;
namespace document = embergrad::testing::document_says;

namespace {

using Ids = std::vector<std::int64_t>;
using Strings = std::vector<std::string>;

// ---- unlike the document -------------------------------------------------------------------------------------------

/// Plainly another number, not one of another rounding. NaN is unlike every number.
bool unlike(double ours, double document) { return !is_near(ours, document, 1e-3); }

/// Another number of elements, or at least one that is unlike.
bool unlike(const Array& ours, const std::vector<double>& document) {
    if (ours.size() != document.size()) return true;
    for (std::size_t i = 0; i < document.size(); ++i) {
        if (unlike(element(ours, i), document[i])) return true;
    }
    return false;
}

// ---- what the script has, too --------------------------------------------------------------------------------------

TextClassifier small_classifier() {
    Rng rng(1);
    TextClassifier model({.vocab_size = 9, .embedding_dim = 4, .num_classes = 3, .hidden_dim = 6}, rng);
    double phase = 0;
    for (const Parameter& p : model.parameters()) p.assign(wave(p.shape(), phase++));
    std::fill_n(model.embedding().weight().mutable_value().data(), 4, Real{0});
    return model;
}

Strings tokens_of(const Vocabulary& vocabulary) {
    Strings tokens;
    for (std::size_t id = 0; id < vocabulary.size(); ++id)
        tokens.push_back(vocabulary.token(static_cast<std::int64_t>(id)));
    return tokens;
}

template <class Texts>
concept AreTexts = requires(const Texts& texts) {
    Vocabulary::build(texts);
};

}  // namespace

// ---- TextClassifier ------------------------------------------------------------------------------------------------

TEST_CASE("document bugs: text classifier, length 0 or an empty sequence gives NaN; over L a wrong mean") {
    const TextClassifier model = small_classifier();
    Tape tape(Mode::eval);
    const Array of_nothing = model.classifier()(tape.constant(zeros({1, 4}))).value();  // the mean of no vectors is 0
    for (Real logit : of_nothing) CHECK(std::isfinite(logit));

    const Var both = model(tape, {{7, 8}, {0, 0}}, {2, 0});
    check_near(slice(both, 0, 0, 1).value(),
               {document::classifier_length_0.begin(), document::classifier_length_0.begin() + 3});
    check_arrays_near(slice(both, 0, 1, 2).value(), of_nothing);
    CHECK(unlike(both.value(), document::classifier_length_0));

    const Array empty = model(tape, IdArray(Shape{1, 0}), {0}).value();
    check_arrays_near(empty, of_nothing);
    CHECK(unlike(empty, document::classifier_empty));
    INFO("the document gives NaN: ", document::classifier_empty_without_lengths[0]);
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, IdArray(Shape{1, 0}));
        },
        "TextClassifier: tokens of shape (1, 0) have no mean; give lengths");

    check_refused<std::invalid_argument>(
        [&] {
            model(tape, {{7, 8}}, {3});
        },
        "masked_mean: length 3 at position 0 is outside 0..2");
    CHECK(unlike(model(tape, {{7, 8}}, {2}).value(), document::classifier_length_over));
}

TEST_CASE("document bugs: text classifier, lengths of shape (B, 1) give an output of the wrong shape") {
    const TextClassifier model = small_classifier();
    const IdArray tokens = {{7, 8, 1}, {2, 0, 0}}, lengths = {3, 1};
    IdArray column(Shape{2, 1});
    std::copy(lengths.begin(), lengths.end(), column.begin());
    Tape tape(Mode::eval);
    check_refused<std::invalid_argument>([&] { model(tape, tokens, column); },
                                         "masked_mean: lengths must be of shape (2,) for x (2, 3, 4), not (2, 1)");
    const Shape& shape = model(tape, tokens, lengths).shape();
    CHECK(shape == Shape{2, 3});
    CHECK(Ids(shape.begin(), shape.end()) != document::classifier_lengths_column_shape);
}

TEST_CASE("document bugs: text classifier, padding counts in the mean") {
    const TextClassifier model = small_classifier();
    Tape tape(Mode::eval);
    const Array bare = model(tape, {{7, 8}}, {2}).value(), padded = model(tape, {{7, 8, 0, 0}}, {2}).value();
    check_arrays_near(padded, bare);
    CHECK(unlike(padded, document::classifier_padded));
}

// ---- Vocabulary ----------------------------------------------------------------------------------------------------

TEST_CASE("document bugs: vocabulary, max_size leaves the specials out; a special token in a text takes a slot") {
    const Vocabulary five = Vocabulary::build(Strings{"a b c d e f g"}, {.max_size = 5});
    CHECK(five.size() == 5);
    CHECK(static_cast<std::int64_t>(five.size()) != document::vocabulary_max_size);

    const Vocabulary one_word = Vocabulary::build(Strings{"<PAD> <PAD> a"}, {.max_size = 5});
    CHECK(tokens_of(one_word) == Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", "a"});
    CHECK(tokens_of(one_word) != document::vocabulary_special_tokens);
    CHECK(one_word.encode("<PAD> a") == Ids{1, 4});
    CHECK(one_word.encode("<PAD> a") != document::vocabulary_special_ids);
}

TEST_CASE("document bugs: vocabulary, unknown words become None; decoding a tensor gives all <UNK>") {
    const Vocabulary without = Vocabulary::build(Strings{"a b"}, {.unk_token = {}});
    INFO("the document encodes ", document::vocabulary_without_unknown, " and decodes to ",
         document::vocabulary_decodes_none);
    check_refused<std::out_of_range>(
        [&] { without.encode("a zebra"); },
        "Vocabulary::encode: \"zebra\" is not in the vocabulary, and there is no unknown token");
    CHECK(without.decode(without.encode("b a")) == "b a");

    const Vocabulary vocabulary = Vocabulary::build(Strings{"the cat"});
    const IdArray ids = vocabulary.encode("the cat");
    CHECK(vocabulary.decode(ids) == "the cat");
    CHECK(vocabulary.decode(ids) != document::vocabulary_decodes_tensor);
}

TEST_CASE("document bugs: vocabulary, a single string passed as texts is read as characters") {
    static_assert(AreTexts<Strings>);
    static_assert(!AreTexts<std::string> && !AreTexts<std::string_view> && !AreTexts<const char*> &&
                  !AreTexts<char[8]>);
    const Strings tokens = tokens_of(Vocabulary::build(Strings{"the cat"}));
    CHECK(tokens == Strings{"<PAD>", "<UNK>", "<BOS>", "<EOS>", "the", "cat"});
    CHECK(tokens != document::vocabulary_of_characters);
}

TEST_CASE("document bugs: vocabulary, min_freq and max_size commute (no mistake: the document's tokens)") {
    const Strings texts = {"a a a b b b c c d e"};
    CHECK(tokens_of(Vocabulary::build(texts, {.min_freq = 2, .max_size = 6})) == document::vocabulary_frequent);
    CHECK(tokens_of(Vocabulary::build(texts, {.min_freq = 2, .max_size = 8})) == document::vocabulary_roomy);
}
