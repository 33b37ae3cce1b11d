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
check 'the score of the kept epoch is shown' test "$(sed -n 's/^weights .* accuracy //p' "$folder/out")" == \
    "$(sed -n 's/.*validation *\([0-9.]* %\)  best$/\1/p' "$folder/err" | tail -n 1)"
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
run --train nowhere.tsv --save "$folder/two.tsv/deep/er"
check 'before anything is read' refused 1 "$folder/two.tsv/deep/er: cannot make the folder: Not a directory"
run --train nowhere.tsv --save "$folder/new/er"
check 'a folder that can be made is not made for nothing' test ! -e "$folder/new"
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

for ((i = 0; i < 60; ++i)); do sed "s/$/ $i/" "$data/messages.train.tsv"; done >"$folder/large.tsv"
check_interruptions --train "$folder/large.tsv" -- --train "$data/messages.train.tsv"
run --epochs 2 --progress 0
check 'a log has lines within an epoch' grep -qE '^ +[0-9]+ %  .* left  epoch 1/2  loss [0-9.]+$' "$folder/err"
head -n 25000 "$folder/large.tsv" >"$folder/longer.tsv"  # so that the bar is drawn in an epoch
check_terminal 'validation +[0-9.]+ % *$' --epochs 3 --train "$folder/longer.tsv"

check_memory --train "$data/messages.train.tsv"
run --load "$folder/shop" <"$folder"
check 'a folder as standard input is refused' refused 1 'standard input cannot be read: Is a directory'

# What is suspicious is said, and goes on.
warns() { exits 0 && grep -qF "text_classifier: warning: $1" "$folder/err"; }
tab=$'\t'
run --epochs 1
check 'nothing is wrong with the own texts' test -z "$(grep warning "$folder/err")"
check 'each class is shown with its texts' grep -qE '^  account +360 +40 +100$' "$folder/out"
sed -E "s/(.*)$tab(.*)/\2$tab\1/" "$data/messages.train.tsv" >"$folder/swapped.tsv"
run --train "$folder/swapped.tsv" --epochs 1
check 'swapped columns' warns "$folder/swapped.tsv: "
check 'are asked about' says 'are the columns swapped? A line is label<TAB>text'
check 'of many classes the largest are shown' grep -qE '^  and [0-9,]+ smaller classes$' "$folder/out"
check 'no text to pick the best epoch' warns 'no class has texts to spare'
{ echo "label${tab}text" && cat "$data/messages.train.tsv"; } >"$folder/header.tsv"
run --train "$folder/header.tsv" --epochs 1
check 'a header line' warns "$folder/header.tsv:1: the label \"label\" is on this line only; if it is a header, remove it"
sed -E "9s/^[a-z]*/single/" "$data/messages.train.tsv" >"$folder/one.tsv"
run --train "$folder/one.tsv" --epochs 1
check 'a class of one text' warns "$folder/one.tsv: 1 of 7 classes have a single text: \"single\""
sed -E "2~2s/^billing$tab/billing $tab/; 2~2s/^praise$tab/Praise$tab/" "$data/messages.train.tsv" >"$folder/alike.tsv"
run --train "$folder/alike.tsv" --epochs 1
check 'labels that differ in a space' warns "$folder/alike.tsv: the labels \"billing\", \"billing \" are different"
check 'or in a capital letter' warns "$folder/alike.tsv: the labels \"Praise\", \"praise\" are different"
run --min-freq 100000 --epochs 1
check 'words that are all too rare' warns '100.0 % of the training words are unknown'
sed -E "s/^billing$tab/\x1b[31mbill\xc2\x9bing\x7f$tab/" "$data/messages.train.tsv" >"$folder/codes.tsv"
run --train "$folder/codes.tsv" --test "$folder/codes.tsv" --epochs 1 --save "$folder/codes"
check 'escape codes in labels are not written as they are' plain
check 'but shown' says '\x1b[31mbill\x9bing\x7f'
echo 'Where is my bill?' | "$program" --load "$folder/codes" >"$folder/out" 2>"$folder/err"
check 'nor in answers' plain

run --version
check '--version says what this is' says 'embergrad 0.'
"$program" --epochs 1 >/dev/full 2>"$folder/err"
code=$?
check 'standard output that is full is an error' refused 1 'text_classifier: standard output cannot be written'

finish
