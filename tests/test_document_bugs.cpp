// Every mistake of the founding document, mended: what its Python gives (reference/document_says.hpp) does not come
// out.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <embergrad/layers/compressed_embedding.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/partially_frozen_embedding.hpp>
#include <embergrad/models/embedding_memory.hpp>
#include <embergrad/models/ngram_language_model.hpp>
#include <embergrad/models/pipeline.hpp>
#include <embergrad/models/pretrained.hpp>
#include <embergrad/models/text_classifier.hpp>
#include <embergrad/models/train_language_model.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/text/batch.hpp>
#include <embergrad/text/vocabulary.hpp>
#include <embergrad/vectors/word_vectors.hpp>

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
    assign_waves(model.parameters());
    std::fill_n(model.embedding().weight().mutable_value().data(), 4, Real{0});
    return model;
}

/// Row `index` of a (V, D) table: (1, D).
Array row(const Array& table, std::int64_t index) {
    const std::size_t d = table.shape()[1];
    Array result(Shape{1, d});
    std::copy_n(table.data() + static_cast<std::size_t>(index) * d, d, result.data());
    return result;
}

Array difference(const Array& a, const Array& b) {
    Array result(a.shape());
    std::transform(a.begin(), a.end(), b.begin(), result.begin(), std::minus<>());
    return result;
}

/// Of the elements from `first` on.
double standard_deviation(const Array& values, std::size_t first = 0) {
    double sum = 0, squares = 0;
    for (std::size_t i = first; i < values.size(); ++i) {
        sum += element(values, i);
        squares += element(values, i) * element(values, i);
    }
    const auto n = static_cast<double>(values.size() - first);
    return std::sqrt(squares / n - sum / n * sum / n);
}

Array table_of(const Module& module) {
    for (const auto& [name, values] : module.state_dict()) {
        if (name == "embedding.weight") return values;
    }
    FAIL("there is no embedding.weight");
    return {};
}

/// From the upstream gradient wave((2, 2), 10) for ids 0 and 1.
void backward(const PartiallyFrozenEmbedding& module) {
    Tape tape;
    tape.backward(module(tape, IdArray{0, 1}), wave({2, 2}, 10));
}

void train_step(const PartiallyFrozenEmbedding& module, Optimizer& optimizer) {
    optimizer.zero_grad();
    backward(module);
    optimizer.step();
}

NGramLanguageModel small_language_model() {
    Rng rng(1);
    NGramLanguageModel model({.vocab_size = 5, .embedding_dim = 2, .context_size = 2, .hidden_dim = 3}, rng);
    assign_waves(model.parameters());
    return model;
}

/// Of each epoch at a learning rate of 0, on the script's batches of 3 and 1.
std::vector<double> losses_at_rest(const NGramLanguageModel& model, std::size_t epochs) {
    Rng rng(1);
    const NGrams data = {.contexts = {{0, 1}, {1, 2}, {2, 3}, {3, 4}}, .targets = {2, 3, 4, 0}};
    return train_language_model(model, data, rng, {.epochs = epochs, .lr = 0, .batch_size = 3, .shuffle = false})
        .losses;
}

/// As the document prints it.
std::string epoch_line(int epoch, double loss) {
    std::array<char, 64> line{};
    std::snprintf(line.data(), line.size(), "Epoch %d, Loss: %.4f", epoch, loss);
    return line.data();
}

Strings words_of(std::string_view file, std::optional<std::size_t> dimension) {
    const WordVectors vectors = WordVectors::parse(file, "vectors.txt", {.dimension = dimension});
    Strings words;
    for (std::size_t i = 0; i < vectors.size(); ++i) words.emplace_back(vectors.word(i));
    return words;
}

PretrainedEmbedding pretrained(const Vocabulary& vocabulary, std::string_view file) {
    Rng rng(1);
    return initialize_with_pretrained(vocabulary, WordVectors::parse(file, "vectors.txt"), rng);
}

EmbeddingPipeline pipeline(const Strings& texts, const Ids& labels, const PipelineOptions& options = {}) {
    Rng rng(1);
    return create_embedding_pipeline(texts, labels, rng, options);
}

/// The ids of the batch's second text, padding too.
Ids second_text(const Batch& batch) {
    const auto length = static_cast<std::ptrdiff_t>(batch.tokens.shape()[1]);
    return {batch.tokens.begin() + length, batch.tokens.begin() + 2 * length};
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

// ---- PartiallyFrozenEmbedding --------------------------------------------------------------------------------------

TEST_CASE("document bugs: partially frozen embedding, the set's order is not the list's") {
    const PartiallyFrozenEmbedding module(wave({6, 2}), {5, 1, 3});
    Tape tape;
    module(tape, IdArray{0});
    check_same(table_of(module), wave({6, 2}));
    CHECK(unlike(table_of(module), document::frozen_order_table));
}

TEST_CASE("document bugs: partially frozen embedding, restored one forward late") {
    const PartiallyFrozenEmbedding module(wave({3, 2}), {0});
    SGD optimizer(module.parameters(), {.lr = 0.1});
    train_step(module, optimizer);
    const Array kept = wave({1, 2});
    const Array saved = row(table_of(module), 0);
    check_same(saved, kept);
    CHECK(unlike(saved, document::frozen_late_saved));
    Tape eval(Mode::eval), train;
    const Array in_eval = module(eval, IdArray{0}).value(), in_training = module(train, IdArray{0}).value();
    check_same(in_eval, kept);
    CHECK(unlike(in_eval, document::frozen_late_eval));
    check_same(in_training, kept);
    CHECK(unlike(in_training, document::frozen_late_forward));
    CHECK(unlike(row(table_of(module), 1), {element(wave({3, 2}), 2), element(wave({3, 2}), 3)}));  // is trained
}

TEST_CASE("document bugs: partially frozen embedding, trains the caller's tensor") {
    const Array table = wave({3, 2});
    const PartiallyFrozenEmbedding module(table, {0});
    Adam optimizer(module.parameters(), {.lr = 0.1});
    train_step(module, optimizer);
    check_same(table, wave({3, 2}));
    CHECK(unlike(table, document::frozen_callers_table));
}

TEST_CASE("document bugs: partially frozen embedding, frozen rows get moments and enter the clip norm [12.5]") {
    const PartiallyFrozenEmbedding module(wave({3, 2}), {0});
    const std::vector<Parameter> parameters = module.parameters();
    Adam optimizer(parameters, {.lr = 0.1});
    train_step(module, optimizer);
    const Array before = parameters[0].value();
    parameters[0].unfreeze_rows();
    optimizer.zero_grad(false);
    optimizer.step();
    const Array moved = difference(parameters[0].value(), before);
    check_same(row(moved, 0), zeros({1, 2}));
    CHECK(unlike(row(moved, 0), document::frozen_moment_moves));
    CHECK(unlike(row(moved, 1), {0, 0}));  // a trained row does move by its moments

    const PartiallyFrozenEmbedding clipped(wave({3, 2}), {0});
    backward(clipped);
    const double norm = clip_grad_norm(clipped.parameters(), 1);
    CHECK(is_near(norm, std::hypot(std::sin(13), std::sin(14))));  // row 1's gradient alone
    CHECK(unlike(norm, document::frozen_clip_norm));
}

TEST_CASE("document bugs: partially frozen embedding, a generator or duplicates break it") {
    INFO("with a generator the document gives ", document::frozen_generator);
    using Once = std::istream_iterator<std::int64_t>;  // can be gone through only once, as a generator
    static_assert(std::is_convertible_v<Ids, IdArray>);
    static_assert(!std::is_constructible_v<IdArray, Once> && !std::is_constructible_v<IdArray, Once, Once>);
    const PartiallyFrozenEmbedding module(wave({3, 2}), {2, 2, 1});
    SGD optimizer(module.parameters(), {.lr = 0.1});
    train_step(module, optimizer);
    check_same(row(table_of(module), 1), row(wave({3, 2}), 1));
    check_same(row(table_of(module), 2), row(wave({3, 2}), 2));
    CHECK(unlike(table_of(module), document::frozen_duplicates_table));
}

// ---- TextClassifier ------------------------------------------------------------------------------------------------

TEST_CASE(
    "document bugs: text classifier, length 0 or an empty sequence gives NaN; over L a wrong mean [12.2] [12.8]") {
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

    INFO("for a length over L the document gives logits that begin with ", document::classifier_length_over[0]);
    check_refused<std::invalid_argument>(
        [&] {
            model(tape, {{7, 8}}, {3});
        },
        "masked_mean: length 3 at position 0 is outside 0..2");
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

TEST_CASE("document bugs: text classifier, padding counts in the mean [12.2]") {
    const TextClassifier model = small_classifier();
    Tape tape(Mode::eval);
    const Array bare = model(tape, {{7, 8}}, {2}).value(), padded = model(tape, {{7, 8, 0, 0}}, {2}).value();
    check_arrays_near(padded, bare);
    CHECK(unlike(padded, document::classifier_padded));
}

// ---- language model ------------------------------------------------------------------------------------------------

TEST_CASE("document bugs: language model, reports a mean of batch means") {
    const NGramLanguageModel model = small_language_model();
    const double first = document::language_model_batch_losses[0], second = document::language_model_batch_losses[1];
    const double loss = losses_at_rest(model, 1).at(0);
    CHECK(is_near(loss, (3 * first + second) / 4));
    CHECK(unlike(loss, document::language_model_loss));
    CHECK(epoch_line(1, loss) != document::language_model_printed[0]);
}

TEST_CASE("document bugs: language model, empty data or a generator crashes") {
    const NGramLanguageModel model = small_language_model();
    INFO("the document gives ", document::language_model_no_data, " and ", document::language_model_generator);
    Rng rng(1);
    check_refused<std::invalid_argument>(
        [&] {
            train_language_model(model, make_ngrams(Ids{0, 1}, 2), rng);
        },
        "train_language_model: there are no examples; a text must have at least 3 tokens");
    // There are no generators here: the examples can be gone through as often as there are epochs.
    const std::vector<double> losses = losses_at_rest(model, 2);
    REQUIRE(losses.size() == 2);
    CHECK(losses[0] == losses[1]);
    CHECK(epoch_line(2, losses[1]) != document::language_model_once[1]);
}

TEST_CASE("document bugs: language model, a batch of 0 breaks the flattening") {
    INFO("the document gives ", document::language_model_batch_of_0);
    Tape tape(Mode::eval);
    CHECK(small_language_model()(tape, IdArray(Shape{0, 2})).shape() == Shape{0, 5});
}

// ---- load_glove: WordVectors ---------------------------------------------------------------------------------------

TEST_CASE("document bugs: load_glove, words with spaces, a no-break space or an empty line crash it") {
    INFO("the document gives ", document::glove_space);
    CHECK(words_of("new york 1 2 3\n", 3) == Strings{"new york"});
    INFO("the document gives ", document::glove_no_break_space);
    CHECK(words_of("don\u00A0juan 1 2 3\n", 3) == Strings{"don\u00A0juan"});
    INFO("the document gives ", document::glove_empty_line);
    CHECK(words_of("a 1 2 3\n\nb 4 5 6\n", 3) == Strings{"a", "b"});
}

TEST_CASE("document bugs: load_glove, a wrong dimension silently returns nothing") {
    CHECK(document::glove_wrong_dimension.empty());
    check_refused<std::runtime_error>([] { words_of("a 1 2 3\nb 4 5 6\n", 2); },
                                      "vectors.txt: every line has 3 numbers, not 2");
    CHECK(words_of("a 1 2 3\nb 4 5 6\n", {}) != document::glove_wrong_dimension);
}

TEST_CASE("document bugs: load_glove, loses \"2 5\", takes a header for a word, splits at a CR, keeps a BOM") {
    CHECK(words_of("2 5 1 2 3\n", 3) == Strings{"2 5"});
    CHECK(words_of("2 5 1 2 3\n", 3) != document::glove_number_word);
    // A user who gives the dimension 1 has a file where every line, the first too, is a word and a number.
    CHECK(words_of("2 1\na 0.5\nb 0.25\n", {}) == Strings{"a", "b"});
    CHECK(words_of("2 1\na 0.5\nb 0.25\n", {}) != document::glove_header);
    CHECK(words_of("a\rb 1 2 3\n", 3) == Strings{"a\rb"});
    CHECK(words_of("a\rb 1 2 3\n", 3) != document::glove_carriage_return);
    CHECK(words_of("\uFEFFthe 1 2 3\n", 3) == Strings{"the"});
    CHECK(words_of("\uFEFFthe 1 2 3\n", 3) != document::glove_mark);
}

// ---- initialize_with_pretrained ------------------------------------------------------------------------------------

TEST_CASE("document bugs: initialize_with_pretrained, special tokens of the file enter the table and the average") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"the cat zebra"});
    const Embedding table = pretrained(vocabulary, "<PAD> 9 9\n<UNK> 6 7\nthe 1 2\ncat 2 4\n").embedding;
    const Array padding = row(table.weight().value(), vocabulary.padding_id().value());
    check_same(padding, zeros({1, 2}));
    CHECK(unlike(padding, document::pretrained_padding_row));
    const Array unknown = row(table.weight().value(), vocabulary.unknown_id().value());
    check_near(unknown, {1.5, 3});  // the mean of the words that were found
    CHECK(unlike(unknown, document::pretrained_unknown_row));
}

TEST_CASE("document bugs: initialize_with_pretrained, coverage counts the special tokens") {
    const Vocabulary vocabulary = Vocabulary::build(Strings{"the cat"});
    const PretrainedReport report = pretrained(vocabulary, "the 1 2\ncat 2 4\n").report;
    CHECK(report.coverage() == 1);
    CHECK(to_string(report) == "Pre-trained coverage: 2/2 (100.0%)");
    CHECK(to_string(report) != document::pretrained_printed.back());
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

TEST_CASE("document bugs: vocabulary, min_freq and max_size commute (no mistake: the document's tokens) [12.6]") {
    const Strings texts = {"a a a b b b c c d e"};
    CHECK(tokens_of(Vocabulary::build(texts, {.min_freq = 2, .max_size = 6})) == document::vocabulary_frequent);
    CHECK(tokens_of(Vocabulary::build(texts, {.min_freq = 2, .max_size = 8})) == document::vocabulary_roomy);
}

// ---- pipeline ------------------------------------------------------------------------------------------------------

TEST_CASE("document bugs: pipeline, no texts crashes; empty texts get length 0, and NaN later [12.8]") {
    INFO("without texts the document gives ", document::pipeline_no_texts);
    check_refused<std::invalid_argument>([] { pipeline({}, {}); }, "create_embedding_pipeline: there are no texts");

    const EmbeddingPipeline made = pipeline({"a a", ""}, {0, 1}, {.embedding_dim = 4});
    check_ids(made.data.lengths, {2}, {2, 0});
    Tape tape(Mode::eval);
    const Var means = masked_mean(made.embedding(tape, made.data.tokens), made.data.lengths);
    const Array logits = row(small_classifier().classifier()(means).value(), 1);
    check_same(row(means.value(), 1), zeros({1, 4}));
    for (Real logit : logits) CHECK(std::isfinite(logit));
    CHECK(unlike(logits, document::pipeline_empty_text_logits));
}

TEST_CASE("document bugs: pipeline, pads with 0, does not count the labels, cuts no text") {
    const EmbeddingPipeline made = pipeline({"a b", "a"}, {0, 1});
    const std::string second = made.vocabulary.decode(second_text(made.data));
    CHECK(second == "a <PAD>");
    CHECK(second != document::pipeline_padded);
    check_refused<std::invalid_argument>(
        [] {
            pipeline({"a b", "a"}, {0, 1}, {.pad_token = {}});
        },
        "create_embedding_pipeline: texts of different length need a padding token, "
        "and pad_token is empty");
    check_ids(pad_batch(std::vector<Ids>{{4, 5}, {4}}, 7).tokens, {2, 2}, {4, 5, 4, 7});

    INFO("of labels for two texts the document gives ", document::pipeline_labels);
    check_refused<std::invalid_argument>(
        [] {
            pipeline({"a a", "b b"}, {0, 1, 2});
        },
        "create_embedding_pipeline: 2 texts, but 3 labels");

    std::string long_text;
    for (int i = 0; i < 1000; ++i) long_text += "a ";
    const Shape shape = pipeline({long_text, "a"}, {0, 1}, {.max_length = 5}).data.tokens.shape();
    CHECK(shape == Shape{2, 5});
    CHECK(Ids(shape.begin(), shape.end()) != document::pipeline_long_text);
}

TEST_CASE("document bugs: pipeline, words without a vector keep N(0, 1); min_freq = 2 makes small data unknown") {
    std::string text = "the";
    for (int i = 0; i < 1000; ++i) text += " w" + std::to_string(i);
    const WordVectors vectors = WordVectors::parse("the 0.5 0.25 0.125 0\n", "vectors.txt");
    const Embedding table = pipeline({text}, {0}, {.pretrained = &vectors}).embedding;
    const double spread = standard_deviation(table.weight().value(), 4 * 5);  // behind four specials and "the"
    CHECK(is_near(spread, 0.1, 0.01));
    CHECK(unlike(spread, document::pipeline_spread));

    const EmbeddingPipeline small = pipeline({"good film", "bad film indeed"}, {1, 0});
    const std::string second = small.vocabulary.decode(second_text(small.data));
    CHECK(second == "bad film indeed");
    CHECK(second != document::pipeline_small_data);
}

// ---- memory --------------------------------------------------------------------------------------------------------

TEST_CASE("document bugs: memory, no float64, MiB called MB, weights only, and 32 bits would overflow [12.9]") {
    INFO("of float64 the document gives ", document::memory_float64);
    CHECK(estimate_embedding_memory(10, 4, {.element = ElementType::float64}).weights == 320);

    const EmbeddingMemoryOptions plain = {.element = ElementType::float32};
    const std::int64_t bytes = estimate_embedding_memory(100'000, 300, plain).weights;
    CHECK(bytes == 120'000'000);
    CHECK(unlike(static_cast<double>(bytes) / 1e6, document::memory_mb));
    CHECK(is_near(to_mib(bytes), document::memory_mb));  // which is the MiB it is called here

    const EmbeddingMemoryOptions dense = {
        .element = ElementType::float32, .gradient = GradientKind::dense, .optimizer = OptimizerKind::adam};
    const EmbeddingMemoryOptions rows = {.element = ElementType::float32,
                                         .gradient = GradientKind::rows,
                                         .optimizer = OptimizerKind::sparse_adam,
                                         .lookups = 2};
    CHECK(estimate_embedding_memory(1000, 300, dense).total() == document::memory_adam_bytes);  // as PyTorch holds
    CHECK(estimate_embedding_memory(1000, 300, rows).total() == document::memory_sparse_adam_bytes);
    CHECK(estimate_embedding_memory(1000, 300, dense).total() != document::memory_bytes);
    CHECK(estimate_embedding_memory(1000, 300, rows).total() != document::memory_bytes);
    CHECK(is_near(to_mib(estimate_embedding_memory(100'000, 300, dense).total()), 457.763671875));

    CHECK(estimate_embedding_memory(3'000'000, 1000, plain).weights == document::memory_large_bytes);
}

// ---- compressed embedding ------------------------------------------------------------------------------------------

TEST_CASE("document bugs: compressed embedding, any rank, no padding row, a spread of 1/sqrt(3) [12.4]") {
    Rng rng(1);
    CHECK(document::compressed_ratio < 1);
    check_refused<std::invalid_argument>([&] { CompressedEmbedding(1000, 300, 280, rng); },
                                         "CompressedEmbedding: V = 1000, D = 300, rank 280 would take 364000 "
                                         "parameters, not fewer than the 300000 of the full table");

    Tape tape(Mode::eval);
    const Array padding = CompressedEmbedding(10, 4, 2, rng, {.padding_idx = 0})(tape, IdArray{0}).value();
    check_same(padding, zeros({1, 4}));
    CHECK(unlike(padding, document::compressed_row_0));

    IdArray all(Shape{1000});
    std::iota(all.begin(), all.end(), 0);
    const double spread = standard_deviation(CompressedEmbedding(1000, 300, 64, rng)(tape, all).value());
    CHECK(is_near(spread, 1, 0.05));
    CHECK(unlike(spread, document::compressed_spread));
}
