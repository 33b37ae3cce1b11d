# The work list, ours and the peers' in turn on the same inputs: first losses and gradients are compared, then times.
#   python3 bench/side_by_side.py BENCH INPUTS [--peers] [--threads 1] [--rounds 3] [--seconds 2] [--trec FOLDER] [ITEM...]
# BENCH is a build's bench folder, INPUTS what bench/inputs.py filled. Lines of JSON go to INPUTS/results.jsonl.
# Exits 1 if a number differs; a goal that is missed is said in the table.
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
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
    "W11": ("linear", 1.0),
    "W12": ("classifier_training", 5.0),
    "W13 uniform": ("embedding_bag", 1.7),
    "W13 zipf": ("embedding_bag", 2.0),
}
# PyTorch has no allocator of its own here: with these it is not slowed down by giving pages back after each step
LUCK = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


class Program:
    def __init__(self, name, command, environment):
        self.name, self.command, self.environment = name, command, environment

    def run(self, item, *options):
        command = [*self.command(item), item, *options]
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{self.name}, {item}: {' '.join(map(str, command))} ended with {run.returncode}\n{run.stderr}")
        return json.loads(run.stdout)


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
    ours, *peers = [program.run(item, "--check", "--threads", str(options.threads)) for program in everyone]
    found = [f"{item}, embergrad and {program.name}: {line}" for program, peer in zip(everyone[1:], peers)
             for line in differences(ours, peer)]
    if found:
        sys.exit("\n".join(found))


def measure(item, everyone, options, log):
    """The median of each program's medians, in turn."""
    extra = ["--threads", str(options.threads), "--seconds", str(options.seconds)]
    if item == "W12":
        extra += ["--trec", options.trec]
    medians, accuracies = {program.name: [] for program in everyone}, {}
    for _ in range(options.rounds):
        for program in everyone:
            if item == "W12" and program.name == "libtorch":
                continue
            line = program.run(item, *extra)
            print(json.dumps({"program": program.name, "threads": options.threads, "time": time.time(), **line}),
                  file=log, flush=True)
            medians[program.name].append(line["median_us"])
            accuracies.setdefault(program.name, line.get("accuracy"))
    if item == "W12":
        print("accuracy on TREC: " + ", ".join(f"{name} {value:.3f}" for name, value in accuracies.items()))
        if abs(accuracies["embergrad"] - accuracies.get("PyTorch", accuracies["embergrad"])) > 0.03:
            sys.exit("W12: the accuracies differ by more than their spread")
    return {name: times for name, times in medians.items() if times}


def ratio(times, name):
    """How many times as fast as that peer: the median over rounds, each of runs that followed each other."""
    return statistics.median(theirs / ours for ours, theirs in zip(times["embergrad"], times[name]))


def row(item, times):
    cells = [item]
    for name in ("embergrad", "PyTorch", "libtorch"):
        us = statistics.median(times[name]) if name in times else None
        cells.append("-" if us is None else f"{us:,.3f}" if us < 10 else f"{us:,.0f}")
    if "PyTorch" not in times:
        return cells + ["-"] * 4
    goal, reached = ITEMS[item][1], ratio(times, "PyTorch")
    to_libtorch = f"{ratio(times, 'libtorch'):.2f}x" if "libtorch" in times else "-"
    return cells + [f"{reached:.2f}x", to_libtorch, f"{goal:.1f}x", "met" if reached >= goal else "missed"]


def print_row(cells):
    print(f"{cells[0]:12}" + "".join(f"{cell:>12}" for cell in cells[1:]), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("inputs")
    parser.add_argument("items", nargs="*", metavar="ITEM", help="all of them if none is named")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--trec", help="folder of the TREC questions; without it W12 is left out")
    options = parser.parse_intermixed_args()
    unknown = set(options.items) - set(ITEMS)
    if unknown:
        parser.error(f"no such item: {', '.join(sorted(unknown))}; there are {', '.join(ITEMS)}")
    everyone = programs(options)
    print(f"microseconds (W8: of one operation), {options.threads} thread(s), {options.rounds} rounds in turn")
    print_row(["item", "embergrad", "PyTorch", "libtorch", "ratio", "to libtorch", "goal", ""])
    with open(pathlib.Path(options.inputs) / "results.jsonl", "a", encoding="utf-8") as log:
        for item in options.items or ITEMS:
            if item == "W12" and not options.trec:
                print_row([item, *["-"] * 6, "no --trec"])
                continue
            check(item, everyone, options)
            print_row(row(item, measure(item, everyone, options, log)))


main()
