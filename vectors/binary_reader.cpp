// read_binary_vectors: word2vec's binary file, a header "N D\n", then N times a word, a space, D little-endian floats
// and perhaps a \n. It is read a block at a time; memory is allocated for bytes that are there, not for what the header
// says.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/readable_memory.hpp>
#include <embergrad/vectors/lines.hpp>
#include <embergrad/vectors/reader.hpp>
#include <embergrad/vectors/tally.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "word2vec's binary files are little-endian");

constexpr std::size_t kBatch = 256;  // words that the sink looks up together

/// The part of a file that is in memory: it moves from the beginning to the end.
class Window {
public:
    Window(std::unique_ptr<ByteSource> source, std::size_t block_bytes)
        : source_(std::move(source)), capacity_(std::min(block_bytes, file_size().value_or(block_bytes) + 1)) {}

    std::string_view bytes() const { return {block_.get() + begin_, end_ - begin_}; }
    void skip(std::size_t n) { begin_ += n; }
    /// Reads on behind the bytes there are.
    void read_block() {
        make_room();
        const std::size_t room = capacity_ - end_;
        const std::size_t got = source_->read({block_.get() + end_, room});
        end_ += got;
        total_ += got;
        at_end_ = got < room;
    }
    bool at_end() const { return at_end_; }
    /// Of the file, so far.
    std::size_t bytes_read() const { return total_; }
    std::optional<std::size_t> file_size() const { return source_->size(); }
    std::optional<double> fraction() const { return source_->fraction(); }

private:
    /// Moves the bytes to the beginning of the block, or of one twice as large if they fill it.
    void make_room() {
        const std::size_t kept = end_ - begin_;
        const bool full = kept == capacity_;
        if (full) capacity_ *= 2;
        if (full || !block_) {
            auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
            std::copy_n(block_.get() + begin_, kept, larger.get());
            block_ = std::move(larger);
        } else {
            std::memmove(block_.get(), block_.get() + begin_, kept);
        }
        begin_ = 0;
        end_ = kept;
    }

    std::unique_ptr<ByteSource> source_;
    std::size_t capacity_;
    std::unique_ptr<char[]> block_;
    std::size_t begin_ = 0, end_ = 0;  // of the bytes in it
    std::size_t total_ = 0;
    bool at_end_ = false;
};

/// Copies d floats from anywhere; false if one of them is not finite.
bool copy_floats(const char* from, std::size_t d, Real* to) {
    // A float is not finite if its exponent is all ones: one more, and the sign bit is set.
    constexpr std::uint32_t exponent = 0x7F800000, one_more = 0x00800000;
    std::uint32_t all = 0;
    for (std::size_t i = 0; i < d; ++i) {
        const auto bits = load<std::uint32_t>(from + i * sizeof(float));
        all |= (bits & exponent) + one_more;
        to[i] = static_cast<Real>(std::bit_cast<float>(bits));
    }
    return all >> 31 == 0;
}

/// The reading of one file. A block's words are views into the window: it is passed on before the window moves.
class BinaryReader {
public:
    BinaryReader(VectorFile file, const WordVectorsOptions& options, VectorSink& sink)
        : name_(std::move(file.name)),
          options_(options),
          sink_(sink),
          selects_(sink.selects()),
          tally_(name_, options, sink, VectorFormat::word2vec_binary),
          window_(std::move(file.source), file.block_bytes) {}

    WordVectorsReport run() {
        read_header();
        sink_.start(d_, most_words());
        bool ended = false;
        while (words_read() < words_ && !tally_.full() && !ended) ended = !read_record();
        pass_on();
        if (!tally_.full()) check_end(ended);
        tally_.check_any_good("word");
        block_done();
        return std::move(tally_.report);
    }

private:
    // ---- the header ----

    void read_header() {
        have(kLongestBinaryHeader);
        const std::optional<BinaryHeader> header = binary_header(window_.bytes());
        if (!header) {
            const std::string_view begin = window_.bytes().substr(0, kLongestBinaryHeader);
            fail<std::runtime_error>(name_, ": the first line should be \"N D\", words and numbers a word, but is ",
                                     in_quotes(begin.substr(0, begin.find('\n'))), "; is this a word2vec binary file?");
        }
        words_ = header->words;
        d_ = header->dimension;
        require<std::runtime_error>(d_ > 0 && d_ <= kLargestBinaryDimension, name_, ": the header says ",
                                    counted(d_, "number"), " a word; 1 to ", kLargestBinaryDimension, " can be read");
        require<std::runtime_error>(d_ == options_.dimension.value_or(d_), name_, ": the header says ",
                                    counted(d_, "number"), " a word, not ", options_.dimension.value_or(0));
        require<std::runtime_error>(words_ > 0, name_, ": there are no vectors in it");
        window_.skip(header->bytes);
        header_bytes_ = header->bytes;
    }

    /// How many words are to come at most, if that is known. Room is made for them: as many must fit into the file.
    std::optional<std::size_t> most_words() {
        const std::optional<std::size_t> size = window_.file_size();
        if (!size) return std::nullopt;
        const std::size_t rest = *size - std::min(*size, header_bytes_);
        const std::size_t fit = rest / (1 + vector_bytes());
        const std::size_t needed = std::min(words_, options_.limit);
        if (needed > fit)
            set_wrong_header("words of " + counted(d_, "number") + ", but only " + counted(rest, "byte") + " follow");
        return std::min(needed, fit);
    }

    void set_wrong_header(const std::string& what) {
        tally_.wrong_header("the header says " + std::to_string(words_) + " " + what);
    }

    /// Once all words are read, or as many as there are.
    void check_end(bool ended) {
        const std::string words = words_ == 1 ? "word" : "words";
        if (ended)
            set_wrong_header(words + ", but the file ends " + (window_.bytes().empty() ? "after" : "in") + " word " +
                             std::to_string(words_read() + (window_.bytes().empty() ? 0 : 1)));
        else if (next_word_begins())
            set_wrong_header(words + ", but more follow");
    }

    // ---- words ----

    std::size_t vector_bytes() const { return d_ * sizeof(float); }
    std::size_t words_read() const { return tally_.report.lines + block_.lines; }

    /// Reads on until there are n bytes to look at; false if the file ends before.
    bool have(std::size_t n) {
        while (window_.bytes().size() < n) {
            if (window_.at_end()) return false;
            pass_on();
            block_done();
            window_.read_block();
        }
        return true;
    }

    /// Passes over line ends; false at the end of the file.
    bool next_word_begins() {
        while (have(1)) {
            if (window_.bytes().front() != '\n') return true;
            window_.skip(1);
        }
        return false;
    }

    /// The next word, with its vector behind it; nothing if the file ends before.
    std::optional<std::string_view> next_word() {
        if (!next_word_begins()) return std::nullopt;
        std::size_t looked_at = 0, space;
        while ((space = window_.bytes().substr(0, kLongestBinaryWord + 1).find(' ', looked_at)) ==
               std::string_view::npos) {
            looked_at = window_.bytes().size();
            require<std::runtime_error>(looked_at <= kLongestBinaryWord, name_, ":", words_read() + 1,
                                        ": a word of more than ", kLongestBinaryWord,
                                        " bytes; is this a word2vec binary file?");
            if (!have(looked_at + 1)) return std::nullopt;
        }
        if (!have(space + 1 + vector_bytes())) return std::nullopt;
        return window_.bytes().substr(0, space);
    }

    bool read_record() {
        const std::optional<std::string_view> word = next_word();
        if (!word) return false;
        ++block_.lines;
        take(*word, word->data() + word->size() + 1);
        window_.skip(word->size() + 1 + vector_bytes());
        return true;
    }

    void take(std::string_view word, const char* numbers) {
        if (word.empty()) return refuse("no word before " + counted(d_, "value"));
        if (selects_ && !sink_.wants(word)) {
            ++block_.unwanted;
            return;
        }
        const std::size_t used = block_.words.size() * d_;
        if (block_.vectors.size() < used + d_) block_.vectors.resize(std::max(2 * used, d_));
        Real* const to = block_.next_vector(d_);
        if (!copy_floats(numbers, d_, to)) return refuse(what_is_not_finite(to, d_));
        block_.keep(word);
        if (block_.words.size() >= std::min(kBatch, options_.limit - tally_.kept())) pass_on();
    }

    /// Passed on at once, so that it comes before any error behind it.
    void refuse(std::string reason) {
        block_.refuse(std::move(reason));
        pass_on();
    }

    void pass_on() {
        tally_.take(block_);
        block_.clear();
    }

    /// What was read since the last call.
    void block_done() {
        const std::size_t bytes = window_.bytes_read() - tally_.report.bytes;
        if (bytes > 0) tally_.done(bytes, window_.fraction());
    }

    std::string name_;
    const WordVectorsOptions& options_;
    VectorSink& sink_;
    bool selects_;
    VectorTally tally_;
    Window window_;
    std::size_t words_ = 0, d_ = 0;  // as the header says
    std::size_t header_bytes_ = 0;
    VectorBlock block_;
};

}  // namespace

WordVectorsReport read_binary_vectors(VectorFile file, const WordVectorsOptions& options, VectorSink& sink) {
    return BinaryReader(std::move(file), options, sink).run();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
