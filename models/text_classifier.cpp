// TextClassifier: its layers, and forward.
#include <embergrad/models/text_classifier.hpp>

#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/layers/dropout.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/relu.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

TextClassifierOptions checked(const TextClassifierOptions& options) {
    require(options.vocab_size > 0 && options.embedding_dim > 0 && options.num_classes > 0 && options.hidden_dim > 0,
            "TextClassifier: sizes must be at least 1, but got vocab_size ", options.vocab_size, ", embedding_dim ",
            options.embedding_dim, ", num_classes ", options.num_classes, ", hidden_dim ", options.hidden_dim);
    return options;
}

Sequential make_classifier(const TextClassifierOptions& options, Rng& rng) {
    // Braces: the layers draw their weights in this order, with every compiler.
    return Sequential{Dropout(options.dropout), Linear(options.embedding_dim, options.hidden_dim, rng), ReLU(),
                      Dropout(options.dropout), Linear(options.hidden_dim, options.num_classes, rng)};
}

TextClassifierOptions with_sizes_of(const Embedding& embedding, const TextClassifierHeadOptions& options) {
    return {.vocab_size = embedding.num_embeddings(),
            .embedding_dim = embedding.embedding_dim(),
            .num_classes = options.num_classes,
            .hidden_dim = options.hidden_dim,
            .dropout = options.dropout};
}

void check_tokens(const IdArray& tokens) {
    require(tokens.dimension() == 2, "TextClassifier: tokens must be (B, L), not ", tokens.shape());
}

}  // namespace

TextClassifier::TextClassifier(const TextClassifierOptions& options, Rng& rng)
    : embedding_(checked(options).vocab_size, options.embedding_dim, rng,
                 {.padding_idx = options.padding_idx, .sparse = options.sparse}),
      classifier_(make_classifier(options, rng)) {}

TextClassifier::TextClassifier(Embedding embedding, const TextClassifierHeadOptions& options, Rng& rng)
    : embedding_(std::move(embedding)),
      classifier_(make_classifier(checked(with_sizes_of(embedding_, options)), rng)) {}

Var TextClassifier::operator()(Tape& tape, const IdArray& tokens, const IdArray& lengths) const {
    check_tokens(tokens);
    return classifier_(embedding_masked_mean(tape, embedding_.weight(), tokens, lengths, embedding_.options()));
}

Var TextClassifier::operator()(Tape& tape, const IdArray& tokens) const {
    check_tokens(tokens);
    require(tokens.shape()[1] > 0, "TextClassifier: tokens of shape ", tokens.shape(), " have no mean; give lengths");
    return classifier_(mean(embedding_(tape, tokens), 1));
}

void TextClassifier::visit(const Visitor& visit) const {
    visit.child("embedding", embedding_);
    visit.child("classifier", classifier_);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
