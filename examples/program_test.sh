#!/bin/bash
# What the tests of the programs share; they set $program and source this. Output is in $folder.
# shellcheck disable=SC2154  # program

# Started by nohup, the programs would ignore the SIGHUP that the tests send, as they should.
if grep -q '^SigIgn:.*[13579bdf]$' /proc/self/status; then exec env --default-signal=HUP bash "$0" "$@"; fi

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
interrupt_when() {  # interrupt_when SIGNAL LINE OPTIONS...: a training without an end, and a signal after such a line
    : >"$folder/err"  # what an earlier run has written is not waited for
    "$program" --epochs "${epochs-1000000}" "${@:3}" >"$folder/out" 2>"$folder/err" &
    local process=$! i
    for ((i = 0; i < 300; ++i)); do
        grep -q "$2" "$folder/err" && break
        sleep 0.1
    done
    kill "-$1" $process
    wait $process
    code=$?
}
interrupt() { interrupt_when INT '^epoch' "$@"; }  # interrupt OPTIONS...: Ctrl-C after the first epoch
checksum() { cksum <"$folder/$1/model.safetensors"; }  # checksum SAVED_FOLDER
check_interruptions() {  # check_interruptions LARGE -- OPTIONS...: with LARGE an epoch takes seconds
    local large=() before signal process i
    while [[ $1 != -- ]]; do large+=("$1") && shift; done
    shift
    for signal in INT TERM HUP; do
        rm -rf "$folder/signal"
        interrupt_when $signal '^epoch' "$@" --save "$folder/signal"
        check "$signal ends the training" exits $((128 + $(kill -l $signal)))
        check "$signal: what was learned is saved" test -s "$folder/signal/model.safetensors"
    done
    (trap '' HUP && epochs=20 && interrupt_when HUP '^epoch' "$@" && exit "$code")
    code=$?
    check 'nohup is respected' exits 0

    # In the first epoch: saved where nothing is, but not in the place of what had more training.
    interrupt_when INT ' %  ' "${large[@]}" --progress 0 --save "$folder/cut"
    check 'an epoch cut short is saved where there is nothing' test -s "$folder/cut/model.safetensors"
    check 'and measured, which is said' says 'interrupted in epoch 1: measuring'
    before=$(checksum small)
    cp -r "$folder/small" "$folder/better"
    interrupt_when INT ' %  ' "${large[@]}" --progress 0 --save "$folder/better"
    check 'it does not replace an earlier model' test "$(checksum better)" == "$before"
    check 'which is said' says "not saved: no epoch was finished, and $folder/better holds an earlier model"

    # Killed without warning, the best so far is there.
    : >"$folder/err"
    "$program" --epochs 1000000 "$@" --save "$folder/killed" >"$folder/out" 2>"$folder/err" &
    process=$!
    for ((i = 0; i < 300; ++i)); do
        [[ $(grep -c '^epoch' "$folder/err") -ge 2 ]] && break
        sleep 0.1
    done
    kill -KILL $process
    wait $process 2>/dev/null
    run --load "$folder/killed" </dev/null
    check 'the best so far is on disk after each epoch' exits 0
    check 'nothing else is left there' test "$(find "$folder/small" -printf '%P\n' | sort)" == \
        "$(find "$folder/killed" -not -path '*/.unfinished*' -printf '%P\n' | sort)"
}
check_memory() {  # check_memory OPTIONS...: that no machine has
    run "$@" --dim 65536 --hidden 65536
    check 'more memory than there is is refused' refused 1 'GiB of memory'
    check 'with the machine'"'"'s own' says 'but there are'
}
check_terminal() {  # check_terminal KEPT OPTIONS...: on one of 80 columns, epochs stay as lines and the bar fits
    command -v script >/dev/null || { echo 'skipped: script is not installed' && return; }
    script -qec "stty cols 80; $(printf '%q ' "$program" "${@:2}")" /dev/null </dev/null >"$folder/out" 2>"$folder/err"
    tr '\r' '\n' <"$folder/out" >"$folder/lines"
    check 'each epoch has a line on a terminal' test "$(grep -c '^epoch.*validation' "$folder/lines")" == 3
    check 'the best is marked' grep -q '^epoch.* best *$' "$folder/lines"
    check 'the bar fits, with the validation' grep -qE "$1" <(grep -E '(left|in [0-9].*)  epoch' "$folder/lines")
    check 'no line is too long' test "$(wc -L <(grep -E '^\[|^epoch' "$folder/lines") | cut -d ' ' -f 1)" -le 80
}
finish() {
    echo "$failures failed"
    [[ $failures == 0 ]]
}
