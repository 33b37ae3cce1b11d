#!/usr/bin/env bash
# A reference to a value whose tape has ended is one to nothing: AddressSanitizer must say so, for small arrays, which
# their nodes keep, and for large ones. usage: stale_value.sh PROGRAM
set -euo pipefail

for width in 3 100000; do
    for what in array element gradient; do
        if said=$(ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}symbolize=0 "$1" "$what" "$width" 2>&1); then
            echo "FAILED: the stale $what of width $width was read: $said" && exit 1
        fi
        grep -qE 'AddressSanitizer: (use-after-poison|heap-use-after-free)' <<<"$said" ||
            { echo "FAILED: the stale $what of width $width ended otherwise: $said" && exit 1; }
    done
done
echo "every stale read was reported"
