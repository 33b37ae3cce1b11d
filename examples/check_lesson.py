#!/usr/bin/env python3
"""Runs a lesson and compares what it prints with what its source says it prints: the comments that begin with //>.
check_lesson.py SOURCE PROGRAM"""
import difflib
import re
import subprocess
import sys


def said(source):
    """The lines that the source promises, in its order: `//> text` or `//>` for an empty one."""
    return [match.group(1) for match in re.finditer(r"^\s*//>(?: (.*))?$", source, re.MULTILINE)]


def main():
    source, program = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        wanted = [line or "" for line in said(file.read())]
    run = subprocess.run([program], capture_output=True, encoding="utf-8", check=False)
    printed = run.stdout.splitlines()
    sys.stderr.write(run.stderr)
    difference = list(difflib.unified_diff(wanted, printed, "what the source says", "what was printed", lineterm="", n=1))
    print("\n".join(difference) or f"{len(wanted)} lines as promised")
    return 1 if run.returncode != 0 or difference or not wanted else 0


assert said("int a;\n    //> one\n  //>\n// no\n//> two  2\n") == ["one", None, "two  2"]
sys.exit(main())
