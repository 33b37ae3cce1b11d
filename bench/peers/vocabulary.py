# The document's Vocabulary in Python, timed on a file of lines: seconds to build it, and to encode every line.
#   python3 bench/peers/vocabulary.py FILE
import collections
import sys
import time


class Vocabulary:
    """As in the document, down to its data structures."""

    def __init__(self, pad_token="<PAD>", unk_token="<UNK>", bos_token="<BOS>", eos_token="<EOS>"):
        self.token_to_idx, self.idx_to_token = {}, {}
        for token in [pad_token, unk_token, bos_token, eos_token]:
            self._add_token(token)
        self.unk_idx = self.token_to_idx[unk_token]

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

    def encode(self, text):
        tokens = text.split()
        return [self.token_to_idx.get(t, self.unk_idx) for t in tokens]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().split("\n")[:-1]
    start = time.perf_counter()
    vocabulary = Vocabulary().build(lines)
    built = time.perf_counter()
    tokens = sum(len(vocabulary.encode(line)) for line in lines)
    encoded = time.perf_counter()
    print(f"{len(vocabulary.token_to_idx)} types, {tokens} tokens: build {built - start:.3f} s, encode {encoded - built:.3f} s")


main()
