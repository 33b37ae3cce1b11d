#!/bin/bash
# Runs text_classifier as a user does: text_classifier_test.sh PROGRAM DATA_FOLDER
set -u
program=$1
data=$2
source "$(dirname "$0")/program_test.sh"

accuracy() { sed -n 's/^test accuracy \([0-9.]*\) %.*/\1/p' "$folder/out"; }
accuracy_within() { awk -v a="$(accuracy)" -v low="$1" -v high="$2" 'BEGIN { exit !(a != "" && low <= a && a <= high) }'; }

# A default run, not on a terminal.
run --save "$folder/shop"
check 'the default run succeeds' exits 0
check "its test accuracy ($(accuracy) %) is within 80 and 97" accuracy_within 80 97
check 'no escape bytes or carriage returns in a pipe' plain
check 'a line an epoch' epoch_lines 20
check 'precision and recall are shown' says 'precision   recall'
check 'throughput is shown' says 'tokens/s of training'

# Saved and loaded, it gives the same probabilities.
grep -E '^[a-z]+	.{20,50}$' "$data/messages.test.tsv" | head -n 4 >"$folder/four.tsv"
run --train "$data/messages.train.tsv" --test "$folder/four.tsv" --epochs 3 --max-length 30 --save "$folder/small"
check 'training on a given file succeeds' exits 0
grep '^  .*	' "$folder/out" | sed 's/^  //' >"$folder/before"
cut -f 2- "$folder/four.tsv" | "$program" --load "$folder/small" >"$folder/after" 2>"$folder/err"
check 'four texts were answered' test "$(wc -l <"$folder/before")" == 4
check 'the same answers after saving and loading' cmp "$folder/before" "$folder/after"
printf 'Where is my parcel?\n\n   \nthank you' | "$program" --load "$folder/small" >"$folder/out" 2>"$folder/err"
check 'an empty line gives an empty line' test "$(grep -c '' "$folder/out")-$(grep -c '^$' "$folder/out")" == 4-2
run --load "$folder/shop" --test "$data/messages.test.tsv"
check 'a loaded classifier is tested' says 'test accuracy'

# The same seed gives the same run, whatever the number of threads.
check_same_run --epochs 3 --seed 5

# Every option counts.
for option in '--sparse' '--sparse --embedding-lr 0.001' '--embedding-lr 0.001' '--lr 0.01' '--whitespace' '--dim 16' \
    '--hidden 16' '--dropout 0.1' '--init-std 1' '--min-freq 5' '--max-size 100' '--max-length 3' '--batch 100' \
    '--validation 0.3' '--document'; do
    read -ra words <<<"$option"
    check_counts "${words[@]}" -- --epochs 3 --seed 5
done
check_counts --seed 6 -- --epochs 3
check_counts --epochs 2 -- --seed 5

# Damaged folders.
damage 'a missing file' 'model.safetensors' rm model.safetensors
damage 'a missing vocabulary' 'vocabulary.txt' rm vocabulary.txt
damage 'a short file' 'model.safetensors' truncate -s 1000 model.safetensors
damage 'a changed label' 'not saved together' sed -i '1s/^/x/' labels.txt
damage 'a label that repeats' 'labels.txt:2: the label "account" is there twice' sed -i '2s/.*/account/' labels.txt
damage 'a changed word' 'not saved together' sed -i 's/^parcel\t/letter2\t/' vocabulary.txt
damage 'a vocabulary cut short' 'vocabulary.txt' sed -i 3,9d vocabulary.txt
add_label() {  # without the checksum only the shapes tell
    sed -i 's/words_checksum/words_checksuM/' model.safetensors
    echo more >>labels.txt
}
damage 'a label too many' "classifier.4.weight has shape (6, 128), but must have (7, 128)" add_label
rows=$(grep -c '	' "$folder/small/vocabulary.txt")
for dim in 10000000 10000000000; do
    damage "a table of 0 x $dim" "embedding.weight has shape (0, $dim), but must have ($rows, $dim)" \
        write_model embedding.weight "0,$dim" classifier.1.weight "0,$dim"
done
damage 'a table without columns' "embedding.weight has shape ($rows, 0), but must have ($rows, 1)" \
    write_model embedding.weight "$rows,0" classifier.1.weight '10000000000,0'
damage 'a table that is no matrix' 'embedding.weight of shape (0,) is no matrix' \
    write_model embedding.weight 0 classifier.1.weight 0
run --load "$folder/nowhere" </dev/null
check 'a missing folder is refused' refused 1 'nowhere: no such folder'

# Bad input.
printf 'a\tone\nno tab here\n' >"$folder/bad.tsv"
run --train "$folder/bad.tsv"
check 'a bad line is refused with path and line' refused 1 "$folder/bad.tsv:2: "
: >"$folder/empty.tsv"
run --train "$folder/empty.tsv"
check 'an empty file is refused' refused 1 "$folder/empty.tsv: there are no texts"
run --train "$folder/nowhere.tsv"
check 'a missing file is refused' refused 1 "$folder/nowhere.tsv"
printf 'a\tone\na\ttwo\n' >"$folder/single.tsv"
run --train "$folder/single.tsv"
check 'a single class is refused' refused 1 'all texts have the label "a"'
printf 'a\tone\nb\ttwo\n' >"$folder/two.tsv"
run --train "$folder/two.tsv" --test "$folder/bad.tsv" --epochs 1
check 'a bad test file is refused' refused 1 "$folder/bad.tsv:2: "
printf 'c\tthree\n' >"$folder/unknown.tsv"
run --train "$folder/two.tsv" --test "$folder/unknown.tsv"
check 'a label unknown in training is refused' refused 1 "$folder/unknown.tsv:1: the label \"c\""
run --train "$folder/two.tsv" --epochs 1
check 'two texts are enough, a test file is not needed' exits 0
printf 'a\t\nb\t\n' >"$folder/silent.tsv"
run --train "$folder/silent.tsv" --test "$folder/silent.tsv" --epochs 1
check 'empty texts are no problem' exits 0
run --train "$folder/two.tsv" --test "$folder/empty.tsv" --epochs 1
check 'an empty test file is refused' refused 1 "$folder/empty.tsv: there are no texts"
run --train "$folder/two.tsv" --save "$folder/two.tsv"
check 'saving into a file is refused' refused 1 "$folder/two.tsv: cannot make the folder"
run --lr 100 --embedding-lr 100 --epochs 50 --dropout 0
check 'training that goes astray goes on to the end' exits 0
check 'and is tested' says 'test accuracy'

# Divergence. It comes after the first epoch if an epoch is one step and the table begins with zeros: the first step
# then leaves classifier.1.weight as it is, and only the second makes the logits a product of three large numbers.
run --lr 1e200 --save "$folder/lost"
check 'divergence in the first epoch is an error' refused 1 'finite in epoch 1, and there are no weights from before it'
check 'nothing is tested' test -z "$(accuracy)"
check 'nothing is saved' test -z "$(ls "$folder/lost")"
if "$program" --version | grep -q 'precision *double'; then lr=2e151; else
    lr=3e16
    run --lr 1e200 --epochs 1 --batch 1000000 --validation 0  # beyond float: the weights are infinite after the step
    check 'divergence in the last step is noticed' refused 1 'there are no weights from before it'
fi
astray=(--lr "$lr" --embedding-lr 1000 --init-std 0 --dropout 0 --dim 256 --hidden 256 --batch 1000000)
run "${astray[@]}" --save "$folder/astray"
check 'later divergence is an error' refused 1 'finite in epoch 2: back to the weights after epoch 1'
check 'the best weights are tested' says 'test accuracy'
echo 'Where is my parcel?' | "$program" --load "$folder/astray" >"$folder/out" 2>"$folder/err"
code=$?
check 'and saved' exits 0
run "${astray[@]}" --validation 0
check 'without a validation part there are no best weights' refused 1 'there are no weights from before it'

# Bad options.
run --epochs 0
check 'epochs out of range' refused 2 '--epochs'
run --dropout nan
check 'a dropout that is no number' refused 2 '--dropout'
run --seed 1.5
check 'a seed that is no integer' refused 2 '--seed'
run --nonsense
check 'an unknown option' refused 2 '--nonsense'
run --load "$folder/shop" --train "$folder/two.tsv"
check 'load and train together' refused 2 '--load is for asking, --train for training'
run --load "$folder/shop" --epochs 3
check 'load and epochs together' refused 2 '--load is for asking, --epochs for training'
run --save ''
check 'an empty name' refused 2 '--save: the name is empty'
run --test "$folder/two.tsv"
check 'test alone' refused 2 '--test needs'
run --help
check 'help' exits 0

# Ctrl-C.
interrupt --save "$folder/cut"
check 'Ctrl-C ends the training' exits 130
check 'it says so' says 'interrupted in epoch'
check 'the test follows' says 'test accuracy'
echo 'Where is my parcel?' | "$program" --load "$folder/cut" >"$folder/out" 2>"$folder/err"
code=$?
check 'what was learned is saved' exits 0
check 'and answers' grep -q '^[a-z]*	0\.' "$folder/out"

run --version
check '--version says what this is' says 'embergrad 0.'
"$program" --epochs 1 >/dev/full 2>"$folder/err"
code=$?
check 'standard output that is full is an error' refused 1 'text_classifier: standard output cannot be written'

finish
