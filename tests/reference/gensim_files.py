#!/usr/bin/env python3
"""Checks word2vec's files with gensim: it reads what embergrad writes, and embergrad reads what it writes.

    /usr/bin/python3 tests/reference/gensim_files.py PROGRAM    the path of convert_vectors

Words, their order and every bit of the floats must be the same. Needs gensim (Debian: python3-gensim); without it it
says so and exits with 77, "skipped".
"""
import itertools
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    import numpy as np
    from gensim.models import KeyedVectors
except ImportError as error:
    print(f"SKIPPED: gensim cannot read and write word2vec's files here: {error}", file=sys.stderr)
    sys.exit(SKIPPED)

SEED = 5
SHAPES = [(1, 1), (2, 1), (1, 3), (7, 2), (3, 257), (100, 17), (300, 50), (5000, 100)]  # the last is some MiB
AWKWARD = ["caf\u00e9", "\u8a00\u8449", "\U0001f525", "a\u0301", "10\u00a0000", "\u0085x", "\u3000", "x\ufeff",
           "7", "-1", "1e5", "nan", "\"", "\\n", "#", "a\x00b", "\u2028", "</s>"]


def words(count):
    """Different words without spaces, some of them awkward."""
    return (AWKWARD + [f"word{i}" for i in range(count)])[:count]


def finite_floats(rng, shape):
    """Of any size: random bits, among them denormals, and the ends of the range."""
    bits = rng.integers(0, 2**32, shape, dtype=np.uint32)
    values = bits.view(np.float32).copy()
    denormal = rng.random(shape) < 0.05
    values[denormal] = (bits[denormal] & 0x807FFFFF).view(np.float32)
    values[~np.isfinite(values)] = 1 / 3
    ends = np.array([0, -0.0, 1e-45, -1e-45, 3.4028235e38, -3.4028235e38, 1.1754944e-38, 0.1], dtype=np.float32)
    values.flat[: len(ends)] = ends[: values.size]
    return values


def of_gensim(keys, values):
    table = KeyedVectors(values.shape[1])
    table.add_vectors(keys, values)
    return table


def differences(table, keys, values):
    """What a table that was read has other than what was written."""
    if list(table.index_to_key) != keys:
        return f"other words: {table.index_to_key[:5]}..., not {keys[:5]}..."
    read = np.asarray(table.vectors)
    if read.dtype != np.float32 or read.shape != values.shape:
        return f"{read.dtype} of shape {read.shape}, not float32 of {values.shape}"
    wrong = np.argwhere(read.view(np.uint32) != values.view(np.uint32))
    if len(wrong) == 0:
        return None
    first = tuple(wrong[0])
    return f"{len(wrong)} other numbers, the first of them {read[first]!r}, not {values[first]!r}, at {first}"


def load(path, form):
    return KeyedVectors.load_word2vec_format(str(path), binary=form == "word2vec-binary")


def check(program, folder, keys, values, form, other):
    """gensim writes one format, embergrad makes the other of it, gensim reads that."""
    source, target = folder / "gensim", folder / "embergrad"
    of_gensim(keys, values).save_word2vec_format(str(source), binary=form == "word2vec-binary")
    own = differences(load(source, form), keys, values)
    if own:
        return f"gensim does not read what it wrote: {own}"
    done = subprocess.run([program, source, target, "--to", other], capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()
    return differences(load(target, other), keys, values)


def main(program):
    forms = ("word2vec-text", "word2vec-binary")
    rng = np.random.default_rng(SEED)
    failures = 0
    for shape in SHAPES:
        keys, values = words(shape[0]), finite_floats(rng, shape)
        for form, other in itertools.product(forms, forms):
            name = f"{shape[0]} words of {shape[1]} numbers, {form} to {other}, seed {SEED}"
            with tempfile.TemporaryDirectory() as folder:
                problem = check(program, pathlib.Path(folder), keys, values, form, other)
            failures += problem is not None
            print(f"FAILED  {name}: {problem}" if problem else f"ok      {name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
