#!/usr/bin/env bash
# Builds tests/consumer against the library in every way README shows, but for pkg-config's, which is installed.sh's:
# CMake's find_package, add_subdirectory and FetchContent, meson's dependency and subproject. Compiles the library once
# by CMake and once, without optimization, by meson. Prints what it counted.
# usage: linked.sh BUILD_FOLDER_OF_MESON
set -uo pipefail

build=$1
root=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -nE "1s/.* version: '([^']*)'.*/\1/p" "$root/meson.build")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0
options=(-G Ninja)
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

check() {  # what it shows, command...
    if "${@:2}" >"$folder/log" 2>&1; then passed=$((passed + 1)) && echo "ok      $1"; else
        failed=$((failed + 1)) && echo "FAILED  $1" && cat "$folder/log"
    fi
}

answers() {  # program: it runs, and has the library of this version
    "$1" | tee "$folder/output" && grep -qx "embergrad $version" "$folder/output"
}

by_cmake() {  # folder, option of cmake...
    cmake -S "$root/tests/consumer" -B "$folder/$1" "${options[@]}" "${@:2}" && cmake --build "$folder/$1" &&
        answers "$folder/$1/consumer"
}

by_meson() {  # folder of the build, of the project, option of meson...
    meson setup "$folder/$1" "$2" "${@:3}" && meson test -C "$folder/$1" --verbose && answers "$folder/$1/consumer"
}

has_library() {  # program: it is loaded with it
    readelf -d "$1" | grep -q 'NEEDED.*libembergrad'
}

has_no_library() { ! has_library "$1"; }

same_headers() {  # as meson installs
    diff <(cd "$folder/by-meson/include" && find . -type f | sort) <(cd "$folder/by-cmake/include" && find . -type f | sort)
}

same_functions() {  # those of the library itself, so that no file and no flag of visibility is missing
    diff <(functions "$libraries"/libembergrad.so) <(functions "$folder"/by-cmake/lib/libembergrad.so)
}

functions() { nm -D --defined-only "$1" | awk '$2 == "T" { print $3 }' | sort; }

as_subproject() {  # a copy of the project, with the library where meson looks for it
    mkdir "$folder/project" "$folder/project/subprojects" && cp "$root"/tests/consumer/* "$folder/project" &&
        ln -s "$root" "$folder/project/subprojects/embergrad" &&
        PKG_CONFIG_PATH='' by_meson subproject "$folder/project" -Doptimization=0 -Dembergrad:default_library=static
}

wants_only_the_library() {  # no tests, examples or benchmarks of it, and none of what they want
    ! grep -E 'subprojects/embergrad/(tests|examples|bench)/' "$folder/subproject/build.ninja"
}

find=(-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
check "meson installs" meson install -C "$build" --destdir "$folder/destination" --no-rebuild --quiet
mv "$folder/destination/$(meson introspect "$build" --buildoptions |
    python3 -c 'import json, sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}["prefix"])')" "$folder/by-meson"
libraries=$(find "$folder/by-meson" -name libembergrad.so -printf '%h')
check "find_package, installed by meson" by_cmake meson-shared "${find[@]}" -DCMAKE_PREFIX_PATH="$folder/by-meson"
check "... is shared" has_library "$folder/meson-shared/consumer"
check "find_package, installed by meson, static" by_cmake meson-static "${find[@]}" \
    -DCMAKE_PREFIX_PATH="$folder/by-meson" -Dembergrad_USE_STATIC_LIBS=ON
check "... is static" has_no_library "$folder/meson-static/consumer"

check "add_subdirectory" by_cmake source "-DEMBERGRAD_SOURCE=$root" -DEMBERGRAD_INSTALL=ON \
    "-DCMAKE_INSTALL_PREFIX=$folder/by-cmake" -DCMAKE_INSTALL_LIBDIR=lib
check "cmake installs" cmake --install "$folder/source"
check "find_package, installed by cmake" by_cmake cmake-shared "${find[@]}" -DCMAKE_PREFIX_PATH="$folder/by-cmake"
check "cmake installs the headers that meson installs" same_headers
check "cmake's library has the functions of meson's" same_functions
check "no file is compiled for this machine alone" bash -c "! grep -rn march= '$folder/source/build.ninja'"
check "FetchContent" by_cmake source -DEMBERGRAD_FETCH=ON

export PKG_CONFIG_PATH=$libraries/pkgconfig LD_LIBRARY_PATH=$libraries
check "meson's dependency" by_meson dependency "$root/tests/consumer"
unset LD_LIBRARY_PATH
check "meson's dependency, static" by_meson dependency-static "$root/tests/consumer" -Dprefer_static=true
check "... is static" has_no_library "$folder/dependency-static/consumer"
check "meson's subproject" as_subproject
check "... is static" has_no_library "$folder/subproject/consumer"
check "... is the library alone" wants_only_the_library

echo "$passed passed, $failed failed"
((failed == 0))
