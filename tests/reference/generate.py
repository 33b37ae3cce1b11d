#!/usr/bin/env python3
"""Writes cases/: what PyTorch gives for cases drawn by seed, for every op, optimizer, way to clip and scheduler.

    /usr/bin/python3 tests/reference/generate.py            writes the files anew, and says the seeds
    /usr/bin/python3 tests/reference/generate.py --check    writes nothing; exits with 1 if the inputs differ by a bit,
                                                            or PyTorch's outputs by 1e-12 (1e-6 in float32)

Needs PyTorch 1.13 and NumPy (Debian: python3-torch); without them it says so and exits with 77, "skipped".
tests/test_reference.cpp holds embergrad against the files: index.jsonl has a line for each case, with its op, seed and
options, and for each of its arrays the place of the first element in inputs.npy or outputs.npy, and the shape. All
numbers are float64, ids too. Inputs are multiples of 1/16, so that float32 begins with the same ones.

The options of a family come in as few cases as let every value of one meet every value of every other.
Where PyTorch 1.13 cannot or is wrong, the case is left out, or computed from parts of PyTorch that are right (`apart`).
"""
import itertools
import json
import math
import pathlib
import sys
import warnings

SKIPPED = 77
try:
    import numpy
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"SKIPPED: PyTorch cannot be run: {error}", file=sys.stderr)
    sys.exit(SKIPPED)

FOLDER = pathlib.Path(__file__).resolve().parent / "cases"
LEAST = 8  # cases of a family
INF = math.inf
FAMILIES = []

# ---- drawing ---------------------------------------------------------------------------------------------------------


class Draw:
    """What a case is drawn from; RandomState is NumPy's frozen generator."""

    def __init__(self, seed):
        self.random = numpy.random.RandomState(seed)

    def reals(self, shape, low=-2.0, high=2.0, step=1 / 16):
        return self.random.randint(round(low / step), round(high / step) + 1, shape) * float(step)

    def ids(self, shape, n):
        return self.random.randint(0, n, shape).astype(numpy.int64)

    def one_of(self, values):
        return values[self.random.randint(len(values))]


def pairwise(choices, valid, seed, least):
    """Rows of one choice each, greedily few, with every pair of choices that a valid row can have; then any rows, the
    same ones if need be."""

    def as_choice(row):
        return {name: values[k] for (name, values), k in zip(choices.items(), row)}

    def pairs_of(row):
        places = list(enumerate(row))
        return {*places, *itertools.combinations(places, 2)}

    rows = itertools.product(*(range(len(values)) for values in choices.values()))
    rows = [row for row in rows if valid(as_choice(row))]
    numpy.random.RandomState(seed).shuffle(rows)
    pairs = {row: pairs_of(row) for row in rows}
    missing = set().union(*pairs.values())
    taken = []
    while missing:
        best = max(rows, key=lambda row: len(pairs[row] & missing))
        taken.append(best)
        missing -= pairs[best]
    for row in itertools.cycle(rows):
        if len(taken) >= least:
            return [as_choice(row) for row in taken]
        if row not in taken or len(rows) < least:
            taken.append(row)


class Family:
    """The cases of one op. `options` go into the index, `draws` say what is drawn. inputs(draw, choice) gives arrays;
    outputs(choice, inputs, dtype) gives arrays of what PyTorch makes of them."""

    def __init__(self, op, options, draws, inputs, outputs, valid=lambda choice: True, least=LEAST, in_float32=True):
        self.op, self.options, self.draws, self.least, self.in_float32 = op, options, draws, least, in_float32
        self.inputs, self.outputs, self.valid = inputs, outputs, valid
        FAMILIES.append(self)


def tensors(inputs, dtype):
    """Each input as a tensor that wants a gradient if it is of reals."""
    return {name: torch.tensor(array) if array.dtype == numpy.int64
            else torch.tensor(array, dtype=dtype).requires_grad_() for name, array in inputs.items()}


def op(name, options, draws, inputs, function, valid=lambda choice: True, needs=None, least=LEAST):
    """A family whose outputs are the value of `function` and, from a drawn gradient of it, those of the inputs
    `needs` (all of reals if it is not given)."""

    def drawn(draw, choice):
        arrays = inputs(draw, choice)
        value = function(choice, tensors(arrays, torch.float64))
        return {**arrays, "upstream": draw.reals(tuple(value.shape))} if value.requires_grad else arrays

    def outputs(choice, arrays, dtype):
        upstream = arrays.get("upstream")
        t = tensors({key: array for key, array in arrays.items() if key != "upstream"}, dtype)
        value = function(choice, t)
        result = {"value": value.detach().numpy()}
        if upstream is None:
            return result
        value.backward(torch.tensor(upstream, dtype=dtype))
        for key, x in t.items():
            if x.requires_grad and (needs is None or key in needs):
                result["d_" + key] = numpy.zeros(x.shape) if x.grad is None else x.grad.to_dense().numpy()
        if name.startswith("embedding"):
            result["table_after"] = t["table"].detach().numpy()
        return result

    Family(name, options, draws, drawn, outputs, valid, least)


# ---- embedding, embedding_bag ----------------------------------------------------------------------------------------

V, D = 6, 3
RENORM = {"max_norm": [None, 0.0, 1.5], "norm_type": [2.0, 1.0, INF, 0.0, -INF, 3.0]}


def no_norm_without_max(c):
    return c["max_norm"] is not None or c["norm_type"] == 2.0


def looked_up(c, t, ids):
    return F.embedding(ids, t["table"], c["padding_idx"], c["max_norm"], c["norm_type"], c["scale_grad_by_freq"],
                       # by rows it cannot scale: the same numbers from a dense gradient
                       c["sparse"] and not c["scale_grad_by_freq"])


op("embedding",
   {"padding_idx": [None, 1, -2], **RENORM, "scale_grad_by_freq": [False, True], "sparse": [False, True]},
   {"shape": [(7,), (), (0,), (2, 3), (3, 2, 2), (2, 0)]},
   lambda draw, c: {"table": draw.reals((V, D)), "ids": numpy.asarray(draw.ids(c["shape"], V))},
   lambda c, t: looked_up(c, t, t["ids"]),
   # a single id with padding and rows raises in backward
   lambda c: no_norm_without_max(c) and not (c["shape"] == () and c["sparse"] and c["padding_idx"] is not None))


def bag_inputs(draw, c):
    padding = None if c["padding_idx"] is None else c["padding_idx"] % V
    if c["layout"] == "2d":
        ids, result = draw.ids((3, 4), V), {}
    else:
        sizes = {"some": (2, 1, 4), "empty": (0, 3, 0, 2, 0), "padded": (3, 2, 4)}[c["bags"]]
        ids, offsets = draw.ids(sum(sizes), V), numpy.cumsum((0,) + sizes)
        result = {"offsets": offsets if c["include_last_offset"] else offsets[:-1]}
    if c["bags"] == "padded":  # most of it, and the first bag all of it
        ids[draw.reals(ids.shape) > 0] = padding
        ids.reshape(-1)[:4 if c["layout"] == "2d" else 3] = padding
    weights = {"per_sample_weights": draw.reals(ids.shape)} if c["per_sample_weights"] else {}
    return {"table": draw.reals((V, D)), "ids": ids, **result, **weights}


def bags_apart(c, t):
    """The lookup alone, then each bag: embedding_bag scales by the counts of other rows (pytorch issue 190063)."""
    rows = looked_up(c, t, t["ids"].reshape(-1))
    kept = t["ids"].reshape(-1) != (-1 if c["padding_idx"] is None else c["padding_idx"] % V)
    if c["per_sample_weights"]:
        rows = rows * t["per_sample_weights"].reshape(-1, 1)
    ends = [0, 4, 8, 12] if c["layout"] == "2d" else t["offsets"].tolist() + [len(rows)]
    bags = []
    for b in range(3 if c["layout"] == "2d" else len(t["offsets"]) - c["include_last_offset"]):
        bag = rows[ends[b]:ends[b + 1]][kept[ends[b]:ends[b + 1]]]
        bags.append(bag.sum(0) / (max(1, len(bag)) if c["mode"] == "mean" else 1))
    return torch.stack(bags)


def bags(c, t):
    if c["scale_grad_by_freq"]:
        return bags_apart(c, t)
    return F.embedding_bag(t["ids"], t["table"], t.get("offsets"), c["max_norm"], c["norm_type"], False, c["mode"],
                           c["sparse"] and c["mode"] != "max",  # max has no gradient by rows: the dense one
                           t.get("per_sample_weights"), c["include_last_offset"], c["padding_idx"])


def bag_is_valid(c):
    return (no_norm_without_max(c) and (c["layout"] == "offsets" or not c["include_last_offset"])
            and (c["mode"] == "sum" or not c["per_sample_weights"])
            and (c["mode"] != "max" or not c["scale_grad_by_freq"])
            and (c["layout"] == "offsets" or c["bags"] != "empty")
            and (c["bags"] != "padded" or c["padding_idx"] is not None))


op("embedding_bag",
   {"mode": ["sum", "mean", "max"], "padding_idx": [None, 2, -1], **RENORM, "scale_grad_by_freq": [False, True],
    "sparse": [False, True], "include_last_offset": [False, True], "per_sample_weights": [False, True]},
   {"layout": ["2d", "offsets"], "bags": ["some", "empty", "padded"]},
   bag_inputs, bags, bag_is_valid, least=60)

# ---- products --------------------------------------------------------------------------------------------------------


def linear_inputs(draw, c):
    bias = {"bias": draw.reals((c["out"],))} if c["bias"] else {}
    return {"x": draw.reals(c["lead"] + (c["in"],)), "weight": draw.reals((c["out"], c["in"])), **bias}


op("linear", {"bias": [True, False]}, {"lead": [(3,), (), (2, 3), (0,), (2, 1, 2)], "in": [3, 1, 5], "out": [2, 1, 4]},
   linear_inputs, lambda c, t: F.linear(t["x"], t["weight"], t.get("bias")))
op("matmul", {}, {"m": [3, 1, 0], "k": [2, 1, 0, 7], "n": [4, 1, 0]},
   lambda draw, c: {"a": draw.reals((c["m"], c["k"])), "b": draw.reals((c["k"], c["n"]))},
   lambda c, t: t["a"] @ t["b"])

# ---- elementwise -----------------------------------------------------------------------------------------------------

SHAPES = [(2, 3), (), (5,), (0,), (2, 0, 3), (2, 1, 2, 3)]
SPECIAL = [0.0, -0.0, math.nan, INF, -INF, 1.0]


def with_special(draw, shape):
    x = numpy.asarray(draw.reals(shape))
    x.reshape(-1)[:len(SPECIAL)] = SPECIAL[:x.size]
    return x


def unary(name, function, ranges, options=None):
    op(name, options or {}, {"shape": SHAPES, "range": ranges},
       lambda draw, c: {"x": draw.reals(c["shape"], *c["range"])}, lambda c, t: function(c, t["x"]))


unary("neg", lambda c, x: -x, [(-2, 2), (-64, 64)])
unary("exp", lambda c, x: x.exp(), [(-2, 2), (-8, 8)])
unary("log", lambda c, x: x.log(), [(1 / 16, 2), (1, 64)])
unary("sqrt", lambda c, x: x.sqrt(), [(1 / 16, 2), (1, 64)])
unary("tanh", lambda c, x: x.tanh(), [(-2, 2), (-64, 64)])
unary("sigmoid", lambda c, x: x.sigmoid(), [(-2, 2), (-512, 512)])
unary("affine", lambda c, x: x * c["factor"] + c["offset"], [(-2, 2)], {"factor": [2.5, 0.0, -1.25],
                                                                       "offset": [0.75, 0.0, -3.0]})
unary("div_by_number", lambda c, x: x / c["divisor"], [(-2, 2)], {"divisor": [4.0, -3.0, 0.75]})
unary("div_number_by", lambda c, x: c["dividend"] / x, [(0.25, 2), (-64, -1)], {"dividend": [1.0, -2.5, 0.0]})
unary("detach", lambda c, x: x * x.detach(), [(-2, 2), (-64, 64)])
op("relu", {}, {"shape": SHAPES, "values": ["any", "negative", "special"]},
   lambda draw, c: {"x": with_special(draw, c["shape"]) if c["values"] == "special" else
                    draw.reals(c["shape"], -2, 0 if c["values"] == "negative" else 2)},
   lambda c, t: F.relu(t["x"]))
op("dropout", {"p": [0.0, 1.0, 0.5, 0.125], "training": [True, False]}, {"shape": SHAPES, "values": ["any", "special"]},
   lambda draw, c: {"x": with_special(draw, c["shape"]) if c["values"] == "special" else draw.reals(c["shape"])},
   lambda c, t: F.dropout(t["x"], c["p"], c["training"]),
   lambda c: c["p"] in (0, 1) or not c["training"])  # what is drawn is another generator's

BROADCAST = [((2, 3), (2, 3)), ((), ()), ((2, 3), (3,)), ((), (2, 3)), ((2, 1, 3), (4, 1)), ((1,), (2, 2)),
             ((0, 3), (3,)), ((3, 1), (1, 4)), ((2, 0), (1, 1)), ((2, 3, 1, 2), (3, 5, 1))]
for name, function in (("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("div", torch.div)):
    op(name, {}, {"shapes": BROADCAST},
       lambda draw, c: {"a": draw.reals(c["shapes"][0]), "b": draw.reals(c["shapes"][1], 0.5, 4)},
       lambda c, t, f=function: f(t["a"], t["b"]))

# ---- reductions ------------------------------------------------------------------------------------------------------


def has_axis(c):
    if c["axis"] is None:
        return not c["keepdim"]
    return -len(c["shape"]) <= c["axis"] < len(c["shape"])


def over(function, c, x):
    return function(x) if c["axis"] is None else function(x, c["axis"], c["keepdim"])


def maximum(c, x):
    result = over(torch.max, c, x)
    return result if c["axis"] is None else result.values


def reduction(name, function, shapes, step):
    op(name, {"axis": [None, 0, -1, 1, -2], "keepdim": [False, True]}, {"shape": shapes},
       lambda draw, c: {"x": draw.reals(c["shape"], -2, 2, step)}, lambda c, t: function(c, t["x"]), has_axis)


FULL = [(2, 3), (), (4,), (2, 3, 2), (1, 5)]
reduction("sum", lambda c, x: over(torch.sum, c, x), FULL + [(3, 0)], 1 / 16)
reduction("mean", lambda c, x: over(torch.mean, c, x), FULL + [(3, 0)], 1 / 16)
reduction("max", maximum, FULL, 1)  # whole numbers, so that many are equal
reduction("argmax", lambda c, x: over(torch.argmax, c, x), FULL, 1)
for name, function in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
    op(name, {"axis": [-1, 0, 1]},
       {"shape": [(2, 3), (4,), (2, 3, 2), (0, 3), (1, 1)], "range": [(-2, 2), (-512, 512)]},
       lambda draw, c: {"x": draw.reals(c["shape"], *c["range"])}, lambda c, t, f=function: f(t["x"], c["axis"]),
       has_axis)


def masked_mean(c, t):
    """Composed: PyTorch has none."""
    pieces = zip(t["x"], t["lengths"].tolist())
    return torch.stack([piece[:length].sum(0) / max(1, length) for piece, length in pieces])


def lengths(draw, c):
    drawn = draw.ids((c["b"],), c["l"] + 1)
    return {"any": drawn, "full": numpy.full_like(drawn, c["l"]), "zero": numpy.zeros_like(drawn)}[c["lengths"]]


op("masked_mean", {}, {"b": [3, 1, 2], "l": [4, 1, 37], "d": [3, 1], "lengths": ["any", "full", "zero"]},
   lambda draw, c: {"x": draw.reals((c["b"], c["l"], c["d"])), "lengths": lengths(draw, c)}, masked_mean)

# ---- shapes ----------------------------------------------------------------------------------------------------------

def reshapes(c):
    try:
        numpy.empty(c["from"]).reshape(c["shape"])
    except ValueError:
        return False
    return True


op("reshape", {"shape": [[3, 4], [-1], [2, -1, 2], [12, 1], [0, 5], []]}, {"from": [(2, 6), (12,), (0,), (1,)]},
   lambda draw, c: {"x": draw.reals(c["from"])}, lambda c, t: t["x"].reshape(c["shape"]), reshapes)
op("flatten", {"first": [0, 1, -2], "last": [-1, 1, 2]}, {"shape": [(2, 3, 2), (2, 0, 3), (2, 1, 2, 3)]},
   lambda draw, c: {"x": draw.reals(c["shape"])}, lambda c, t: t["x"].flatten(c["first"], c["last"]),
   lambda c: c["first"] % len(c["shape"]) <= c["last"] % len(c["shape"]))
op("transpose", {"axis_a": [0, 1, -1], "axis_b": [1, 0, -2]}, {"shape": [(2, 3), (2, 3, 2), (0, 3), (2, 1, 2, 3)]},
   lambda draw, c: {"x": draw.reals(c["shape"])}, lambda c, t: t["x"].transpose(c["axis_a"], c["axis_b"]))

def bounds(c):
    """begin and length, as narrow has them."""
    n = c["shape"][c["axis"]]
    begin, end = c["begin"] % n, c["end"] if c["end"] >= 0 else c["end"] + n
    return begin, end - begin


op("slice", {"axis": [0, 1, -1], "begin": [0, 1, -2], "end": [2, 3, -1]}, {"shape": [(3, 4), (4, 3, 3)]},
   lambda draw, c: {"x": draw.reals(c["shape"])},
   lambda c, t: t["x"].narrow(c["axis"], *bounds(c)),
   lambda c: bounds(c)[1] >= 0)
op("concat", {"axis": [0, 1, -1], "parts": [1, 2, 3]}, {"shape": [(2, 3), (2, 2, 2)], "sizes": [(2, 1, 3), (1, 0, 2)]},
   lambda draw, c: {f"x{k}": draw.reals(tuple(c["sizes"][k] if axis == c["axis"] % len(c["shape"]) else n
                                              for axis, n in enumerate(c["shape"]))) for k in range(c["parts"])},
   lambda c, t: torch.cat(list(t.values()), c["axis"]))

# ---- cross entropy ---------------------------------------------------------------------------------------------------

LOGITS = [(4, 3), (3,), (2, 3, 2), (2, 4, 2, 3), (0, 3), (3, 1)]
LOSS = {"weight": [False, True], "reduction": ["mean", "sum", "none"], "label_smoothing": [0.0, 0.25, 0.1, 1.0]}
LOSS_DRAWS = {"shape": LOGITS, "range": [(-2, 2), (-512, 512), "infinite"]}


def loss_inputs(draw, c):
    k = c["shape"][0 if len(c["shape"]) == 1 else 1]
    weight = {"weight": draw.reals((k,), 1 / 16, 2)} if c["weight"] else {}
    if c["range"] != "infinite":
        return {"logits": draw.reals(c["shape"], *c["range"]), **weight}, k
    logits = draw.reals(c["shape"])
    logits[draw.reals(c["shape"]) > 1.5] = -INF
    return {"logits": logits, **weight}, k


def class_inputs(draw, c):
    inputs, k = loss_inputs(draw, c)
    shape = c["shape"][:1] + c["shape"][2:] if len(c["shape"]) > 1 else ()
    targets = numpy.asarray(draw.ids(shape, k))
    if c["targets"] != "kept":
        where = numpy.asarray(draw.reals(shape)) > 0
        targets[where | (c["targets"] == "ignored")] = c["ignore_index"]
    return {**inputs, "targets": targets}


def cross_entropy(c, t, targets):
    weight = None if t.get("weight") is None else t["weight"].detach()
    return F.cross_entropy(t["logits"], t[targets], weight, ignore_index=c.get("ignore_index", -100),
                           reduction=c["reduction"], label_smoothing=c["label_smoothing"])


op("cross_entropy", {**LOSS, "ignore_index": [-100, 1, -1, 7]},
   {**LOSS_DRAWS, "targets": ["kept", "some", "ignored"]}, class_inputs,
   lambda c, t: cross_entropy(c, t, "targets"), needs=["logits"])
op("cross_entropy_probabilities", LOSS, LOSS_DRAWS,
   lambda draw, c: {**loss_inputs(draw, c)[0], "probabilities": draw.reals(c["shape"], 0, 1)},
   lambda c, t: cross_entropy(c, t, "probabilities"), needs=["logits", "probabilities"])

# ---- optimizers ------------------------------------------------------------------------------------------------------

PARAMETERS = [(4, 2), (3, 2)]
SETTINGS = {"kinds": [["dense", "dense"], ["rows", "rows"], ["rows", "dense"]], "steps": [4, 6],
            "second_lr": [None, 0.25]}  # of the second parameter, in a group of its own


def by_rows(draw, shape, name):
    """Some rows, often one of them twice."""
    rows = draw.ids((draw.one_of([1, 2, 3, 5]),), shape[0])
    return {"rows" + name: rows, "values" + name: draw.reals((len(rows), shape[1]))}


def optimizer_inputs(draw, c):
    """Gradients of each parameter for each step; for one step in four there is none."""
    inputs = {f"p{i}": draw.reals(shape) for i, shape in enumerate(PARAMETERS)}
    for i, shape in enumerate(PARAMETERS):
        for step in range(1, c["steps"] + 1):
            if draw.one_of([True, True, True, False]):
                name = f"{i}_{step}"
                rows = c["kinds"][i] == "rows"
                inputs.update(by_rows(draw, shape, name) if rows else {"g" + name: draw.reals(shape)})
    return inputs


def gradient_of(inputs, name, shape, dtype):
    if "g" + name in inputs:
        return torch.tensor(inputs["g" + name], dtype=dtype)
    if "rows" + name in inputs:
        return torch.sparse_coo_tensor(inputs["rows" + name][None], torch.tensor(inputs["values" + name], dtype=dtype),
                                       shape)
    return None


def optimizer_outputs(optimizer, c, inputs, dtype):
    """Each parameter after each step."""
    options = {name: value for name, value in c.items() if name not in SETTINGS}
    p = [torch.tensor(inputs[f"p{i}"], dtype=dtype).requires_grad_() for i in range(len(PARAMETERS))]
    groups = [{"params": p}] if c["second_lr"] is None else [{"params": p[:1]}, {"params": p[1:], "lr": c["second_lr"]}]
    o = optimizer(groups, **options)
    seen = [[] for _ in p]
    for step in range(1, c["steps"] + 1):
        for i, parameter in enumerate(p):
            parameter.grad = gradient_of(inputs, f"{i}_{step}", parameter.shape, dtype)
        o.step()
        for i, parameter in enumerate(p):
            seen[i].append(parameter.detach().numpy().copy())
    return {f"p{i}": numpy.stack(values) for i, values in enumerate(seen)}


def optimizer_family(name, options, kinds, valid=lambda c: True):
    Family(name, {**options, **SETTINGS, "kinds": [SETTINGS["kinds"][k] for k in kinds]}, {}, optimizer_inputs,
           lambda c, inputs, dtype: optimizer_outputs(getattr(torch.optim, name), c, inputs, dtype), valid, least=16)


def decays_dense_only(c):
    return c["weight_decay"] == 0 or "rows" not in c["kinds"]


MAXIMIZE = {"maximize": [False, True]}
DECAY = {"weight_decay": [0.0, 0.125]}  # with few bits, so that a sum with a gradient is 0 in both precisions or none
MOMENTS = {"lr": [0.1, 0.01], "betas": [[0.9, 0.999], [0.5, 0.75], [0.0, 0.9]], "eps": [1e-8, 0.01]}
optimizer_family("SGD", {"lr": [0.1, 0.5], "momentum": [0.0, 0.9, 0.5], "dampening": [0.0, 0.25],
                         "nesterov": [False, True], **DECAY, **MAXIMIZE}, [0, 1, 2],
                 lambda c: decays_dense_only(c) and (not c["nesterov"] or c["momentum"] > 0 and c["dampening"] == 0))
optimizer_family("Adam", {**MOMENTS, **DECAY, "amsgrad": [False, True], **MAXIMIZE}, [0])
optimizer_family("AdamW", {**MOMENTS, **DECAY, "amsgrad": [False, True], **MAXIMIZE}, [0])
optimizer_family("SparseAdam", {**MOMENTS, **MAXIMIZE}, [1])
optimizer_family("Adagrad", {"lr": [0.1, 0.5], "lr_decay": [0.0, 0.25], **DECAY, "eps": [1e-10, 0.01],
                             "initial_accumulator_value": [0.0, 0.5], **MAXIMIZE}, [0, 1, 2], decays_dense_only)

# ---- clipping --------------------------------------------------------------------------------------------------------

CLIPPED = {"kinds": [[], ["dense"], ["rows"], ["dense", "rows"], ["rows", "dense", "dense"]]}
ODD = {"odd": [None, math.nan, INF]}  # in place of the first value of the last gradient


def clip_inputs(draw, c):
    inputs = {}
    for i, kind in enumerate(c["kinds"]):
        inputs.update({f"g{i}": draw.reals((3, 2))} if kind == "dense" else by_rows(draw, (4, 2), str(i)))
    if inputs and c["odd"] is not None:
        inputs[list(inputs)[-1]].reshape(-1)[0] = c["odd"]
    return inputs


def clip_outputs(clip, c, inputs, dtype):
    """Of a gradient by rows each row once: PyTorch 1.13 leaves it unclipped, so it is given the sums as a dense one."""
    p = []
    for i in range(len(c["kinds"])):
        g = gradient_of(inputs, str(i), (4, 2), dtype)
        g = g.coalesce().values() if g.is_sparse else g
        p.append(torch.zeros(g.shape, dtype=dtype, requires_grad=True))
        p[i].grad = g.clone()
    total = clip(p)
    result = {} if total is None else {"total": total.numpy()}
    return {**result, **{f"clipped{i}": parameter.grad.numpy() for i, parameter in enumerate(p)}}


Family("clip_grad_norm",
       {"max_norm": [1.5, 0.0, 100.0], "norm_type": [2.0, 1.0, INF, 0.0, -INF, 0.5, 3.0, -1.0],
        "error_if_nonfinite": [False, True], **CLIPPED}, ODD, clip_inputs,
       lambda c, inputs, dtype: clip_outputs(
           lambda p: torch.nn.utils.clip_grad_norm_(p, c["max_norm"], c["norm_type"], c["error_if_nonfinite"]), c,
           inputs, dtype),
       lambda c: c["odd"] is None or not c["error_if_nonfinite"])
Family("clip_grad_value", {"clip_value": [0.5, 0.0, 1.25, 100.0], **CLIPPED}, ODD, clip_inputs,
       lambda c, inputs, dtype: clip_outputs(
           lambda p: torch.nn.utils.clip_grad_value_(p, c["clip_value"]), c, inputs, dtype))

# ---- schedulers ------------------------------------------------------------------------------------------------------

EPOCHS = 14
FUNCTIONS = {"power": lambda a: lambda e: a ** e, "inverse": lambda a: lambda e: 1 / (1 + a * e),
             "stairs": lambda a: lambda e: a * (e // 3)}
GAMMA = {"gamma": [0.5, 0.1, 1.0, 2.0]}
SCHEDULERS = {
    "StepLR": {"step_size": [2, 1, 5], **GAMMA},
    "MultiStepLR": {"milestones": [[2, 5, 9], [9, 2, 2], [0, 4], []], **GAMMA},
    "ExponentialLR": {"gamma": [0.9, 0.5, 1.0, 0.35, 1.125]},
    "CosineAnnealingLR": {"T_max": [5, 1, 4, 13], "eta_min": [0.0, 0.001, 0.125]},
    "LambdaLR": {"lr_lambda": [[["power", 0.9]], [["inverse", 0.5]], [["stairs", 0.25]],
                               [["power", 0.5], ["inverse", 2.0]], [["stairs", 1.0], ["power", 0.75]]]},
    "LinearLR": {"start_factor": [0.25, 1 / 3, 1.0], "end_factor": [1.0, 0.5, 0.0], "total_iters": [5, 1, 20]},
    "ConstantLR": {"factor": [1 / 3, 0.5, 1.0], "total_iters": [5, 1, 3, 20]},
    "warm_up": {"epochs": [4, 1, 7, 20]},
}
PARTS = [["ConstantLR", {"factor": 0.25, "total_iters": 2}], ["StepLR", {"step_size": 2, "gamma": 0.5}],
         ["LinearLR", {"start_factor": 0.25, "end_factor": 0.75, "total_iters": 3}],
         ["ExponentialLR", {"gamma": 0.9}], ["MultiStepLR", {"milestones": [1, 3], "gamma": 0.5}],
         ["CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}]]


def scheduler(name, options, optimizer):
    """PyTorch's, from what the index says."""
    module = torch.optim.lr_scheduler
    if name == "LambdaLR":
        functions = [FUNCTIONS[kind](a) for kind, a in options["lr_lambda"]]
        return module.LambdaLR(optimizer, functions[0] if len(functions) == 1 else functions)
    if name == "warm_up":
        return module.LambdaLR(optimizer, lambda e: min(1.0, (e + 1) / options["epochs"]))
    if name == "SequentialLR":
        parts = [scheduler(*part, optimizer) for part in options["schedules"]]
        return module.SequentialLR(optimizer, parts, options["milestones"])
    return getattr(module, name)(optimizer, **options)


def rates(name, options):
    """Of two groups at each epoch."""
    options = dict(options)
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in options.pop("lr")]
    optimizer = torch.optim.SGD(groups, lr=1)
    schedule = scheduler(name, options, optimizer)
    seen = []
    for _ in range(EPOCHS):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return {"rates": numpy.array(seen)}


def scheduler_family(name, options, valid=lambda c: True):
    Family(name, {"lr": [[0.5, 0.0625], [1.0, 0.001]], **options}, {}, lambda draw, c: {},
           lambda c, inputs, dtype: rates(name, c), valid, in_float32=False)


for name, options in SCHEDULERS.items():
    scheduler_family(name, options)
scheduler_family("SequentialLR", {"schedules": [[PARTS[k], PARTS[k - 1]] for k in range(6)]
                                  + [[PARTS[k], PARTS[k - 2], PARTS[k - 1]] for k in range(6)],
                                  "milestones": [[3], [1], [3, 8], [2, 3]]},
                 lambda c: len(c["milestones"]) == len(c["schedules"]) - 1)

# ---- the files -------------------------------------------------------------------------------------------------------


class Pool:
    """Arrays one behind the other."""

    def __init__(self):
        self.pieces, self.size = [], 0

    def add(self, array):
        array = numpy.asarray(array, dtype=numpy.float64)
        place = {"at": self.size, "shape": list(array.shape)}
        self.pieces.append(array.reshape(-1))
        self.size += array.size
        return place

    def all(self):
        return numpy.concatenate(self.pieces)


def plain(value):
    """As JSON can say it: infinities are texts."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def cases():
    """name, family, seed, choice, inputs"""
    for number, family in enumerate(FAMILIES, 1):
        first = 1000 * number
        rows = pairwise({**family.options, **family.draws}, family.valid, first, family.least)
        print(f"{family.op}: {len(rows)} cases, seeds {first} to {first + len(rows) - 1}")
        for k, choice in enumerate(rows):
            yield f"{family.op} {k + 1}", family, first + k, choice, family.inputs(Draw(first + k), choice)


def same(ours, theirs, tolerance):
    """To the tolerance, relative to max(1, |theirs|); NaN is NaN and an infinity itself."""
    with numpy.errstate(invalid="ignore"):
        near = numpy.abs(ours - theirs) <= tolerance * numpy.maximum(1, numpy.abs(theirs))
    return near & numpy.isfinite(theirs) | (ours == theirs) | numpy.isnan(ours) & numpy.isnan(theirs)


def built():
    """The text of the index, all inputs, all outputs, and what differs in float32."""
    lines, inputs, outputs, differing = [], Pool(), Pool(), []
    for name, family, seed, choice, arrays in cases():
        expected = family.outputs(choice, arrays, torch.float64)
        line = {"name": name, "op": family.op, "seed": seed,
                "options": {key: plain(choice[key]) for key in family.options},
                "inputs": {key: inputs.add(array) for key, array in arrays.items()},
                "outputs": {key: outputs.add(array) for key, array in expected.items()}}
        lines.append(json.dumps(line))
        if family.in_float32:
            rounded = family.outputs(choice, arrays, torch.float32)
            differing += [f"{name}: {key} in float32" for key in expected
                          if not same(rounded[key].astype(numpy.float64), expected[key], 1e-6).all()]
    print(f"{len(lines)} cases of {len(FAMILIES)} kinds")
    return "\n".join(lines) + "\n", inputs.all(), outputs.all(), differing


def differences(index, inputs, outputs):
    """What of the files is not as built."""
    if (FOLDER / "index.jsonl").read_text() != index:
        return ["index.jsonl"]
    if numpy.load(FOLDER / "inputs.npy").tobytes() != inputs.tobytes():
        return ["inputs.npy"]
    good = same(numpy.load(FOLDER / "outputs.npy"), outputs, 1e-12)
    found = []
    for case in map(json.loads, index.splitlines()):
        for key, place in case["outputs"].items():
            if not good[place["at"]:place["at"] + math.prod(place["shape"])].all():
                found.append(f"{case['name']}: {key}")
    return found


def main():
    warnings.simplefilter("ignore")
    index, inputs, outputs, differing = built()
    if sys.argv[1:] == ["--check"]:
        differing += differences(index, inputs, outputs)
    else:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "index.jsonl").write_text(index)
        numpy.save(FOLDER / "inputs.npy", inputs)
        numpy.save(FOLDER / "outputs.npy", outputs)
    if differing:
        sys.exit("not what PyTorch gives here:\n  " + "\n  ".join(differing))


main()
