#!/bin/bash
# Runs train_lm as a user does: train_lm_test.sh PROGRAM
set -u
program=$1
source "$(dirname "$0")/program_test.sh"

perplexity() { sed -n 's/^validation perplexity \([0-9.]*\),.*/\1/p' "$folder/out"; }
perplexity_within() {
    awk -v p="$(perplexity)" -v low="$1" -v high="$2" 'BEGIN { exit !(p != "" && low <= p && p <= high) }'
}
written() { [[ $(grep -c ' | ' "$folder/out") == "$1" ]]; }  # written N: that many continuations

# A default run, not on a terminal.
run --save "$folder/story"
check 'the default run succeeds' exits 0
check "its validation perplexity ($(perplexity)) is within 12 and 25" perplexity_within 12 25
check 'no escape bytes or carriage returns in a pipe' plain
check 'a line an epoch' epoch_lines 10
check 'throughput is shown' says 'tokens/s of training'
check 'three continuations' written 3
check 'the best epoch is kept' test "$(sed -n 's/^weights.* epoch //p' "$folder/out")" == \
    "$(sed -n 's/^epoch *\([0-9]*\).*  best$/\1/p' "$folder/err" | tail -n 1)"
best=$(sed -n 's/.*validation perplexity *\([0-9.]*\)  best$/\1/p' "$folder/err" | tail -n 1)
check 'and its perplexity is the one shown at the end' test "$(perplexity)" == "$best"

# Saved and loaded, it writes the same and foresees as well.
for ((i = 0; i < 200; ++i)); do echo "The cat sat on the mat. The dog sat on the log, and \"all\" was well."; done >"$folder/cat.txt"
small=(--text "$folder/cat.txt" --validation "$folder/cat.txt" --dim 8 --hidden 16)
run "${small[@]}" --prompt 'The cat' --generate 2 --length 9 --save "$folder/small"
check 'training on a given file succeeds' exits 0
check 'a text that repeats itself is foreseen' perplexity_within 1 1.3
check 'and written' says 'The cat | sat on the'
grep -e ' | ' -e '^validation' "$folder/out" >"$folder/before"
run --load "$folder/small" --validation "$folder/cat.txt" --prompt 'The cat' --generate 2 --length 9
grep -e ' | ' -e '^validation' "$folder/out" >"$folder/after"
check 'the same after saving and loading' cmp "$folder/before" "$folder/after"
printf 'The dog\n\nwords unheard of' | "$program" --load "$folder/small" --generate 1 >"$folder/out" 2>"$folder/err"
check 'each line of standard input is continued' written 3
run --load "$folder/small" --validation "$folder/cat.txt" --generate 0
check 'a loaded model is only measured' perplexity_within 1 1.3
check 'and writes nothing' written 0
check 'special tokens are not written' test -z "$(grep -F '<' "$folder/before")"

# The same seed gives the same run, whatever the number of threads.
check_same_run --epochs 2 --seed 5
for option in '--whitespace' '--lowercase' '--min-freq 1' '--max-size 100' '--context 2' '--dim 8' '--hidden 16' \
    '--init-std 1' '--batch 100' '--lr 0.01' '--generate 1' '--length 5' '--prompt Tom' '--temperature 0' '--top-k 2' \
    "--validation $folder/cat.txt" "--text $folder/cat.txt"; do
    read -ra words <<<"$option"
    check_counts "${words[@]}" -- --epochs 2 --seed 5
done
check_counts --seed 6 -- --epochs 2
check_counts --epochs 1 -- --seed 5

# Damaged folders.
damage 'a missing file' 'model.safetensors' rm model.safetensors
damage 'a missing vocabulary' 'vocabulary.txt' rm vocabulary.txt
damage 'a short file' 'model.safetensors' truncate -s 100 model.safetensors
damage 'a changed word' 'not saved together' sed -i 's/^cat\t/rat\t/' vocabulary.txt
add_word() {  # without the checksum only the shapes tell
    sed -i 's/words_checksum/words_checksuM/' model.safetensors
    sed -i "s/^tokens $rows/tokens $((rows + 1))/" vocabulary.txt
    printf 'more\t1\n' >>vocabulary.txt
}
rows=$(grep -c '	' "$folder/small/vocabulary.txt")
damage 'a word too many' "embeddings.weight has shape ($rows, 8), but must have ($((rows + 1)), 8)" add_word
damage 'a table of 0 x 10000000000' "embeddings.weight has shape (0, 10000000000), but must have ($rows, 10000000000)" \
    write_model embeddings.weight 0,10000000000 network.0.weight 0,10000000000
damage 'a context that is no whole number of words' "network.0.weight has shape (32, 12), but must have (32, 8)" \
    sed -i 's/\[16,24\]/[32,12]/' model.safetensors
spoil_end() {  # the last 8 bytes: NaN, in double and in float
    truncate -s -8 model.safetensors
    printf '\xff\xff\xff\x7f\xff\xff\xff\x7f' >>model.safetensors
}
damage 'a weight that is no number' 'network.2.weight holds a value that is not finite' spoil_end
run --load "$folder/nowhere" </dev/null
check 'a missing folder is refused' refused 1 'nowhere: no such folder'

# Bad input.
run --text "$folder/nowhere.txt"
check 'a missing file is refused' refused 1 "$folder/nowhere.txt"
: >"$folder/empty.txt"
run --text "$folder/empty.txt"
check 'an empty file is refused' refused 1 "$folder/empty.txt: there are no words to learn"
run --text "$folder/cat.txt" --min-freq 1000
check 'words that are all too rare are refused' refused 1 "$folder/cat.txt: there are no words to learn"
echo 'only a few words' >"$folder/few.txt"
run --text "$folder/few.txt" --min-freq 1
check 'a text without room for validation is refused' refused 1 \
    "$folder/few.txt: 0 words for validation are too few: it takes 4 to predict one from 3"
run --text "$folder/few.txt" --min-freq 1 --context 4 --validation "$folder/cat.txt"
check 'a text shorter than the context is refused' refused 1 "$folder/few.txt: 4 words to learn from are too few"
run --text "$folder/few.txt" --min-freq 1 --validation "$folder/few.txt" --epochs 1
check 'one example is enough' exits 0
check 'and it writes' written 3
run --text "$folder/cat.txt" --validation "$folder/empty.txt"
check 'an empty validation text is refused' refused 1 "$folder/empty.txt: 0 words for validation are too few"
printf '\xEF\xBB\xBFThe \xFF\xFE end. The \xFF\xFE end. The end.' >"$folder/bytes.txt"
run --text "$folder/bytes.txt" --validation "$folder/bytes.txt" --epochs 1
check 'bytes that are not UTF-8 are letters' exits 0
run --text "$folder/cat.txt" --save "$folder/few.txt"
check 'saving into a file is refused' refused 1 "$folder/few.txt: cannot make the folder"
run --text nowhere.txt --save "$folder/few.txt/deep/er"
check 'before anything is read' refused 1 "$folder/few.txt/deep/er: cannot make the folder: Not a directory"
run --text nowhere.txt --save "$folder/new/er"
check 'a folder that can be made is not made for nothing' test ! -e "$folder/new"

# Divergence.
run --lr 1e200 --save "$folder/lost"
check 'divergence in the first epoch is an error' refused 1 'finite in epoch 1, and there are no weights from before it'
check 'nothing is saved' test -z "$(ls "$folder/lost")"

# Bad options.
run --epochs 0
check 'epochs out of range' refused 2 '--epochs'
run --temperature nan
check 'a temperature that is no number' refused 2 '--temperature'
run --nonsense
check 'an unknown option' refused 2 '--nonsense'
run --load "$folder/small" --text "$folder/cat.txt"
check 'load and text together' refused 2 '--load is for writing, --text for training'
run --save ''
check 'an empty name' refused 2 '--save: the name is empty'
run --help
check 'help' exits 0
run --version
check '--version says what this is' says 'embergrad 0.'

interrupt --save "$folder/cut"
check 'Ctrl-C ends the training' exits 130
check 'it says so' says 'interrupted in epoch'
check 'the validation follows' perplexity_within 1 100
check 'and the continuations' written 3
run --load "$folder/cut" --prompt 'The keeper'
check 'what was learned is saved' exits 0
check 'and writes' written 3
# An end before the end.
for ((i = 0; i < 400; ++i)); do cat "$folder/cat.txt"; done >"$folder/large.txt"
check_interruptions --text "$folder/large.txt" --validation "$folder/cat.txt" -- "${small[@]}"

# What is shown meanwhile.
run "${small[@]}" --epochs 2 --progress 0
check 'a log has lines within an epoch' grep -qE '^ +[0-9]+ %  .* left  epoch 1/2  loss [0-9.]+$' "$folder/err"
check 'and the validation of the last' grep -qE ' left  epoch 2/2  loss [0-9.]+  validation perplexity' "$folder/err"
check_terminal 'validation perplexity +[0-9]+\.[0-9][0-9] *$' --epochs 3

check_memory --text "$folder/cat.txt"
check_memory --text "$folder/cat.txt" --context 300 --batch 1
run --load "$folder/small" <"$folder"
check 'a folder as standard input is refused' refused 1 'standard input cannot be read: Is a directory'
run --load "$folder/small" <&-
check 'standard input that is closed is refused' refused 1 'standard input cannot be read'
printf 'a \x1b[31m b \xc2\x9b c. %.0s' {1..50} >"$folder/codes.txt"
run --text "$folder/codes.txt" --epochs 1 --temperature 5
check 'escape codes in a text are not written as they are' plain

"$program" --epochs 1 >/dev/full 2>"$folder/err"
code=$?
check 'standard output that is full is an error' refused 1 'train_lm: standard output cannot be written'

finish
