// The pipeline: from the document's kind of data to a batch that trains, and every kind of text that used to break it.
#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <embergrad/models/pipeline.hpp>
#include <embergrad/models/text_classifier.hpp>
#include <embergrad/optim/adam.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

using Texts = std::vector<std::string>;
using Labels = std::vector<std::int64_t>;

const Texts kTexts = {"the cat sat", "", "the dog sat on the mat"};
const Labels kLabels = {0, 1, 0};

EmbeddingPipeline make(const Texts& texts, const Labels& labels, const PipelineOptions& options = {}) {
    Rng rng(1);
    return create_embedding_pipeline(texts, labels, rng, options);
}

EmbeddingPipeline make(const Texts& texts, const PipelineOptions& options = {}) {
    return make(texts, Labels(texts.size(), 0), options);
}

void check_pipeline_refused(const Texts& texts, const Labels& labels, const PipelineOptions& options,
                            const std::string& message, int line = __builtin_LINE()) {
    check_refused<std::invalid_argument>([&] { make(texts, labels, options); }, "create_embedding_pipeline: " + message,
                                         line);
}

double standard_deviation(const Array& table, std::size_t first, std::size_t last) {
    double squares = 0;
    for (std::size_t i = first; i < last; ++i) squares += element(table, i) * element(table, i);
    return std::sqrt(squares / static_cast<double>(last - first));
}

/// A classifier on the pipeline's data, its table begun as the pipeline's; the loss after some steps.
double loss_after_training(const EmbeddingPipeline& pipeline, std::size_t classes) {
    Rng rng(2);
    const Embedding& embedding = pipeline.embedding;
    const TextClassifier model({.vocab_size = pipeline.vocabulary.size(),
                                .embedding_dim = embedding.embedding_dim(),
                                .num_classes = classes,
                                .hidden_dim = 16,
                                .dropout = 0,
                                .padding_idx = embedding.padding_idx()},
                               rng);
    model.embedding().weight().assign(embedding.weight().value());
    Adam optimizer(model.parameters(), {.lr = 0.01});
    const Batch& data = pipeline.data;
    for (int step = 0; step < 100; ++step) {
        Tape tape(Mode::train, rng);
        optimizer.zero_grad();
        tape.backward(cross_entropy(model(tape, data.tokens, data.lengths), data.labels));
        optimizer.step();
    }
    Tape tape(Mode::eval);
    return static_cast<double>(cross_entropy(model(tape, data.tokens, data.lengths), data.labels).item());
}

}  // namespace

TEST_CASE("pipeline: vocabulary, embedding and data fit each other") {
    const EmbeddingPipeline pipeline = make(kTexts, kLabels);
    const Vocabulary& vocabulary = pipeline.vocabulary;
    CHECK(vocabulary.size() == 10);
    CHECK(vocabulary.decode(IdArray{4, 5, 6, 7, 8, 9}) == "the sat cat dog on mat");
    CHECK(pipeline.embedding.num_embeddings() == 10);
    CHECK(pipeline.embedding.embedding_dim() == 128);
    CHECK(pipeline.embedding.padding_idx() == vocabulary.padding_id());
    CHECK(pipeline.embedding.weight().requires_grad());
    check_ids(pipeline.data.tokens, {3, 6}, {4, 6, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 7, 5, 8, 4, 9});
    check_ids(pipeline.data.lengths, {3}, {3, 0, 6});
    check_ids(pipeline.data.labels, {3}, {0, 1, 0});
}

TEST_CASE("pipeline: words are drawn from N(0, 1), padding is zero") {
    Texts texts(1);
    for (int i = 0; i < 200; ++i) texts[0] += " word" + std::to_string(i);
    const EmbeddingPipeline pipeline = make(texts, PipelineOptions{.embedding_dim = 50});
    const Array& table = pipeline.embedding.weight().value();
    CHECK(pipeline.embedding.weight().shape() == Shape{204, 50});
    CHECK(standard_deviation(table, 0, 50) == 0);
    CHECK(std::abs(standard_deviation(table, 50, table.size()) - 1) < 0.03);
    Tape tape(Mode::eval);
    check_same(pipeline.embedding(tape, pipeline.data.tokens).value(),
               pipeline.embedding(tape, pipeline.encode(texts).tokens).value());
    Rng rng(1);
    const Labels labels = {0};
    check_same(create_embedding_pipeline(texts, labels, rng, {.embedding_dim = 50}).embedding.weight().value(), table);
}

TEST_CASE("pipeline: words have their pretrained vectors, the others are drawn from N(0, 0.1), padding is zero") {
    constexpr std::size_t kD = 50;
    Texts texts = {"the Cat <PAD>"};
    for (int i = 0; i < 200; ++i) texts[0] += " word" + std::to_string(i);
    const WordVectors vectors({"cat", "<PAD>", "unused", "the"}, wave({4, kD}));
    const EmbeddingPipeline pipeline = make(texts, PipelineOptions{.pretrained = &vectors, .sparse = true});
    const Array& table = pipeline.embedding.weight().value();
    REQUIRE(pipeline.embedding.weight().shape() == Shape{206, kD});
    const auto row = [&](std::string_view word, std::size_t column) {
        return table(static_cast<std::size_t>(pipeline.vocabulary.id(word).value()), column);
    };
    for (std::size_t column = 0; column < kD; ++column) {
        CHECK(row("the", column) == vectors[3][column]);
        CHECK(row("Cat", column) != vectors[0][column]);
        CHECK(row("<PAD>", column) == 0);
    }
    CHECK(std::abs(standard_deviation(table, 6 * kD, table.size()) - 0.1) < 0.003);  // the document's: 1
    CHECK(pipeline.pretrained.asked == 202);
    CHECK(pipeline.pretrained.found == 1);
    CHECK(pipeline.embedding.padding_idx() == 0);
    CHECK(pipeline.embedding.options().sparse);
    CHECK(pipeline.embedding.weight().requires_grad());

    const EmbeddingPipeline fallback =
        make(texts, {.embedding_dim = kD, .pretrained = &vectors, .pretrained_lookup = {.lowercase_fallback = true}});
    CHECK(fallback.pretrained.found == 2);
    CHECK(make(texts).pretrained.asked == 0);
}

TEST_CASE("pipeline: small data keeps its words, unless min_freq says otherwise") {
    CHECK(make(kTexts).vocabulary.id("mat"));
    for (std::int64_t id : make(kTexts).data.tokens) CHECK(id != 1);
    const EmbeddingPipeline frequent = make(kTexts, PipelineOptions{.min_freq = 2});
    CHECK(frequent.vocabulary.size() == 6);
    check_ids(frequent.data.tokens, {3, 6}, {4, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 5, 1, 4, 1});
}

TEST_CASE("pipeline: max_vocab counts the special tokens, and is 50,000 unless said") {
    CHECK(make(kTexts, PipelineOptions{.max_vocab = 5}).vocabulary.size() == 5);
    CHECK(make(kTexts, PipelineOptions{.max_vocab = 5}).embedding.num_embeddings() == 5);
    check_refused<std::invalid_argument>([] { make(kTexts, PipelineOptions{.max_vocab = 3}); },
                                         "Vocabulary: max_size 3 has no room for 4 special tokens");
    Texts texts(1);
    for (int i = 0; i < 50'010; ++i) texts[0] += " w" + std::to_string(i);
    CHECK(make(texts, PipelineOptions{.embedding_dim = 1}).vocabulary.size() == 50'000);
    CHECK(make(texts, PipelineOptions{.embedding_dim = 1, .max_vocab = {}}).vocabulary.size() == 50'014);
}

TEST_CASE("pipeline: long texts are cut, those that come later too") {
    const EmbeddingPipeline pipeline = make(kTexts, PipelineOptions{.max_length = 2});
    check_ids(pipeline.data.tokens, {3, 2}, {4, 6, 0, 0, 4, 7});
    check_ids(pipeline.data.lengths, {3}, {2, 0, 2});
    const Batch later = pipeline.encode(Texts{"on the mat", "mat"});
    check_ids(later.tokens, {2, 2}, {8, 4, 9, 0});
    check_ids(later.lengths, {2}, {2, 1});
}

TEST_CASE("pipeline: texts that come later keep the vocabulary; what it does not know is unknown") {
    const EmbeddingPipeline pipeline = make(kTexts);
    const Batch later = pipeline.encode(Texts{"the bird sat", "", "x <PAD> y z"});
    check_ids(later.tokens, {3, 4}, {4, 1, 5, 0, 0, 0, 0, 0, 1, 1, 1, 1});
    check_ids(later.lengths, {3}, {3, 0, 4});
    check_ids(later.labels, {0}, {});
    check_ids(pipeline.encode({}).tokens, {0, 0}, {});
    CHECK(pipeline.vocabulary.size() == 10);
}

TEST_CASE("pipeline: reserved tokens in a text take no place and are no padding") {
    const EmbeddingPipeline pipeline = make(Texts{"<PAD> a <EOS>", "<UNK> <BOS> <PAD> b"});
    CHECK(pipeline.vocabulary.size() == 6);
    check_ids(pipeline.data.tokens, {2, 4}, {1, 4, 1, 0, 1, 1, 1, 5});
    check_ids(pipeline.data.lengths, {2}, {3, 4});
}

TEST_CASE("pipeline: empty texts have length 0 and train without NaN, even if all are empty [12.8]") {
    CHECK(loss_after_training(make(kTexts, kLabels), 2) < 0.05);
    const EmbeddingPipeline empty = make(Texts{"", " \t\n", ""}, Labels{1, 1, 0});
    check_ids(empty.data.tokens, {3, 0}, {});
    check_ids(empty.data.lengths, {3}, {0, 0, 0});
    CHECK(empty.vocabulary.size() == 4);
    const double entropy = -(std::log(1.0 / 3) + 2 * std::log(2.0 / 3)) / 3;  // all that can be learned
    CHECK(loss_after_training(empty, 2) == doctest::Approx(entropy).epsilon(1e-3));
}

TEST_CASE("pipeline: texts are padded with the vocabulary's padding id, and must have one") {
    const EmbeddingPipeline other =
        make(kTexts, PipelineOptions{.pad_token = "[pad]", .bos_token = {}, .eos_token = {}});
    CHECK(other.vocabulary.size() == 8);
    CHECK(other.vocabulary.token(other.vocabulary.padding_id().value()) == "[pad]");
    const IdArray& tokens = other.data.tokens;
    for (std::size_t column = 0; column < 6; ++column) CHECK(tokens(1, column) == other.vocabulary.padding_id());
    // The document pads with 0 all the same: the id of a word then.
    for (const std::optional<std::string>& none : {std::optional<std::string>(), std::optional<std::string>("")}) {
        check_pipeline_refused(kTexts, kLabels, {.pad_token = none},
                               "texts of different length need a padding token, and pad_token is empty");
    }
}

TEST_CASE("pipeline: without an unknown token, an unknown word is named") {
    const EmbeddingPipeline pipeline = make(kTexts, PipelineOptions{.unk_token = {}});
    check_ids(pipeline.encode(Texts{"the cat"}).tokens, {1, 2}, {3, 5});
    check_refused<std::out_of_range>([&] { pipeline.encode(Texts{"the bird"}); },
                                     "Vocabulary::encode: \"bird\" is not in the vocabulary, and there is no unknown "
                                     "token");
    check_refused<std::out_of_range>([] { make(kTexts, PipelineOptions{.min_freq = 2, .unk_token = {}}); },
                                     "Vocabulary::encode: \"cat\" is not in the vocabulary, and there is no unknown "
                                     "token");
}

TEST_CASE("pipeline: labels are taken as they are") {
    check_ids(make(kTexts, Labels{-100, 7, -1}).data.labels, {3}, {-100, 7, -1});
}

TEST_CASE("pipeline: the tokenizer's options and a gradient by rows") {
    const EmbeddingPipeline pipeline =
        make(Texts{"Hello, hello!"}, {.tokenizer = {.lowercase = true, .detach_punctuation = true}, .sparse = true});
    check_ids(pipeline.data.tokens, {1, 4}, {4, 5, 4, 6});
    check_ids(pipeline.encode(Texts{"HELLO"}).tokens, {1, 1}, {4});
    Tape tape;
    tape.backward(sum(pipeline.embedding(tape, pipeline.data.tokens)));
    CHECK(pipeline.embedding.weight().gradient_kind() == GradientKind::rows);
    CHECK(make(kTexts).embedding.options().sparse == false);
}

TEST_CASE("pipeline: what it refuses, before anything is drawn") {
    check_pipeline_refused({}, {}, {}, "there are no texts");
    check_pipeline_refused(kTexts, {0, 1}, {}, "3 texts, but 2 labels");
    check_pipeline_refused(kTexts, {0, 1, 0, 1}, {}, "3 texts, but 4 labels");
    check_pipeline_refused({}, {0}, {}, "there are no texts");
    check_pipeline_refused(kTexts, kLabels, {.embedding_dim = 0}, "embedding_dim is 0");
    check_pipeline_refused(kTexts, kLabels, {.max_length = 0}, "max_length is 0");
    const WordVectors vectors({"a"}, wave({1, 5}));
    check_pipeline_refused(kTexts, kLabels, {.embedding_dim = 6, .pretrained = &vectors},
                           "embedding_dim is 6, but the pretrained vectors have 5 numbers each");
    check_pipeline_refused(kTexts, kLabels, {.embedding_dim = 0, .pretrained = &vectors}, "embedding_dim is 0");
    check_refused<std::invalid_argument>([] { make(kTexts, PipelineOptions{.min_freq = -1}); },
                                         "Vocabulary: min_freq -1 is negative");
    Rng rng(1);
    const PipelineOptions lossy{.min_freq = 2, .unk_token = {}};
    CHECK_THROWS_AS(create_embedding_pipeline(kTexts, kLabels, rng, lossy), std::out_of_range);
    CHECK(rng() == Rng(1)());
}

TEST_CASE("pipeline: labels of any integers, in braces too, but one for each text") {
    Rng rng(1);
    check_ids(create_embedding_pipeline(kTexts, {2, -1, 5}, rng).data.labels, {3}, {2, -1, 5});
    check_refused<std::invalid_argument>(
        [&] {
            create_embedding_pipeline(kTexts, {{2, 1, 0}}, rng);
        },
        "create_embedding_pipeline: labels must be (N), not (1, 3)");
}

TEST_CASE("pipeline: texts in braces") {
    Rng rng(1), same(1);
    const std::vector<std::string> texts = {"a b", "b"};
    const EmbeddingPipeline pipeline = create_embedding_pipeline({"a b", "b"}, {1, 0}, rng, {.embedding_dim = 3});
    const EmbeddingPipeline other = create_embedding_pipeline(texts, {1, 0}, same, {.embedding_dim = 3});
    check_same(pipeline.embedding.weight().value(), other.embedding.weight().value());
    const std::vector<std::int64_t> ids(other.data.tokens.begin(), other.data.tokens.end());
    check_ids(pipeline.data.tokens, {2, 2}, ids);
    check_ids(pipeline.encode({"a b", "b"}).tokens, {2, 2}, ids);
    check_ids(pipeline.encode({"b"}).lengths, {1}, {1});
}
