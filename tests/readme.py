#!/usr/bin/env python3
"""Checks README.md against the tree: the program it shows is examples/quickstart.cpp, and its links lead somewhere."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def problems(readme, program):
    blocks = re.findall(r"```cpp\n(.*?)```", readme, re.DOTALL)
    if program not in blocks:
        yield "README.md does not show examples/quickstart.cpp as it is"
    if "(output)" in readme:
        yield "README.md has a place kept for output"
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        if "://" not in target and not (ROOT / target).exists():
            yield f"README.md links to {target}, which does not exist"


def main():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    program = (ROOT / "examples/quickstart.cpp").read_text(encoding="utf-8")
    assert list(problems("[x](nowhere.md)", program)), "the check itself finds nothing"
    found = list(problems(readme, program))
    print("\n".join(found) or "README.md agrees with the tree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
