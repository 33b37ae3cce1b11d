#!/bin/bash
# What the tests of the programs share; they set $program and source this. Output is in $folder.
# shellcheck disable=SC2154  # program
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

check() {  # check NAME COMMAND...: the command must succeed
    local name=$1
    shift
    if "$@"; then echo "ok      $name"; else
        echo "FAILED  $name"
        failures=$((failures + 1))
    fi
}
run() {  # run OPTIONS...: output in $folder/out and $folder/err, exit code in $code
    "$program" "$@" >"$folder/out" 2>"$folder/err"
    code=$?
}
exits() { [[ $code == "$1" ]] || { echo "exit code $code"; cat "$folder/err"; return 1; }; }
says() { grep -qF -- "$1" "$folder/out" "$folder/err"; }
refused() {  # refused CODE MESSAGE: one line says what is wrong
    exits "$1" && says "$2" && ! says 'terminate called'
}
plain() { ! LC_ALL=C grep -q $'[\x1b\r]' "$folder/out" "$folder/err"; }
epoch_lines() { [[ $(grep -c '^epoch' "$folder/err") == "$1" ]]; }
differs() { ! sed /throughput/d "$folder/out" | cmp -s "$folder/first"; }
check_same_run() {  # check_same_run OPTIONS...: with any number of threads; $folder/first keeps what it printed
    run "$@" --threads 1
    sed /throughput/d "$folder/out" >"$folder/first"
    run "$@" --threads 2
    check 'the same seed gives the same run' cmp "$folder/first" <(sed /throughput/d "$folder/out")
}
check_counts() {  # check_counts OPTION [VALUE] -- OPTIONS...: it works, and changes what $folder/first holds
    local option=()
    while [[ $1 != -- ]]; do option+=("$1") && shift; done
    run "${@:2}" "${option[@]}"
    check "${option[*]##*/} works" exits 0
    check "${option[*]##*/} counts" differs
}
damage() {  # damage NAME MESSAGE COMMAND...: the command is run in a copy of the saved folder $folder/small
    local name=$1 message=$2
    shift 2
    rm -rf "$folder/damaged" && cp -r "$folder/small" "$folder/damaged"
    (cd "$folder/damaged" && "$@")
    run --load "$folder/damaged" </dev/null
    check "$name is refused" refused 1 "$message"
    check "$name: one line" test "$(wc -l <"$folder/err")" == 1
}
write_model() {  # write_model NAME SHAPE NAME SHAPE: the shapes of two weights that take no bytes
    local json='{"'$1'":{"dtype":"F32","shape":['$2'],"data_offsets":[0,0]},'
    json+='"'$3'":{"dtype":"F32","shape":['$4'],"data_offsets":[0,0]}}'
    printf '\0\2\0\0\0\0\0\0%-512s' "$json" >model.safetensors  # the length 512 in eight bytes
}
interrupt() {  # interrupt OPTIONS...: a training without an end, and Ctrl-C after its first epoch
    "$program" --epochs 1000000 "$@" >"$folder/out" 2>"$folder/err" &
    local process=$! i
    for ((i = 0; i < 300; ++i)); do
        grep -q '^epoch' "$folder/err" && break
        sleep 0.1
    done
    kill -INT $process
    wait $process
    code=$?
}
finish() {
    echo "$failures failed"
    [[ $failures == 0 ]]
}
