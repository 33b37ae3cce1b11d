// read_array_vectors: a .npy array or a safetensors tensor, some rows at a time; the words have a file of their own.
#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/io/array_source.hpp>
#include <embergrad/io/npy_header.hpp>
#include <embergrad/io/safetensors_header.hpp>
#include <embergrad/vectors/lines.hpp>
#include <embergrad/vectors/reader.hpp>
#include <embergrad/vectors/tally.hpp>
#include <embergrad/vectors/word_list.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;
constexpr std::array<std::string_view, 3> kTensorNames = {"embedding.weight", "embeddings.weight", "embeddings"};
constexpr std::size_t kListedTensors = 10;

/// The array of the vectors, and where it is.
struct Table {
    StoredReal dtype = {};
    Shape shape = {};
    std::uint64_t before = 0;  // bytes that are still before it
    std::uint64_t behind = 0;  // bytes
};

// ---- which array it is ----

Table find_in_npy(ArraySource& source) {
    NpyHeader header = read_npy_header(source);
    if (header.fortran_order && header.shape.size() > 1)
        source.bad("the array is in Fortran's order: save numpy.ascontiguousarray(array)");
    return {.dtype = real_dtype(header, source), .shape = std::move(header.shape)};
}

/// "a" F32 (2, 3), "b" I64 (2,)
std::string list_of(const std::vector<TensorEntry>& entries) {
    std::string text;
    for (std::size_t i = 0; i < std::min(entries.size(), kListedTensors); ++i)
        text += (i == 0 ? "" : ", ") + shown(entries[i].name) + " " + entries[i].dtype.substr(0, 20) + " " +
                to_string(entries[i].shape);
    if (entries.size() > kListedTensors) text += " and " + std::to_string(entries.size() - kListedTensors) + " more";
    return text.empty() ? "no tensors" : text;
}

const TensorEntry* find_named(const std::vector<TensorEntry>& entries, std::string_view name) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](auto& entry) { return entry.name == name; });
    return found == entries.end() ? nullptr : &*found;
}

const TensorEntry& find_entry(const std::vector<TensorEntry>& entries, const std::string& asked,
                              const ArraySource& source) {
    if (!asked.empty()) {
        if (const TensorEntry* entry = find_named(entries, asked)) return *entry;
        source.bad("there is no tensor ", shown(asked), ", but ", list_of(entries));
    }
    for (const std::string_view name : kTensorNames) {
        if (const TensorEntry* entry = find_named(entries, name)) return *entry;
    }
    const auto is_table = [](const TensorEntry& entry) { return entry.real && entry.shape.size() == 2; };
    if (std::count_if(entries.begin(), entries.end(), is_table) == 1)
        return *std::find_if(entries.begin(), entries.end(), is_table);
    source.bad("which tensor are the vectors in? Name it (tensor); there are ", list_of(entries));
}

Table find_in_safetensors(ArraySource& source, const std::string& asked) {
    const SafeTensorsHeader header = read_safetensors_header(source);
    const TensorEntry& entry = find_entry(header.entries, asked, source);
    if (entry.name == "embeddings" && find_named(header.entries, "mapping"))
        source.bad("words share the rows of \"embeddings\" through the tensor \"mapping\", which cannot be read");
    return {readable_dtype(entry, source), entry.shape, entry.offsets[0], header.data_bytes - entry.offsets[1]};
}

// ---- its rows ----

/// The reading of one file.
class ArrayReader {
public:
    ArrayReader(VectorFile file, VectorFormat format, const WordVectorsOptions& options, VectorSink& sink)
        : options_(options),
          sink_(sink),
          name_(std::move(file.name)),
          format_(to_string(format)),
          tally_(name_, options, sink, format),
          source_(name_, format_, std::move(file.source)) {}

    WordVectorsReport run() {
        require<std::runtime_error>(!options_.words.empty(), name_,
                                    ": the file holds no words: give the file that does (words)");
        const Table table = tally_.report.format == VectorFormat::npy ? find_in_npy(source_)
                                                                      : find_in_safetensors(source_, options_.tensor);
        check(table.shape);
        const WordList words(options_.words);
        require<std::runtime_error>(words.size() == rows_, name_, ": ", counted(rows_, "row"), ", but ", options_.words,
                                    " has ", counted(words.size(), "word"));
        // Without the file's size, only its header says how many rows there are: room for them is made as they come.
        sink_.start(d_, source_.size() ? std::optional(std::min(rows_, options_.limit)) : std::nullopt);
        skip(table.before);
        read_rows(table.dtype, words);
        if (tally_.full()) return std::move(tally_.report);
        skip(table.behind);
        source_.check_end();
        tally_.check_any_good("row");
        return std::move(tally_.report);
    }

private:
    void check(const Shape& shape) {
        if (shape.size() != 2) source_.bad("an array of shape ", shape, " holds no vectors; that takes (words, D)");
        rows_ = shape[0];
        d_ = shape[1];
        require<std::runtime_error>(rows_ > 0 && d_ > 0, name_, ": there are no vectors in it");
        require<std::runtime_error>(d_ == options_.dimension.value_or(d_), name_, ": every row has ",
                                    counted(d_, "number"), ", not ", options_.dimension.value_or(0));
    }

    void skip(std::uint64_t n) {
        while (n > 0) {
            const std::uint64_t piece = std::min<std::uint64_t>(n, kBlock);
            source_.skip(piece);
            n -= piece;
            report_progress();
        }
    }

    void read_rows(StoredReal dtype, const WordList& words) {
        const std::size_t in_block = std::max<std::size_t>(1, kBlock / sizeof(Real) / d_);
        for (std::size_t row = 0; row < rows_ && !tally_.full();) {
            const std::size_t n = std::min(in_block, rows_ - row);
            read_numbers(dtype, n * d_);
            block_.clear();
            for (std::size_t i = 0; i < n; ++i) take_row(words[row + i], block_.vectors.data() + i * d_);
            row += n;
            tally_.take(block_);
            report_progress();
        }
    }

    /// Makes room as the numbers come: D is only what the header says.
    void read_numbers(StoredReal dtype, std::size_t n) {
        for (std::size_t done = 0; done < n;) {
            const std::size_t piece = std::min(n - done, kBlock / sizeof(Real));
            if (block_.vectors.size() < done + piece) block_.vectors.resize(done + piece);
            source_.read_reals(dtype, std::span(block_.vectors).subspan(done, piece));
            done += piece;
        }
    }

    /// Moves the row, which is in the block, to those that stay there.
    void take_row(std::string_view word, const Real* row) {
        ++block_.lines;
        if (sink_.selects() && !sink_.wants(word)) {
            ++block_.unwanted;
            return;
        }
        std::string bad = what_is_not_finite(row, d_);
        if (!bad.empty()) return block_.refuse(std::move(bad));
        Real* const to = block_.next_vector(d_);
        if (to != row) std::copy_n(row, d_, to);
        block_.keep(word);
    }

    void report_progress() { tally_.done(source_.position() - tally_.report.bytes, source_.fraction()); }

    const WordVectorsOptions& options_;
    VectorSink& sink_;
    std::string name_;
    std::string_view format_;
    VectorTally tally_;
    ArraySource source_;
    std::size_t rows_ = 0, d_ = 0;
    VectorBlock block_;
};

}  // namespace

WordVectorsReport read_array_vectors(VectorFile file, VectorFormat format, const WordVectorsOptions& options,
                                     VectorSink& sink) {
    return ArrayReader(std::move(file), format, options, sink).run();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
