#!/usr/bin/env bash
# Installs the built library into a folder of its own and builds tests/consumer against that, as a user would.
# usage: installed.sh BUILD_FOLDER LIBRARY PRECISION COMPILER...
set -euo pipefail

build=$1 library=$2 precision=$3 compiler=("${@:4}")
root=$(dirname "$0")/..
consumer=$root/tests/consumer/consumer.cpp
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() { echo "FAILED: $*" && exit 1; }

flags() { pkg-config "$@" "$library"; }

compile() {  # object, flag...
    "${compiler[@]}" -std=c++20 "${@:2}" -c "$consumer" -o "$folder/$1.o"
}

link() {  # object, flag...
    "${compiler[@]}" "$folder/$1.o" "${@:2}" -o "$folder/consumer"
}

link_and_run() {  # what it shows, object, flag...
    echo "$1:"
    link "${@:2}" || fail "it does not link"
    LD_LIBRARY_PATH=$libraries:${LD_LIBRARY_PATH-} "$folder/consumer" >"$folder/output" || fail "it does not run"
    cat "$folder/output"
    grep -qx "embergrad $version" "$folder/output" || fail "the library does not call itself $version"
}

check_version() {  # meson.build's is the one; the newest that CHANGELOG.md has released is no other
    local released
    released=$(sed -nE '/^## \[[0-9]/ { s/^## \[(.*)\].*/\1/p; q }' "$root/CHANGELOG.md")
    [[ $released == "$version" ]] || fail "meson.build says version $version, CHANGELOG.md ${released:-none}"
}

check_headers() {  # nothing on the user's include path but one folder, without what is internal
    [[ $(ls "$include") == embergrad ]] || fail "include/ holds $(ls "$include")"
    local internal
    for internal in engine/{accumulate,lookup_checks} engine/gradient/{gradient_runs,row_sums} \
        engine/kernels/{axis,simd,product/blas}; do
        [[ ! -e $include/embergrad/$internal.hpp ]] || fail "$internal.hpp is internal, but installed"
    done
    ! "${compiler[@]}" -std=c++20 "${cflags[@]}" -M "$consumer" | grep nlohmann || fail "embergrad.hpp includes JSON"
}

check_other_precision() {  # it must not link: the numbers would be read in the wrong width
    local other=(-DEMBERGRAD_DOUBLE)
    [[ $precision == float ]] || other=(-UEMBERGRAD_DOUBLE)
    compile other "${cflags[@]}" "${other[@]}"
    ! link other "${shared[@]}" 2>"$folder/errors" || fail "a program of the other precision links"
    grep -q 'undefined reference.*embergrad::f' "$folder/errors" || { cat "$folder/errors" && fail "another error"; }
    echo "a program of the other precision does not link, as it should"
}

check_standard() {  # an older one is refused in a sentence, whichever header comes first
    local header count
    while read -r header; do
        ! "${compiler[@]}" -std=c++17 "${cflags[@]}" -fsyntax-only -x c++ - <<<"#include <$header>" 2>"$folder/errors" ||
            fail "$header compiles as C++17"
        grep -q 'error: .*embergrad needs C++20: compile with -std=c++20' "$folder/errors" ||
            { cat "$folder/errors" && fail "$header does not say that it needs C++20"; }
        count=$(grep -c 'error:' "$folder/errors")
        ((count == 2)) || fail "$header in C++17: $count errors"  # the sentence, and the header that is not there
    done < <(cd "$include" && find embergrad -name '*.hpp')
}

meson install -C "$build" --destdir "$folder" --no-rebuild --quiet
description=$(find "$folder" -name "$library.pc")
libraries=$(dirname "$(dirname "$description")")
export PKG_CONFIG_PATH=${description%/*}:${PKG_CONFIG_PATH-}
include=$(flags --variable=includedir)
version=$(flags --modversion)
read -ra cflags < <(flags --cflags)
read -ra shared < <(flags --libs)
read -ra static < <(flags --static --libs)

check_version
check_headers
check_standard
check_other_precision

# The user's own switches must not change a type that the library knows under its name.
objects=(plain)
compile plain -Wall -Wextra -Wconversion -Werror "${cflags[@]}"
if echo '#include <xsimd/xsimd.hpp>' | "${compiler[@]}" -std=c++20 -E -x c++ - >/dev/null 2>&1; then
    compile xsimd -O1 "${cflags[@]}" -DXTENSOR_USE_XSIMD -march=native
    objects+=(xsimd)
else
    echo "skipped: XTENSOR_USE_XSIMD, because xsimd is not installed"
fi
for object in "${objects[@]}"; do link_and_run "$object, shared" "$object" "${shared[@]}"; done
rm "$libraries/lib$library".so*
for object in "${objects[@]}"; do link_and_run "$object, static" "$object" "${static[@]}"; done
