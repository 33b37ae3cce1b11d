#!/usr/bin/env python3
"""Writes optim_says.hpp: what PyTorch's optimizers, schedulers and clipping give.

    /usr/bin/python3 tests/reference/optim.py            writes the file anew
    /usr/bin/python3 tests/reference/optim.py --check    writes nothing; exits with 1 if the file is another one

Needs PyTorch 1.13 (Debian: python3-torch); without it says so and exits with 77, "skipped".
tests/test_optim_reference.cpp holds embergrad against the file. The numbers in test_{sgd,adam,sparse_adam,clip}.cpp
are among these too.
"""
import itertools
import pathlib
import re
import sys
import warnings

SKIPPED = 77
try:
    import torch
except ImportError as error:
    print(f"SKIPPED: PyTorch's optimizers cannot be run: {error}", file=sys.stderr)
    sys.exit(SKIPPED)

HEADER = pathlib.Path(__file__).resolve().parent / "optim_says.hpp"
START = [[0.5, -1.25], [2.0, 0.75], [-0.125, 3.0]]
STEPS = 5
EPOCHS = 14

# The order of ParamGroup's members.
FIELDS = ["lr", "lr_decay", "momentum", "dampening", "nesterov", "betas", "eps", "weight_decay",
          "initial_accumulator_value", "amsgrad", "maximize"]


def gradient(step):
    """The gradient of step 1, 2, ...: nothing random, no two values alike, one zero."""
    return torch.tensor([[((7 * step + 5 * row + 3 * column) % 11 - 5) / 4 for column in range(2)] for row in range(3)])


# ---- optimizers ------------------------------------------------------------------------------------------------------


def stepped(optimizer, options, by_rows):
    """Dense: the third step finds no gradient. By rows: step s has rows s mod 3, (s + 1) mod 3, s mod 3."""
    p = torch.tensor(START, requires_grad=True)
    o = getattr(torch.optim, optimizer)([p], **options)
    for step in range(1, STEPS + 1):
        if by_rows:
            rows = [step % 3, (step + 1) % 3, step % 3]
            p.grad = torch.sparse_coo_tensor([rows], gradient(step), (3, 2))
        else:
            p.grad = None if step == 3 else gradient(step)
        o.step()
    return p.detach().flatten().tolist()


def every(**choices):
    """Every combination of the choices."""
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values))


def optimizer_cases():
    for options in every(lr=[0.1], momentum=[0.0, 0.9], dampening=[0.0, 0.5], nesterov=[False, True],
                         weight_decay=[0.0, 0.02], maximize=[False, True]):
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] > 0):
            continue
        yield "SGD", options, False
        if options["weight_decay"] == 0:
            yield "SGD", options, True
    for optimizer in ("Adam", "AdamW"):
        for options in every(lr=[0.1], betas=[(0.9, 0.999), (0.8, 0.5)], eps=[1e-8, 1e-2], weight_decay=[0.0, 0.1],
                             amsgrad=[False, True], maximize=[False, True]):
            yield optimizer, options, False
    for options in every(lr=[0.1], betas=[(0.9, 0.999), (0.8, 0.5)], eps=[1e-8, 1e-2], maximize=[False, True]):
        yield "SparseAdam", options, True
    for options in every(lr=[0.1], lr_decay=[0.0, 0.25], eps=[1e-10, 1e-2], weight_decay=[0.0, 0.1],
                         initial_accumulator_value=[0.0, 0.5], maximize=[False, True]):
        yield "Adagrad", options, False
        if options["weight_decay"] == 0:
            yield "Adagrad", options, True


# ---- a small net, many steps -----------------------------------------------------------------------------------------


def waves(rows, columns, phase):
    return torch.sin(torch.arange(1, rows * columns + 1) + float(phase)).reshape(rows, columns)


def trajectory(optimizer, options):
    """The 13 weights of a 2-3-1 net that learns exclusive or, after 100 and after 1000 steps. In every case below a
    change of 1e-13 at the start is one of less than 1e-12 at the end; Adagrad with lr = 0.1 would make it 3e-5."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    weights = [waves(3, 2, 0), waves(1, 3, 1).flatten(), waves(1, 3, 2), waves(1, 1, 3).flatten()]
    weights = [w.clone().requires_grad_() for w in weights]
    o = getattr(torch.optim, optimizer)(weights, **options)
    seen = []
    for step in range(1, 1001):
        hidden = torch.tanh(x @ weights[0].t() + weights[1])
        out = hidden @ weights[2].t() + weights[3]
        o.zero_grad()
        ((out - y) ** 2).mean().backward()
        o.step()
        if step in (100, 1000):
            seen.append([value for w in weights for value in w.detach().flatten().tolist()])
    return seen


def trajectory_cases():
    yield "SGD", {"lr": 0.1}
    yield "SGD", {"lr": 0.1, "weight_decay": 1e-3}
    yield "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}
    yield "Adam", {"lr": 0.01}
    yield "Adam", {"lr": 0.01, "weight_decay": 1e-3, "amsgrad": True}
    yield "AdamW", {"lr": 0.01}
    yield "AdamW", {"lr": 0.01, "weight_decay": 0.0, "amsgrad": True}
    yield "Adagrad", {"lr": 0.03}
    yield "Adagrad", {"lr": 0.1, "lr_decay": 1e-3, "weight_decay": 1e-3}


# ---- schedulers ------------------------------------------------------------------------------------------------------

SCHEDULERS = torch.optim.lr_scheduler


def scheduler_cases():
    """C++, the same in Python, and how many epochs if not EPOCHS."""
    for step_size, gamma in ((1, 0.5), (3, 0.1), (4, 2.0)):
        yield (f"StepLR{{.step_size = {step_size}, .gamma = {gamma}}}",
               lambda o, n=step_size, g=gamma: SCHEDULERS.StepLR(o, n, g))
    for milestones, gamma in (([2, 5, 9], 0.1), ([9, 2, 2], 0.5), ([0, 4], 0.5), ([], 0.5)):
        text = ", ".join(map(str, milestones))
        yield (f"MultiStepLR{{.milestones = {{{text}}}, .gamma = {gamma}}}",
               lambda o, m=milestones, g=gamma: SCHEDULERS.MultiStepLR(o, m, g))
    for gamma in (0.9, 1.0, 0.35):
        yield f"ExponentialLR{{.gamma = {gamma}}}", lambda o, g=gamma: SCHEDULERS.ExponentialLR(o, g)
    for t_max, eta_min in ((13, 0.0), (5, 0.0), (4, 1e-3), (1, 0.01)):
        yield (f"CosineAnnealingLR{{.T_max = {t_max}, .eta_min = {eta_min}}}",
               lambda o, t=t_max, m=eta_min: SCHEDULERS.CosineAnnealingLR(o, t, m))
    yield ("LambdaLR{.lr_lambda = {[](std::int64_t e) { return std::pow(0.9, e); }}}",
           lambda o: SCHEDULERS.LambdaLR(o, lambda e: 0.9 ** e))
    yield ("LambdaLR{.lr_lambda = {[](std::int64_t e) { return 1 / (1.0 + double(e)); }, "
           "[](std::int64_t e) { return double(e / 3); }}}",
           lambda o: SCHEDULERS.LambdaLR(o, [lambda e: 1 / (1 + e), lambda e: e // 3]))
    yield "warm_up(4)", lambda o: SCHEDULERS.LambdaLR(o, lambda e: min(1.0, (e + 1) / 4))
    yield "LinearLR{}", lambda o: SCHEDULERS.LinearLR(o)
    for start, end, n in ((0.5, 1.0, 4), (1.0, 0.25, 6), (0.1, 0.9, 20)):
        yield (f"LinearLR{{.start_factor = {start}, .end_factor = {end}, .total_iters = {n}}}",
               lambda o, s=start, e=end, n=n: SCHEDULERS.LinearLR(o, s, e, n))
    yield "ConstantLR{}", lambda o: SCHEDULERS.ConstantLR(o)
    for factor, n in ((0.5, 4), (0.1, 1), (1.0, 3)):
        yield (f"ConstantLR{{.factor = {factor}, .total_iters = {n}}}",
               lambda o, f=factor, n=n: SCHEDULERS.ConstantLR(o, f, n))
    yield ("SequentialLR{.schedules = {ConstantLR{.factor = 0.1, .total_iters = 2}, ExponentialLR{.gamma = 0.9}}, "
           ".milestones = {2}}",
           lambda o: SCHEDULERS.SequentialLR(o, [SCHEDULERS.ConstantLR(o, 0.1, 2), SCHEDULERS.ExponentialLR(o, 0.9)],
                                             [2]))
    yield ("SequentialLR{.schedules = {LinearLR{.start_factor = 0.25, .total_iters = 3}, CosineAnnealingLR{.T_max = "
           "4}, StepLR{.step_size = 2, .gamma = 0.5}}, .milestones = {3, 8}}",
           lambda o: SCHEDULERS.SequentialLR(o, [SCHEDULERS.LinearLR(o, 0.25, 1.0, 3),
                                                 SCHEDULERS.CosineAnnealingLR(o, 4), SCHEDULERS.StepLR(o, 2, 0.5)],
                                             [3, 8]))
    for t_0, t_mult, eta_min in ((1, 1, 0.0), (5, 1, 0.01), (3, 2, 0.0), (1, 3, 1e-3), (60, 2, 0.0)):
        yield (f"CosineAnnealingWarmRestarts{{.T_0 = {t_0}, .T_mult = {t_mult}, .eta_min = {eta_min}}}",
               lambda o, t=t_0, m=t_mult, e=eta_min: SCHEDULERS.CosineAnnealingWarmRestarts(o, t, m, e), 50)


def two_groups(make=torch.optim.SGD):
    p, q = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    return make([{"params": [p], "lr": 0.05}, {"params": [q]}], lr=0.5)


def followed(scheduler, optimizer, epochs, read):
    """What `read` finds in each group, at each epoch."""
    result = [[] for _ in optimizer.param_groups]
    for epoch in range(epochs):
        if epoch > 0:
            optimizer.step()
            scheduler.step()
        for group, values in zip(optimizer.param_groups, result):
            values.append(read(group))
    return result


def rates(make, epochs=EPOCHS):
    optimizer = two_groups()
    return followed(make(optimizer), optimizer, epochs, lambda group: group["lr"])


def cycle_cases():
    """The options of OneCycleLR, and the steps that are compared: one more than it has, unless they end below 0."""
    yield {"max_lr": 0.1, "total_steps": 10}, 11
    yield {"max_lr": [0.1, 0.25], "total_steps": 37, "div_factor": 10.0, "final_div_factor": 50.0}, 38
    yield {"max_lr": 0.1, "epochs": 4, "steps_per_epoch": 5, "pct_start": 0.15}, 21
    yield {"max_lr": 0.1, "total_steps": 10, "anneal_strategy": "linear"}, 10
    yield {"max_lr": 0.1, "total_steps": 23, "anneal_strategy": "linear", "three_phase": True, "pct_start": 0.4}, 23
    yield {"max_lr": 0.1, "total_steps": 40, "three_phase": True}, 41
    yield {"max_lr": 0.1, "total_steps": 12, "cycle_momentum": False}, 13
    yield {"max_lr": 0.1, "total_steps": 12, "base_momentum": [0.5, 0.6], "max_momentum": [0.7, 0.8]}, 13
    yield {"max_lr": 0.1, "total_steps": 5, "pct_start": 0.0}, 6
    yield {"max_lr": 0.1, "total_steps": 1}, 2


def cycled(options, steps, optimizer_name):
    """Rates and momenta of two groups."""
    def momentum(group):
        return group["betas"][0] if "betas" in group else group["momentum"]
    seen = []
    for read in (lambda group: group["lr"], momentum):
        optimizer = two_groups(getattr(torch.optim, optimizer_name))
        seen.append(followed(SCHEDULERS.OneCycleLR(optimizer, **options), optimizer, steps, read))
    return seen


def second_cases():
    """A schedule, its steps and a rate that is set by hand then; and a schedule that is made after that. C++ and
    Python. PyTorch's other schedules than LambdaLR go on from the rate there is: they begin where it is the first."""
    power = ("LambdaLR{[](std::int64_t e) { return std::pow(0.9, e); }}",
             lambda o: SCHEDULERS.LambdaLR(o, lambda e: 0.9 ** e))
    warm = "warm_up(4)", lambda o: SCHEDULERS.LambdaLR(o, lambda e: min(1.0, (e + 1) / 4))
    step = "StepLR{.step_size = 2, .gamma = 0.5}", lambda o: SCHEDULERS.StepLR(o, 2, 0.5)
    cosine = "CosineAnnealingLR{.T_max = 6}", lambda o: SCHEDULERS.CosineAnnealingLR(o, 6)
    cycle = ("OneCycleLR{.max_lr = {1.0, 2.0}, .total_steps = 10, .cycle_momentum = false}",
             lambda o: SCHEDULERS.OneCycleLR(o, [1.0, 2.0], 10, cycle_momentum=False))
    for first, steps, by_hand, second in ((warm, 0, 0.0, power), (warm, 2, 0.0, power), (step, 3, 0.0, power),
                                          (warm, 3, 0.0, cosine), (warm, 5, 0.0, step), (step, 1, 7.0, power),
                                          (cycle, 4, 0.0, power), (power, 3, 0.0, cycle)):
        yield first, steps, by_hand, second


def rates_of_second(first, steps, by_hand, second):
    optimizer = two_groups()
    earlier = first(optimizer)
    for _ in range(steps):
        optimizer.step()
        earlier.step()
    if by_hand > 0:
        optimizer.param_groups[0]["lr"] = by_hand
    return followed(second(optimizer), optimizer, 8, lambda group: group["lr"])


NAN, INF = float("nan"), float("inf")
FALLING = [1.0, 0.9, 0.8, 0.8, 0.8, 0.8, 0.7999, 0.8, 0.81, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6]
ODD = [NAN, NAN, 2.0, NAN, 2.0, INF, -INF, -INF, NAN, 1.0, 1.0, 1.0]
BELOW_0 = [-1.0, -1.05, -1.2, -1.2, -1.1, -1.2, -1.2, -1.3, -1.3, -1.3, -1.3]


def plateau_cases():
    """The options of ReduceLROnPlateau, and the metrics."""
    yield {}, FALLING
    for mode, threshold_mode in itertools.product(("min", "max"), ("rel", "abs")):
        for metrics in (FALLING, ODD, BELOW_0):
            yield {"mode": mode, "patience": 1, "threshold": 0.1, "threshold_mode": threshold_mode}, metrics
    yield {"patience": 0}, FALLING
    yield {"patience": 0, "factor": 0.5, "cooldown": 2}, FALLING
    yield {"patience": 1, "factor": 0.5, "cooldown": 1, "min_lr": 0.01}, FALLING
    yield {"patience": 0, "factor": 0.5, "min_lr": [0.02, 0.3]}, FALLING
    yield {"patience": 0, "factor": 0.9, "eps": 0.006}, FALLING
    yield {"patience": 0, "factor": 0.0, "min_lr": 0.001}, FALLING


def rates_on_plateaus(options, metrics):
    """After each metric."""
    optimizer = two_groups()
    scheduler = SCHEDULERS.ReduceLROnPlateau(optimizer, **options)
    result = ([], [])
    for metric in metrics:
        scheduler.step(metric)
        for group, values in zip(optimizer.param_groups, result):
            values.append(group["lr"])
    return result


# ---- clipping --------------------------------------------------------------------------------------------------------


def clipped(norm_type):
    a, b = torch.zeros(3, 2, requires_grad=True), torch.zeros(3, 2, requires_grad=True)
    a.grad, b.grad = gradient(1), gradient(2)
    total = torch.nn.utils.clip_grad_norm_([a, b], 1.5, norm_type)
    return total.item(), a.grad.flatten().tolist()


# ---- the header ------------------------------------------------------------------------------------------------------


def real(value):
    text = repr(value)
    return {"inf": "kInfinity", "-inf": "-kInfinity", "nan": "kNotANumber"}.get(text, text)


def cpp(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "{{" + ", ".join(map(real, value)) + "}}"
    return real(value)


def listed(values):
    return "{" + ", ".join(map(real, values)) + "}"


ENUMS = {"mode": "PlateauMode", "threshold_mode": "ThresholdMode", "anneal_strategy": "AnnealStrategy"}


def schedule_options(options, order):
    """In the order of the members in C++."""
    def text(name, value):
        if name in ENUMS:
            return f"{ENUMS[name]}::{value}"
        return listed(value) if isinstance(value, list) else cpp(value)
    return "{" + ", ".join(f".{name} = {text(name, options[name])}" for name in order if name in options) + "}"


CYCLE_ORDER = ["max_lr", "total_steps", "epochs", "steps_per_epoch", "pct_start", "anneal_strategy", "cycle_momentum",
               "base_momentum", "max_momentum", "div_factor", "final_div_factor", "three_phase"]
PLATEAU_ORDER = ["mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps"]


def two_lists(values):
    return f"{{{{{listed(values[0])},\n       {listed(values[1])}}}}}"


def group(options):
    return "{" + ", ".join(f".{name} = {cpp(options[name])}" for name in FIELDS if name in options) + "}"


def schedules_in_header():
    yield "using TwoLists = std::array<std::vector<double>, 2>;\n"
    yield "/// The learning rates of two groups that begin with 0.05 and 0.5, at each epoch from 0 on."
    yield "struct Scheduled { std::string_view name; Schedule schedule; TwoLists rates; };"
    yield "inline const std::vector<Scheduled> kScheduled = {"
    for text, *make in scheduler_cases():
        yield f'    {{"{text}", {text},\n     {two_lists(rates(*make))}}},'
    yield "};\n"
    yield "/// The same of one cycle, with momenta."
    yield "struct Cycled { std::string_view optimizer; OneCycleLR cycle; TwoLists rates; TwoLists momenta; };"
    yield "inline const std::vector<Cycled> kCycled = {"
    for options, steps in cycle_cases():
        for optimizer in ("SGD", "Adam"):
            of_rates, of_momenta = map(two_lists, cycled(options, steps, optimizer))
            text = schedule_options(options, CYCLE_ORDER)
            yield f'    {{"{optimizer}", {text},\n     {of_rates},\n     {of_momenta}}},'
    yield "};\n"
    yield "/// The rates of a schedule made after another one's steps, and after a rate was set by hand (unless 0)."
    yield "struct Second { Schedule first; int steps; double by_hand; Schedule second; TwoLists rates; };"
    yield "inline const std::vector<Second> kSecond = {"
    for first, steps, by_hand, second in second_cases():
        values = two_lists(rates_of_second(first[1], steps, by_hand, second[1]))
        yield f"    {{{first[0]}, {steps}, {by_hand}, {second[0]},\n     {values}}},"
    yield "};\n"
    yield "/// The rates after each metric."
    yield "struct Plateau { ReduceLROnPlateauOptions options; std::vector<double> metrics; TwoLists rates; };"
    yield "inline const std::vector<Plateau> kPlateaus = {"
    for options, metrics in plateau_cases():
        values = two_lists(rates_on_plateaus(options, metrics))
        yield f"    {{{schedule_options(options, PLATEAU_ORDER)},\n     {listed(metrics)},\n     {values}}},"
    yield "};\n"


def header():
    yield "// What PyTorch 1.13 gives, in double. Written by optim.py; not to be edited."
    yield "// clang-format off"
    yield """#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include <embergrad/optim/optimizer.hpp>
#include <embergrad/optim/reduce_lr_on_plateau.hpp>
#include <embergrad/optim/schedulers.hpp>

namespace embergrad::testing {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
"""
    yield "/// A parameter (3, 2) after 5 steps."
    yield ("struct Stepped { std::string_view optimizer; bool by_rows; ParamGroup options; "
           "std::array<double, 6> values; };")
    yield "inline const std::vector<Stepped> kStepped = {"
    for optimizer, options, by_rows in optimizer_cases():
        values = listed(stepped(optimizer, options, by_rows))
        yield f'    {{"{optimizer}", {str(by_rows).lower()}, {group(options)}, {values}}},'
    yield "};\n"
    yield "/// The 13 weights of a 2-3-1 net that learns exclusive or, after 100 and after 1000 steps."
    yield ("struct Trajectory { std::string_view optimizer; ParamGroup options; "
           "std::array<std::array<double, 13>, 2> weights; };")
    yield "inline const std::vector<Trajectory> kTrajectories = {"
    for optimizer, options in trajectory_cases():
        early, late = trajectory(optimizer, options)
        yield f'    {{"{optimizer}", {group(options)}, {{{{{listed(early)},\n     {listed(late)}}}}}}},'
    yield "};\n"
    yield from schedules_in_header()
    yield "/// The norm of two gradients, and the first of them clipped to 1.5."
    yield "struct Clipped { double norm_type; double total; std::array<double, 6> first; };"
    yield "inline const std::vector<Clipped> kClipped = {"
    # PyTorch rounds the type to float32: only those that float32 can hold
    for norm_type in (2.0, 1.0, 0.5, 0.25, 1.5, 3.5, 4.0, float("inf"), 0.0, -1.0, -0.25, -3.5):
        total, first = clipped(norm_type)
        yield f"    {{{real(norm_type)}, {real(total)}, {listed(first)}}},"
    yield "};\n"
    yield "}  // namespace embergrad::testing"


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def same(ours, theirs):
    """The same text around the same numbers, to 1e-12: the last digits are the machine's."""
    if NUMBER.split(ours) != NUMBER.split(theirs):
        return False
    pairs = zip(map(float, NUMBER.findall(ours)), map(float, NUMBER.findall(theirs)))
    return all(abs(a - b) <= 1e-12 * max(1, abs(b)) for a, b in pairs)


def main():
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    text = "\n".join(header()) + "\n"
    if sys.argv[1:] == ["--check"]:
        if not same(HEADER.read_text(), text):
            sys.exit(f"{HEADER} is not what PyTorch gives here; run {__file__} and look at the difference")
    else:
        HEADER.write_text(text)


main()
