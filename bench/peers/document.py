# The document's models, vocabulary and pipeline, to the letter but for its comments and prints.
import collections

import torch
from torch import nn


class TextClassifier(nn.Module):
    def __init__(self, vocab_size, embedding_dim, num_classes, hidden_dim=128, dropout=0.5, padding_idx=0):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=padding_idx)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(embedding_dim, hidden_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, num_classes),
        )

    def forward(self, x, lengths=None):
        embedded = self.embedding(x)
        if lengths is not None:
            mask = torch.arange(x.size(1), device=x.device)[None, :] < lengths[:, None]
            mask = mask.unsqueeze(-1).float()
            embedded = embedded * mask
            pooled = embedded.sum(dim=1) / lengths.unsqueeze(-1).float()
        else:
            pooled = embedded.mean(dim=1)
        return self.classifier(pooled)


class NGramLanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size, hidden_dim=128):
        super().__init__()
        self.context_size = context_size
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.network = nn.Sequential(
            nn.Linear(context_size * embedding_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, vocab_size)
        )

    def forward(self, context):
        embedded = self.embeddings(context)
        embedded = embedded.view(embedded.size(0), -1)
        return self.network(embedded)


class CompressedEmbedding(nn.Module):
    def __init__(self, vocab_size, embedding_dim, rank):
        super().__init__()
        self.vocab_to_low = nn.Embedding(vocab_size, rank)
        self.low_to_high = nn.Linear(rank, embedding_dim, bias=False)

    def forward(self, x):
        low_dim = self.vocab_to_low(x)
        return self.low_to_high(low_dim)


class Vocabulary:
    def __init__(self, pad_token="<PAD>", unk_token="<UNK>", bos_token="<BOS>", eos_token="<EOS>"):
        self.token_to_idx, self.idx_to_token = {}, {}
        for token in [pad_token, unk_token, bos_token, eos_token]:
            if token:
                self._add_token(token)
        self.pad_idx = self.token_to_idx.get(pad_token, None)
        self.unk_idx = self.token_to_idx.get(unk_token, None)

    def _add_token(self, token):
        if token not in self.token_to_idx:
            idx = len(self.token_to_idx)
            self.token_to_idx[token] = idx
            self.idx_to_token[idx] = token

    def build(self, texts, min_freq=1, max_size=None):
        counter = collections.Counter()
        for text in texts:
            counter.update(text.split())
        tokens = [t for t, c in counter.most_common(max_size) if c >= min_freq]
        for token in tokens:
            self._add_token(token)
        return self

    def __len__(self):
        return len(self.token_to_idx)

    def encode(self, text):
        tokens = text.split()
        return [self.token_to_idx.get(t, self.unk_idx) for t in tokens]


def pad(encoded_texts):
    """The pipeline's last part, which the texts of the test need too: tokens (B, L) and lengths (B)."""
    max_len = max(len(t) for t in encoded_texts)
    padded = torch.zeros(len(encoded_texts), max_len, dtype=torch.long)
    lengths = torch.zeros(len(encoded_texts), dtype=torch.long)
    for i, enc in enumerate(encoded_texts):
        length = len(enc)
        padded[i, :length] = torch.tensor(enc)
        lengths[i] = length
    return padded, lengths


def create_embedding_pipeline(texts, labels, embedding_dim=128, min_freq=2, max_vocab=50000):
    vocab = Vocabulary().build(texts, min_freq=min_freq, max_size=max_vocab)
    embedding = nn.Embedding(num_embeddings=len(vocab), embedding_dim=embedding_dim, padding_idx=vocab.pad_idx)
    padded, lengths = pad([vocab.encode(text) for text in texts])
    return embedding, vocab, (padded, lengths, torch.tensor(labels))
