# Prints the numbers that tests/test_op_*.cpp hold embergrad against. Run with PyTorch 1.13:
#   /usr/bin/python3 tests/reference/ops.py
# Nothing is random: every input is wave(shape, phase), as in tests/support.hpp.
import itertools
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, phase=0):
    """Element i is sin(i + 1 + phase)."""
    return torch.tensor([math.sin(i + 1 + phase) for i in range(math.prod(shape))]).reshape(shape)


def leaf(values):
    return values.clone().requires_grad_()


def show(name, *arrays):
    for values in arrays:
        numbers = ", ".join(repr(v) for v in values.detach().flatten().tolist())
        print(f"{name} {tuple(values.shape)}: {{{numbers}}}")


def show_op(name, f, *inputs):
    """The value, then the gradient of each input, from the upstream gradient wave(shape, 10)."""
    inputs = [leaf(values) for values in inputs]
    y = f(*inputs)
    y.backward(wave(y.shape, 10))
    show(name, y, *(x.grad for x in inputs))


def digest(values):
    """Every element with a weight of its own, as one number."""
    values = values.detach().flatten()
    return (values * wave(values.shape, 20)).sum().item()


# elementwise
edges = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
for name in ["relu", "tanh", "sigmoid", "exp"]:
    show_op(name, getattr(torch, name), edges)
for name in ["log", "sqrt"]:
    show_op(name, getattr(torch, name), torch.tensor([0.25, 1.0, 3.0]))
for name in ["sub", "mul", "div"]:
    show_op(f"{name} (3, 1) (1, 4)", getattr(torch, name), wave((3, 1)), wave((1, 4), 5))
for name in ["add", "div"]:
    op = getattr(torch, name)
    show_op(f"{name} (2, 1, 3) (4, 1), sum over axis 1", lambda a, b: op(a, b).sum(1), wave((2, 1, 3)), wave((4, 1), 5))

# reductions
for axis in [0, 1]:
    show_op(f"softmax axis {axis}", lambda x: torch.softmax(x, axis), wave((2, 3)))
    show_op(f"log_softmax axis {axis}", lambda x: torch.log_softmax(x, axis), wave((2, 3)))
for axis in [0, 1, 2]:
    show_op(f"sum axis {axis}", lambda x: x.sum(axis), wave((2, 3, 2)))
    show_op(f"mean axis {axis}", lambda x: x.mean(axis), wave((2, 3, 2)))
    show_op(f"max axis {axis}", lambda x: x.max(axis).values, wave((2, 3, 2)))
    print(f"argmax axis {axis}:", wave((2, 3, 2)).argmax(axis).tolist())
show_op("max of all, three equal", torch.max, torch.tensor([1.0, 3.0, 3.0, 2.0, 3.0]))
show_op("max axis 0, equal", lambda x: x.max(0).values, torch.tensor([[1.0, 5.0], [1.0, 5.0], [0.0, 5.0]]))
nan = math.nan
print("max and argmax with NaN:", torch.tensor([1.0, nan, 3.0, nan]).max(0), torch.tensor([1.0, nan, 3.0]).max().item())
show_op("max of all with NaN", torch.max, torch.tensor([1.0, nan, 3.0, nan]))

# products
show_op("matmul", torch.matmul, wave((2, 3)), wave((3, 2), 5))
show_op("linear", F.linear, wave((2, 2, 3)), wave((2, 3), 5), wave((2,), 8))
show_op("linear of one", F.linear, wave((3,)), wave((2, 3), 5), wave((2,), 8))
show_op("linear without bias", F.linear, wave((2, 3)), wave((2, 3), 5))

# embedding: table (5, 2), ids (2, 3), upstream gradient wave((2, 3, 2), 10)
IDS = torch.tensor([[1, 3, 1], [0, 3, 1]])
for q in [2.0, 1.0, 0.5, math.inf, 0.0, -math.inf]:
    table = wave((5, 2))
    out = F.embedding(IDS, table, max_norm=0.6, norm_type=q)
    show(f"embedding max_norm 0.6 norm_type {q}: table", table)
for q in [2.0, 1.0, 0.5, 3.0, math.inf, 0.0, -math.inf, -1.0]:
    table = torch.tensor([[nan, 3.0], [3.0, nan], [math.inf, 3.0]])
    F.embedding(torch.tensor([0, 1, 2]), table, max_norm=1.0, norm_type=q)
    print(f"embedding max_norm 1 norm_type {q}, NaN and infinity: {table.tolist()}")
for name, options in {
    "plain": {},
    "padding_idx 1": {"padding_idx": 1},
    "padding_idx -2": {"padding_idx": -2},
    "scale_grad_by_freq": {"scale_grad_by_freq": True},
    "scale_grad_by_freq padding_idx 1": {"scale_grad_by_freq": True, "padding_idx": 1},
}.items():
    show_op(f"embedding {name}", lambda table: F.embedding(IDS, table, **options), wave((5, 2)))
for padding in [None, 1]:
    table = leaf(wave((5, 2)))
    F.embedding(IDS, table, padding_idx=padding, sparse=True).backward(wave((2, 3, 2), 10))
    print(f"embedding sparse padding_idx {padding}: rows {table.grad._indices().tolist()}")
    show(f"embedding sparse padding_idx {padding}", table.grad._values())
    show(f"embedding sparse padding_idx {padding} coalesced", table.grad.coalesce().values())

# cross entropy: logits 2 * wave, one line a case: the digest of the loss and of the gradient
K, B = 3, 4
WEIGHT = torch.tensor([0.5, 2.0, 1.25])
TARGETS = torch.tensor([2, 0, 1, 2])


def show_cross_entropy(name, logits, targets, options):
    logits = leaf(logits)
    loss = F.cross_entropy(logits, targets, **options)
    loss.backward(wave(loss.shape, 10))
    print(f"    {{{name}, {digest(loss)!r}, {digest(logits.grad)!r}}},")


def grid(kind, logits, targets, ignored):
    print(f"cross_entropy {kind}: weight, ignore_index, reduction, label_smoothing, loss, gradient")
    for weighted, ignore, reduction, smoothing in itertools.product(
        [False, True], ignored, ["none", "mean", "sum"], [0.0, 0.1]
    ):
        name = f"{str(weighted).lower()}, {ignore}, Reduction::{reduction}, {smoothing}"
        options = dict(
            weight=WEIGHT if weighted else None, ignore_index=ignore, reduction=reduction, label_smoothing=smoothing
        )
        show_cross_entropy(name, logits, targets, options)


LOGITS = 2 * wave((B, K))
grid("ids (4, 3) and (4)", LOGITS, TARGETS, [-100, 2])
grid("probabilities (4, 3)", LOGITS, torch.softmax(wave((B, K), 5), 1), [-100])
grid("ids (3) and ()", LOGITS[0], TARGETS[0], [-100, 2])
grid("probabilities (3)", LOGITS[0], torch.softmax(wave((K,), 5), 0), [-100])
DEEP = 2 * wave((2, K, 2, 2))
DEEP_TARGETS = torch.tensor([[[2, 0], [1, 2]], [[1, 1], [0, 2]]])
grid("ids (2, 3, 2, 2) and (2, 2, 2)", DEEP, DEEP_TARGETS, [-100, 2])
grid("probabilities (2, 3, 2, 2)", DEEP, torch.softmax(wave((2, K, 2, 2), 5), 1), [-100])
show_op("cross_entropy, (2, 3, 2, 2) whole", lambda z: F.cross_entropy(z, DEEP_TARGETS, reduction="none"), DEEP)
show_op(
    "cross_entropy, the gradient of the probabilities",
    lambda z, q: F.cross_entropy(z, q, weight=WEIGHT, label_smoothing=0.1),
    LOGITS,
    torch.softmax(wave((B, K), 5), 1),
)
show_op("cross_entropy, one case whole", lambda z: F.cross_entropy(z, TARGETS, reduction="none"), LOGITS)


def edge(name, logits, targets, **options):
    logits = leaf(torch.as_tensor(logits))
    loss = F.cross_entropy(logits, torch.as_tensor(targets), **options)
    loss.sum().backward()
    print(f"cross_entropy edge, {name}: {loss.tolist()} gradient {logits.grad.tolist()}")


inf = math.inf
edge("-inf off the target", [[1.0, -inf, 0.0]], [0])
edge("-inf off the target, smoothing", [[1.0, -inf, 0.0]], [0], label_smoothing=0.1)
edge("-inf on the target", [[1.0, -inf, 0.0]], [1])
edge("+inf", [[1.0, inf, 0.0]], [1])
edge("all -inf", [[-inf, -inf]], [1])
edge("large", [[1e4, -1e4]], [1])
edge("one class", [[3.0], [4.0]], [0, 0])
edge("all ignored", [[1.0, 2.0]], [-100])
edge("weights 0", [[1.0, 2.0]], [1], weight=torch.tensor([1.0, 0.0]))
edge("no rows", torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
edge("no rows, sum", torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), reduction="sum")
edge("no classes, probabilities", torch.zeros(5, 0), torch.zeros(5, 0))
edge("no classes, probabilities, none", torch.zeros(5, 0), torch.zeros(5, 0), reduction="none")
edge("smoothing 1, -inf on the target", [[1.0, -inf, 0.0]], [1], label_smoothing=1.0)
