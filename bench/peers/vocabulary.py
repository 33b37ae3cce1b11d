# W10: the document's Vocabulary in Python, fastText's dictionary and embergrad's, in turn on the same 100 MB of text:
# medians, and how many times as fast ours is.
#   /usr/bin/python3 bench/peers/vocabulary.py build/release/bench [ROUNDS]
import json
import pathlib
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


def seconds_in_fasttext(program, path):
    times = json.loads(subprocess.run([program, path], check=True, capture_output=True).stdout)
    return {"build": times["build_s"], "encode": times["encode_s"]}


def seconds_of_ours(program, words):
    command = [program, f"--benchmark_filter=/{words}", "--benchmark_format=json"]
    run = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    times = {entry["name"].split("/")[0]: entry["real_time"] / 1000 for entry in run["benchmarks"]}
    return {"build": times["vocabulary_build"], "encode": times["vocabulary_encode"]}


def main():
    folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ours, fasttext = folder / "vocabulary", folder / "peers" / "fasttext_dictionary"
    if not fasttext.exists():
        print(f"{fasttext} is not there (meson configure -Dpeers=true): left out")
    for words in ("short_words", "long_words"):
        with tempfile.NamedTemporaryFile() as file:
            subprocess.run([ours, "--write", file.name] + ["long"] * (words == "long_words"), check=True)
            who = {"embergrad": lambda: seconds_of_ours(ours, words), "Python": lambda: seconds_in_python(file.name)}
            if fasttext.exists():
                who["fastText"] = lambda: seconds_in_fasttext(fasttext, file.name)
            runs = [{name: run() for name, run in who.items()} for _ in range(rounds)]
        for job in ("build", "encode"):
            seconds = {name: statistics.median(run[name][job] for run in runs) for name in who}
            print(f"{words} {job}: " + ", ".join(
                f"{name} {taken:.2f} s ({taken / seconds['embergrad']:.1f}x)" for name, taken in seconds.items()))


main()
