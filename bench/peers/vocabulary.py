# The document's Vocabulary in Python and embergrad's, in turn on the same 100 MB of text: medians and their ratio.
#   /usr/bin/python3 bench/peers/vocabulary.py build/release/bench/vocabulary [ROUNDS]
import json
import statistics
import subprocess
import sys
import tempfile
import time

from document import Vocabulary


def seconds_in_python(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")[:-1]
    start = time.perf_counter()
    vocabulary = Vocabulary().build(lines)
    built = time.perf_counter()
    for line in lines:
        vocabulary.encode(line)
    return {"build": built - start, "encode": time.perf_counter() - built}


def seconds_of_ours(program, words):
    command = [program, f"--benchmark_filter=/{words}", "--benchmark_format=json"]
    run = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    times = {entry["name"].split("/")[0]: entry["real_time"] / 1000 for entry in run["benchmarks"]}
    return {"build": times["vocabulary_build"], "encode": times["vocabulary_encode"]}


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for words in ("short_words", "long_words"):
        with tempfile.NamedTemporaryFile() as file:
            subprocess.run([program, "--write", file.name] + ["long"] * (words == "long_words"), check=True)
            pairs = [(seconds_in_python(file.name), seconds_of_ours(program, words)) for _ in range(rounds)]
        for job in ("build", "encode"):
            python, ours = (statistics.median(pair[side][job] for pair in pairs) for side in (0, 1))
            print(f"{words} {job}: Python {python:.2f} s, embergrad {ours:.2f} s, {python / ours:.1f} times as fast")


main()
