# How much the tests would notice: changes one operator at a time in engine, layers and optim, builds, runs the tests, and
# counts the changes that a test catches. Sites are drawn by seed from all arithmetic and comparisons.
#   python3 tests/mutate.py BUILD [--sites 50] [--least 45] [--seed 1]
# BUILD is a folder for a copy of the tree and its build, which is used again. Exits 1 if fewer are caught than wanted.
import argparse
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("engine", "layers", "optim")
# operator -> what takes its place; each stands between spaces, as clang-format leaves it
OTHER = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "<": "<=", "<=": "<",
         ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
OPERATOR = re.compile(r"(?<=[\w)\]]) (\+=|-=|\*=|/=|<=|>=|==|!=|[-+*/%<>]) (?=[\w(:*&!~-])")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
TIMEOUT = 1200  # seconds: a loop that no longer ends is caught too
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1")


def blank(match):
    return '"' + " " * (len(match.group()) - 2) + '"'


def operators(line):
    """Where the line has operators that can be changed: (begin, operator)."""
    code = STRING.sub(blank, line).split("//")[0]
    if re.match(r"\s*(#|template|requires|static_assert|using|\*)", code) or "operator" in code:
        return []
    return [(match.start(1), match.group(1)) for match in OPERATOR.finditer(code)]


def sites():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("**/*.[ch]pp")):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                for begin, operator in operators(line):
                    yield path.relative_to(ROOT), number, begin, operator


def self_test():
    assert operators("    x += a * b;  // c + d") == [(6, "+="), (11, "*")]
    assert operators('    fail("a + b");') == [] and operators("#define X a + b") == []
    assert operators("    if (i < n) return -1;") == [(10, "<")]


class Copy:
    """The tree beside the original, with a build of its own."""

    def __init__(self, folder):
        self.tree, self.build = folder / "tree", folder / "build"
        if self.tree.exists():
            shutil.rmtree(self.tree)
        files = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True).stdout
        for name in files.decode().split("\0")[:-1]:
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target, follow_symlinks=False)
        if not (self.build / "build.ninja").exists():
            options = ["-Doptimization=1", "-Ddefault_library=static", "-Dexamples=false", "-Dbench=false",
                       "-Db_sanitize=address,undefined", "-Dcpp_args=-fno-sanitize-recover=all"]  # one too far is seen
            subprocess.run(["meson", "setup", self.build, self.tree, *options], check=True, capture_output=True)

    def builds(self):
        return subprocess.run(["ninja", "-C", self.build, "tests/tests"], capture_output=True).returncode == 0

    def passes(self, stem):
        """The tests of the file itself first: they catch most."""
        program = self.build / "tests" / "tests"
        for only in ([f"--source-file=*test_{stem}*"], []):
            try:
                run = subprocess.run([program, "--abort-after=1", *only], capture_output=True, timeout=TIMEOUT,
                                     cwd=self.tree, env=ENVIRONMENT)
            except subprocess.TimeoutExpired:
                return False
            if run.returncode != 0:
                return False
        return True

    def verdict(self, path, number, begin, operator):
        """'caught', 'survived' or 'does not build'."""
        file = self.tree / path
        text = file.read_text("utf-8")
        lines = text.splitlines(keepends=True)
        line = lines[number - 1]
        lines[number - 1] = line[:begin] + OTHER[operator] + line[begin + len(operator):]
        file.write_text("".join(lines), "utf-8")
        try:
            if not self.builds():
                return "does not build"
            return "survived" if self.passes(path.stem) else "caught"
        finally:
            file.write_text(text, "utf-8")


def main():
    self_test()
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=lambda name: pathlib.Path(name).resolve())
    for name, default in (("--sites", 50), ("--least", 45), ("--seed", 1)):
        parser.add_argument(name, type=int, default=default)
    options = parser.parse_args()
    copy = Copy(options.build)
    if not copy.builds() or not copy.passes("array"):
        sys.exit("the tests fail without any change")
    drawn = list(sites())
    print(f"{len(drawn)} sites, {options.sites} of them drawn with seed {options.seed}")
    random.Random(options.seed).shuffle(drawn)
    verdicts = []
    for path, number, begin, operator in drawn:
        if len(verdicts) == options.sites:
            break
        verdict = copy.verdict(path, number, begin, operator)
        line = (ROOT / path).read_text("utf-8").splitlines()[number - 1].strip()
        print(f"{verdict:14}  {path}:{number}  {operator} -> {OTHER[operator]}  {line}", flush=True)
        if verdict != "does not build":
            verdicts.append(verdict)
    caught = verdicts.count("caught")
    print(f"{caught} of {len(verdicts)} caught, {options.least} wanted")
    return 0 if caught >= options.least else 1


if __name__ == "__main__":
    sys.exit(main())
