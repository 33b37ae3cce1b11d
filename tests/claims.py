# Claims and tests side by side. tests/claims.txt lists what embergrad promises, tests/peer_tests.txt what PyTorch's own
# tests assert; each must have a test of ours, and no test may name what is not listed.
#   python3 tests/claims.py [--list] [folder of the tests]
import pathlib
import re
import sys

TEST_CASE = re.compile(r'\bTEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
NUMBER = re.compile(r"\d+(\.\d+)?")
TAG = re.compile(r"\[([^\]\s]*)\]")
TAGS = re.compile(r"( \[[^\]\s]*\])*$")  # at the end of a name; "[0, 1)" is none


def test_names(text):
    """The name of every test case in a C++ file; literals in a row are one."""
    text = COMMENT.sub("", text)  # a test that is commented out shows nothing
    return ["".join(STRING.findall(case.group(1))).replace('\\"', '"') for case in TEST_CASE.finditer(text)]


def split_tags(name):
    """A test's name without its tags, and the tags."""
    end = TAGS.search(name)
    return name[: end.start()], TAG.findall(end.group(0))


def claims_of(text):
    """Number -> title, of lines "number title"."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return dict(lines), sorted({number for number, _ in lines if [n for n, _ in lines].count(number) > 1})


def peers_of(text):
    """(PyTorch's test, names of ours): ours are the indented lines under it."""
    peers = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] != " ":
            peers.append((line, []))
        else:
            peers[-1][1].append(line.strip())
    return peers


def problems(claims, twice, peers, names):
    """Everything that is wrong, a line each."""
    tests = [split_tags(name) for name in names]
    tagged = {tag for _, tags in tests for tag in tags}
    plain = {name for name, _ in tests}
    yield from (f"claim {number} is listed twice" for number in twice)
    yield from (f"claim {number} has no test: {title}" for number, title in claims.items() if number not in tagged)
    for name, tags in tests:
        for tag in tags:
            if tag not in claims:
                yield f"[{tag}] is no claim of claims.txt: {name}"
            if tags.count(tag) > 1:
                yield f"[{tag}] stands twice: {name}"
        if any(NUMBER.fullmatch(tag) and tag in claims for tag in TAG.findall(name)):
            yield f"a claim's tag must stand at the end of the name: {name}"
    for peer, ours in peers:
        if not ours:
            yield f"PyTorch's {peer} has no test of ours"
        yield from (f"PyTorch's {peer}: there is no test {name}" for name in ours if name not in plain)


def listing(claims, names):
    for number, title in claims.items():
        yield f"{number:6}{title}"
        for name in names:
            plain, tags = split_tags(name)
            if number in tags:
                yield f"          {plain}"


def self_test():
    """Each rule, broken once: a check that finds nothing must not look like claims that are shown."""
    claims, twice = claims_of("# title\n1.1  one\n\n1.10 ten\n2    two\n")
    assert list(claims) == ["1.1", "1.10", "2"] and not twice and claims["1.10"] == "ten"
    names = test_names('TEST_CASE("a: [0, 1) of \\"b\\" [1.1]") {}\nTEST_CASE(\n    "c "\n    "d [1.10] [2]") {}')
    assert not test_names('// TEST_CASE("a") {}')
    assert names == ['a: [0, 1) of "b" [1.1]', "c d [1.10] [2]"]
    assert split_tags(names[0]) == ('a: [0, 1) of "b"', ["1.1"])
    peers = peers_of("# file\ntest_x (12)\n    c d\n")
    assert peers == [("test_x (12)", ["c d"])]
    assert not list(problems(claims, twice, peers, names))
    assert list(listing(claims, names))[3] == "          c d"
    broken = [
        (claims, twice, peers, names[1:]),
        (claims, twice, peers, names + ["e [3.1]"]),
        (claims, twice, peers, names + ["e [S1.1]"]),
        (claims, twice, peers, names + ["e [1.1] [1.1]"]),
        (claims, twice, peers, names + ["e [1.1] f"]),
        (claims, twice, peers, names + ["e [1.1] [2.]"]),
        (*claims_of("1.1 one\n1.10 ten\n2 two\n2 two"), peers, names),
        (claims, twice, [("test_y", [])], names),
        (claims, twice, [("test_y", ["c"])], names),
    ]
    for k, case in enumerate(broken):
        assert list(problems(*case)), f"not found: {k}"


def main():
    self_test()
    arguments = [a for a in sys.argv[1:] if a != "--list"]
    folder = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent)
    claims, twice = claims_of((folder / "claims.txt").read_text("utf-8"))
    peers = peers_of((folder / "peer_tests.txt").read_text("utf-8"))
    names = [name for file in sorted(folder.glob("test_*.cpp")) for name in test_names(file.read_text("utf-8"))]
    if "--list" in sys.argv:
        print("\n".join(listing(claims, names)))
    found = list(problems(claims, twice, peers, names))
    print("\n".join(found + [f"{len(claims)} claims, {len(peers)} tests of PyTorch, {len(names)} tests of ours; "
                             f"{len(found)} problems"]))
    return 1 if found or not claims or not peers or not names else 0


sys.exit(main())
