#!/usr/bin/env python3
"""Checks the example's data: format, size, balance, and that no held-out message has a near-duplicate in training.

Near-duplicate: the words of two messages (lower case, letters and digits only) have a Jaccard similarity of LIMIT or
more, or one message's words are contained in the other's, for messages of five different words or more.
"""
import collections
import itertools
import pathlib
import re
import sys

LIMIT = 0.5
FOLDER = pathlib.Path(__file__).parent


def read(name):
    rows = []
    for number, line in enumerate((FOLDER / name).read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != 2 or not all(field.strip() for field in fields):
            sys.exit(f"{name}:{number}: expected label<TAB>text, got {line!r}")
        rows.append((fields[0], fields[1], set(re.findall(r"[a-z0-9]+", fields[1].lower()))))
    return rows


def similarity(a, b):
    if min(len(a), len(b)) >= 5 and (a <= b or b <= a):
        return 1.0
    return len(a & b) / len(a | b)


def closest(rows, others):
    """The most similar pair of a row and another one: (similarity, text, text)."""
    pairs = itertools.combinations(rows, 2) if rows is others else itertools.product(rows, others)
    return max((similarity(a[2], b[2]), a[1], b[1]) for a, b in pairs)


def main():
    train, test = read("messages.train.tsv"), read("messages.test.tsv")
    labels = collections.Counter(label for label, _, _ in train + test)
    print(f"{len(train)} training and {len(test)} held-out messages, {len(labels)} classes: {dict(sorted(labels.items()))}")
    problems = []
    if len(train) + len(test) < 600 or len(labels) != 6:
        problems.append("600 messages of 6 classes are wanted")
    if min(labels.values()) * 2 < max(labels.values()):
        problems.append("the classes are out of balance")
    for name, rows, others in [("across the split", test, train), ("within training", train, train), ("within held-out", test, test)]:
        value, a, b = closest(rows, others)
        print(f"closest pair {name}: {value:.2f}\n  {a}\n  {b}")
        if value >= LIMIT:
            problems.append(f"near-duplicates {name}")
    for problem in problems:
        print("problem:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
