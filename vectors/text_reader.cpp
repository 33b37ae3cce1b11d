// Blocks of lines are read one after the other, parsed side by side, and put together in the order of the file.
#include <algorithm>
#include <utility>
#include <vector>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/ordered_stages.hpp>
#include <embergrad/engine/system/parallel.hpp>
#include <embergrad/text/utf8.hpp>
#include <embergrad/vectors/line_blocks.hpp>
#include <embergrad/vectors/lines.hpp>
#include <embergrad/vectors/reader.hpp>
#include <embergrad/vectors/real_parser.hpp>
#include <embergrad/vectors/tally.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

using BadLine = WordVectorsReport::BadLine;

constexpr std::size_t kFewWords = 10'000;  // for fewer, room is made again and again rather than counting all lines

/// Some lines of the file, and what is in them. Used again for others.
struct Block {
    LineBlock lines;
    std::string_view text;  // the part that holds vectors
    std::optional<double> fraction;
    std::size_t line_count = 0;  // of that part, whose first line is 1
    std::size_t unwanted = 0;
    std::vector<std::string_view> words;
    std::vector<std::size_t> numbers;            // of the words' lines
    std::vector<Real, Allocator<Real>> vectors;  // (words, d) and room for more
    std::vector<BadLine> bad;

    /// Makes room for the vectors of d numbers that the text may hold.
    void clear(std::size_t d) {
        unwanted = 0;
        words.clear();
        numbers.clear();
        bad.clear();
        const std::size_t most = text.size() / (2 * d + 1) + 1;  // a line of d numbers takes 2 d + 1 bytes at least
        if (vectors.size() < most * d) vectors.resize(most * d);
    }
};

/// Adds what one line holds to its block.
void parse_line(std::string_view line, std::size_t number, std::size_t d, const VectorSink& sink, Block& block) {
    Real* const to = block.vectors.data() + block.words.size() * d;
    const ReadableMemory memory = block.lines.memory();
    const auto keep = [&](std::string_view word) {
        block.words.push_back(word);
        block.numbers.push_back(number);
    };
    const std::string_view first = first_field(line);
    const bool guess = !sink.selects() && line.size() > 2 * d && !first.empty();  // mostly the first field is the word
    if (guess && parse_reals(line.substr(first.size()), memory, d, to)) return keep(first);

    const std::optional<VectorLine> split = split_vector_line(line, d);
    if (split && !sink.wants(split->word))
        ++block.unwanted;
    else if (split && parse_reals(split->numbers, memory, d, to))
        keep(split->word);
    else
        block.bad.push_back({number, what_is_wrong(line, d)});
}

std::size_t count_lines(std::string_view text) {
    const auto ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    return ends + (text.empty() || text.ends_with('\n') ? 0 : 1);
}

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
          blocks_(2 * static_cast<std::size_t>(num_threads())) {}

    WordVectorsReport run() {
        begin();
        sink_.start(d_, lines_to_come());
        run_ordered(*this, blocks_.size());
        if (good_ == 0) refuse_all();
        if (header_ && !tally_.full()) check_header();
        return std::move(tally_.report);
    }

    bool read(std::size_t slot) override {
        Block& block = blocks_[slot];
        if (first_.text.empty()) return next(block);
        block = std::exchange(first_, {});
        return true;
    }

    void work(std::size_t slot) override {
        Block& block = blocks_[slot];
        block.clear(d_);
        VectorLines lines(block.text);
        while (const std::optional<std::string_view> line = lines.next())
            parse_line(*line, lines.number(), d_, sink_, block);
        block.line_count = lines.number();
    }

    bool take(std::size_t slot) override {
        Block& block = blocks_[slot];
        const std::size_t added = tally_.add(block.words, block.vectors.data());
        const bool full = tally_.full();
        if (full) block.line_count = added > 0 ? block.numbers[added - 1] : 0;  // the rest was not to be read
        for (BadLine& bad : block.bad) {
            if (bad.number <= block.line_count) tally_.refuse(tally_.report.lines + bad.number, std::move(bad.reason));
        }
        good_ += added + block.unwanted;
        tally_.report.lines += block.line_count;
        tally_.done(block.lines.text().size(), block.fraction);
        return !full;
    }

private:
    bool next(Block& block) {
        const bool there = file_.next(block.lines);
        block.text = block.lines.text();
        block.fraction = file_.fraction();
        return there;
    }

    /// Reads as far as the first block with a vector, and to it in this block: byte order mark, header, dimension.
    void begin() {
        Block& block = first_;
        for (bool first = true; next(block); first = false) {
            if (first) block.text = without_byte_order_mark(block.text);
            VectorLines lines(block.text);
            if (!header_ && may_have_header()) {
                header_ = next_header(lines);
                if (header_) header_->line += tally_.report.lines;
                if (header_) tally_.report.format = VectorFormat::word2vec_text;
            }
            if (VectorLines(lines).next()) {
                check_given_format();
                d_ = find_dimension(lines, file_.at_end(), header_, options_.dimension, name_);
                tally_.report.lines += lines.number();
                block.text = lines.rest();
                return;
            }
            tally_.report.lines += count_lines(block.text);
            tally_.done(block.lines.text().size(), block.fraction);
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

    /// How many there are at most, if all of them are wanted and that can be found out. Blank lines are none: room is
    /// made for what the file's size can hold.
    std::optional<std::size_t> lines_to_come() const {
        if (sink_.selects() || options_.limit < kFewWords) return std::nullopt;
        const std::optional<std::size_t> all = count_lines_();
        if (!all) return std::nullopt;
        const std::size_t rest = *all - std::min(*all, tally_.report.lines);  // less the header
        return std::min(rest, file_.size().value_or(0) / (2 * d_ + 1) + 1);
    }

    [[noreturn]] void refuse_all() const {
        const BadLine& bad = tally_.report.first_bad_lines.front();
        fail<std::runtime_error>(name_, ": all lines are bad, the first of them line ", bad.number, ": ", bad.reason);
    }

    /// Once all lines are read.
    void check_header() {
        const std::size_t met = good_ + tally_.report.bad_lines;
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
    std::vector<Block> blocks_;
    Block first_;  // what begin() has read and read() not yet given
    std::size_t d_ = 0;
    std::optional<VectorHeader> header_;
    std::size_t good_ = 0;  // lines with a vector
};

}  // namespace

WordVectorsReport read_text_vectors(VectorFile file, const WordVectorsOptions& options, VectorSink& sink) {
    return TextReader(std::move(file), options, sink).run();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
