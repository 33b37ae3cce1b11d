// What the founding document's Python gives where it is mistaken. Written by document.py; not to be edited.
// Where a comment says "the same", it is the input of the constant above.
// clang-format off
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace embergrad::testing::document_says {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// ---- PartiallyFrozenEmbedding, frozen indices [5, 1, 3]: the set's order is not the list's
/// table wave((6, 2)); after one forward in training, and no step
inline const std::vector<double> frozen_order_table = {0.8414709848078965, 0.9092974268256817, -0.9999902065507035,
    -0.5365729180004349, -0.9589242746631385, -0.27941549819892586, 0.1411200080598672, -0.7568024953079282,
    0.4121184852417566, -0.5440211108893698, 0.6569865987187891, 0.9893582466233818};

// ---- PartiallyFrozenEmbedding restores one forward late
/// table wave((3, 2)), row 0 frozen, a step of SGD(0.1) on ids 0 and 1: row 0 of the state_dict
inline const std::vector<double> frozen_late_saved = {0.9414700054629669, 0.9629547186257252};
/// the same: id 0, looked up in eval mode
inline const std::vector<double> frozen_late_eval = {0.9414700054629669, 0.9629547186257252};
/// the same: id 0, looked up in training mode
inline const std::vector<double> frozen_late_forward = {0.9414700054629669, 0.9629547186257252};

// ---- PartiallyFrozenEmbedding trains the caller's tensor; frozen rows get moments and enter the clip norm; a
//      generator or duplicates break it
/// the caller's tensor, once wave((3, 2)), after a step of Adam(0.1) on ids 0 and 1, row 0 frozen
inline const std::vector<double> frozen_callers_table = {0.9414709838078867, 1.0092974249620021, 0.04112001043987301,
    -0.8568024942984465, -0.9589242746631385, -0.27941549819892586};
/// the same: how far row 0 then moves by its moments in a step with a zero gradient
inline const std::vector<double> frozen_moment_moves = {0.06700582446580206, 0.06700582364717911};
/// the norm that clipping finds after a backward from wave((2, 2), 10) through ids 0 and 1, row 0 frozen
inline const double frozen_clip_norm = 1.563884324853115;
/// indices from a generator: the first forward
inline const std::string frozen_generator = "IndexError: index 0 is out of bounds for dimension 0 with size 0";
/// table wave((3, 2)), frozen [2, 2, 1]; after one forward
inline const std::vector<double> frozen_duplicates_table = {0.8414709848078965, 0.9092974268256817, -0.9589242746631385,
    -0.27941549819892586, -0.9589242746631385, -0.27941549819892586};

// ---- TextClassifier: length 0 or an empty sequence gives NaN; a length over L gives a wrong mean
/// V 9, D 4, hidden 6, K 3, weights wave(shape, i), padding row 0, eval mode: {{7, 8}, {0, 0}} of lengths 2 and 0
inline const std::vector<double> classifier_length_0 = {-0.8549917292773003, 0.3539012878494512, 1.7692379733340684,
    kNaN, kNaN, kNaN};
/// the same: tokens of shape (1, 0), length 0
inline const std::vector<double> classifier_empty = {kNaN, kNaN, kNaN};
/// the same: tokens of shape (1, 0) without lengths
inline const std::vector<double> classifier_empty_without_lengths = {kNaN, kNaN, kNaN};
/// the same: {{7, 8}} of length 3
inline const std::vector<double> classifier_length_over = {-0.6477565855911553, 0.4844025239337618, 1.8126096481665228};

// ---- TextClassifier: lengths of shape (B, 1) silently give an output of the wrong shape
/// V 9, D 4, hidden 6, K 3, weights wave(shape, i), padding row 0, eval mode: {{7, 8, 1}, {2, 0, 0}} of lengths {{3},
/// {1}}: the logits' shape
inline const std::vector<std::int64_t> classifier_lengths_column_shape = {2, 3, 3};

// ---- TextClassifier: without lengths, padding counts in the mean
/// V 9, D 4, hidden 6, K 3, weights wave(shape, i), padding row 0, eval mode: {{7, 8, 0, 0}} without lengths
inline const std::vector<double> classifier_padded = {-0.4878165185877094, 0.5978008011677629, 1.870432893877934};

// ---- Language model: reports a mean of batch means; empty data or a generator crashes; a batch of 0 breaks the
//      flattening
/// V 5, D 2, context 2, hidden 3, weights wave(shape, i); contexts 01 12 23 with targets 2 3 4, then 34 with 0: the
/// mean loss of each batch
inline const std::vector<double> language_model_batch_losses = {1.6920685052566882, 3.878201074226453};
/// the same: their mean, as the document reports it
inline const double language_model_loss = 2.7851347897415706;
/// the same: what training with lr 0 prints
inline const std::vector<std::string> language_model_printed = {"Epoch 1, Loss: 2.7851"};
/// no batches
inline const std::string language_model_no_data = "ZeroDivisionError: division by zero";
/// a generator
inline const std::string language_model_generator = "TypeError: object of type 'generator' has no len()";
/// batches that can be gone through only once, lr 0, two epochs
inline const std::vector<std::string> language_model_once = {"Epoch 1, Loss: 2.7851", "Epoch 2, Loss: 0.0000"};
/// a context of shape (0, 2)
inline const std::string language_model_batch_of_0 = "RuntimeError: cannot reshape tensor of 0 elements into shape [0, -1] because the unspecified dimension size -1 can be any value and is ambiguous";

// ---- load_glove: words with spaces, a no-break space, or an empty line crash it
/// "new york 1 2 3", dimension 3
inline const std::string glove_space = "ValueError: could not convert string to float: 'york'";
/// "don<U+00A0>juan 1 2 3", dimension 3
inline const std::string glove_no_break_space = "ValueError: could not convert string to float: 'juan'";
/// an empty line after "a 1 2 3"
inline const std::string glove_empty_line = "IndexError: list index out of range";

// ---- load_glove: a wrong dimension silently returns nothing
/// "a 1 2 3" and "b 4 5 6", dimension 2: the words
inline const std::vector<std::string> glove_wrong_dimension = {};

// ---- load_glove: "2 5 1 2 3" is dropped; a header line with dimension 1 becomes a word; a CR splits a word; a BOM
//      stays in the first word
/// "2 5 1 2 3", the word "2 5", dimension 3: the words
inline const std::vector<std::string> glove_number_word = {};
/// "2 1", "a 0.5", "b 0.25", dimension 1: the words
inline const std::vector<std::string> glove_header = {"2", "a", "b"};
/// "a<CR>b 1 2 3", dimension 3: the words
inline const std::vector<std::string> glove_carriage_return = {"b"};
/// "<BOM>the 1 2 3", dimension 3: the words
inline const std::vector<std::string> glove_mark = {"\357\273\277the"};

// ---- initialize_with_pretrained: a <PAD> in the file overwrites the zero row; <UNK> and <PAD> enter the average for
//      unknown words
/// words the, cat, zebra; file "<PAD> 9 9", "<UNK> 6 7", "the 1 2", "cat 2 4": the row of <PAD>
inline const std::vector<double> pretrained_padding_row = {9.0, 9.0};
/// the same: the row of <UNK>
inline const std::vector<double> pretrained_unknown_row = {4.5, 5.5};

// ---- initialize_with_pretrained: coverage counts the special tokens
/// words the, cat; file "the 1 2", "cat 2 4": what is printed
inline const std::vector<std::string> pretrained_printed = {"Vocabulary size: 4", "Pre-trained coverage: 2/4 (50.0%)"};

// ---- Vocabulary: max_size does not count the four specials; a special token in the text takes a slot and encodes as
//      padding
/// "a b c d e f g", max_size 5: how many tokens
inline const std::int64_t vocabulary_max_size = 9;
/// "<PAD> <PAD> a", room for one word (the document's max_size 1): the tokens
inline const std::vector<std::string> vocabulary_special_tokens = {"<PAD>", "<UNK>", "<BOS>", "<EOS>"};
/// the same: "<PAD> a" encoded
inline const std::vector<std::int64_t> vocabulary_special_ids = {0, 1};

// ---- Vocabulary: without an unknown token, unknown words become None and decoding crashes; decoding a tensor gives
//      all <UNK>
/// "a b" without an unknown token: "a zebra" encoded
inline const std::string vocabulary_without_unknown = "[3, None]";
/// the same, decoded
inline const std::string vocabulary_decodes_none = "TypeError: sequence item 1: expected str instance, NoneType found";
/// "the cat": its ids decoded from a tensor
inline const std::string vocabulary_decodes_tensor = "<UNK> <UNK>";

// ---- Vocabulary: a single string passed as texts is read as characters
/// "the cat" itself as the texts: the tokens
inline const std::vector<std::string> vocabulary_of_characters = {"<PAD>", "<UNK>", "<BOS>", "<EOS>", "t", "h", "e", "c", "a"};

// ---- Vocabulary: (min_freq and max_size commute: that is not a mistake)
/// "a a a b b b c c d e", min_freq 2, room for two words: the tokens
inline const std::vector<std::string> vocabulary_frequent = {"<PAD>", "<UNK>", "<BOS>", "<EOS>", "a", "b"};
/// the same, room for four words
inline const std::vector<std::string> vocabulary_roomy = {"<PAD>", "<UNK>", "<BOS>", "<EOS>", "a", "b", "c"};

// ---- Pipeline: no texts crashes; empty texts get length 0, and NaN later
/// no texts, no labels
inline const std::string pipeline_no_texts = "ValueError: max() arg is an empty sequence";
/// "a a" and "", through the text classifier (the second text's logits)
inline const std::vector<double> pipeline_empty_text_logits = {kNaN, kNaN, kNaN};

// ---- Pipeline: pads with 0, not with the vocabulary's padding id; the number of labels is not checked; no truncation
/// "a b" and "a", a vocabulary without <PAD>, whose id 0 is <UNK>: the second text's tokens
inline const std::string pipeline_padded = "a <UNK>";
/// two texts and three labels: how many labels come out
inline const std::int64_t pipeline_labels = 3;
/// a text of 1000 words beside one of 1: the tokens' shape
inline const std::vector<std::int64_t> pipeline_long_text = {2, 1000};

// ---- Pipeline: words without a vector keep N(0, 1); the default min_freq = 2 turns small data into unknown words
/// "the w0 w1 ... w999", a file with a vector for "the", D 4: the standard deviation of the other words' vectors
inline const double pipeline_spread = 0.9943117366097066;
/// "good film" and "bad film indeed": the second text, encoded and decoded
inline const std::string pipeline_small_data = "<UNK> film <UNK>";

// ---- Memory: no float64; its "MB" is MiB; weights only; in C++, 32-bit overflow waits
/// V 10, D 4, float64
inline const std::string memory_float64 = "KeyError: torch.float64";
/// V 100000, D 300, float32: its MB
inline const double memory_mb = 114.44091796875;
/// V 1000, D 300, float32: its bytes
inline const std::int64_t memory_bytes = 1200000;
/// the same table with its gradient and moments, after a step of Adam
inline const std::int64_t memory_adam_bytes = 4800000;
/// the same after a step of SparseAdam on two ids
inline const std::int64_t memory_sparse_adam_bytes = 3602416;
/// V 3000000, D 1000, float32: its bytes
inline const std::int64_t memory_large_bytes = 12000000000;

// ---- Compressed embedding: the rank is not checked; no padding row; the output's spread is 1/sqrt(3), not 1
/// V 1000, D 300, rank 280: parameters of a plain table / of this
inline const double compressed_ratio = 0.8241758241758241;
/// V 10, D 4, rank 2, as drawn: id 0, the place of padding
inline const std::vector<double> compressed_row_0 = {0.44049503550823077, 0.0719000566281503, 0.775990883631684,
    -0.4064859744797374};
/// V 1000, D 300, rank 64, as drawn: the standard deviation of all vectors
inline const double compressed_spread = 0.5771687020535377;

}  // namespace embergrad::testing::document_says
