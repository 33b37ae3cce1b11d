// read_text_vectors: blocks of lines are read in turn, parsed in parallel, and taken in the order of the file.
#include <algorithm>
#include <utility>
#include <vector>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/ordered_stages.hpp>
#include <embergrad/engine/system/parallel.hpp>
#include <embergrad/text/utf8.hpp>
#include <embergrad/vectors/lines.hpp>
#include <embergrad/vectors/other_lines.hpp>
#include <embergrad/vectors/reader.hpp>
#include <embergrad/vectors/real_parser.hpp>
#include <embergrad/vectors/tally.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kFewWords = 10'000;  // for fewer, growing the table is cheaper than counting all lines
constexpr std::size_t kBehind = 64;        // bytes behind a block's text that the parser may load

// ---- blocks of lines -----------------------------------------------------------------------------------------------

/// Some lines of a text.
struct LineBlock {
    std::vector<char> bytes;  // grows only: what is overwritten next is not cleared
    std::size_t size = 0;     // of the text; behind it a \n, if there is room for it, and bytes of any value

    std::string_view text() const { return {bytes.data(), size}; }
    ReadableMemory memory() const { return ReadableMemory({bytes.data(), bytes.size()}); }
};

/// A text in blocks of whole lines: what was read behind the last \n of a block begins the next.
class LineBlocks {
public:
    /// The name, which must outlive it, begins the messages.
    LineBlocks(std::unique_ptr<ByteSource> source, const std::string& name, std::size_t block_bytes)
        : source_(std::move(source)), name_(name), block_bytes_(block_bytes) {}

    /// The next block: about block_bytes (more only for a longer line), ended by a \n but perhaps for the last; false
    /// at the end.
    bool next(LineBlock& block) {
        std::vector<char>& bytes = block.bytes;
        if (bytes.size() < rest_.size()) bytes.resize(rest_.size());
        std::copy(rest_.begin(), rest_.end(), bytes.begin());
        std::size_t size = std::exchange(rest_, {}).size();
        std::size_t line_end = std::string_view::npos;
        while (!ended_ && line_end == std::string_view::npos) {
            require<std::runtime_error>(size < kLongestTextLine, name_, ": a line of more than ",
                                        kLongestTextLine >> 20, " MiB");
            const std::size_t room =
                std::min(block_bytes_, source_->size().value_or(block_bytes_) + 1);  // small texts are many
            if (bytes.size() < size + room + kBehind) bytes.resize(size + room + kBehind);
            const std::size_t got = source_->read(std::span(bytes).subspan(size, room));
            ended_ = got < room;
            const std::size_t last = std::string_view(bytes.data() + size, got).rfind('\n');
            if (last != std::string_view::npos) line_end = size + last + 1;
            size += got;
        }
        block.size = ended_ ? size : line_end;
        rest_.assign(bytes.data() + block.size, size - block.size);
        if (block.size < bytes.size()) bytes[block.size] = '\n';  // a digit of before would lengthen the last number
        return block.size > 0;
    }
    /// Whether the last block was the last.
    bool at_end() const { return ended_ && rest_.empty(); }
    std::optional<std::size_t> size() const { return source_->size(); }
    std::optional<double> fraction() const { return source_->fraction(); }

private:
    std::unique_ptr<ByteSource> source_;
    const std::string& name_;
    std::size_t block_bytes_;
    std::string rest_;  // what was read behind the last \n
    bool ended_ = false;
};

// ---- what is in them -----------------------------------------------------------------------------------------------

/// A piece of the file, and what is in it. Used again for others.
struct Piece {
    LineBlock lines;
    std::string_view text;  // the part that holds vectors
    std::optional<double> fraction;
    VectorBlock found;
};

/// Adds what one line holds to its block.
void parse_line(std::string_view line, ReadableMemory memory, std::size_t d, const VectorSink& sink,
                VectorBlock& block) {
    Real* const to = block.next_vector(d);
    const std::string_view first = first_field(line);
    const bool guess = !sink.selects() && line.size() > 2 * d && !first.empty();  // mostly the first field is the word
    if (guess && parse_reals(line.substr(first.size()), memory, d, to)) return block.keep(first);

    const std::optional<VectorLine> split = split_vector_line(line, d);
    if (split && !sink.wants(split->word))
        ++block.unwanted;
    else if (split && parse_reals(split->numbers, memory, d, to))
        block.keep(split->word);
    else
        block.refuse(what_is_wrong(line, d));
}

void parse(Piece& piece, std::size_t d, const VectorSink& sink) {
    VectorBlock& block = piece.found;
    block.clear();
    const std::size_t most = piece.text.size() / (2 * d + 1) + 1;  // a line of d numbers takes 2 d + 1 bytes at least
    if (block.vectors.size() < most * d) block.vectors.resize(most * d);
    VectorLines lines(piece.text);
    while (const std::optional<std::string_view> line = lines.next()) {
        block.lines = lines.number();
        parse_line(*line, piece.lines.memory(), d, sink, block);
    }
    block.lines = lines.number();
}

// ---- the file ------------------------------------------------------------------------------------------------------

/// The reading of one file.
class TextReader : public OrderedStages {
public:
    TextReader(VectorFile file, const WordVectorsOptions& options, VectorSink& sink)
        : options_(options),
          sink_(sink),
          name_(file.name),
          tally_(name_, options, sink, VectorFormat::text),
          count_lines_(std::move(file.count_lines)),
          file_(std::move(file.source), name_, file.block_bytes),
          pieces_(2 * static_cast<std::size_t>(num_threads())) {}

    WordVectorsReport run() {
        begin();
        sink_.start(d_, lines_to_come());
        run_ordered(*this, pieces_.size());
        tally_.check_any_good("line");
        if (header_ && !tally_.full()) check_header();
        return std::move(tally_.report);
    }

    bool read(std::size_t slot) override {
        Piece& piece = pieces_[slot];
        if (first_.text.empty()) return next(piece);
        piece = std::exchange(first_, {});
        return true;
    }

    void work(std::size_t slot) override { parse(pieces_[slot], d_, sink_); }

    bool take(std::size_t slot) override {
        Piece& piece = pieces_[slot];
        tally_.take(piece.found);
        tally_.done(piece.lines.text().size(), piece.fraction);
        return !tally_.full();
    }

private:
    bool next(Piece& piece) {
        const bool there = file_.next(piece.lines);
        piece.text = piece.lines.text();
        piece.fraction = file_.fraction();
        return there;
    }

    /// Reads as far as the first piece with a vector, and to it in this piece: byte order mark, header, dimension.
    void begin() {
        Piece& piece = first_;
        for (bool first = true; next(piece); first = false) {
            if (first) piece.text = without_byte_order_mark(piece.text);
            VectorLines lines(piece.text);
            if (!header_ && may_have_header()) {
                header_ = next_header(lines);
                if (header_) header_->line += tally_.report.lines;
                if (header_) tally_.report.format = VectorFormat::word2vec_text;
            }
            VectorLines ahead = lines;
            if (ahead.next()) {
                check_given_format();
                d_ = find_dimension(lines, file_.at_end(), header_, options_.dimension, name_);
                if (!options_.format) refuse_commas(lines, d_, name_);
                tally_.report.lines += lines.number();
                piece.text = lines.rest();
                return;
            }
            tally_.report.lines += ahead.number();
            tally_.done(piece.lines.text().size(), piece.fraction);
        }
        fail<std::runtime_error>(name_, ": there are no vectors in it");
    }

    /// "2 1" may be a word, if the user says so.
    bool may_have_header() const {
        return options_.format == VectorFormat::word2vec_text ||
               (options_.format != VectorFormat::text && options_.dimension != 1);
    }

    void check_given_format() const {
        const bool missing = options_.format == VectorFormat::word2vec_text && !header_;
        require<std::runtime_error>(
            !missing, name_, ": the first line should be \"N D\", words and numbers a word, as ",
            to_string(VectorFormat::word2vec_text), " has it; ", to_string(VectorFormat::text), " has none");
    }

    /// The most lines of vectors there can be, if all are wanted and that can be found out. Lines may be blank: the
    /// file's size is a limit, too.
    std::optional<std::size_t> lines_to_come() const {
        if (sink_.selects() || options_.limit < kFewWords) return std::nullopt;
        const std::optional<std::size_t> all = count_lines_();
        if (!all) return std::nullopt;
        const std::size_t rest = *all - std::min(*all, tally_.report.lines);  // less the header
        return std::min(rest, file_.size().value_or(0) / (2 * d_ + 1) + 1);
    }

    /// Once all lines are read.
    void check_header() {
        const std::size_t met = tally_.good() + tally_.report.bad_lines;
        if (header_->words != met)
            tally_.wrong_header(
                "the header says " + counted(header_->words, "word") + ", but there are " + std::to_string(met),
                header_->line);
        else if (header_->dimension != d_)
            tally_.wrong_header(
                "the header says " + counted(header_->dimension, "number") + " a word, not " + std::to_string(d_),
                header_->line);
    }

    const WordVectorsOptions& options_;
    VectorSink& sink_;
    std::string name_;
    VectorTally tally_;
    std::function<std::optional<std::size_t>()> count_lines_;
    LineBlocks file_;
    std::vector<Piece> pieces_;
    Piece first_;  // what begin() has read and read() not yet given
    std::size_t d_ = 0;
    std::optional<VectorHeader> header_;
};

}  // namespace

WordVectorsReport read_text_vectors(VectorFile file, const WordVectorsOptions& options, VectorSink& sink) {
    return TextReader(std::move(file), options, sink).run();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
