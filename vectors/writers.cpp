// WordVectors::save: a header and rows, put together in blocks by all threads and written in their order.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/engine/system/parallel.hpp>
#include <embergrad/io/npy_header.hpp>
#include <embergrad/io/safetensors_header.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/utf8.hpp>
#include <embergrad/vectors/limits.hpp>
#include <embergrad/vectors/reader.hpp>
#include <embergrad/vectors/word_vectors.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Rows = std::vector<std::size_t>;

static_assert(std::endian::native == std::endian::little, "word2vec's binary files are little-endian");

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
using detail::kLongestNumber;
constexpr std::size_t kTypicalWord = 8;

// ---- what a row is -------------------------------------------------------------------------------------------------

/// The shortest numbers that read back as they were.
void append_numbers(std::span<const Real> vector, char separator, std::string& to) {
    const std::size_t begin = to.size();
    to.resize(begin + vector.size() * (kLongestNumber + 1));
    char* at = to.data() + begin;
    for (std::size_t i = 0; i < vector.size(); ++i) {
        if (i > 0) *at++ = separator;
        at = std::to_chars(at, at + kLongestNumber, vector[i]).ptr;
    }
    to.resize(static_cast<std::size_t>(at - to.data()));
}

void append_floats(std::span<const Real> vector, std::string& to) {
    for (const Real value : vector) {
        const auto single = static_cast<float>(value);
        to.append(reinterpret_cast<const char*>(&single), sizeof(single));
    }
}

void append_text(std::string_view word, std::span<const Real> vector, std::string& to) {
    to.append(word) += ' ';
    append_numbers(vector, ' ', to);
    to += '\n';
}

void append_binary(std::string_view word, std::span<const Real> vector, std::string& to) {
    to.append(word) += ' ';
    append_floats(vector, to);
    to += '\n';
}

void append_reals(std::string_view, std::span<const Real> vector, std::string& to) {
    to.append(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
}

void append_projector(std::string_view, std::span<const Real> vector, std::string& to) {
    append_numbers(vector, '\t', to);
    to += '\n';
}

void append_word(std::string_view word, std::span<const Real>, std::string& to) { to.append(word) += '\n'; }

// ---- words for the projector ---------------------------------------------------------------------------------------

/// What JavaScript's trim() takes away: the projector skips a line that has nothing else.
bool is_javascript_space(char32_t point) {
    constexpr std::u32string_view others = U" \u00A0\u1680\u2028\u2029\u202F\u205F\u3000\uFEFF";
    return (U'\t' <= point && point <= U'\r') || (U'\u2000' <= point && point <= U'\u200A') ||
           others.find(point) != others.npos;
}

std::string hexadecimal(std::uint32_t value, int digits) {
    std::string text;
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789ABCDEF"[value >> shift & 15];
    return text;
}

/// Calls f(point, bytes) for each code point; of length 0, with value 0, for a byte that begins none.
template <class F>
void for_each_point(std::string_view text, F f) {
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        const std::size_t length = std::max<std::size_t>(point.length, 1);
        f(point, text.substr(0, length));
        text.remove_prefix(length);
    }
}

std::string escaped(CodePoint point, std::string_view bytes) {
    if (point.length == 0) return "\\x" + hexadecimal(static_cast<unsigned char>(bytes.front()), 2);
    constexpr std::string_view special = "\t\n\r\\", letters = "tnr\\";
    const std::size_t i = special.find(bytes);
    return i == special.npos ? std::string(bytes) : std::string{'\\', letters[i]};
}

/// What stands for a cell that cannot be seen.
std::string names_of(std::string_view cell) {
    std::string names;  // spaces have four digits at most
    for_each_point(cell, [&](CodePoint point, auto) { names += "<U+" + hexadecimal(point.value, 4) + '>'; });
    return names.empty() ? "<empty>" : names;
}

/// The word as a line that is one cell, and that can be seen.
void append_label(std::string_view word, std::span<const Real>, std::string& to) {
    std::string cell;
    bool visible = false;
    for_each_point(word, [&](CodePoint point, std::string_view bytes) {
        const std::string text = escaped(point, bytes);
        visible |= text != bytes || !is_javascript_space(point.value);
        cell += text;
    });
    to.append(visible ? cell : names_of(cell)) += '\n';
}

// ---- rows into files -----------------------------------------------------------------------------------------------

/// Tells who asked how far the writing is.
class Progress {
public:
    Progress(const WordVectorsSaveOptions& options, const std::string& path, std::size_t total)
        : tell_(options.on_progress), path_(path), total_(total) {}

    void advance(std::size_t rows, std::size_t bytes, bool vectors) {
        done_ += rows;
        if (vectors) state_.words += rows;
        state_.bytes += bytes;
        state_.fraction = static_cast<double>(done_) / static_cast<double>(total_);
        if (tell_ && !tell_(state_)) fail<std::runtime_error>("cannot write ", path_, ": it was stopped");
    }

private:
    const std::function<bool(const WordVectorsProgress&)>& tell_;
    const std::string& path_;
    std::size_t total_;  // rows, of both files
    std::size_t done_ = 0;
    WordVectorsProgress state_;
};

using Append = void (*)(std::string_view word, std::span<const Real> vector, std::string& to);

/// What is to be written.
struct Table {
    const WordVectors& vectors;
    const Rows& rows;

    void append(Append append_row, std::size_t begin, std::size_t end, std::string& to) const {
        for (std::size_t i = begin; i < end; ++i) append_row(vectors.word(rows[i]), vectors[rows[i]], to);
    }
    std::string header() const {
        return std::to_string(rows.size()) + ' ' + std::to_string(vectors.dimension()) + '\n';
    }
};

/// `numbers`: how many of them a row has in this file.
void write_rows(AtomicFile& file, const Table& table, Append append, std::size_t numbers, Progress& progress) {
    const std::size_t n = table.rows.size();
    const std::size_t per_block = std::max<std::size_t>(1, kBlockBytes / (kTypicalWord + numbers * kLongestNumber));
    std::vector<std::string> blocks(static_cast<std::size_t>(num_threads()));
    for (std::size_t begin = 0; begin < n;) {
        const std::size_t end = std::min(n, begin + blocks.size() * per_block);
        detail::parallel_for(end - begin, per_block, [&](std::size_t from, std::size_t to) {
            std::string& block = blocks[from / per_block];
            block.clear();
            table.append(append, begin + from, begin + to, block);
        });
        for (std::size_t i = 0; begin < end; ++i) {
            const std::size_t rows = std::min(per_block, end - begin);
            file.write(blocks[i]);
            progress.advance(rows, blocks[i].size(), numbers > 0);
            begin += rows;
        }
    }
}

void write_single_file(const std::string& path, std::string_view header, const Table& table, Append append,
                       Progress progress) {
    AtomicFile file(path);
    file.write(header);
    write_rows(file, table, append, table.vectors.dimension(), progress);
    file.commit();
}

/// The words in a file of their own. Both files are on the disk before either takes its place.
void write_two_files(const std::string& path, std::string_view header, Append append, const std::string& words,
                     Append append_one, const Table& table, Progress progress) {
    AtomicFile file(path), labels(words);
    write_rows(labels, table, append_one, 0, progress);
    file.write(header);
    write_rows(file, table, append, table.vectors.dimension(), progress);
    labels.flush();
    file.flush();
    labels.commit();
    file.commit();
}

std::string array_header(VectorFormat format, const Shape& shape) {
    if (format == VectorFormat::npy) return detail::npy_header_bytes(shape);
    return detail::safetensors_header_bytes({detail::NamedShape{"embedding.weight", shape}}, {});
}

// ---- checks --------------------------------------------------------------------------------------------------------

void check_words_file(const std::string& path, VectorFormat format, const std::string& words) {
    if (!detail::has_words_file(format))
        return require(words.empty(), "WordVectors::save: ", to_string(format),
                       " has the words beside their vectors: there is no second file ", words, " to write");
    require(!words.empty(), "WordVectors::save: ", to_string(format),
            " needs a second file for the words: say its name in WordVectorsSaveOptions::words");
    require(!is_same_path(path, words), "WordVectors::save: ", path,
            " cannot hold both the vectors and the words: name two files");
}

void check_dimension(VectorFormat format, std::size_t d) {
    const std::size_t least = format == VectorFormat::projector ? 2 : 1;
    require(d >= least, "WordVectors::save: ", to_string(format), " needs ", least, " numbers a word or more, not ", d);
    require(format != VectorFormat::word2vec_binary || d <= detail::kLargestBinaryDimension,
            "WordVectors::save: ", to_string(format), " takes at most ", detail::kLargestBinaryDimension,
            " numbers a word, not ", d);
}

/// How a reader would misunderstand the beginning of a text file, where it looks for the dimension; nothing if it would
/// not.
std::string misread(std::string_view header, const Table& table) {
    std::string text(header);
    std::size_t rows = 0;
    for (; rows < table.rows.size() && text.size() < 2 * kBlockBytes; ++rows)
        table.append(append_text, rows, rows + 1, text);
    try {
        const WordVectors read =
            WordVectors::parse(text, "read back", {.skip_bad_lines = true});  // the header counts more
        if (read.dimension() != table.vectors.dimension())
            return "read back: vectors of dimension " + std::to_string(read.dimension());
        bool same = read.size() == rows;
        for (std::size_t i = 0; same && i < rows; ++i) same = read.word(i) == table.vectors.word(table.rows[i]);
        return same ? "" : "read back: other words";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

void check_reads_back(VectorFormat format, std::string_view header, const Table& table) {
    const std::string reason = misread(header, table);
    require(reason.empty(), "WordVectors::save: ", to_string(format), " would not give these words again (", reason,
            "); ", format == VectorFormat::text ? "word2vec-text has a header with the dimension, " : "",
            "npy and safetensors have the words in a file of their own");
}

/// A reader tells this format by what the file begins with.
void check_is_told(VectorFormat format, std::string_view header, const Table& table) {
    std::string begin(header);
    for (std::size_t row = 0; row < table.rows.size() && begin.size() < detail::kFormatSample; ++row)
        table.append(append_binary, row, row + 1, begin);
    begin.resize(std::min(begin.size(), detail::kFormatSample));
    require(detail::detect_format(begin, "read back") == format, "WordVectors::save: ", to_string(format),
            " would be taken for text, so much do these numbers look like one; ",
            to_string(VectorFormat::word2vec_text), " can hold them");
}

}  // namespace

std::size_t WordVectors::save(const std::string& path, VectorFormat format,
                              const WordVectorsSaveOptions& options) const {
    check_words_file(path, format, options.words);
    check_dimension(format, dimension());
    const Rows rows = detail::writable_rows(*this, format, options.skip_unwritable);
    const Table table{*this, rows};
    const std::string header = format == VectorFormat::text ? "" : table.header();
    const Progress progress(options, path, (detail::has_words_file(format) ? 2 : 1) * rows.size());
    switch (format) {
        case VectorFormat::text:
        case VectorFormat::word2vec_text:
            check_reads_back(format, header, table);
            write_single_file(path, header, table, append_text, progress);
            break;
        case VectorFormat::word2vec_binary:
            check_is_told(format, header, table);
            write_single_file(path, header, table, append_binary, progress);
            break;
        case VectorFormat::npy:
        case VectorFormat::safetensors:
            write_two_files(path, array_header(format, Shape{rows.size(), dimension()}), append_reals, options.words,
                            append_word, table, progress);
            break;
        case VectorFormat::projector:
            write_two_files(path, "", append_projector, options.words, append_label, table, progress);
            break;
    }
    return size() - rows.size();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
