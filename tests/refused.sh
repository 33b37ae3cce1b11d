#!/usr/bin/env bash
# Compiles what must not compile, and looks at what the compiler says: one sentence that a user can act on.
# usage: refused.sh INCLUDE_FOLDER COMPILER...
set -euo pipefail

include=$1 compiler=("${@:2}")
read -ra xtensor <<<"$(pkg-config --cflags xtensor 2>/dev/null)"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() { echo "FAILED: $*" && exit 1; }

compile() {  # an expression of a var, an array, ids and their tape
    cat >"$folder/user.cpp" <<END
#include <embergrad/engine/ops.hpp>
using namespace embergrad;
Var f(Tape& tape, Var var, const Array& array, const IdArray& ids) {
    static_cast<void>(tape), static_cast<void>(array), static_cast<void>(ids);
    return $1;
}
END
    "${compiler[@]}" -std=c++20 -fsyntax-only -I "$include" "${xtensor[@]}" "$folder/user.cpp" >"$folder/said" 2>&1
}

check_refused() {  # what the compiler must say, expression
    if compile "$2"; then fail "$2 compiles"; fi
    local errors
    errors=$(grep -c 'error:' "$folder/said") || true
    grep -qF -- "$1" <(grep 'error:' "$folder/said") || { cat "$folder/said"; fail "$2: not a word of '$1'"; }
    [[ $errors == 1 ]] || { cat "$folder/said"; fail "$2: $errors errors instead of one"; }
    (($(wc -l <"$folder/said") <= 12)) || { cat "$folder/said"; fail "$2: more than 12 lines"; }
}

compile 'var * tape.constant(array) + 2 * var' || { cat "$folder/said"; fail "what is right does not compile"; }
sentence='a Var and an array: make the array a Var of the same tape, tape.constant(array)'
for expression in 'var * array' 'array - var' 'var / (array + array)' 'var + ids'; do
    check_refused "$sentence" "$expression"
done
echo "all refused in one sentence"
