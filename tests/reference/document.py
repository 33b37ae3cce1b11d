#!/usr/bin/env python3
"""Writes document_says.hpp: what the founding document's Python gives in each place where it is mistaken.

    /usr/bin/python3 tests/reference/document.py            writes the file anew
    /usr/bin/python3 tests/reference/document.py --check    writes nothing; exits with 1 if the file is another one

Needs PyTorch 1.13 and NumPy (Debian: python3-torch); without them it says so and exits with 77, "skipped".
tests/test_document_bugs.cpp holds embergrad against the file: what the document gives must not come out.
"""
import contextlib
import difflib
import io
import json
import math
import pathlib
import re
import sys
import tempfile
import textwrap

SKIPPED = 77
try:
    import numpy as np
    import torch
    import torch.nn as nn
except ImportError as error:
    print(f"SKIPPED: what the document's Python gives cannot be computed: {error}", file=sys.stderr)
    sys.exit(SKIPPED)

HERE = pathlib.Path(__file__).resolve().parent
HEADER = HERE / "document_says.hpp"
TEST = HERE.parent / "test_document_bugs.cpp"


# ---- the document's code, letter for letter, mistakes and blanks at the ends of lines included ----------------------


def load_pretrained_embeddings(embedding_layer, pretrained_vectors, word_to_idx):
    """
    Load pre-trained embeddings into an nn.Embedding layer.
    
    Args:
        embedding_layer: nn.Embedding instance
        pretrained_vectors: Dict mapping words to numpy arrays
        word_to_idx: Dict mapping words to indices in embedding layer
    
    Returns:
        Number of words loaded
    """
    loaded = 0
    embedding_dim = embedding_layer.embedding_dim
    
    for word, idx in word_to_idx.items():
        if word in pretrained_vectors:
            vector = pretrained_vectors[word]
            if len(vector) == embedding_dim:
                embedding_layer.weight.data[idx] = torch.tensor(vector)
                loaded += 1
    
    print(f"Loaded {loaded}/{len(word_to_idx)} pre-trained embeddings")
    return loaded


def load_glove(filepath, embedding_dim=100):
    """Load GloVe embeddings from file."""
    embeddings = {}
    with open(filepath, 'r', encoding='utf-8') as f:
        for line in f:
            values = line.split()
            word = values[0]
            vector = np.array(values[1:], dtype=np.float32)
            if len(vector) == embedding_dim:
                embeddings[word] = vector
    return embeddings


def initialize_with_pretrained(vocab, pretrained_path, embedding_dim):
    """
    Create embedding layer with pre-trained vectors and special token handling.
    """
    # Special tokens
    PAD_TOKEN = '<PAD>'
    UNK_TOKEN = '<UNK>'
    
    # Build vocabulary with special tokens
    word_to_idx = {PAD_TOKEN: 0, UNK_TOKEN: 1}
    for word in vocab:
        if word not in word_to_idx:
            word_to_idx[word] = len(word_to_idx)
    
    vocab_size = len(word_to_idx)
    
    # Create embedding layer
    embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
    
    # Initialize with small random values
    nn.init.normal_(embedding.weight, mean=0, std=0.1)
    
    # Set padding to zero
    embedding.weight.data[0] = torch.zeros(embedding_dim)
    
    # Load pre-trained vectors
    pretrained = load_glove(pretrained_path, embedding_dim)
    
    found = 0
    for word, idx in word_to_idx.items():
        if word in pretrained:
            embedding.weight.data[idx] = torch.tensor(pretrained[word])
            found += 1
    
    # UNK embedding: average of all found embeddings
    if found > 0:
        found_indices = [idx for word, idx in word_to_idx.items() 
                        if word in pretrained]
        unk_vector = embedding.weight.data[found_indices].mean(dim=0)
        embedding.weight.data[word_to_idx[UNK_TOKEN]] = unk_vector
    
    print(f"Vocabulary size: {vocab_size}")
    print(f"Pre-trained coverage: {found}/{vocab_size} ({100*found/vocab_size:.1f}%)")
    
    return embedding, word_to_idx


class PartiallyFrozenEmbedding(nn.Module):
    """
    Embedding where some tokens are frozen and others are trainable.
    Useful for keeping pre-trained embeddings for common words
    while training embeddings for domain-specific vocabulary.
    """
    
    def __init__(self, pretrained_weights, frozen_indices):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(
            pretrained_weights, freeze=False
        )
        self.frozen_indices = set(frozen_indices)
        
        # Store original frozen embeddings
        self.register_buffer(
            'frozen_weights',
            pretrained_weights[list(frozen_indices)].clone()
        )
    
    def forward(self, x):
        # Get embeddings
        embeddings = self.embedding(x)
        
        # During training, restore frozen embeddings
        if self.training:
            with torch.no_grad():
                for i, idx in enumerate(self.frozen_indices):
                    self.embedding.weight.data[idx] = self.frozen_weights[i]
        
        return embeddings


class TextClassifier(nn.Module):
    """
    Simple text classifier using embeddings.
    
    Architecture:
        tokens → embedding → mean pooling → MLP → class logits
    """
    
    def __init__(self, vocab_size, embedding_dim, num_classes, 
                 hidden_dim=128, dropout=0.5, padding_idx=0):
        super().__init__()
        
        self.embedding = nn.Embedding(
            vocab_size, embedding_dim, padding_idx=padding_idx
        )
        
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(embedding_dim, hidden_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, num_classes)
        )
    
    def forward(self, x, lengths=None):
        """
        Args:
            x: Token indices (batch_size, max_seq_len)
            lengths: Actual sequence lengths (batch_size,) for masking
        
        Returns:
            Class logits (batch_size, num_classes)
        """
        # Get embeddings: (batch, seq_len, embed_dim)
        embedded = self.embedding(x)
        
        if lengths is not None:
            # Create mask for padding
            mask = torch.arange(x.size(1), device=x.device)[None, :] < lengths[:, None]
            mask = mask.unsqueeze(-1).float()  # (batch, seq_len, 1)
            
            # Masked mean pooling
            embedded = embedded * mask
            pooled = embedded.sum(dim=1) / lengths.unsqueeze(-1).float()
        else:
            # Simple mean pooling (assumes no padding or padding_idx handles it)
            pooled = embedded.mean(dim=1)
        
        # Classify
        logits = self.classifier(pooled)
        
        return logits


class NGramLanguageModel(nn.Module):
    """
    N-gram language model with embeddings.
    
    Predicts next word from previous n-1 words.
    """
    
    def __init__(self, vocab_size, embedding_dim, context_size, hidden_dim=128):
        super().__init__()
        
        self.context_size = context_size
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        
        self.network = nn.Sequential(
            nn.Linear(context_size * embedding_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, vocab_size)
        )
    
    def forward(self, context):
        """
        Args:
            context: Previous words (batch_size, context_size)
        
        Returns:
            Next word logits (batch_size, vocab_size)
        """
        # Embed context words: (batch, context_size, embed_dim)
        embedded = self.embeddings(context)
        
        # Flatten: (batch, context_size * embed_dim)
        embedded = embedded.view(embedded.size(0), -1)
        
        # Predict next word
        logits = self.network(embedded)
        
        return logits


def train_language_model(model, data, epochs=10, lr=0.001):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    criterion = nn.CrossEntropyLoss()
    
    for epoch in range(epochs):
        total_loss = 0
        for context, target in data:
            optimizer.zero_grad()
            logits = model(context)
            loss = criterion(logits, target)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
        
        print(f"Epoch {epoch+1}, Loss: {total_loss/len(data):.4f}")


def estimate_embedding_memory(vocab_size, embedding_dim, dtype=torch.float32):
    """Estimate memory usage of embedding layer."""
    bytes_per_element = {
        torch.float32: 4,
        torch.float16: 2,
        torch.int8: 1
    }
    
    total_bytes = vocab_size * embedding_dim * bytes_per_element[dtype]
    
    return {
        'bytes': total_bytes,
        'KB': total_bytes / 1024,
        'MB': total_bytes / (1024 ** 2),
        'GB': total_bytes / (1024 ** 3)
    }


class CompressedEmbedding(nn.Module):
    """
    Compressed embedding using low-rank factorization.
    
    Instead of V × D matrix, uses V × K and K × D matrices (K << D).
    """
    
    def __init__(self, vocab_size, embedding_dim, rank):
        super().__init__()
        self.vocab_to_low = nn.Embedding(vocab_size, rank)
        self.low_to_high = nn.Linear(rank, embedding_dim, bias=False)
    
    def forward(self, x):
        low_dim = self.vocab_to_low(x)
        return self.low_to_high(low_dim)


class Vocabulary:
    """Robust vocabulary management for embeddings."""
    
    def __init__(self, pad_token='<PAD>', unk_token='<UNK>',
                 bos_token='<BOS>', eos_token='<EOS>'):
        self.pad_token = pad_token
        self.unk_token = unk_token
        self.bos_token = bos_token
        self.eos_token = eos_token
        
        # Initialize with special tokens
        self.token_to_idx = {}
        self.idx_to_token = {}
        
        # Add special tokens in order
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
        """Build vocabulary from texts."""
        from collections import Counter
        
        # Count tokens
        counter = Counter()
        for text in texts:
            counter.update(text.split())
        
        # Filter by frequency and size
        tokens = [t for t, c in counter.most_common(max_size) if c >= min_freq]
        
        for token in tokens:
            self._add_token(token)
        
        return self
    
    def __len__(self):
        return len(self.token_to_idx)
    
    def encode(self, text):
        """Convert text to indices."""
        tokens = text.split()
        return [self.token_to_idx.get(t, self.unk_idx) for t in tokens]
    
    def decode(self, indices):
        """Convert indices to text."""
        return ' '.join(self.idx_to_token.get(i, self.unk_token) for i in indices)


def create_embedding_pipeline(texts, labels, pretrained_path=None,
                             embedding_dim=128, min_freq=2, max_vocab=50000):
    """
    Complete pipeline for creating embeddings and training data.
    
    Args:
        texts: List of text strings
        labels: List of labels
        pretrained_path: Path to pre-trained embeddings (optional)
        embedding_dim: Embedding dimension
        min_freq: Minimum token frequency
        max_vocab: Maximum vocabulary size
    
    Returns:
        embedding_layer, vocabulary, encoded_data
    """
    # Build vocabulary
    vocab = Vocabulary().build(texts, min_freq=min_freq, max_size=max_vocab)
    print(f"Vocabulary size: {len(vocab)}")
    
    # Create embedding layer
    embedding = nn.Embedding(
        num_embeddings=len(vocab),
        embedding_dim=embedding_dim,
        padding_idx=vocab.pad_idx
    )
    
    # Load pre-trained if available
    if pretrained_path:
        pretrained = load_glove(pretrained_path, embedding_dim)
        loaded = load_pretrained_embeddings(embedding, pretrained, vocab.token_to_idx)
    
    # Encode texts
    encoded_texts = [vocab.encode(text) for text in texts]
    
    # Pad sequences
    max_len = max(len(t) for t in encoded_texts)
    padded = torch.zeros(len(texts), max_len, dtype=torch.long)
    lengths = torch.zeros(len(texts), dtype=torch.long)
    
    for i, enc in enumerate(encoded_texts):
        length = len(enc)
        padded[i, :length] = torch.tensor(enc)
        lengths[i] = length
    
    return embedding, vocab, (padded, lengths, torch.tensor(labels))


# ---- inputs, and what is noted ---------------------------------------------------------------------------------------


def wave(shape, phase=0):
    """Element i is sin(i + 1 + phase), as in tests/support.hpp."""
    return torch.tensor([math.sin(i + 1 + phase) for i in range(math.prod(shape))]).reshape(shape)


def refusal(f):
    """What f() raises, as "IndexError: list index out of range"."""
    try:
        f()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("nothing was raised")


def printed(f, *args, **options):
    """The lines that f prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        f(*args, **options)
    return output.getvalue().splitlines()


def quiet(f, *args, **options):
    """What f returns, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return f(*args, **options)


@contextlib.contextmanager
def vector_file(text):
    """The path of a file that holds this text, byte for byte."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vectors.txt"
        path.write_bytes(text.encode("utf-8"))
        yield path


def glove(text, dim):
    with vector_file(text) as path:
        return load_glove(path, dim)


# ---- PartiallyFrozenEmbedding ----------------------------------------------------------------------------------------


def train_step(module, optimizer, ids):
    """One step on a loss in which every element of the output has a weight of its own."""
    optimizer.zero_grad()
    vectors = module(torch.tensor(ids))
    (vectors * wave(vectors.shape, 10)).sum().backward()
    optimizer.step()


def frozen_order():
    """PartiallyFrozenEmbedding, frozen indices [5, 1, 3]: the set's order is not the list's"""
    module = PartiallyFrozenEmbedding(wave((6, 2)), [5, 1, 3])
    module(torch.tensor([0]))
    yield "frozen_order_table", "table wave((6, 2)); after one forward in training, and no step", module.embedding.weight


def frozen_late():
    """PartiallyFrozenEmbedding restores one forward late"""
    module = PartiallyFrozenEmbedding(wave((3, 2)), [0])
    train_step(module, torch.optim.SGD(module.parameters(), lr=0.1), [0, 1])
    yield "frozen_late_saved", "table wave((3, 2)), row 0 frozen, a step of SGD(0.1) on ids 0 and 1: row 0 of the " \
        "state_dict", module.state_dict()["embedding.weight"][0]
    module.eval()
    yield "frozen_late_eval", "the same: id 0, looked up in eval mode", module(torch.tensor([0]))
    module.train()
    yield "frozen_late_forward", "the same: id 0, looked up in training mode", module(torch.tensor([0]))


def frozen_rows_train():
    """PartiallyFrozenEmbedding trains the caller's tensor; frozen rows get moments and enter the clip norm; a
    generator or duplicates break it"""
    table = wave((3, 2))
    module = PartiallyFrozenEmbedding(table, [0])
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    train_step(module, optimizer, [0, 1])
    yield "frozen_callers_table", "the caller's tensor, once wave((3, 2)), after a step of Adam(0.1) on ids 0 and 1, " \
        "row 0 frozen", table.clone()
    before = module.embedding.weight[0].detach().clone()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    moved = module.embedding.weight[0].detach() - before
    yield "frozen_moment_moves", "the same: how far row 0 then moves by its moments in a step with a zero gradient", moved

    module = PartiallyFrozenEmbedding(wave((3, 2)), [0])
    (module(torch.tensor([0, 1])) * wave((2, 2), 10)).sum().backward()
    norm = torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    yield "frozen_clip_norm", "the norm that clipping finds after a backward from wave((2, 2), 10) through ids 0 and 1, " \
        "row 0 frozen", norm.item()

    module = PartiallyFrozenEmbedding(wave((3, 2)), (i for i in [0, 1]))
    yield "frozen_generator", "indices from a generator: the first forward", refusal(lambda: module(torch.tensor([0])))
    module = PartiallyFrozenEmbedding(wave((3, 2)), [2, 2, 1])
    module(torch.tensor([0]))
    yield "frozen_duplicates_table", "table wave((3, 2)), frozen [2, 2, 1]; after one forward", module.embedding.weight


# ---- TextClassifier --------------------------------------------------------------------------------------------------


def small_classifier():
    """Weights as in tests/reference/text_classifier.py."""
    model = TextClassifier(vocab_size=9, embedding_dim=4, num_classes=3, hidden_dim=6).eval()
    with torch.no_grad():
        for phase, parameter in enumerate(model.parameters()):
            parameter.copy_(wave(parameter.shape, phase))
        model.embedding.weight[0] = 0
    return model


SMALL = "V 9, D 4, hidden 6, K 3, weights wave(shape, i), padding row 0, eval mode"


def classifier_lengths():
    """TextClassifier: length 0 or an empty sequence gives NaN; a length over L gives a wrong mean"""
    model = small_classifier()
    yield "classifier_length_0", f"{SMALL}: {{{{7, 8}}, {{0, 0}}}} of lengths 2 and 0", \
        model(torch.tensor([[7, 8], [0, 0]]), torch.tensor([2, 0]))
    nothing = torch.zeros(1, 0, dtype=torch.long)
    yield "classifier_empty", "the same: tokens of shape (1, 0), length 0", model(nothing, torch.tensor([0]))
    yield "classifier_empty_without_lengths", "the same: tokens of shape (1, 0) without lengths", model(nothing)
    yield "classifier_length_over", "the same: {{7, 8}} of length 3", model(torch.tensor([[7, 8]]), torch.tensor([3]))


def classifier_lengths_shape():
    """TextClassifier: lengths of shape (B, 1) silently give an output of the wrong shape"""
    logits = small_classifier()(torch.tensor([[7, 8, 1], [2, 0, 0]]), torch.tensor([[3], [1]]))
    yield "classifier_lengths_column_shape", f"{SMALL}: {{{{7, 8, 1}}, {{2, 0, 0}}}} of lengths {{{{3}}, {{1}}}}: the " \
        "logits' shape", list(logits.shape)


def classifier_padding_counts():
    """TextClassifier: without lengths, padding counts in the mean"""
    yield "classifier_padded", f"{SMALL}: {{{{7, 8, 0, 0}}}} without lengths", small_classifier()(torch.tensor([[7, 8, 0, 0]]))


# ---- language model --------------------------------------------------------------------------------------------------


def small_language_model():
    model = NGramLanguageModel(vocab_size=5, embedding_dim=2, context_size=2, hidden_dim=3)
    with torch.no_grad():
        for phase, parameter in enumerate(model.parameters()):
            parameter.copy_(wave(parameter.shape, phase))
    return model


class Once:
    """Batches that can be gone through only once, of a known number."""

    def __init__(self, batches):
        self.batches = iter(batches)
        self.count = len(batches)

    def __len__(self):
        return self.count

    def __iter__(self):
        return self.batches


def language_model():
    """Language model: reports a mean of batch means; empty data or a generator crashes; a batch of 0 breaks the
    flattening"""
    model = small_language_model()
    data = [
        (torch.tensor([[0, 1], [1, 2], [2, 3]]), torch.tensor([2, 3, 4])),
        (torch.tensor([[3, 4]]), torch.tensor([0])),
    ]
    losses = [nn.functional.cross_entropy(model(context), target).item() for context, target in data]
    small = "V 5, D 2, context 2, hidden 3, weights wave(shape, i)"
    yield "language_model_batch_losses", f"{small}; contexts 01 12 23 with targets 2 3 4, then 34 with 0: the mean " \
        "loss of each batch", losses
    yield "language_model_loss", "the same: their mean, as the document reports it", sum(losses) / len(losses)
    yield "language_model_printed", "the same: what training with lr 0 prints", \
        printed(train_language_model, model, data, epochs=1, lr=0.0)
    yield "language_model_no_data", "no batches", refusal(lambda: quiet(train_language_model, model, [], lr=0.0))
    yield "language_model_generator", "a generator", \
        refusal(lambda: quiet(train_language_model, model, (batch for batch in data), lr=0.0))
    yield "language_model_once", "batches that can be gone through only once, lr 0, two epochs", \
        printed(train_language_model, model, Once(data), epochs=2, lr=0.0)
    yield "language_model_batch_of_0", "a context of shape (0, 2)", \
        refusal(lambda: model(torch.zeros(0, 2, dtype=torch.long)))


# ---- load_glove ------------------------------------------------------------------------------------------------------


def glove_crashes():
    """load_glove: words with spaces, a no-break space, or an empty line crash it"""
    yield "glove_space", '"new york 1 2 3", dimension 3', refusal(lambda: glove("new york 1 2 3\n", 3))
    yield "glove_no_break_space", '"don<U+00A0>juan 1 2 3", dimension 3', \
        refusal(lambda: glove("don\u00a0juan 1 2 3\n", 3))
    yield "glove_empty_line", 'an empty line after "a 1 2 3"', refusal(lambda: glove("a 1 2 3\n\nb 4 5 6\n", 3))


def glove_dimension():
    """load_glove: a wrong dimension silently returns nothing"""
    yield "glove_wrong_dimension", '"a 1 2 3" and "b 4 5 6", dimension 2: the words', list(glove("a 1 2 3\nb 4 5 6\n", 2))


def glove_words():
    """load_glove: "2 5 1 2 3" is dropped; a header line with dimension 1 becomes a word; a CR splits a word; a BOM
    stays in the first word"""
    yield "glove_number_word", '"2 5 1 2 3", the word "2 5", dimension 3: the words', list(glove("2 5 1 2 3\n", 3))
    yield "glove_header", '"2 1", "a 0.5", "b 0.25", dimension 1: the words', list(glove("2 1\na 0.5\nb 0.25\n", 1))
    yield "glove_carriage_return", '"a<CR>b 1 2 3", dimension 3: the words', list(glove("a\rb 1 2 3\n", 3))
    yield "glove_mark", '"<BOM>the 1 2 3", dimension 3: the words', list(glove("\ufeffthe 1 2 3\n", 3))


# ---- initialize_with_pretrained --------------------------------------------------------------------------------------


def pretrained_specials():
    """initialize_with_pretrained: a <PAD> in the file overwrites the zero row; <UNK> and <PAD> enter the average for
    unknown words"""
    with vector_file("<PAD> 9 9\n<UNK> 6 7\nthe 1 2\ncat 2 4\n") as path:
        embedding, ids = quiet(initialize_with_pretrained, ["the", "cat", "zebra"], path, 2)
    where = 'words the, cat, zebra; file "<PAD> 9 9", "<UNK> 6 7", "the 1 2", "cat 2 4"'
    yield "pretrained_padding_row", f"{where}: the row of <PAD>", embedding.weight[ids["<PAD>"]]
    yield "pretrained_unknown_row", "the same: the row of <UNK>", embedding.weight[ids["<UNK>"]]


def pretrained_coverage():
    """initialize_with_pretrained: coverage counts the special tokens"""
    with vector_file("the 1 2\ncat 2 4\n") as path:
        yield "pretrained_printed", 'words the, cat; file "the 1 2", "cat 2 4": what is printed', \
            printed(initialize_with_pretrained, ["the", "cat"], path, 2)


# ---- Vocabulary ------------------------------------------------------------------------------------------------------


def vocabulary_size():
    """Vocabulary: max_size does not count the four specials; a special token in the text takes a slot and encodes as
    padding"""
    yield "vocabulary_max_size", '"a b c d e f g", max_size 5: how many tokens', \
        len(Vocabulary().build(["a b c d e f g"], max_size=5))
    vocabulary = Vocabulary().build(["<PAD> <PAD> a"], max_size=1)
    yield "vocabulary_special_tokens", '"<PAD> <PAD> a", room for one word (the document\'s max_size 1): the tokens', \
        list(vocabulary.token_to_idx)
    yield "vocabulary_special_ids", 'the same: "<PAD> a" encoded', vocabulary.encode("<PAD> a")


def vocabulary_unknown():
    """Vocabulary: without an unknown token, unknown words become None and decoding crashes; decoding a tensor gives all
    <UNK>"""
    vocabulary = Vocabulary(unk_token=None).build(["a b"])
    ids = vocabulary.encode("a zebra")
    yield "vocabulary_without_unknown", '"a b" without an unknown token: "a zebra" encoded', str(ids)
    yield "vocabulary_decodes_none", "the same, decoded", refusal(lambda: vocabulary.decode(ids))
    vocabulary = Vocabulary().build(["the cat"])
    yield "vocabulary_decodes_tensor", '"the cat": its ids decoded from a tensor', \
        vocabulary.decode(torch.tensor(vocabulary.encode("the cat")))


def vocabulary_string():
    """Vocabulary: a single string passed as texts is read as characters"""
    yield "vocabulary_of_characters", '"the cat" itself as the texts: the tokens', \
        list(Vocabulary().build("the cat").token_to_idx)


def vocabulary_commutes():
    """Vocabulary: (min_freq and max_size commute: that is not a mistake)"""
    texts = ["a a a b b b c c d e"]
    yield "vocabulary_frequent", '"a a a b b b c c d e", min_freq 2, room for two words: the tokens', \
        list(Vocabulary().build(texts, min_freq=2, max_size=2).token_to_idx)
    yield "vocabulary_roomy", "the same, room for four words", \
        list(Vocabulary().build(texts, min_freq=2, max_size=4).token_to_idx)


# ---- pipeline --------------------------------------------------------------------------------------------------------


def pipeline(*args, **options):
    return quiet(create_embedding_pipeline, *args, **options)


def pipeline_texts():
    """Pipeline: no texts crashes; empty texts get length 0, and NaN later"""
    yield "pipeline_no_texts", "no texts, no labels", refusal(lambda: pipeline([], []))
    embedding, _, (tokens, lengths, _) = pipeline(["a a", ""], [0, 1], embedding_dim=4)
    model = small_classifier()
    model.embedding = embedding
    yield "pipeline_empty_text_logits", '"a a" and "", through the text classifier (the second text\'s logits)', \
        model(tokens, lengths)[1]


def pipeline_batch():
    """Pipeline: pads with 0, not with the vocabulary's padding id; the number of labels is not checked; no truncation"""
    global Vocabulary
    documents = Vocabulary
    Vocabulary = lambda: documents(pad_token=None)
    try:
        _, vocabulary, (tokens, _, _) = pipeline(["a b", "a"], [0, 1], min_freq=1)
    finally:
        Vocabulary = documents
    yield "pipeline_padded", '"a b" and "a", a vocabulary without <PAD>, whose id 0 is <UNK>: the second text\'s tokens', \
        vocabulary.decode(tokens[1].tolist())
    _, _, (_, _, labels) = pipeline(["a a", "b b"], [0, 1, 2])
    yield "pipeline_labels", "two texts and three labels: how many labels come out", len(labels)
    _, _, (tokens, _, _) = pipeline(["a " * 1000, "a"], [0, 1])
    yield "pipeline_long_text", "a text of 1000 words beside one of 1: the tokens' shape", list(tokens.shape)


def pipeline_rare_words():
    """Pipeline: words without a vector keep N(0, 1); the default min_freq = 2 turns small data into unknown words"""
    words = " ".join(f"w{i}" for i in range(1000))
    with vector_file("the 0.5 0.25 0.125 0\n") as path:
        embedding, vocabulary, _ = pipeline(["the " + words], [0], path, embedding_dim=4, min_freq=1)
    first = vocabulary.token_to_idx["w0"]
    yield "pipeline_spread", '"the w0 w1 ... w999", a file with a vector for "the", D 4: the standard deviation of the ' \
        "other words' vectors", embedding.weight[first:].std().item()
    _, vocabulary, (tokens, _, _) = pipeline(["good film", "bad film indeed"], [1, 0])
    yield "pipeline_small_data", '"good film" and "bad film indeed": the second text, encoded and decoded', \
        vocabulary.decode(tokens[1].tolist())


# ---- memory ----------------------------------------------------------------------------------------------------------


def bytes_of(tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def bytes_held(embedding, optimizer):
    """By a table, its gradient and its moments, after a step on two ids."""
    embedding(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    gradient = embedding.weight.grad
    parts = [gradient._indices(), gradient._values()] if gradient.is_sparse else [gradient]
    moments = [optimizer.state[embedding.weight][name] for name in ("exp_avg", "exp_avg_sq")]
    return bytes_of([embedding.weight, *parts, *moments])


def memory():
    """Memory: no float64; its "MB" is MiB; weights only; in C++, 32-bit overflow waits"""
    yield "memory_float64", "V 10, D 4, float64", refusal(lambda: estimate_embedding_memory(10, 4, torch.float64))
    yield "memory_mb", "V 100000, D 300, float32: its MB", estimate_embedding_memory(100000, 300)["MB"]
    yield "memory_bytes", "V 1000, D 300, float32: its bytes", estimate_embedding_memory(1000, 300)["bytes"]
    table = nn.Embedding(1000, 300, dtype=torch.float32)
    yield "memory_adam_bytes", "the same table with its gradient and moments, after a step of Adam", \
        bytes_held(table, torch.optim.Adam(table.parameters()))
    table = nn.Embedding(1000, 300, sparse=True, dtype=torch.float32)
    yield "memory_sparse_adam_bytes", "the same after a step of SparseAdam on two ids", \
        bytes_held(table, torch.optim.SparseAdam(table.parameters()))
    yield "memory_large_bytes", "V 3000000, D 1000, float32: its bytes", estimate_embedding_memory(3000000, 1000)["bytes"]


# ---- compressed embedding --------------------------------------------------------------------------------------------


def compressed():
    """Compressed embedding: the rank is not checked; no padding row; the output's spread is 1/sqrt(3), not 1"""
    module = CompressedEmbedding(1000, 300, rank=280)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    yield "compressed_ratio", "V 1000, D 300, rank 280: parameters of a plain table / of this", 1000 * 300 / parameters
    module = CompressedEmbedding(10, 4, rank=2)
    yield "compressed_row_0", "V 10, D 4, rank 2, as drawn: id 0, the place of padding", module(torch.tensor([0]))
    module = CompressedEmbedding(1000, 300, rank=64)
    yield "compressed_spread", "V 1000, D 300, rank 64, as drawn: the standard deviation of all vectors", \
        module(torch.arange(1000)).std().item()


LINES = [
    frozen_order, frozen_late, frozen_rows_train,
    classifier_lengths, classifier_lengths_shape, classifier_padding_counts,
    language_model,
    glove_crashes, glove_dimension, glove_words,
    pretrained_specials, pretrained_coverage,
    vocabulary_size, vocabulary_unknown, vocabulary_string, vocabulary_commutes,
    pipeline_texts, pipeline_batch, pipeline_rare_words,
    memory,
    compressed,
]  # fmt: skip


# ---- the header ------------------------------------------------------------------------------------------------------


def string_literal(text):
    """ASCII, other bytes in octal (which, unlike hexadecimal, ends after three digits)."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isascii() else "".join(f"\\{byte:03o}" for byte in c.encode("utf-8")) for c in quoted)


def literal(value):
    if isinstance(value, float):
        return "kNaN" if math.isnan(value) else repr(value)
    return string_literal(value) if isinstance(value, str) else repr(value)


def declaration(name, value):
    if isinstance(value, torch.Tensor):
        value = value.detach().flatten().tolist()
    of = {int: "std::int64_t", float: "double", str: "std::string"}
    if not isinstance(value, list):
        return f"inline const {of[type(value)]} {name} = {literal(value)};"
    element = of[type(value[0])] if value else "std::string"
    return f"inline const std::vector<{element}> {name} = {{{', '.join(map(literal, value))}}};"


def wrapped(text, first="", other="    "):
    """Lines of at most 120; one with text in quotes, whose blanks count, stays as it is."""
    if first == "" and '"' in text:
        return text
    return textwrap.fill(text, 120, initial_indent=first, subsequent_indent=other, break_on_hyphens=False)


def section(line):
    """A line of mistakes: what it is, and the constants that show it."""
    torch.manual_seed(0)
    yield ""
    yield wrapped(" ".join(line.__doc__.split()), "// ---- ", "//      ")
    for name, comment, value in line():
        yield wrapped(comment, "/// ", "/// ")
        yield wrapped(declaration(name, value))


def header():
    yield "// What the founding document's Python gives where it is mistaken. Written by document.py; not to be edited."
    yield "// Where a comment says \"the same\", it is the input of the constant above."
    yield "// clang-format off"
    yield "#pragma once\n"
    yield "#include <cstdint>\n#include <limits>\n#include <string>\n#include <vector>\n"
    yield "namespace embergrad::testing::document_says {\n"
    yield "inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();"
    for line in LINES:
        yield from section(line)
    yield "\n}  // namespace embergrad::testing::document_says"


# ---- --check ---------------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.\d+(?:e[-+]\d+)?|\d+e[-+]\d+)")


def same(a, b):
    """Alike but for the last digits of numbers, which differ from processor to processor, and so for where lines end."""
    a, b = " ".join(a.split()), " ".join(b.split())
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b))
    return all(math.isclose(float(x), float(y), rel_tol=1e-9, abs_tol=1e-12) for x, y in pairs)


def differences(committed, generated):
    if same(committed, generated):
        return []
    return list(difflib.unified_diff(committed.splitlines(), generated.splitlines(), "committed", "generated",
                                     lineterm=""))


def unused(committed):
    """The constants that no test looks at."""
    names = re.findall(r"^inline const \S+ (\w+)", committed, re.MULTILINE)
    assert names, "the committed file has no constants"
    words = set(re.findall(r"\w+", TEST.read_text("utf-8")))
    return [f"no test looks at {name}" for name in names if name not in words]


def check(generated):
    committed = HEADER.read_text("utf-8")
    assert differences(generated.replace("frozen", "thawed", 1), generated), "the check itself finds nothing"
    problems = differences(committed, generated) + unused(committed)
    print("\n".join(problems) or f"{HEADER.name} is what the document's Python gives")
    return 1 if problems else 0


def main():
    if not torch.__version__.startswith("1.13."):
        print(f"SKIPPED: needs PyTorch 1.13, this is {torch.__version__}", file=sys.stderr)
        return SKIPPED
    torch.set_default_dtype(torch.float64)
    generated = "\n".join(header()) + "\n"
    if sys.argv[1:] == ["--check"]:
        return check(generated)
    if sys.argv[1:]:
        sys.exit(__doc__)
    HEADER.write_text(generated, "utf-8")
    return 0


sys.exit(main())
