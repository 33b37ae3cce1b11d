# The work list, ours and the peers' in turn on the same inputs: first losses and gradients are compared, then times.
#   python3 bench/side_by_side.py BENCH INPUTS [--peers] [--threads 1] [--rounds 3] [--turns 5] [--seconds 0.5]
#                                 [--trec FOLDER] [ITEM...]
# In each round every program prepares the item in a process of its own; then they take turns, one
# measured at a time (all are in memory: three tables of 0.5 GB, W3 with moments 4.5).
# BENCH is a build's bench folder, INPUTS what bench/inputs.py filled. Lines of JSON go to INPUTS/results.jsonl.
# Exits 1 if a number differs; a goal that is missed is said in the table.
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent

# item -> our program, and how many times as fast as PyTorch it shall be
ITEMS = {
    "W1 uniform": ("lookup", 2.0),
    "W1 zipf": ("lookup", 2.4),
    "W2": ("lookup_backward", 2.5),
    "W3 uniform": ("row_step", 3.0),
    "W3 zipf": ("row_step", 3.0),
    "W4 uniform": ("row_step", 2.5),
    "W4 zipf": ("row_step", 3.0),
    "W5": ("classifier_step", 4.5),
    "W6": ("language_model_step", 1.9),
    "W7 dense": ("compressed_embedding", 1.6),
    "W7 row": ("compressed_embedding", 1.1),
    "W8": ("graph_overhead", 50),
    "W11": ("linear", 0.95),  # of sgemm's own speed, which is PyTorch's: it does nothing else there
    "W12": ("classifier_training", 5.0),
    "W13 uniform": ("embedding_bag", 1.7),
    "W13 zipf": ("embedding_bag", 2.0),
}
# PyTorch has no allocator of its own here: with these it is not slowed down by giving pages back after each step
LUCK = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


class Program:
    def __init__(self, name, command, environment):
        self.name, self.command, self.environment = name, command, environment

    def check(self, item, *options):
        with Running(self, item, "--check", *options) as running:
            return running.line()

    def prepare(self, item, *options):
        return Running(self, item, "--in-turn", *options)


class Running:
    """A process of a program with one item."""

    def __init__(self, program, item, *options):
        self.title, self.errors = f"{program.name}, {item}", tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([*program.command(item), item, *options], env=program.environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.communicate()
        if kind is None and self.process.returncode != 0:
            self.fail()
        self.errors.close()

    def fail(self):
        status = self.process.wait()
        self.errors.seek(0)
        sys.exit(f"{self.title} ended with {status}\n{self.errors.read()}")

    def line(self):
        text = self.process.stdout.readline()
        return json.loads(text) if text else self.fail()

    def turn(self):
        """One more measurement; the first also waits until the item is prepared."""
        try:
            print(file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # it has ended: line() says why
        return self.line()


def environment(threads, **more):
    """BLAS picks what this machine does best, and everybody uses as many threads."""
    kept = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    count = str(threads)
    return {**kept, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count, "OMP_WAIT_POLICY": "PASSIVE", **more}


def programs(options):
    bench, inputs = pathlib.Path(options.bench), options.inputs
    ours = Program("embergrad", lambda item: [bench / ITEMS[item][0], inputs], environment(options.threads))
    if not options.peers:
        return [ours]
    luck = environment(options.threads, **LUCK)
    return [
        ours,
        Program("PyTorch", lambda _: ["/usr/bin/python3", HERE / "peers" / "worklist.py", inputs], luck),
        Program("libtorch", lambda _: [bench / "peers" / "libtorch" / "worklist_libtorch", inputs], luck),
    ]


def differences(ours, theirs):
    """What of two programs' checks is not the same number: losses to 1e-4, gradients to 1e-4 of their norm."""
    if len(ours["losses"]) != len(theirs["losses"]) or ours["prints"].keys() != theirs["prints"].keys():
        yield f"losses or gradients are missing: {ours} and {theirs}"
        return
    for k, (a, b) in enumerate(zip(ours["losses"], theirs["losses"])):
        if not abs(a - b) <= 1e-4 * max(1, abs(b)):
            yield f"loss {k}: {a} and {b}"
    for name, (norm, weighted) in theirs["prints"].items():
        mine = ours["prints"][name]
        if not all(abs(a - b) <= 1e-4 * max(1e-30, norm) for a, b in zip(mine, (norm, weighted))):
            yield f"{name}: {mine} and {[norm, weighted]}"


def check(item, everyone, options):
    if item == "W12" or len(everyone) == 1:  # another order of batches: accuracies are compared instead
        return
    ours, *peers = [program.check(item, "--threads", str(options.threads)) for program in everyone]
    found = [f"{item}, embergrad and {program.name}: {line}" for program, peer in zip(everyone[1:], peers)
             for line in differences(ours, peer)]
    if found:
        sys.exit("\n".join(found))


def measure(item, everyone, options, log):
    """The medians of each program's turns, and what else a turn said last."""
    extra = ["--threads", str(options.threads), "--seconds", str(options.seconds)]
    if item == "W12":
        everyone = [program for program in everyone if program.name != "libtorch"]
        extra += ["--trec", options.trec]
    medians, said = {program.name: [] for program in everyone}, {}
    for _ in range(options.rounds):
        with contextlib.ExitStack() as stack:
            running = {program.name: stack.enter_context(program.prepare(item, *extra)) for program in everyone}
            for process in running.values():
                process.turn()  # counts for nothing: the others may still be preparing
            for name, process in list(running.items()) * (1 if item == "W12" else options.turns):
                said[name] = process.turn()
                print(json.dumps({"program": name, "threads": options.threads, "time": time.time(), **said[name]}),
                      file=log, flush=True)
                medians[name].append(said[name]["median_us"])
    return medians, said


def compare_accuracies(said):
    accuracies = {name: line["accuracy"] for name, line in said.items()}
    print("accuracy on TREC: " + ", ".join(f"{name} {value:.3f}" for name, value in accuracies.items()))
    if abs(accuracies["embergrad"] - accuracies.get("PyTorch", accuracies["embergrad"])) > 0.03:
        sys.exit("W12: the accuracies differ by more than their spread")


def ratios(times, name):
    """How many times as fast as that peer, in turns that followed each other: quartiles and median."""
    each = [theirs / ours for ours, theirs in zip(times["embergrad"], times[name])]
    return statistics.quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3


def row(item, times):
    cells = [item]
    for name in ("embergrad", "PyTorch", "libtorch"):
        us = statistics.median(times[name]) if name in times else None
        cells.append("-" if us is None else f"{us:,.3f}" if us < 10 else f"{us:,.0f}")
    if "PyTorch" not in times:
        return cells + ["-"] * 5
    goal, (low, reached, high) = ITEMS[item][1], ratios(times, "PyTorch")
    to_libtorch = f"{ratios(times, 'libtorch')[1]:.2f}x" if "libtorch" in times else "-"
    return cells + [f"{reached:.2f}x", f"{low:.2f}-{high:.2f}", to_libtorch, f"{goal:g}x",
                    "met" if reached >= goal else "missed"]


def print_row(cells):
    print(f"{cells[0]:12}" + "".join(f"{cell:>12}" for cell in cells[1:]), flush=True)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("inputs")
    parser.add_argument("items", nargs="*", metavar="ITEM", help="all of them if none is named")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="of processes: what memory one is given is luck")
    parser.add_argument("--turns", type=int, default=5, help="in each round (W12: one)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn")
    parser.add_argument("--trec", help="folder of the TREC questions; without it W12 is left out")
    options = parser.parse_intermixed_args()
    unknown = set(options.items) - set(ITEMS)
    if unknown:
        parser.error(f"no such item: {', '.join(sorted(unknown))}; there are {', '.join(ITEMS)}")
    return options


def main():
    options = parse()
    everyone = programs(options)
    print(f"microseconds (W8: of one operation), {options.threads} thread(s), "
          f"{options.rounds} rounds of {options.turns} turns (W12: of one)")
    print_row(["item", "embergrad", "PyTorch", "libtorch", "ratio", "quartiles", "to libtorch", "goal", ""])
    with open(pathlib.Path(options.inputs) / "results.jsonl", "a", encoding="utf-8") as log:
        for item in options.items or ITEMS:
            if item == "W12" and not options.trec:
                print_row([item, *["-"] * 7, "no --trec"])
                continue
            check(item, everyone, options)
            times, said = measure(item, everyone, options, log)
            print_row(row(item, times))
            if item == "W12":
                compare_accuracies(said)


main()
