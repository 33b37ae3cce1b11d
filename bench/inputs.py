"""Writes the inputs of the work list, which ours and the peers read: python3 bench/inputs.py FOLDER

Every file is a .npy in C order, ids int64 and reals float32, drawn from a seed of its own (its name), so that a file
that is missing can be written again without the others. What is there already is left alone.
"""
import os
import sys
import zlib

import numpy as np

TABLE_ROWS, WORDS, CLASSES = 1_000_000, 10_000, 5
ZIPF_EXPONENT = 1.1


def normal(*shape):
    return lambda rng: rng.standard_normal(shape, dtype=np.float32)


def normal_but_row_0(*shape):
    def draw(rng):
        table = rng.standard_normal(shape, dtype=np.float32)
        table[0] = 0
        return table

    return draw


def linear(fan_in, *shape):
    """PyTorch's nn.Linear, weight and bias alike."""
    bound = fan_in**-0.5
    return lambda rng: rng.uniform(-bound, bound, shape).astype(np.float32)


def uniform_ids(low, high, *shape):
    return lambda rng: rng.integers(low, high, shape, dtype=np.int64)


def zipf_ids(size, *shape):
    """Id k with probability ~ 1 / (k + 1)^1.1."""

    def draw(rng):
        cumulated = np.cumsum(np.arange(1, size + 1, dtype=np.float64) ** -ZIPF_EXPONENT)
        ids = np.searchsorted(cumulated, rng.random(shape) * cumulated[-1], side="right")
        return np.minimum(ids, size - 1).astype(np.int64)

    return draw


def classifier_lengths(rng):
    return rng.integers(10, 50, (64, 32), dtype=np.int64)


def classifier_tokens(rng):
    """Needs the lengths before they are on disk, so it draws them from their seed."""
    tokens = rng.integers(1, WORDS, (64, 32, 50), dtype=np.int64)
    lengths = classifier_lengths(generator_of("classifier.lengths"))
    return np.where(np.arange(50) < lengths[..., None], tokens, 0)


INPUTS = {
    "table": normal(TABLE_ROWS, 128),  # W1, W3, W4, W13
    "lookup.uniform": uniform_ids(0, TABLE_ROWS, 32, 1024, 50),  # W1
    "lookup.zipf": zipf_ids(TABLE_ROWS, 32, 1024, 50),
    "backward.ids": uniform_ids(0, WORDS, 64, 32, 50),  # W2
    "backward.table": normal(WORDS, 128),
    "backward.dout": normal(32, 50, 128),
    "step.uniform": uniform_ids(0, TABLE_ROWS, 256, 32, 50),  # W3, W4
    "step.zipf": zipf_ids(TABLE_ROWS, 256, 32, 50),
    "classifier.tokens": classifier_tokens,  # W5
    "classifier.lengths": classifier_lengths,
    "classifier.labels": uniform_ids(0, CLASSES, 64, 32),
    "classifier.weights.embedding.weight": normal_but_row_0(WORDS, 128),
    "classifier.weights.classifier.1.weight": linear(128, 128, 128),
    "classifier.weights.classifier.1.bias": linear(128, 128),
    "classifier.weights.classifier.4.weight": linear(128, CLASSES, 128),
    "classifier.weights.classifier.4.bias": linear(128, CLASSES),
    "language_model.contexts": uniform_ids(0, WORDS, 64, 64, 4),  # W6
    "language_model.targets": uniform_ids(0, WORDS, 64, 64),
    "language_model.weights.embeddings.weight": normal(WORDS, 64),
    "language_model.weights.network.0.weight": linear(256, 128, 256),
    "language_model.weights.network.0.bias": linear(256, 128),
    "language_model.weights.network.2.weight": linear(128, WORDS, 128),
    "language_model.weights.network.2.bias": linear(128, WORDS),
    "compressed.ids": uniform_ids(0, 100_000, 64, 32, 50),  # W7
    "compressed.dout": normal(32, 50, 300),
    "compressed.weights.vocab_to_low.weight": normal(100_000, 64),
    "compressed.weights.low_to_high.weight": linear(64, 300, 64),
    "linear.x": normal(512, 512),  # W11
    "linear.dout": normal(512, 512),
    "linear.weights.weight": linear(512, 512, 512),
    "linear.weights.bias": linear(512, 512),
    "bag.uniform": uniform_ids(0, TABLE_ROWS, 64, 512, 50),  # W13
    "bag.zipf": zipf_ids(TABLE_ROWS, 64, 512, 50),
    "bag.dout": normal(512, 128),
}


def generator_of(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def write(path, array):
    """Under another name first, so that a file that is there is whole."""
    partial = f"{path}.{os.getpid()}.partial"
    with open(partial, "wb") as file:
        np.save(file, array)
    os.replace(partial, path)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python3 bench/inputs.py FOLDER")
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, draw in INPUTS.items():
        path = os.path.join(folder, name + ".npy")
        if os.path.exists(path):
            print(f"{name}: is there", file=sys.stderr)
            continue
        array = draw(generator_of(name))
        write(path, array)
        print(f"{name}: {array.shape} {array.dtype}", file=sys.stderr)


if __name__ == "__main__":
    main()
