// Lesson 9: the vocabulary, which turns words into ids and ids into words.
//
// An embedding knows ids only. The vocabulary decides which words have one, and its choices last as long as the model:
// how texts are split, which words are too rare to learn, what happens to a word that nobody has seen. This lesson
// builds vocabularies, meets their special tokens, saves one, and makes a batch that a model can take.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"

using namespace embergrad;
using namespace examples;

namespace {

const std::vector<std::string> texts = {"the cat sat on the mat", "the dog sat on the log", "the cat saw the dog"};

std::string words_of(const Vocabulary& vocabulary) {
    std::string words;
    for (std::int64_t id = 0; id < static_cast<std::int64_t>(vocabulary.size()); ++id) {
        words += (id == 0 ? "" : " ") + vocabulary.token(id);
    }
    return words;
}

std::string text_of(const std::vector<std::int64_t>& ids) {
    std::string text;
    for (const std::int64_t id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
    return text;
}

void building() {
    // Special tokens come first, then words by how often they were met; words met equally often keep the order in which
    // they came. So the same texts give the same ids, on every machine.
    const Vocabulary vocabulary = Vocabulary::build(texts);
    std::cout << vocabulary.size() << " tokens: " << words_of(vocabulary) << '\n';
    //> 12 tokens: <PAD> <UNK> <BOS> <EOS> the cat sat on dog mat log saw

    const std::int64_t the = *vocabulary.id("the");  // nothing, std::nullopt, for a word it does not have
    std::cout << "\"the\" has id " << the << " and was met " << vocabulary.count(the) << " times\n";
    //> "the" has id 4 and was met 6 times
    check(!vocabulary.id("horse"), "a word that was not met has no id");
}

void choosing_words() {
    // A word that was met once can hardly be learned. min_freq leaves rare words out: they are unknown, and so the
    // unknown token gets trained too.
    const Vocabulary frequent = Vocabulary::build(texts, {.min_freq = 2});
    std::cout << "met twice: " << words_of(frequent) << '\n';
    //> met twice: <PAD> <UNK> <BOS> <EOS> the cat sat on dog

    // max_size is the size of the whole vocabulary, special tokens included, which is also that of the table. (The
    // document's counts words only: its vocabulary of 50,000 has 50,004 rows.)
    const Vocabulary small = Vocabulary::build(texts, {.max_size = 6});
    std::cout << "at most 6: " << words_of(small) << '\n';
    //> at most 6: <PAD> <UNK> <BOS> <EOS> the cat
    check(small.size() == 6, "special tokens count");
}

void words_to_ids_and_back() {
    const Vocabulary vocabulary = Vocabulary::build(texts);
    const std::vector<std::int64_t> ids = vocabulary.encode("the dog saw a cat");
    std::cout << text_of(ids) << '\n';
    std::cout << vocabulary.decode(ids) << '\n';
    //> 4 8 11 1 5
    //> the dog saw <UNK> cat

    // "a" is not there. It has become the unknown token, and its letters are lost.
    check(ids[3] == *vocabulary.unknown_id(), "an unknown word gets the unknown id");

    // Without an unknown token there is no id to give, and it is an error. The document's class puts None among the
    // ids, which crashes later and elsewhere.
    const Vocabulary closed = Vocabulary::build(texts, {.unk_token = {}});
    std::cout << refusal([&] { closed.encode("the dog saw a cat"); }) << '\n';
    //> Vocabulary::encode: "a" is not in the vocabulary, and there is no unknown token
}

void special_tokens() {
    // Padding, unknown, beginning and end of a text. Each may have another spelling, or not be there at all.
    const Vocabulary vocabulary = Vocabulary::build(texts);
    std::cout << "padding " << *vocabulary.padding_id() << ", unknown " << *vocabulary.unknown_id() << ", beginning "
              << *vocabulary.bos_id() << ", end " << *vocabulary.eos_id() << '\n';
    //> padding 0, unknown 1, beginning 2, end 3

    const Vocabulary other =
        Vocabulary::build(texts, {.pad_token = "[PAD]", .unk_token = "[UNK]", .bos_token = {}, .eos_token = {}});
    std::cout << other.special_count() << " special tokens, then " << other.token(2) << '\n';
    //> 2 special tokens, then the

    // Their names are reserved. A text that spells one does not get its id, so nobody can smuggle padding into a text.
    const std::vector<std::int64_t> ids = vocabulary.encode("the <PAD> sat");
    std::cout << vocabulary.decode(ids) << '\n';
    //> the <UNK> sat
    check(ids[1] == *vocabulary.unknown_id(), "a reserved token in a text is an unknown word");
}

void splitting_texts() {
    // Texts are split at white space, as the document does. Then "Cat," is another word than "cat". Two options mend
    // that; the vocabulary remembers them, so that texts are always split as those it was built from.
    const std::vector<std::string> reviews = {"Great film! Great cast.", "A great, great film; don't miss it."};
    std::cout << words_of(Vocabulary::build(reviews)) << '\n';
    //> <PAD> <UNK> <BOS> <EOS> Great film! cast. A great, great film; don't miss it.

    const Vocabulary vocabulary =
        Vocabulary::build(reviews, {.tokenizer = {.lowercase = true, .detach_punctuation = true}});
    std::cout << words_of(vocabulary) << '\n';
    std::cout << vocabulary.decode(vocabulary.encode("GREAT cast, great film!")) << '\n';
    //> <PAD> <UNK> <BOS> <EOS> great film . ! cast a , ; don't miss it
    //> great cast , great film !
}

void saving_and_loading() {
    // Weights without their vocabulary are of no use: row 4 is the vector of "the" only as long as the id of "the" is
    // 4. So save it beside them. The file is text, and tells ids, counts and how texts are split.
    const Vocabulary vocabulary = Vocabulary::build(texts, {.min_freq = 2});
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("vocabulary-" + std::to_string(getpid()) + ".txt");
    vocabulary.save(path);
    const Vocabulary loaded = Vocabulary::load(path);
    std::string file = read_file(path);
    std::filesystem::remove(path);

    std::replace(file.begin(), file.end(), '\t', ' ');
    std::cout << file;
    //> embergrad vocabulary 1
    //> lowercase 0
    //> detach_punctuation 0
    //> specials pad unk bos eos
    //> tokens 9
    //> <PAD> 0
    //> <UNK> 0
    //> <BOS> 0
    //> <EOS> 0
    //> the 6
    //> cat 2
    //> sat 2
    //> on 2
    //> dog 2
    check(words_of(loaded) == words_of(vocabulary), "what was saved is loaded");
    check(loaded.encode("the cat saw") == vocabulary.encode("the cat saw"), "and encodes in the same way");
}

void a_batch() {
    // Texts differ in length, arrays do not. pad_batch fills the ends with the padding id and keeps the lengths, which
    // tell a model where each text ends.
    const Vocabulary vocabulary = Vocabulary::build(texts);
    std::vector<std::vector<std::int64_t>> sequences;
    for (const std::string& text : texts) sequences.push_back(vocabulary.encode(text));
    const Batch batch = pad_batch(sequences, *vocabulary.padding_id());
    std::cout << "tokens: " << to_string(batch.tokens.shape()) << '\n';
    for (std::size_t b = 0; b < batch.tokens.shape()[0]; ++b) {
        for (std::size_t l = 0; l < batch.tokens.shape()[1]; ++l) std::cout << batch.tokens(b, l) << ' ';
        std::cout << "length " << batch.lengths(b) << '\n';
    }
    //> tokens: (3, 6)
    //> 4 5 6 7 4 9 length 6
    //> 4 8 6 7 4 10 length 6
    //> 4 5 11 4 8 0 length 5

    // An embedding for it has as many rows as the vocabulary has tokens, and a padding row of zeros. The mean of each
    // text's vectors, which is all that a simple classifier wants to know, leaves padding out by the lengths.
    Rng rng(42);
    const Embedding embedding(vocabulary.size(), 8, rng, {.padding_idx = vocabulary.padding_id()});
    Tape tape(Mode::eval);
    const Var vectors = embedding(tape, batch.tokens);
    const Var means = masked_mean(vectors, batch.lengths);
    std::cout << "vectors: " << to_string(vectors.shape()) << ", texts: " << to_string(means.shape()) << '\n';
    //> vectors: (3, 6, 8), texts: (3, 8)
}

}  // namespace

int main() {
    building();
    choosing_words();
    words_to_ids_and_back();
    special_tokens();
    splitting_texts();
    saving_and_loading();
    a_batch();
}
