# Who includes whom: the floors of the house, as CONTRIBUTING.md draws them; and that no header of a user's names what is
# internal. Prints each line that breaks a rule.
#   python3 tests/layering.py [root]
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

SYSTEM = "engine/system/"
KERNELS = "engine/kernels/"
GRADIENT = "engine/gradient/"
ARRAY = "engine/array.hpp"

# room -> what of embergrad its files may include: whole rooms with all that is in them, or single headers
MAY_INCLUDE = {
    SYSTEM: [SYSTEM],
    KERNELS: [KERNELS, SYSTEM, ARRAY],
    GRADIENT: [GRADIENT, KERNELS, SYSTEM, ARRAY],
    "engine/": ["engine/"],
    "layers/": ["layers/", "engine/"],
    "optim/": ["optim/", GRADIENT, KERNELS, SYSTEM, ARRAY, "engine/parameter.hpp", "engine/state_dict.hpp"],
    "io/": ["io/", "engine/"],
    "text/": ["text/", SYSTEM, ARRAY, "engine/rng.hpp"],
    "vectors/": ["vectors/", "text/", "io/", SYSTEM, ARRAY],
    "models/": ["models/", "layers/", "text/", "vectors/", "optim/", "io/", "engine/"],
}
# files that may not include all that their room may: what everything else stands on
BASIC_ARRAY = "engine/basic_array.hpp"
SINGLE = {BASIC_ARRAY: [SYSTEM], ARRAY: [BASIC_ARRAY, SYSTEM],
          **dict.fromkeys(["engine/array.cpp", "engine/basic_array.cpp"], [BASIC_ARRAY, ARRAY, SYSTEM]),
          **dict.fromkeys(["engine/parameter.hpp", "engine/parameter.cpp"], [GRADIENT, KERNELS, SYSTEM, ARRAY, "engine/parameter.hpp"])}
# libraries of others -> the only places that may include them
THIRD_PARTY = {
    "xtensor/": ["engine/basic_array.hpp"],
    "xtl/": ["engine/basic_array.hpp"],
    "cblas.h": ["engine/kernels/product/blas.cpp"],
    "immintrin.h": ["engine/kernels/product/tiles.cpp", "engine/kernels/uncached_rows.cpp"],
    "nlohmann/": ["io/"],
    "zlib.h": ["io/byte_source.cpp"],
    "sanitizer/": ["engine/system/sanitizer.hpp"],
}
POSIX = {"dlfcn.h", "fcntl.h", "malloc.h", "pthread.h", "sched.h", "unistd.h"}  # and sys/...
EXPRESSIONS = re.compile(r"\b(xmath|xview|xoperation|xeval|xbuilder|xrandom|xsort)\.hpp")


def is_system(header):
    """The standard library has no dot and no slash in its names."""
    return re.fullmatch(r"[a-z_0-9]+", header) or header in POSIX or header.startswith("sys/")


def is_one_of(places, path):
    """Files, or folders with a slash at the end."""
    return any(path == place or place.endswith("/") and path.startswith(place) for place in places)


def room_of(path):
    """The innermost room that holds the file."""
    return max((room for room in MAY_INCLUDE if path.startswith(room)), key=len)


def allowed(path):
    return SINGLE.get(path) or MAY_INCLUDE[room_of(path)]


def problem(path, bracket, header):
    """What is wrong with an include in the file `path`; None if nothing is."""
    if bracket == '"':
        return "is not spelled <embergrad/...>"
    if EXPRESSIONS.search(header):
        return "compiles xtensor expressions; write the loop"
    if header.startswith("embergrad/"):
        inner = header.removeprefix("embergrad/")
        return None if is_one_of(allowed(path), inner) else f"is not for {path}"
    for library, places in THIRD_PARTY.items():
        if header.startswith(library):
            return None if is_one_of(places, path) else f"belongs in {' and '.join(places)} alone"
    return None if is_system(header) else "is no part of the standard library"


def problems(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        include = INCLUDE.match(line)
        found = include and problem(path, *include.groups())
        if found:
            yield f"{path}:{number}: {include.group(2)} {found}"


def headers_of(root, header="embergrad.hpp"):
    """The headers that a user includes with it."""
    seen, left = [], [header]
    while left:
        seen.append(left.pop())
        found = re.findall(r"#include <embergrad/([^>]+)>", (root / seen[-1]).read_text("utf-8"))
        left += [name for name in found if name not in seen + left]
    return sorted(seen)


def leaks(path, text):
    """Lines of a header that name detail:: outside a namespace detail and outside a private section."""
    scopes = []  # of the braces that are open: whether what stands there is internal
    for number, line in enumerate(text.splitlines(), 1):
        code = re.sub(r'"(?:[^"\\]|\\.)*"', "", line.split("//")[0])
        if scopes and re.match(r"\s*(private|public|protected):", code):
            scopes[-1] = code.strip().startswith("private")
        namespace = re.match(r"\s*namespace\b[^;]*\bdetail\b[^;]*{", code)
        if "detail::" in code and not namespace and not any(scopes):
            yield f"{path}:{number}: names detail:: where its user reads"
        for brace in re.findall("[{}]", code):
            if brace == "{":
                scopes.append(bool(namespace))
            elif scopes:
                scopes.pop()


def self_test():
    """Each rule, broken once: a check that finds nothing must not look like a clean tree."""
    broken = [
        ("engine/tape.cpp", "#include <embergrad/layers/module.hpp>"),
        ("engine/tape.cpp", "  #  include <embergrad/optim/sgd.hpp>  // far up"),
        ("engine/ops.hpp", "#include <embergrad/embergrad.hpp>"),
        ("engine/array.hpp", "#include <embergrad/engine/tape.hpp>"),
        ("engine/array.cpp", "#include <embergrad/engine/gradient/row_gradient.hpp>"),
        ("engine/parameter.hpp", "#include <embergrad/engine/tape.hpp>"),
        ("engine/system/error.hpp", "#include <embergrad/engine/array.hpp>"),
        ("engine/system/memory.cpp", "#include <embergrad/engine/tape.hpp>"),
        ("engine/system/parallel.cpp", "#include <embergrad/engine/kernels/product/blas.hpp>"),
        ("engine/kernels/lookup.cpp", "#include <embergrad/engine/parameter.hpp>"),
        ("engine/kernels/bags.cpp", "#include <embergrad/engine/ops.hpp>"),
        ("engine/kernels/product/gemm.cpp", "#include <embergrad/engine/gradient/gradient.hpp>"),
        ("engine/gradient/gradient.cpp", "#include <embergrad/engine/tape.hpp>"),
        ("engine/gradient/row_sums.hpp", "#include <embergrad/engine/parameter.hpp>"),
        ("engine/op_linear.cpp", "#include <cblas.h>"),
        ("engine/kernels/product/blas.hpp", "#include <cblas.h>"),
        ("engine/kernels/product/packed.cpp", "#include <immintrin.h>"),
        ("engine/tape.hpp", "#include <xtensor/xarray.hpp>"),
        ("engine/basic_array.hpp", "#include <xtensor/xview.hpp>"),
        ("engine/basic_array.hpp", "#include <xtensor/core/xmath.hpp>"),
        ("engine/tape.hpp", '#include "array.hpp"'),
        ("engine/system/file.cpp", "#include <nlohmann/json.hpp>"),
        ("engine/rng.cpp", "#include <boost/random.hpp>"),
        ("layers/linear.cpp", "#include <embergrad/optim/sgd.hpp>"),
        ("layers/linear.cpp", "#include <embergrad/text/batch.hpp>"),
        ("layers/linear.cpp", "#include <embergrad/models/text_classifier.hpp>"),
        ("optim/sgd.cpp", "#include <embergrad/engine/tape.hpp>"),
        ("optim/sgd.cpp", "#include <embergrad/engine/ops.hpp>"),
        ("optim/sgd.cpp", "#include <embergrad/layers/module.hpp>"),
        ("text/batch.cpp", "#include <embergrad/engine/parameter.hpp>"),
        ("text/batch.cpp", "#include <embergrad/models/pretrained.hpp>"),
        ("text/labelled_text.cpp", "#include <embergrad/io/byte_source.hpp>"),
        ("text/vocabulary.cpp", "#include <embergrad/vectors/word_list.hpp>"),
        ("vectors/writers.cpp", "#include <embergrad/engine/parameter.hpp>"),
        ("text/batch.cpp", "#include <zlib.h>"),
        ("io/safetensors.cpp", "#include <embergrad/layers/module.hpp>"),
        ("io/safetensors.cpp", "#include <embergrad/engine_room.hpp>"),
        ("models/text_classifier.cpp", "#include <embergrad/examples/quickstart.hpp>"),
    ]
    sound = [
        ("engine/basic_array.hpp", "#include <xtensor/xarray.hpp>"),
        ("engine/kernels/product/blas.cpp", "#include <cblas.h>"),
        ("engine/tape.cpp", "#include <algorithm>\n#include <sys/mman.h>\n#include <embergrad/engine/tape.hpp>"),
        ("optim/sgd.cpp", "#include <embergrad/engine/parameter.hpp>"),
        ("text/batch.cpp", "#include <embergrad/engine/rng.hpp>"),
        ("vectors/word_vectors.cpp", "#include <embergrad/io/npy.hpp>"),
        ("engine/gradient/row_sums.hpp", "#include <embergrad/engine/kernels/row_order.hpp>"),
        ("engine/kernels/product/gemm.cpp", "#include <embergrad/engine/system/parallel.hpp>"),
        ("io/safetensors.cpp", "#include <nlohmann/json.hpp>"),
        ("models/text_classifier.cpp", "#include <embergrad/text/batch.hpp>\n// #include <embergrad/tests/x.hpp>"),
    ]
    for path, text in broken:
        assert list(problems(path, text)), f"not found: {text} in {path}"
    for path, text in sound:
        assert not list(problems(path, text)), f"found without reason: {text} in {path}"
    assert list(leaks("x.hpp", "namespace e {\nnamespace detail {\nint a;\n}\ndetail::A f();\n}"))
    assert list(leaks("x.hpp", "class A {\nprivate:\n    int a;\npublic:\n    detail::B b;\n};"))
    assert not list(leaks("x.hpp", "namespace e::detail {\ndetail::A f();\n}"))
    assert not list(leaks("x.hpp", "class A {\nprivate:\n    detail::B b;  // {\n};  // detail::B"))


def main():
    self_test()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    folders = sorted({room.split("/")[0] for room in MAY_INCLUDE})
    files = [file for folder in folders for file in sorted((root / folder).glob("**/*.[ch]pp"))]
    found = [line for file in files for line in problems(file.relative_to(root).as_posix(), file.read_text("utf-8"))]
    headers = headers_of(root)
    found += [line for name in headers for line in leaks(name, (root / name).read_text("utf-8"))]
    print("\n".join(found + [f"{len(files)} files, {len(headers)} headers of a user's, {len(found)} lines that break a rule"]))
    return 1 if found or not files else 0


sys.exit(main())
