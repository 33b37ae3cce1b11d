// Lesson 6: an n-gram language model, which learns from running text what word comes next.
//
// A language model gives each word of its vocabulary a probability to be the next one. This one looks at the last n
// words, puts their embeddings side by side and sends them through a small network (Bengio et al. 2003). It needs no
// labels: the text itself says what came next. So it learns embeddings from any text, and it can write more of it.
// The text here is a nursery rhyme; examples/train_lm.cpp trains the same model on a text of yours.
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include <embergrad/embergrad.hpp>

#include "lesson.hpp"
#include "number_text.hpp"

using namespace embergrad;
using namespace examples;

namespace {

const std::string rhyme =
    "This is the house that Jack built. "
    "This is the malt that lay in the house that Jack built. "
    "This is the rat that ate the malt that lay in the house that Jack built. "
    "This is the cat that killed the rat that ate the malt that lay in the house that Jack built. "
    "This is the dog that worried the cat that killed the rat that ate the malt that lay in the house that Jack built.";

constexpr std::size_t kContext = 2;  // n: how many words the model sees

// "This" and "this" are one word, and a full stop is a word of its own, so that the model can learn where sentences
// end. Special tokens are left out: a text that is never padded needs no padding, and no word here is unknown.
Vocabulary make_vocabulary() {
    const std::vector<std::string> texts = {rhyme};
    return Vocabulary::build(texts, {.pad_token = {},
                                     .unk_token = {},
                                     .bos_token = {},
                                     .eos_token = {},
                                     .tokenizer = {.lowercase = true, .detach_punctuation = true}});
}

NGrams ngrams_of(const std::string& text, const Vocabulary& vocabulary) {
    return make_ngrams(vocabulary.encode(text), kContext);
}

NGrams from_text_to_examples(const Vocabulary& vocabulary) {
    // Every n words in a row are a context, and the word behind them is the target. W words give W - n examples.
    NGrams data = ngrams_of(rhyme, vocabulary);
    std::cout << "vocabulary: " << vocabulary.size() << " words, examples: " << data.size() << '\n';
    std::cout << "contexts: " << to_string(data.contexts.shape()) << ", targets: " << to_string(data.targets.shape())
              << '\n';
    for (std::size_t i = 0; i < 3; ++i) {
        std::cout << "  " << vocabulary.token(data.contexts(i, 0)) << ' ' << vocabulary.token(data.contexts(i, 1))
                  << " -> " << vocabulary.token(data.targets(i)) << '\n';
    }
    //> vocabulary: 17 words, examples: 82
    //> contexts: (82, 2), targets: (82,)
    //>   this is -> the
    //>   is the -> house
    //>   the house -> that
    return data;
}

void an_untrained_model(const NGramLanguageModel& model, const NGrams& data) {
    // (B, n) contexts become (B, V) logits: a number for each word that could follow.
    Tape tape(Mode::eval);
    std::cout << "logits: " << to_string(model(tape, data.contexts).shape()) << '\n';
    //> logits: (82, 17)

    // A model that knows nothing gives every word about the probability 1/V. Its loss, the mean of -log p(target), is
    // then log(V) nats. Whoever sees a much larger first loss has a mistake in the model or in its first weights.
    const double loss = evaluate_language_model(model, data).loss;
    const double log_v = std::log(static_cast<double>(model.vocab_size()));
    std::cout << "loss before training: " << fixed(loss, 2) << ", log(V): " << fixed(log_v, 2) << '\n';
    //> loss before training: 2.89, log(V): 2.83
    check(near(loss, log_v, 0.3), "an untrained model's loss is near log(V)");
}

void the_loss_of_an_epoch(const NGramLanguageModel& model, const NGrams& data, Rng& rng) {
    // 82 examples in batches of 81 are two batches, of 81 and of 1. The mean of the two batches' losses would give the
    // last example as much weight as all others together. So each batch is weighed by its size, and the loss of an
    // epoch is the mean of its examples. A learning rate of 0 changes nothing and shows it: the epoch's loss is that of
    // evaluate_language_model, which looks at all examples at once.
    std::vector<double> sums = {0};  // of the examples' losses, after each step
    const auto watch = [&](const LanguageModelProgress& progress) {
        sums.push_back(progress.loss * static_cast<double>(progress.done));
        return true;
    };
    const LanguageModelResult result = train_language_model(
        model, data, rng, {.epochs = 1, .lr = 0, .batch_size = 81, .shuffle = false, .on_progress = watch});
    const double mean_of_batches = (sums[1] / 81 + (sums[2] - sums[1])) / 2;
    std::cout << "mean of the examples: " << fixed(result.losses[0], 2)
              << ", mean of the batches: " << fixed(mean_of_batches, 2) << '\n';
    //> mean of the examples: 2.89, mean of the batches: 3.08
    check(near(result.losses[0], evaluate_language_model(model, data).loss, 1e-5), "the mean is that of all examples");
}

void training(const NGramLanguageModel& model, const NGrams& data, Rng& rng) {
    // The document's loop: Adam on the cross entropy of each batch. What is printed while it runs is up to us. The
    // callback is told after every step how far training is; false from it would end the training there.
    const auto report = [](const LanguageModelProgress& progress) {
        if (progress.epoch_done() && progress.epoch % 10 == 0) {
            std::cout << "epoch " << progress.epoch << ", loss: " << fixed(progress.loss, 2) << '\n';
        }
        return true;
    };
    const LanguageModelResult result =
        train_language_model(model, data, rng, {.epochs = 40, .lr = 0.01, .batch_size = 16, .on_progress = report});
    //> epoch 10, loss: 0.14
    //> epoch 20, loss: 0.11
    //> epoch 30, loss: 0.10
    //> epoch 40, loss: 0.11
    check(!result.stopped && !result.diverged && result.losses.size() == 40, "the training ran to its end");
}

void perplexity(const NGramLanguageModel& model, const NGrams& data, const Vocabulary& vocabulary) {
    // exp(loss) is called perplexity: the model is as unsure as if it had to guess among so many words. Here that is
    // little more than 1, because two words decide the third nearly everywhere. Only what follows "is the" is open.
    const LanguageModelScore learned = evaluate_language_model(model, data);
    std::cout << "perplexity of the rhyme: " << fixed(learned.perplexity(), 1) << '\n';
    //> perplexity of the rhyme: 1.2

    // What counts is a text that the model has not learned from. This one takes two turns that the rhyme does not.
    const NGrams other = ngrams_of("This is the cat that worried the rat.", vocabulary);
    std::cout << "perplexity of another text: " << fixed(evaluate_language_model(model, other).perplexity(), 0) << '\n';
    //> perplexity of another text: 42
}

void writing(const NGramLanguageModel& model, const Vocabulary& vocabulary, Rng& rng) {
    // generate() draws a word, takes it into the context, and draws the next. At temperature 0 it takes the most
    // probable word each time, and says the rhyme.
    const auto go_on = [&](const std::string& start, std::size_t count, const GenerateOptions& options) {
        const std::vector<std::int64_t> words = generate(model, vocabulary.encode(start), count, rng, options);
        return start + " ... " + vocabulary.decode(words);
    };
    std::cout << go_on("the dog", 12, {.temperature = 0}) << '\n';
    //> the dog ... that worried the cat that killed the rat that ate the malt

    // At temperature 1 a word is drawn as often as the model finds it probable. Above 1 it dares more, and makes up
    // verses of its own. top_k leaves only so many of the most probable words.
    for (int verse = 0; verse < 3; ++verse) {
        std::cout << go_on("this is", 14, {.temperature = 1.5, .top_k = 5}) << '\n';
    }
    //> this is ... the dog that worried the cat that killed the rat that ate the malt
    //> this is ... the rat that ate the rat that ate the malt that lay in the
    //> this is ... the dog that worried the dog that worried the house that jack built .

    // Single words can be forbidden, such as an unknown token, where a vocabulary has one.
    const std::string text = go_on("in the", 1, {.temperature = 0, .suppress_tokens = vocabulary.encode("house")});
    check(go_on("in the", 1, {.temperature = 0}) == "in the ... house" && text != "in the ... house",
          "a suppressed word is never drawn");
}

void tied_weights(const NGrams& data, const Vocabulary& vocabulary, Rng& rng) {
    // The model has two vectors for each word: one that is looked up, and a row of the last layer that scores the word.
    // Where both have one length, one table can be both (Press and Wolf 2017). A Linear around a Parameter shares it:
    // the table is trained from both sides, and counts once.
    constexpr std::size_t d = 16;
    const Embedding embeddings(vocabulary.size(), d, rng);
    const Linear hidden(kContext * d, d, rng), head(embeddings.weight());

    Tape tape(Mode::train);
    const Var contexts = flatten(embeddings(tape, data.contexts), 1);  // (B, n D)
    const Var logits = head(relu(hidden(contexts)));                   // (B, V)
    tape.backward(cross_entropy(logits, data.targets));
    std::cout << "logits: " << to_string(logits.shape()) << ", one table of "
              << to_string(embeddings.weight().grad().shape()) << '\n';
    //> logits: (82, 17), one table of (17, 16)
    check(head.weight() == embeddings.weight(), "the two layers hold one parameter");
}

}  // namespace

int main() {
    const Vocabulary vocabulary = make_vocabulary();
    const NGrams data = from_text_to_examples(vocabulary);
    Rng rng(42);
    const NGramLanguageModel model(
        {.vocab_size = vocabulary.size(), .embedding_dim = 16, .context_size = kContext, .hidden_dim = 32}, rng);
    an_untrained_model(model, data);
    the_loss_of_an_epoch(model, data, rng);
    training(model, data, rng);
    perplexity(model, data, vocabulary);
    writing(model, vocabulary, rng);
    tied_weights(data, vocabulary, rng);
}
