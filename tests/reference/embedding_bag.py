# Prints the numbers that tests/test_op_embedding_bag.cpp holds embergrad against. Run with PyTorch 1.13:
#   /usr/bin/python3 tests/reference/embedding_bag.py
# Nothing is random: table (6, 3) and weights are wave(shape, phase), as in tests/support.hpp. A line a case: its
# options, the digest of the output, of the table's gradient from the upstream gradient wave(shape, 10), of the weights'
# gradient, and of the table (which max_norm changes).
import itertools
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, phase=0):
    """Element i is sin(i + 1 + phase)."""
    return torch.tensor([math.sin(i + 1 + phase) for i in range(math.prod(shape))]).reshape(shape)


def digest(values):
    """Every element with a weight of its own, as one number."""
    values = values.detach().flatten()
    return (values * wave(values.shape, 20)).sum().item()


FLAT = torch.tensor([3, 1, 1, 1, 4, 0, 4, 5, 5])
OFFSETS = torch.tensor([0, 0, 3, 3, 7])  # an empty bag, two short ones, an empty one, one to the end
SQUARE = FLAT.reshape(3, 3)


def show(name, ids, offsets, weighted=False, **options):
    table = wave((6, 3)).requires_grad_()
    weights = wave(tuple(ids.shape), 30).requires_grad_() if weighted else None
    out = F.embedding_bag(ids, table, offsets, per_sample_weights=weights, **options)
    out.backward(wave(out.shape, 10))
    numbers = [digest(out), digest(table.grad), digest(weights.grad) if weighted else 0.0, digest(table)]
    print(f"    {{{name}, {', '.join(map(repr, numbers))}}},")


def name_of(mode, padding, max_norm, norm_type):
    optional = ["std::nullopt" if option is None else option for option in [padding, max_norm]]
    return f"BagMode::{mode}, {optional[0]}, {optional[1]}, {norm_type}"


def grid(title, ids, offsets):
    print(f"{title}: mode, padding_idx, max_norm, norm_type")
    for mode, padding, (max_norm, norm_type) in itertools.product(
        ["sum", "mean", "max"], [None, 1, -1], [(None, 2), (0.9, 2), (0.8, 3)]
    ):
        options = dict(mode=mode, padding_idx=padding, max_norm=max_norm, norm_type=norm_type)
        show(name_of(mode, padding, max_norm, norm_type), ids, offsets, **options)
    print(f"{title}, per_sample_weights")
    for padding, max_norm in itertools.product([None, 1, -1], [None, 0.9]):
        options = dict(mode="sum", padding_idx=padding, max_norm=max_norm)
        show(name_of("sum", padding, max_norm, 2), ids, offsets, weighted=True, **options)


grid("ids (9), offsets (5)", FLAT, OFFSETS)
grid("ids (3, 3)", SQUARE, None)

nan, inf = math.nan, math.inf
for rows in [[0, 1], [1, 0], [2, 0], [0, 2], [1, 2], [2, 1]]:
    table = torch.tensor([[nan, 3.0], [2.0, 2.0], [-inf, inf]]).requires_grad_()
    for mode in ["sum", "mean", "max"]:
        table.grad = None
        out = F.embedding_bag(torch.tensor([rows]), table, mode=mode)
        out.sum().backward()
        print(f"{mode} of rows {rows}: {out.tolist()} gradient {table.grad.tolist()}")
