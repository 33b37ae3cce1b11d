// Blocks of lines are read one after the other, parsed side by side, and put together in the order of the file.
#include <algorithm>
#include <utility>
#include <vector>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/parallel.hpp>
#include <embergrad/text/vector_lines.hpp>
#include <embergrad/text/vector_reader.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

using BadLine = WordVectorsReport::BadLine;

constexpr std::size_t kReportedBadLines = 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Some lines of the file, and what is in them. Used again for others.
struct Block {
    std::string text;
    std::size_t begin = 0;  // of the part that holds vectors
    std::size_t lines = 0;  // of that part
    std::size_t unwanted = 0;
    std::vector<std::string_view> words;
    std::vector<Real, Allocator<Real>> vectors;  // (words, d)
    std::vector<BadLine> bad;                    // the part's first line is 1

    std::string_view part() const { return std::string_view(text).substr(begin); }
};

/// Adds what one line holds to its block.
void parse_line(std::string_view line, std::size_t number, std::size_t d, const VectorSink& sink, Block& block) {
    Real* const to = block.vectors.data() + block.words.size() * d;
    const char* const readable_end = block.text.data() + block.text.size();
    const std::string_view first = first_field(line);
    const bool guess = !sink.selects() && line.size() > 2 * d && !first.empty();  // mostly the first field is the word
    if (guess && parse_vector(line.substr(first.size()), readable_end, d, to)) return block.words.push_back(first);

    const std::optional<VectorLine> split = split_vector_line(line, d);
    if (split && !sink.wants(split->word))
        ++block.unwanted;
    else if (split && parse_vector(split->numbers, readable_end, d, to))
        block.words.push_back(split->word);
    else
        block.bad.push_back({number, what_is_wrong(line, d)});
}

/// Finds what the block's lines hold.
void parse(Block& block, std::size_t d, const VectorSink& sink) {
    const std::string_view text = block.part();
    block.unwanted = 0;
    block.words.clear();
    block.bad.clear();
    block.vectors.resize((text.size() / (2 * d + 1) + 1) * d);  // a line of d numbers takes 2 d + 1 bytes at least
    VectorLines lines(text);
    while (const std::optional<std::string_view> line = lines.next()) parse_line(*line, lines.number(), d, sink, block);
    block.lines = lines.number();
}

std::size_t count_lines(std::string_view text) {
    const auto ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    return ends + (text.empty() || text.ends_with('\n') ? 0 : 1);
}

/// The reading of one file.
class TextReader {
public:
    TextReader(VectorFile file, const WordVectorsOptions& options, VectorSink& sink)
        : name_(std::move(file.name)),
          options_(options),
          sink_(sink),
          file_(std::move(file.source), name_),
          blocks_(static_cast<std::size_t>(num_threads())) {}

    WordVectorsReport run(std::optional<std::size_t> most_lines) {
        begin();
        sink_.start(d_, most_lines);
        std::size_t filled = 1;  // begin() has read the first
        while (filled > 0) {
            parallel_for(filled, 1, [&](std::size_t i, std::size_t) { parse(blocks_[i], d_, sink_); });
            for (std::size_t i = 0; i < filled; ++i) put_in(blocks_[i]);
            for (filled = 0; filled < blocks_.size() && next(blocks_[filled]);) ++filled;
        }
        if (good_ == 0) refuse_all();
        if (header_) check_header();
        return std::move(report_);
    }

private:
    bool next(Block& block) {
        block.begin = 0;
        if (!file_.next(block.text)) return false;
        report_.bytes += block.text.size();
        return true;
    }

    /// Reads as far as the first block with a vector, and to it in this block: byte order mark, header, dimension.
    void begin() {
        Block& block = blocks_.front();
        for (bool first = true; next(block); first = false) {
            if (first && block.text.starts_with(kByteOrderMark)) block.begin = kByteOrderMark.size();
            VectorLines lines(block.part());
            if (!header_ && options_.dimension != 1) {
                header_ = next_header(lines);
                if (header_) header_->line += report_.lines;
            }
            if (VectorLines(lines).next()) {
                d_ = find_dimension(lines, file_.at_end(), header_, options_.dimension, name_);
                report_.lines += lines.number();
                block.begin = block.text.size() - lines.rest().size();
                return;
            }
            report_.lines += count_lines(block.text);
        }
        fail<std::runtime_error>(name_, ": there are no vectors in it");
    }

    void put_in(Block& block) {
        for (BadLine& bad : block.bad) refuse(report_.lines + bad.number, std::move(bad.reason));
        for (std::size_t i = 0; i < block.words.size(); ++i) {
            const bool is_new = sink_.add(block.words[i], block.vectors.data() + i * d_);
            if (!is_new) ++report_.duplicates;
        }
        good_ += block.words.size() + block.unwanted;
        report_.lines += block.lines;
    }

    void refuse(std::size_t number, std::string reason) {
        if (!options_.skip_bad_lines) fail<std::runtime_error>(name_, ":", number, ": ", reason);
        ++report_.bad_lines;
        std::vector<BadLine>& first = report_.first_bad_lines;
        const auto behind = std::find_if(first.begin(), first.end(), [=](auto& bad) { return bad.number > number; });
        first.insert(behind, {number, std::move(reason)});
        if (first.size() > kReportedBadLines) first.pop_back();
    }

    [[noreturn]] void refuse_all() const {
        const BadLine& bad = report_.first_bad_lines.front();
        fail<std::runtime_error>(name_, ": all lines are bad, the first of them line ", bad.number, ": ", bad.reason);
    }

    /// Once all lines are read.
    void check_header() {
        const std::size_t met = good_ + report_.bad_lines;
        if (header_->words != met)
            refuse(header_->line,
                   "the header says " + counted(header_->words, "word") + ", but there are " + std::to_string(met));
        else if (header_->dimension != d_)
            refuse(header_->line,
                   "the header says " + counted(header_->dimension, "number") + " a word, not " + std::to_string(d_));
    }

    std::string name_;
    const WordVectorsOptions& options_;
    VectorSink& sink_;
    LineBlocks file_;
    std::vector<Block> blocks_;
    std::size_t d_ = 0;
    std::optional<VectorHeader> header_;
    std::size_t good_ = 0;  // lines with a vector
    WordVectorsReport report_;
};

}  // namespace

WordVectorsReport read_text_vectors(VectorFile file, const WordVectorsOptions& options, VectorSink& sink) {
    const std::optional<std::size_t> lines = file.lines;
    return TextReader(std::move(file), options, sink).run(lines);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
