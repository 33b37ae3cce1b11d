// The document's models in libtorch, their parameters under PyTorch's names.
#pragma once
#include <torch/torch.h>

namespace nn = torch::nn;

struct TextClassifier : nn::Module {
    TextClassifier(std::int64_t vocab_size, std::int64_t embedding_dim, std::int64_t num_classes, double dropout)
        : embedding(nn::EmbeddingOptions(vocab_size, embedding_dim).padding_idx(0)),
          classifier(nn::Dropout(dropout), nn::Linear(embedding_dim, hidden_dim), nn::ReLU(), nn::Dropout(dropout),
                     nn::Linear(hidden_dim, num_classes)) {
        register_module("embedding", embedding);
        register_module("classifier", classifier);
    }

    torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& lengths) {
        torch::Tensor embedded = embedding(x);
        torch::Tensor mask = torch::arange(x.size(1), torch::kInt64).unsqueeze(0) < lengths.unsqueeze(1);
        mask = mask.unsqueeze(-1).to(torch::kFloat32);
        embedded = embedded * mask;
        const torch::Tensor pooled = embedded.sum(1) / lengths.unsqueeze(-1).to(torch::kFloat32);
        return classifier->forward(pooled);
    }

    static constexpr std::int64_t hidden_dim = 128;
    nn::Embedding embedding;
    nn::Sequential classifier;
};

struct NGramLanguageModel : nn::Module {
    NGramLanguageModel(std::int64_t vocab_size, std::int64_t embedding_dim, std::int64_t context_size,
                       std::int64_t hidden_dim)
        : embeddings(vocab_size, embedding_dim),
          network(nn::Linear(context_size * embedding_dim, hidden_dim), nn::ReLU(),
                  nn::Linear(hidden_dim, vocab_size)) {
        register_module("embeddings", embeddings);
        register_module("network", network);
    }

    torch::Tensor forward(const torch::Tensor& context) {
        const torch::Tensor embedded = embeddings(context);
        return network->forward(embedded.view({embedded.size(0), -1}));
    }

    nn::Embedding embeddings;
    nn::Sequential network;
};

struct CompressedEmbedding : nn::Module {
    CompressedEmbedding(std::int64_t vocab_size, std::int64_t embedding_dim, std::int64_t rank, bool sparse)
        : vocab_to_low(nn::EmbeddingOptions(vocab_size, rank).sparse(sparse)),
          low_to_high(nn::LinearOptions(rank, embedding_dim).bias(false)) {
        register_module("vocab_to_low", vocab_to_low);
        register_module("low_to_high", low_to_high);
    }

    torch::Tensor forward(const torch::Tensor& x) { return low_to_high(vocab_to_low(x)); }

    nn::Embedding vocab_to_low;
    nn::Linear low_to_high;
};
