# The document's NGramLanguageModel in PyTorch beside examples/train_lm: the same ids, settings and number of seeds.
# Prints the validation perplexity of both. One thread each (OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1):
#   /usr/bin/python3 bench/peers/train_lm.py TEXT VALIDATION --ours build/release/examples/train_lm
import argparse
import collections
import math
import re
import statistics
import subprocess
import time

import torch
from torch import nn

from document import NGramLanguageModel

WHITE_SPACE = re.compile(rb"[ \t\n\v\f\r]+")
SPECIALS = [b"<PAD>", b"<UNK>", b"<BOS>", b"<EOS>"]


def read_words(path):
    with open(path, "rb") as file:
        return [word for word in WHITE_SPACE.split(file.read()) if word]


def build_vocabulary(words, min_freq):
    """Special tokens, then words by count, ties by first occurrence (Counter and sorted keep the order)."""
    counts = [(word, n) for word, n in collections.Counter(words).items() if n >= min_freq and word not in SPECIALS]
    ranked = [word for word, _ in sorted(counts, key=lambda entry: -entry[1])]
    return {word: number for number, word in enumerate(SPECIALS + ranked)}


def make_ngrams(words, vocabulary, context_size):
    unknown = vocabulary[b"<UNK>"]
    ids = torch.tensor([unknown if word in SPECIALS else vocabulary.get(word, unknown) for word in words])
    windows = ids.unfold(0, context_size + 1, 1)
    return windows[:, :-1].contiguous(), windows[:, -1].contiguous()


@torch.no_grad()
def mean_loss(model, contexts, targets):
    total = 0.0
    for start in range(0, len(targets), 256):
        logits = model(contexts[start : start + 256])
        total += nn.functional.cross_entropy(logits, targets[start : start + 256], reduction="sum").item()
    return total / len(targets)


def train_with_torch(training, validation, vocab_size, args, seed):
    """The validation perplexity after each epoch, and the seconds spent in training steps."""
    torch.manual_seed(seed)
    model = NGramLanguageModel(vocab_size, args.dim, args.context, args.hidden)
    nn.init.normal_(model.embeddings.weight, 0, args.init_std)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    criterion = nn.CrossEntropyLoss()
    contexts, targets = training
    perplexities, seconds = [], 0.0
    for _ in range(args.epochs):
        start = time.perf_counter()
        for batch in torch.randperm(len(targets)).split(args.batch):
            optimizer.zero_grad()
            loss = criterion(model(contexts[batch]), targets[batch])
            loss.backward()
            optimizer.step()
        seconds += time.perf_counter() - start
        perplexities.append(math.exp(mean_loss(model, *validation)))
    return perplexities, seconds


def train_with_ours(examples, args, seed):
    """The same of the program, from what it prints."""
    command = [args.ours, "--text", args.text, "--validation", args.validation, "--whitespace", "--threads", "1"]
    command += ["--generate", "0", "--seed", str(seed)]
    for name in ("context", "dim", "hidden", "epochs", "batch", "lr", "min_freq", "init_std"):
        command += ["--" + name.replace("_", "-"), str(getattr(args, name))]
    if seed == 1:
        print(" ".join(command))
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    perplexities = [float(number) for number in re.findall(r"^epoch .* validation perplexity +([\d.]+)", result.stderr, re.M)]
    speed = float(re.search(r"^throughput +([\d,]+)", result.stdout, re.M).group(1).replace(",", ""))
    assert len(perplexities) == args.epochs, result.stderr
    return perplexities, examples * args.epochs / speed


def report(name, runs, examples, epochs):
    """Of runs of one seed each; the best and the last epoch. Returns the two means."""
    best, last = [min(run) for run, _ in runs], [run[-1] for run, _ in runs]
    seconds = sum(seconds for _, seconds in runs)

    def text(values):
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        return f"{statistics.mean(values):8.2f} +- {spread:.2f}"

    print(f"{name:12s}{text(best)}     {text(last)}     {len(runs) * epochs * examples / seconds:10,.0f} tokens/s")
    return statistics.mean(best), statistics.mean(last)


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("validation")
    parser.add_argument("--ours", help="the program train_lm; without it only PyTorch is run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--context", type=int, default=3)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--min-freq", type=int, default=2)
    parser.add_argument("--init-std", type=float, default=1.0)
    return parser.parse_args()


def main():
    args = parse_arguments()
    words = read_words(args.text)
    vocabulary = build_vocabulary(words, args.min_freq)
    training = make_ngrams(words, vocabulary, args.context)
    validation = make_ngrams(read_words(args.validation), vocabulary, args.context)
    examples = len(training[1])
    print(f"{len(vocabulary):,} words, {examples:,} examples, {len(validation[1]):,} for validation, {args.seeds} seeds")

    ours, theirs = [], []
    for seed in range(1, args.seeds + 1):  # in turns, so that both meet the same machine
        theirs.append(train_with_torch(training, validation, len(vocabulary), args, seed))
        if args.ours:
            ours.append(train_with_ours(examples, args, seed))
    print("perplexity        best epoch           last epoch")
    torch_means = report("PyTorch", theirs, examples, args.epochs)
    if args.ours:
        our_means = report("embergrad", ours, examples, args.epochs)
        best, last = (100 * (a / b - 1) for a, b in zip(our_means, torch_means))
        print(f"{'difference':12s}{best:+7.2f} %{last:+20.2f} %")


if __name__ == "__main__":
    main()
