# The work list in PyTorch, as the document and an expert user would write it: times one item and prints lines of JSON.
#   /usr/bin/python3 bench/peers/worklist.py FOLDER ITEM [--seconds 2] [--threads 1] [--check | --in-turn]
# FOLDER is what bench/inputs.py wrote; item W12 reads --trec FOLDER instead. PyTorch's BLAS takes its threads from
# OPENBLAS_NUM_THREADS and OMP_NUM_THREADS, not from --threads: set all three.
import argparse
import functools
import json
import math
import os
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from document import CompressedEmbedding, NGramLanguageModel, TextClassifier, create_embedding_pipeline, pad


class Item:
    """repeat(k) does one repetition with batch k and returns its loss, or its output where it has no loss."""

    least_warm_up, least = 3, 11  # repetitions

    def __init__(self, repeat, trained, has_loss=False, operations=1):
        self.repeat, self.trained, self.has_loss, self.operations = repeat, trained, has_loss, operations

    def seconds_of(self, k):
        start = time.perf_counter()
        self.repeat(k)  # what it returns dies here: freeing the graph belongs to the repetition
        return time.perf_counter() - start


class Inputs:
    """The files of a folder as tensors in memory of PyTorch's own, not NumPy's, which may come in huge pages."""

    def __init__(self, folder):
        self.folder = folder

    def tensor(self, name):
        return torch.from_numpy(np.load(os.path.join(self.folder, name + ".npy"), mmap_mode="c")).clone()

    def batches(self, name):
        """k -> batch k, round and round."""
        batches = self.tensor(name).unbind()
        return lambda k: batches[k % len(batches)]

    def load_weights(self, model, prefix):
        model.load_state_dict({name: self.tensor(f"{prefix}.{name}") for name in model.state_dict()})
        return dict(model.named_parameters())


# ---- the items ----


def lookup(inputs, ids):
    embedding, x = nn.Embedding.from_pretrained(inputs.tensor("table")), inputs.batches(f"lookup.{ids}")

    def repeat(k):
        with torch.no_grad():
            return embedding(x(k))

    return Item(repeat, {})


def forward_backward(model, x, dout, trained):
    """The item of a module: drop the gradients, forward, backward from a given gradient of the output."""

    def repeat(k):
        for parameter in trained.values():
            parameter.grad = None
        y = model(x(k))
        y.backward(dout)
        return y

    return Item(repeat, trained)


def table_backward(inputs):
    embedding = nn.Embedding.from_pretrained(inputs.tensor("backward.table"), freeze=False)
    return forward_backward(
        embedding, inputs.batches("backward.ids"), inputs.tensor("backward.dout"), dict(embedding.named_parameters())
    )


def row_step(inputs, make_optimizer, ids):
    embedding = nn.Embedding.from_pretrained(inputs.tensor("table"), freeze=False, sparse=True)
    optimizer, x = make_optimizer(embedding.parameters()), inputs.batches(f"step.{ids}")

    def repeat(k):
        optimizer.zero_grad(set_to_none=True)
        y = embedding(x(k))
        loss = (y * y).sum()
        loss.backward()
        optimizer.step()
        return loss

    return Item(repeat, dict(embedding.named_parameters()), has_loss=True)


def training_step(model, loss_of, trained):
    """The item of a model trained by Adam; loss_of(k) is its loss on batch k."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def repeat(k):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(k)
        loss.backward()
        optimizer.step()
        return loss

    return Item(repeat, trained, has_loss=True)


def classifier(inputs, dropout=0.5):
    model = TextClassifier(10000, 128, 5, dropout=dropout)
    trained = inputs.load_weights(model, "classifier.weights")
    tokens, lengths, labels = (inputs.batches(f"classifier.{name}") for name in ("tokens", "lengths", "labels"))
    return training_step(model, lambda k: F.cross_entropy(model(tokens(k), lengths(k)), labels(k)), trained)


def language_model(inputs):
    model = NGramLanguageModel(10000, 64, 4, hidden_dim=128)
    trained = inputs.load_weights(model, "language_model.weights")
    contexts, targets = inputs.batches("language_model.contexts"), inputs.batches("language_model.targets")
    return training_step(model, lambda k: F.cross_entropy(model(contexts(k)), targets(k)), trained)


def compressed(inputs, sparse):
    model = CompressedEmbedding(100000, 300, 64)
    model.vocab_to_low.sparse = sparse
    trained = inputs.load_weights(model, "compressed.weights")
    return forward_backward(model, inputs.batches("compressed.ids"), inputs.tensor("compressed.dout"), trained)


def chain(_):
    """1,000 operations on arrays of one element: what an operation costs beside its arithmetic."""
    x, w, b = (torch.tensor([value], requires_grad=True) for value in (1.0, 0.999, 0.001))

    def repeat(_):
        x.grad = w.grad = b.grad = None
        y = x
        for _ in range(500):
            y = y * w
            y = y + b
        y.backward()
        return y

    return Item(repeat, {"x": x, "w": w, "b": b}, operations=1000)


def linear(inputs):
    model = nn.Linear(512, 512)
    trained = inputs.load_weights(model, "linear.weights")
    x = inputs.tensor("linear.x").requires_grad_()
    return forward_backward(model, lambda k: x, inputs.tensor("linear.dout"), {"x": x, **trained})


def bag(inputs, ids):
    model = nn.EmbeddingBag.from_pretrained(inputs.tensor("table"), freeze=False, mode="mean", sparse=True)
    trained = dict(model.named_parameters())
    return forward_backward(model, inputs.batches(f"bag.{ids}"), inputs.tensor("bag.dout"), trained)


class Trec(Item):
    """W12: a run trains a new model on the questions; only the ten epochs are on the clock."""

    least_warm_up, least = 1, 3

    def __init__(self, folder):
        self.train, self.test = (self.read(os.path.join(folder, f"TREC.{part}.tsv")) for part in ("train", "test"))
        self.operations, self.accuracies = 1, []

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            labels, texts = zip(*(line.rstrip("\n").split("\t", 1) for line in file))
        return texts, [int(label) for label in labels]

    def seconds_of(self, k):
        torch.manual_seed(k)
        texts, labels = self.train
        embedding, vocab, data = create_embedding_pipeline(texts, labels)
        model = TextClassifier(len(vocab), 128, max(labels) + 1, padding_idx=vocab.pad_idx)
        model.embedding = embedding
        start = time.perf_counter()
        self.train_model(model, *data)
        seconds = time.perf_counter() - start
        self.accuracies.append(self.accuracy(model, vocab))
        return seconds

    @staticmethod
    def train_model(model, padded, lengths, labels):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(10):
            for batch in torch.randperm(len(labels)).split(32):
                batch_lengths = lengths[batch]
                tokens = padded[batch, : batch_lengths.max()]
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(model(tokens, batch_lengths), labels[batch]).backward()
                optimizer.step()

    @torch.no_grad()
    def accuracy(self, model, vocab):
        texts, labels = self.test
        logits = model.eval()(*pad([vocab.encode(text) for text in texts]))
        return (logits.argmax(dim=1) == torch.tensor(labels)).double().mean().item()


sgd = functools.partial(torch.optim.SGD, lr=1e-3)

ITEMS = {
    "W1 uniform": functools.partial(lookup, ids="uniform"),
    "W1 zipf": functools.partial(lookup, ids="zipf"),
    "W2": table_backward,
    "W3 uniform": functools.partial(row_step, make_optimizer=torch.optim.SparseAdam, ids="uniform"),
    "W3 zipf": functools.partial(row_step, make_optimizer=torch.optim.SparseAdam, ids="zipf"),
    "W4 uniform": functools.partial(row_step, make_optimizer=sgd, ids="uniform"),
    "W4 zipf": functools.partial(row_step, make_optimizer=sgd, ids="zipf"),
    "W5": classifier,
    "W6": language_model,
    "W7 dense": functools.partial(compressed, sparse=False),
    "W7 row": functools.partial(compressed, sparse=True),
    "W8": chain,
    "W11": linear,
    "W13 uniform": functools.partial(bag, ids="uniform"),
    "W13 zipf": functools.partial(bag, ids="zipf"),
}


# ---- the clock ----


def repeat_until(item, first, seconds, least):
    """The seconds of each repetition, numbered from `first`, until both limits have passed."""
    times, start = [], time.perf_counter()
    while len(times) < least or time.perf_counter() - start < seconds:
        times.append(item.seconds_of(first + len(times)))
    return times


def measure(item, seconds):
    """torch.utils.benchmark repeats one statement on one input; here every repetition wants the next batch."""
    warm_up = repeat_until(item, 0, min(0.5, seconds), item.least_warm_up)
    times = [1e6 * t / item.operations for t in repeat_until(item, len(warm_up), seconds, item.least)]
    p25, median, p75 = statistics.quantiles(times, n=4, method="inclusive")
    return {
        "median_us": median,
        "min_us": min(times),
        "p25_us": p25,
        "p75_us": p75,
        "repetitions": len(times),
    }


# ---- the check ----


def fingerprint(array):
    """Two numbers that any change of a value, or of a place, changes; of the full table where a gradient is by rows."""
    array = array.detach()
    if array.is_sparse:
        array = array.coalesce()
        width = array.size(1)
        places = (array.indices()[0][:, None] * width + torch.arange(width)).flatten()
        values = array.values().flatten().double()
    else:
        values = array.flatten().double()
        places = torch.arange(values.numel())
    return [math.sqrt((values * values).sum().item()), (values * (places % 1009).double().cos()).sum().item()]


def check(item):
    """Two batches in turn: a step of the optimizer is felt, and what one batch leaves behind in the other."""
    results = [item.repeat(k % 2) for k in range(4)]
    prints = {} if item.has_loss else {"output": fingerprint(results[-1])}
    prints.update((name, fingerprint(parameter.grad)) for name, parameter in item.trained.items())
    return {"losses": [loss.item() for loss in results] if item.has_loss else [], "prints": prints}


def make(arguments):
    if arguments.item == "W12":
        if arguments.check or not arguments.trec:
            raise SystemExit("W12 wants --trec FOLDER, and has nothing to --check but its accuracy")
        return Trec(arguments.trec)
    if arguments.item == "W5" and arguments.check:  # dropout's random numbers are each engine's own
        return classifier(Inputs(arguments.folder), dropout=0.0)
    return ITEMS[arguments.item](Inputs(arguments.folder))


def main():
    parser = argparse.ArgumentParser(description="One item of the work list in PyTorch.")
    parser.add_argument("folder")
    parser.add_argument("item", choices=[*ITEMS, "W12"])
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--in-turn", action="store_true", help="time the item once for each line that is read")
    parser.add_argument("--trec", help="the folder of TREC.train.tsv and TREC.test.tsv")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    item = make(arguments)
    for _ in sys.stdin if arguments.in_turn else range(1):
        result = check(item) if arguments.check else measure(item, arguments.seconds)
        if arguments.item == "W12":
            result["accuracy"] = statistics.mean(item.accuracies)
        print(json.dumps({"item": arguments.item, **result}), flush=True)


if __name__ == "__main__":
    main()
