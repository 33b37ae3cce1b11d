// Three lines of forward.
#include <embergrad/models/text_classifier.hpp>

#include <embergrad/engine/error.hpp>
#include <embergrad/layers/dropout.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/relu.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

const TextClassifierOptions& checked(const TextClassifierOptions& options) {
    require(options.vocab_size > 0 && options.embedding_dim > 0 && options.num_classes > 0 && options.hidden_dim > 0,
            "TextClassifier: sizes must be at least 1, but got vocab_size ", options.vocab_size, ", embedding_dim ",
            options.embedding_dim, ", num_classes ", options.num_classes, ", hidden_dim ", options.hidden_dim);
    return options;
}

/// What the layers take, which check it.
std::int64_t size(std::size_t count) { return static_cast<std::int64_t>(count); }

void check_tokens(const IdArray& tokens) {
    require(tokens.dimension() == 2, "TextClassifier: tokens must be (B, L), not ", tokens.shape());
}

}  // namespace

TextClassifier::TextClassifier(const TextClassifierOptions& options, Rng& rng)
    : embedding_(size(checked(options).vocab_size), size(options.embedding_dim), rng,
                 {.padding_idx = options.padding_idx, .sparse = options.sparse}),
      // Braces: the layers draw their weights in this order, with every compiler.
      classifier_{Dropout(options.dropout), Linear(size(options.embedding_dim), size(options.hidden_dim), rng), ReLU(),
                  Dropout(options.dropout), Linear(size(options.hidden_dim), size(options.num_classes), rng)} {}

Var TextClassifier::operator()(Tape& tape, const IdArray& tokens, const IdArray& lengths) const {
    check_tokens(tokens);
    return classifier_(masked_mean(embedding_(tape, tokens), lengths));
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
