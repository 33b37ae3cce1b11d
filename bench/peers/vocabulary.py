# The document's Vocabulary in Python and embergrad's, in turn on the same 100 MB of text: medians and their ratio.
#   python3 bench/peers/vocabulary.py build/release/bench/vocabulary [ROUNDS]
import collections
import json
import statistics
import subprocess
import sys
import tempfile
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


def seconds_in_python(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")[:-1]
    start = time.perf_counter()
    vocabulary = Vocabulary().build(lines)
    built = time.perf_counter()
    for line in lines:
        vocabulary.encode(line)
    return {"build": built - start, "encode": time.perf_counter() - built}


def seconds_of_ours(program, words):
    command = [program, f"--benchmark_filter=/{words}", "--benchmark_format=json"]
    run = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    times = {entry["name"].split("/")[0]: entry["real_time"] / 1000 for entry in run["benchmarks"]}
    return {"build": times["vocabulary_build"], "encode": times["vocabulary_encode"]}


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for words in ("short_words", "long_words"):
        with tempfile.NamedTemporaryFile() as file:
            subprocess.run([program, "--write", file.name] + ["long"] * (words == "long_words"), check=True)
            pairs = [(seconds_in_python(file.name), seconds_of_ours(program, words)) for _ in range(rounds)]
        for job in ("build", "encode"):
            python, ours = (statistics.median(pair[side][job] for pair in pairs) for side in (0, 1))
            print(f"{words} {job}: Python {python:.2f} s, embergrad {ours:.2f} s, {python / ours:.1f} times as fast")


main()
