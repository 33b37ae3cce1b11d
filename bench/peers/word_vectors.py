# W9 beside its peers: 400,000 x 100 word vectors from text and from word2vec's binary file, loaded in turn, each time in
# a fresh process of one thread: the document's loader, gensim, NumPy, embergrad. Medians of the seconds, peaks of memory.
#   /usr/bin/python3 bench/peers/word_vectors.py build/release/bench/word_vectors [ROUNDS]
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile

BEGIN = "import json, resource, sys, time\nimport numpy as np\n"
END = """
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"seconds": time.perf_counter() - start, "peak_megabytes": peak}))
"""
DOCUMENT = """
def load_glove(filepath, embedding_dim=100):
    embeddings = {}
    with open(filepath, 'r', encoding='utf-8') as f:
        for line in f:
            values = line.split()
            word = values[0]
            vector = np.array(values[1:], dtype=np.float32)
            if len(vector) == embedding_dim:
                embeddings[word] = vector
    return embeddings
start = time.perf_counter()
assert len(load_glove(sys.argv[1])) == 400000
"""
GENSIM = """
from gensim.models import KeyedVectors
start = time.perf_counter()
assert len(KeyedVectors.load_word2vec_format(sys.argv[1], binary={binary}, no_header={no_header})) == 400000
"""
NUMPY = """
start = time.perf_counter()
assert len(np.loadtxt(sys.argv[1], usecols=range(1, 101), dtype=np.float32, comments=None)) == 400000
"""


def in_python(code):
    return [sys.executable, "-c", BEGIN + code + END]


def loaders(program):
    """name -> command, which the file's path follows."""
    text = {"the document's loader": in_python(DOCUMENT), "numpy.loadtxt (no words)": in_python(NUMPY)}
    binary = {}
    if importlib.util.find_spec("gensim"):
        text["gensim"] = in_python(GENSIM.format(binary=False, no_header=True))
        binary["gensim"] = in_python(GENSIM.format(binary=True, no_header=False))
    else:
        print("gensim is not installed (python3-gensim): left out")
    for threads in ("1", "2"):
        ours = ["sh", "-c", f'exec {program} --load "$0" {threads}']
        text[f"embergrad, {threads} thread(s)"] = binary[f"embergrad, {threads} thread(s)"] = ours
    return {"vectors.txt": text, "vectors.bin": binary}


def run(command, path):
    one_thread = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    return json.loads(subprocess.run(command + [path], check=True, capture_output=True, env=one_thread).stdout)


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "--write", folder], check=True)
        for name, commands in loaders(program).items():
            path = os.path.join(folder, name)
            runs = [{who: run(command, path) for who, command in commands.items()} for _ in range(rounds)]
            for who in commands:
                seconds = statistics.median(one[who]["seconds"] for one in runs)
                peak = max(one[who]["peak_megabytes"] for one in runs)
                print(f"{name}  {who:26} {seconds:6.2f} s  {peak:5d} MB at most")


main()
