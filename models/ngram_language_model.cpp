// NGramLanguageModel: its layers, and forward.
#include <embergrad/models/ngram_language_model.hpp>

#include <cstdint>
#include <limits>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/relu.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

const NGramLanguageModelOptions& checked(const NGramLanguageModelOptions& options) {
    require(options.vocab_size > 0 && options.embedding_dim > 0 && options.context_size > 0 && options.hidden_dim > 0,
            "NGramLanguageModel: sizes must be at least 1, but got vocab_size ", options.vocab_size, ", embedding_dim ",
            options.embedding_dim, ", context_size ", options.context_size, ", hidden_dim ", options.hidden_dim);
    require(options.context_size <= std::numeric_limits<std::int64_t>::max() / options.embedding_dim,
            "NGramLanguageModel: context_size ", options.context_size, " times embedding_dim ", options.embedding_dim,
            " is too large");
    return options;
}

}  // namespace

NGramLanguageModel::NGramLanguageModel(const NGramLanguageModelOptions& options, Rng& rng)
    : context_size_(checked(options).context_size),
      embeddings_(options.vocab_size, options.embedding_dim, rng),
      // Braces: the layers draw their weights in this order, with every compiler.
      network_{Linear(options.context_size * options.embedding_dim, options.hidden_dim, rng), ReLU(),
               Linear(options.hidden_dim, options.vocab_size, rng)} {}

Var NGramLanguageModel::operator()(Tape& tape, const IdArray& contexts) const {
    require(contexts.dimension() == 2 && contexts.shape()[1] == context_size_,
            "NGramLanguageModel: contexts must be (B, ", context_size_, "), not ", contexts.shape());
    return network_(flatten(embeddings_(tape, contexts), 1));
}

void NGramLanguageModel::visit(const Visitor& visit) const {
    visit.child("embeddings", embeddings_);
    visit.child("network", network_);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
