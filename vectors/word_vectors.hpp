// WordVectors: words and their vectors, read from files and written (GloVe, word2vec, fastText, arrays).
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/array.hpp>
#include <embergrad/text/token_table.hpp>
#include <embergrad/vectors/format.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

namespace detail {
struct VectorFile;
}

/// How far the reading of a file has come.
struct WordVectorsProgress {
    std::size_t words = 0;                ///< that are kept so far
    std::size_t bytes = 0;                ///< of the file, decompressed
    std::optional<double> fraction = {};  ///< of the file, 0 .. 1; nothing for a pipe
};

struct WordVectorsOptions {
    /// Found from the file's first bytes if not given. A text that is said to be `text` has no header, one that is said
    /// to be word2vec_text must have it.
    std::optional<VectorFormat> format = {};
    std::optional<std::size_t> dimension = {};  ///< D, at least 1; found from the file if not given
    bool skip_bad_lines = false;                ///< count and skip them; otherwise the first one is an error
    /// Reading ends when so many words are kept: files have the frequent words first.
    std::size_t limit = std::numeric_limits<std::size_t>::max();
    /// Only words for which this is true, if it is given; of the others only the number of fields is looked at. Asked
    /// from several threads at once.
    std::function<bool(std::string_view word)> wanted = {};
    /// For npy and safetensors: a file with the words, one a line in the order of the rows, or what Vocabulary::save
    /// wrote.
    std::string words = {};
    /// The tensor's name in a safetensors file; if it is not given: embedding.weight, embeddings.weight, embeddings,
    /// or the only tensor there is.
    std::string tensor = {};
    /// Called after each piece of about a MiB, by one thread at a time but not always the same. False ends the reading
    /// with std::runtime_error.
    std::function<bool(const WordVectorsProgress&)> on_progress = {};
};

struct WordVectorsSaveOptions {
    /// The second file, for the formats that have one: npy and safetensors (the words, one a line in the order of the
    /// rows) and projector (its metadata.tsv). Must be given for these, and not for others.
    std::string words = {};
    bool skip_unwritable = false;  ///< leave out what the format cannot hold; otherwise the first such word is an error
    /// Called after each piece of about a MiB; words are those whose vectors are written. (The array of npy and
    /// safetensors is one piece, of which it is not told.) False ends the writing with std::runtime_error.
    std::function<bool(const WordVectorsProgress&)> on_progress = {};
};

/// What was met on the way through a file.
struct WordVectorsReport {
    struct BadLine {
        std::size_t number = 0;  ///< the first line is 1; in files that have none, the first word
        std::string reason;
    };
    VectorFormat format = VectorFormat::text;
    std::size_t lines = 0;       ///< all of them: the header, blank ones and bad ones too
    std::size_t duplicates = 0;  ///< lines left out because an earlier one has their word (among those wanted)
    std::size_t bad_lines = 0;
    std::vector<BadLine> first_bad_lines = {};  ///< the first 10 of them
    std::string wrong_header = {};              ///< what the header says and what was met, where they differ
    std::size_t bytes = 0;
    double seconds = 0;
};

/// Words and their vectors: row i of vectors(), (N, D), belongs to word(i). A value; what is const may run in several
/// threads.
///
/// In a text each line is a word and D numbers behind it. The last D fields are the numbers; all that stands before
/// them is the word, spaces in it included (glove.840B has ". . ." and "at name@domain.com"; with D = 3, "2 5 1 2 3" is
/// the word "2 5"; "  1 2 3" is a space, of a model of characters). Fields are separated by ASCII spaces and tabs and
/// by nothing else: a word may hold no-break spaces, U+0085 and bytes that are not UTF-8. White space at the end of a
/// line is ignored (fastText writes a space there, Windows a \r), so are blank lines and a byte order mark. The last
/// line may lack its \n. Of lines with the same word the first counts.
///
/// A first line of exactly two whole numbers, "N D", is a header, unless D = 1 is given. D is what the options say,
/// else what the header says, else the most common number of fields behind the word in the first lines (1000, or those
/// in a MiB).
///
/// A line is bad if it has too few fields or no word, or if a field is no number in decimal notation, nan or inf
/// (spelled out, or too large for a Real; too small is 0). A header with another N or D than was met is an error too,
/// or noted in the report where bad lines are skipped. The same holds for the words of the other formats.
class WordVectors {
public:
    /// Throws std::invalid_argument unless vectors is (words.size(), D), and for a word that is there twice.
    WordVectors(const std::vector<std::string>& words, Array vectors);

    /// Reads a file of any VectorFormat but projector, plain or compressed with gzip, without holding it; text by all
    /// threads, with a result that does not depend on their number. (The table of a text's vectors is allocated once,
    /// with a row for each line. For files that cannot be read twice, gzip and pipes, it grows.)
    /// Throws std::runtime_error "path:line: what" for a bad line that is not to be skipped, and with path and reason
    /// for a file that cannot be read, that holds no vectors, or whose lines have another number of numbers than the
    /// options or the header say. Throws std::invalid_argument for a dimension or a limit of 0, for the format
    /// projector, and for words or a tensor where the format has none.
    static WordVectors load(const std::string& path, const WordVectorsOptions& options = {});
    /// The same for a file's bytes. source_name begins the messages.
    static WordVectors parse(std::string_view text, std::string_view source_name,
                             const WordVectorsOptions& options = {});

    /// Writes the vectors as a file of this format and gives the number of words left out, 0 unless skip_unwritable
    /// says to leave out what cannot be held. The old files are replaced as a whole or, if anything fails, not at all
    /// (of two files that fail between their last steps, two renames, the first may be a new one). What load() reads
    /// of them are these words and numbers, bit for bit:
    ///
    /// - text, word2vec_text: the shortest numbers that read back as they were. A word must not be empty, hold a line
    ///   end, begin or end with a space or a tab (unless it is nothing else), or make a line of 64 MiB. Refused as a
    ///   whole are words in whose lines load() would not find their dimension ("new york" and the like, if they are
    ///   most).
    /// - text has no header: the first word must not begin with a byte order mark nor look like a header with its only
    ///   number ("7 1").
    /// - word2vec_binary: as word2vec.c writes it, a \n behind each vector. A word must not be empty, nor hold a space
    ///   or a line end, and has at most 64 KiB. In double the numbers are rounded to float.
    /// - npy: the array as save_npy writes it; safetensors: the tensor "embedding.weight". The words must not be empty,
    ///   hold a line end or end with a carriage return; the first must not begin with a byte order mark or be the first
    ///   line of Vocabulary::save.
    /// - projector: at least 2 numbers a word. Its words are made to be seen: a tab, a line end, a carriage return and
    ///   a backslash become \t, \n, \r and \\, bytes that are not UTF-8 \xE9, and words of which nothing would be
    ///   seen <empty> or <U+00A0>.
    ///
    /// Numbers must be finite, and a table needs words and numbers (save_npy takes any array). Before anything is
    /// written, throws std::invalid_argument "WordVectors::save: word 17, ..." (the row) that says which word cannot be
    /// held and what can hold it. Throws std::runtime_error if a file cannot be written.
    std::size_t save(const std::string& path, VectorFormat format, const WordVectorsSaveOptions& options = {}) const;

    /// N.
    std::size_t size() const { return words_.size(); }
    /// D.
    std::size_t dimension() const { return vectors_.shape()[1]; }
    /// (N, D)
    const Array& vectors() const { return vectors_; }
    /// Throws std::out_of_range for a row outside 0 .. size() - 1.
    std::string_view word(std::size_t row) const;
    /// The vector of this row: (D). Errors as word().
    std::span<const Real> operator[](std::size_t row) const;
    /// The word's row; nothing if it has none. Words are compared byte for byte.
    std::optional<std::size_t> find(std::string_view word) const;
    /// All zeros for vectors that came from no file.
    const WordVectorsReport& report() const { return report_; }

private:
    static WordVectors read(detail::VectorFile file, const WordVectorsOptions& options);
    WordVectors(detail::TokenTable words, Array vectors, WordVectorsReport report);
    void check_row(std::size_t row) const;

    detail::TokenTable words_;
    Array vectors_;
    WordVectorsReport report_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
