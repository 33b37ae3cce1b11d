#!/bin/bash
# Runs convert_vectors as a user does: convert_vectors_test.sh PROGRAM
set -u
program=$(realpath "$1")
source "$(dirname "$0")/program_test.sh"
cd "$folder" || exit 1

holds() { cmp "$1" <(printf '%b' "$2"); }  # holds FILE CONTENT
nothing_written() { [[ ! -e out.vec ]] && ! compgen -G '.embergrad-*' >/dev/null; }

printf 'the 0.5 -1 2\nnew 0.25 0.125 3\n. . . 4 5 6\ncaf\xc3\xa9 7 8 9\n' >four.txt
printf '4 3\n' | cat - four.txt >four.vec
printf 'the 0.5 -1 2\nnew 0.25 0.125 3\ncaf\xc3\xa9 7 8 9\n' >three.txt  # no word has a space

# Each format, written and read back.
run four.txt out.vec
check 'text to word2vec-text' exits 0
check 'it has a header' cmp out.vec four.vec
check 'what was read is told' says 'read        four.txt: text, 4 words, dimension 3'
check 'what was written is told' says 'written     out.vec: word2vec-text, 4 words'
check 'throughput is shown' says 'MB/s of reading'
check 'no escape bytes or carriage returns in a pipe' plain
check 'nothing on standard error' test ! -s err
run four.vec out.txt
check 'word2vec-text to text' exits 0
check 'the header is gone' cmp out.txt four.txt
check 'the header was seen' says 'read        four.vec: word2vec-text, 4 words, dimension 3'
gzip -k four.vec
run four.vec.gz out.txt
check 'gzip is read' cmp out.txt four.txt

run
check 'without arguments it says what it can do' exits 0
check 'which is convert' says 'convert_vectors [OPTIONS] INPUT OUTPUT'
run four.txt three.txt --to npy --output-words four.txt
check 'what is read is not replaced' refused 2 'four.txt is read and would be replaced'
run four.txt out.txt.gz --to text
check 'nothing is compressed' refused 2 'choose a name without .gz'

run three.txt out.bin
check 'text to word2vec-binary' exits 0
check 'it begins with a header' test "$(head -n 1 out.bin)" == '3 3'
run out.bin back.txt
check 'word2vec-binary to text' exits 0
check 'the same again' cmp back.txt three.txt
check 'the format was found' says 'read        out.bin: word2vec-binary, 3 words, dimension 3'

for format in npy safetensors; do
    run four.txt "out.$format"
    check "text to $format" exits 0
    check 'its words are in a second file' holds out.words.txt 'the\nnew\n. . .\ncaf\xc3\xa9\n'
    check 'which is told' says "written     out.$format: $format, 4 words, which are in out.words.txt"
    run "out.$format" back.txt --words out.words.txt
    check "$format to text" exits 0
    check 'the same again' cmp back.txt four.txt
    run "out.$format" back.txt
    check "$format without words is refused" refused 1 'words'
    run four.txt "out.$format" --output-words "words.$format"
    check '--output-words counts' cmp "words.$format" out.words.txt
done

run four.txt first.tsv
check 'another name for the projector' exits 0
check 'has words of its own' holds first.metadata.tsv 'the\nnew\n. . .\ncaf\xc3\xa9\n'
run three.txt second.tsv
check 'and so has the next' holds second.metadata.tsv 'the\nnew\ncaf\xc3\xa9\n'
check 'which leaves the first alone' holds first.metadata.tsv 'the\nnew\n. . .\ncaf\xc3\xa9\n'

mkdir view
run four.txt view/vectors.tsv
check 'text to projector' exits 0
check 'the vectors have tabs' holds view/vectors.tsv '0.5\t-1\t2\n0.25\t0.125\t3\n4\t5\t6\n7\t8\t9\n'
check 'the words are beside them' holds view/metadata.tsv 'the\nnew\n. . .\ncaf\xc3\xa9\n'

# Every option counts.
run four.txt out.txt --to word2vec-text
check '--to wins over the extension' cmp out.txt four.vec
run three.txt nothing.known --to text
check '--to makes the extension needless' cmp nothing.known three.txt
run three.txt out.txt --from word2vec-binary
check '--from counts' refused 1 'three.txt'
run four.txt out.txt --from text
check '--from text works' cmp out.txt four.txt
run four.txt out.txt --limit 2
check '--limit works' exits 0
check '--limit counts' holds out.txt 'the 0.5 -1 2\nnew 0.25 0.125 3\n'
run four.txt out.txt --dimension 2
check '--dimension counts' refused 1 'four.txt: '
run four.txt out.txt --dimension 3 --threads 1
check '--dimension and --threads work' cmp out.txt four.txt
run four.txt out.safetensors --output-words out.words.txt
run out.safetensors out.txt --words out.words.txt --tensor embedding.weight
check '--tensor works' cmp out.txt four.txt
run out.safetensors out.txt --words out.words.txt --tensor weight
check '--tensor counts' refused 1 'weight'
printf '\xef\xbb\xbfnew\r\n\nof\n. . .' >list.txt
run four.txt list.vec --vocabulary list.txt
check '--vocabulary works' exits 0
check '--vocabulary counts' holds list.vec '2 3\nnew 0.25 0.125 3\n. . . 4 5 6\n'
check 'and says how many there are' says 'vocabulary  2 of its 3 words have a vector'
printf 'embergrad vocabulary 1\nlowercase 0\ndetach_punctuation 0\nspecials pad\ntokens 3\n<PAD>\t0\nthe\t5\nof\t2\n' \
    >vocabulary.txt
run four.txt out.txt --vocabulary vocabulary.txt
check 'a saved vocabulary is one too' holds out.txt 'the 0.5 -1 2\n'

# out.npy and out.safetensors share out.words.txt.
run four.txt both.npy
run four.txt both.safetensors
check 'the same words in one file are fine' test ! -s err
run three.txt both.safetensors
check 'words that another file went by are not replaced silently' says \
    'warning: both.words.txt had other words before, and both.npy went by it; --output-words gives each its own'
check 'but they are replaced' exits 0
run four.txt both.npy --output-words four.words.txt
check 'with a file for each there is nothing to say' test ! -s err
run four.txt both.txt
check 'nor for other formats' test ! -s err

# Bad lines and words.
printf '5 3\nthe 0.5 -1 2\nnew x 1 3\nthe 1 1 1\nnew york 1 2 3\nof 1\n' >bad.vec
run bad.vec out.bin
check 'a bad line is refused with path and line' refused 1 'bad.vec:3: value 1, "x", is no number'
check 'in one line' test "$(wc -l <err)" == 1
run bad.vec out.bin --skip-bad
check '--skip-bad works' exits 0
check '--skip-bad counts' test "$(head -n 1 out.bin)" == '1 3'
check 'bad lines are told' says 'bad         2, left out:'
check 'with their numbers' says '  6: 1 value, not 3'
check 'so are duplicates' says 'duplicates  1, left out'
check 'and words that cannot be written' says 'left out    1 of them: word2vec-binary cannot hold such words'
printf '9 3\n' | cat - three.txt >wrong.vec
run wrong.vec out.txt --skip-bad
check 'a wrong header is told' says 'the header says 9 words, but there are 3'
rm -f out.bin
run four.txt out.bin
check 'a word that cannot be written is refused' refused 1 'word 2, ". . .", has a space: word2vec-binary cannot hold it'
check 'and nothing is written' test ! -e out.bin
run four.txt out.bin --skip-bad
check 'unless it may be left out' test "$(head -n 1 out.bin)" == '3 3'
run bad.vec out.txt --skip-bad --vocabulary vocabulary.txt
check 'what is not wanted is not read' holds out.txt 'the 0.5 -1 2\n'

# Bad files and options.
rm -f out.vec
run nowhere.txt out.vec
check 'a missing file is refused' refused 1 'cannot read nowhere.txt'
run nowhere.txt nowhere/out.vec
check 'a missing folder is refused, before anything is read' refused 1 'cannot write nowhere/out.vec'
run nowhere.txt out.npy --output-words nowhere/words.txt
check 'so is that of the second file' refused 1 'cannot write nowhere/words.txt'
: >empty.txt
run empty.txt out.vec
check 'an empty file is refused' refused 1 'empty.txt: there are no vectors in it'
run four.txt out.vec --vocabulary empty.txt
check 'an empty vocabulary is refused' refused 1 'empty.txt: there are no words in it'
printf 'absent\n' >absent.txt
run four.txt out.vec --vocabulary absent.txt
check 'a vocabulary without vectors is refused' refused 1 'four.txt: none of the words of absent.txt is in it'
run four.txt out.npy --output-words out.npy
check 'one file for two is refused' refused 1 'cannot hold both'
run four.txt out.doc
check 'an unknown extension' refused 2 'text, word2vec-text, word2vec-binary, npy, safetensors, projector'
run four.txt out.vec --to glove
check 'an unknown format' refused 2 '--to: "glove" is none of text, word2vec-text'
run four.txt out.vec --from projector
check 'the projector is not read' refused 2 '--from: "projector" is none of text, word2vec-text'
run four.txt out.vec --output-words words.txt
check 'a second file where there is none' refused 2 '--output-words'
run four.txt
check 'no output' refused 2 'OUTPUT'
run four.txt out.vec --limit 0
check 'a limit out of range' refused 2 '--limit'
run four.txt out.vec --dimension 0
check 'a dimension out of range' refused 2 '--dimension'
run four.txt ''
check 'an empty name' refused 2 'the name is empty'
check 'none of these wrote anything' nothing_written
run --help
check 'help' exits 0
run --version
check '--version says what this is' says 'embergrad 0.'
"$program" four.txt out.txt >/dev/full 2>err
code=$?
check 'standard output that is full is an error' refused 1 'convert_vectors: standard output cannot be written'

# Pipes by name, links that lead nowhere or in a circle, long names.
run <(cat four.txt) out.txt
check 'what a command prints is read' cmp out.txt four.txt
"$program" /dev/stdin out.txt < <(cat four.txt) >out 2>err
code=$?
check 'so is standard input' cmp out.txt four.txt
run out.safetensors out.txt --words <(cat out.words.txt)
check 'words may come from a pipe' cmp out.txt four.txt
run four.txt out.txt --vocabulary <(cat vocabulary.txt)
check 'a saved vocabulary too' holds out.txt 'the 0.5 -1 2\n'
run four.txt out.vec --vocabulary <(cat list.txt)
check 'and a list of words' cmp out.vec list.vec
rm -f out.vec
run four.txt >(cat >/dev/null) --to text
check 'a pipe as output is refused with what to do' refused 1 'it is a pipe, and only a file can be replaced as a whole'
"$program" four.txt /dev/stdout --to text 2>err | cat >out
code=${PIPESTATUS[0]}
check 'so is standard output' refused 1 'only a file can be replaced as a whole'
ln -s circle circle
run circle out.txt
check 'a circle of links is refused as input' refused 1 'its links lead in a circle'
run four.txt circle --to text
check 'and as output' refused 1 'its links lead in a circle'
run four.txt out.npy --output-words circle
check 'and as the second file' refused 1 'its links lead in a circle'
long=$(printf 'n%.0s' {1..300})
run four.txt "$long.txt"
check 'a name that is too long is refused' refused 1 'File name too long'
run "$long" out.txt
check 'as input too' refused 1 'File name too long'
ln -s new.txt link.txt
run four.txt link.txt
check 'a link to nothing leads to what is written' cmp new.txt four.txt
check 'and stays' test -L link.txt

# A process that is killed leaves nothing behind.
mkfifo endless
exec 4<>endless
cat four.txt >&4
for signal in TERM HUP KILL; do
    "$program" endless killed.txt >out 2>err 4>&- &
    process=$!
    sleep 0.2
    kill -$signal $process
    wait $process 2>/dev/null
done
exec 4>&-
check 'signals leave no file' test ! -e killed.txt -a -z "$(compgen -G '.embergrad-*')"

# Ctrl-C, in the middle of a file that goes on and on.
# (awk itself is what is killed: it holds the pipe for reading too, so that writing alone would never end it.)
# shellcheck disable=SC2016  # awk's variables
lines='BEGIN { for (i = 0; i < 200000; ++i) print "word" from + i, i, -i, 0.5 }'
mkfifo pipe
exec 3<>pipe
"$program" pipe out.vec >out 2>err 3>&- &
process=$!
timeout 60 awk -v from=0 "$lines" >&3
kill -INT $process
awk -v from=1000000 "$lines" >&3 &
writer=$!
exec 3>&-
wait $process
code=$?
kill $writer 2>/dev/null
check 'Ctrl-C ends it' exits 130
check 'it says so' says 'convert_vectors: interrupted; nothing was written'
check 'and nothing is' nothing_written

finish
