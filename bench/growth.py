# Runs bench/growth and plots what it finds: how the cost of a step grows with the table and with the texts.
#   python3 bench/growth.py BENCH OUT    writes OUT/growth.jsonl and, with gnuplot, OUT/growth.svg
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PLOT = """
set terminal svg size 900,360 font "sans,11"
set output "{out}/growth.svg"
set multiplot layout 1,2
set logscale xy
set key top left
set yrange [50:*]
set ylabel "microseconds a step"
set xlabel "rows of the table, V"
plot {by_rows}
set xlabel "tokens of a text, L (V = 10,000)"
plot {by_length}
"""
NAMES = {"W3": "SparseAdam, 1,600 ids", "W13": "EmbeddingBag, 25,600 ids", "W5": "classifier, dense Adam"}


def measured(bench):
    own_core = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    command = [bench / "growth", ".", "--seconds", "2"]
    run = subprocess.run(command, env=own_core, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def series(lines):
    """(title, points) of each curve; W5's second number is the length of the texts, that of the others the width."""
    curves = {}
    for line in lines:
        item, v, second = line["item"].split()
        if item == "W5" and v == "10000":
            curves.setdefault(("length", "classifier, dense Adam"), []).append((int(second), line["median_us"]))
        if item != "W5" or second == "50":
            title = NAMES[item] + ("" if item == "W5" else f", D = {second}")
            curves.setdefault(("rows", title), []).append((int(v), line["median_us"]))
    return curves


def plot(curves, out):
    with tempfile.TemporaryDirectory() as folder:
        parts = {"rows": [], "length": []}
        for k, ((axis, title), points) in enumerate(curves.items()):
            file = pathlib.Path(folder) / f"{k}.dat"
            file.write_text("".join(f"{x} {y}\n" for x, y in sorted(points)), "utf-8")
            parts[axis].append(f'"{file}" with linespoints linewidth 2 title "{title}"')
        script = PLOT.format(out=out, by_rows=", ".join(parts["rows"]), by_length=", ".join(parts["length"]))
        subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    bench, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    lines = measured(bench)
    (out / "growth.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    for (axis, title), points in series(lines).items():
        print(title, axis, ", ".join(f"{x:,}: {y:,.0f} us" for x, y in sorted(points)))
    plot(series(lines), out)


main()
