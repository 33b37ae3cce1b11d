// VectorFormat: the first bytes tell; only word2vec's binary files begin as a text may, with a line "N D".
#include <embergrad/vectors/format.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/io/npy_header.hpp>
#include <embergrad/io/safetensors_header.hpp>
#include <embergrad/text/utf8.hpp>
#include <embergrad/text/white_space.hpp>
#include <embergrad/vectors/lines.hpp>
#include <embergrad/vectors/real_parser.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

using namespace std::string_view_literals;

namespace {

// In the order of VectorFormat.
constexpr std::array kNames = {"text"sv, "word2vec-text"sv, "word2vec-binary"sv,
                               "npy"sv,  "safetensors"sv,   "projector"sv};

}  // namespace

std::string_view to_string(VectorFormat format) { return kNames[static_cast<std::size_t>(format)]; }

std::optional<VectorFormat> vector_format(std::string_view name) {
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<VectorFormat>(found - kNames.begin());
}

namespace detail {
namespace {

/// Files that people have in place of word vectors.
struct Other {
    std::string_view magic;
    std::size_t at;  // where it stands
    std::string_view what;
};

constexpr std::string_view kZip =
    "this is a zip archive; unpack it first (GloVe and fastText come as such), or save what is in it as safetensors or "
    ".npy (a PyTorch checkpoint, an .npz)";
constexpr std::string_view kPickle =
    "this is a Python pickle; write it anew in Python: gensim's vectors with KeyedVectors.save_word2vec_format, "
    "PyTorch's weights as safetensors";
constexpr std::string_view kTar = "this is a tar archive; unpack it first (tar -xf)";
constexpr std::string_view kBzip2 = "this is compressed with bzip2; decompress it first (bunzip2)";
constexpr std::string_view kUtf16 = "this is text in UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)";

constexpr std::array<Other, 19> kOthers = {{
    {"PK\3\4"sv, 0, kZip},
    {"\xBA\x16\x4F\x2F"sv, 0, "this is a fastText model; read the .vec file that belongs to it"},
    {"\x80\2"sv, 0, kPickle},
    {"\x80\3"sv, 0, kPickle},
    {"\x80\4"sv, 0, kPickle},
    {"\x80\5"sv, 0, kPickle},
    {"\x1F\x8B"sv, 0, "this is compressed with gzip twice; decompress it once (gunzip)"},
    {"1AY&SY"sv, 4, kBzip2},  // behind "BZh9", with which a word may begin
    {"\x17rE8P\x90"sv, 4, kBzip2},
    {"\xFD\x37zXZ\0"sv, 0, "this is compressed with xz; decompress it first (unxz)"},
    {"\x28\xB5\x2F\xFD"sv, 0, "this is compressed with zstd; decompress it first (unzstd)"},
    {"7z\xBC\xAF\x27\x1C"sv, 0, "this is a 7z archive; unpack it first"},
    {"ustar\0"sv, 257, kTar},
    {"ustar  \0"sv, 257, kTar},
    {"\x89HDF\r\n\x1A\n"sv, 0, "this is an HDF5 file; save the vectors in it as safetensors or .npy"},
    {"SQLite format 3\0"sv, 0, "this is an SQLite database; write the vectors in it as text"},
    {"version https://git-lfs"sv, 0, "this is a Git LFS pointer, not the file; fetch that with git lfs pull"},
    {"\xFF\xFE"sv, 0, kUtf16},
    {"\xFE\xFF"sv, 0, kUtf16},
}};

bool has_magic(std::string_view begin, const Other& other) {
    return begin.size() > other.at && begin.substr(other.at).starts_with(other.magic);
}

/// 8 bytes with the header's length, and a header that begins as a JSON object.
bool is_safetensors(std::string_view begin) {
    if (begin.size() <= 8) return false;
    std::uint64_t length = 0;
    for (std::size_t i = 8; i > 0; --i) length = length << 8 | static_cast<unsigned char>(begin[i - 1]);
    const std::size_t first = begin.find_first_not_of(" \t\r\n", 8);
    return length >= 2 && length <= kSafeTensorsMaxHeader && first != begin.npos && begin[first] == '{';
}

// ---- word2vec's binary file, or text with a header? ----

struct LineCounts {
    std::size_t all = 0;
    std::size_t with_number = 0;  // at their end, as each line of vectors has, whatever its dimension
};

/// `whole`: the last line is complete, even without \n.
LineCounts count_lines(std::string_view text, bool whole) {
    if (!whole) text = text.substr(0, text.rfind('\n') + 1);
    LineCounts counts;
    VectorLines lines(text);
    while (const std::optional<std::string_view> line = lines.next()) {
        const std::string_view last = last_field(*line);
        ++counts.all;
        if (last.size() < line->size() && is_number(last)) ++counts.with_number;
    }
    return counts;
}

/// Bytes that text hardly has, but a kilobyte of floats does.
bool has_control_byte(std::string_view bytes) {
    const auto is_control = [](char byte) { return static_cast<unsigned char>(byte) < ' ' && !is_space(byte); };
    return std::any_of(bytes.begin(), bytes.end(), is_control);
}

bool holds_a_record(std::string_view bytes, std::size_t d) {
    const std::size_t space = bytes.find(' ', std::min(bytes.find_first_not_of('\n'), bytes.size()));
    return space != bytes.npos && (bytes.size() - space - 1) / sizeof(float) >= d;
}

/// Whether the bytes are records to their end, as many as the header says. (Small files: numbers may look like text.)
bool ends_with_last_record(std::string_view bytes, const BinaryHeader& header) {
    const auto skip_line_ends = [&] { bytes.remove_prefix(std::min(bytes.find_first_not_of('\n'), bytes.size())); };
    for (std::size_t i = 0; i < header.words; ++i) {
        skip_line_ends();
        if (!holds_a_record(bytes, header.dimension)) return false;
        const std::size_t end = bytes.find(' ') + 1 + header.dimension * sizeof(float);
        if (bytes.substr(0, end).find('\n') != bytes.npos) return false;  // the end of a line, more likely
        bytes.remove_prefix(end);
    }
    skip_line_ends();
    return bytes.empty();
}

/// In a text most lines end with a number, even where the header is wrong; in a binary file a line is what stands
/// between two bytes that happen to be \n. Without control bytes the file is small or text: a few floats hardly look
/// like UTF-8, but neither do words in other encodings.
bool is_word2vec_binary(std::string_view begin) {
    const std::optional<BinaryHeader> header = binary_header(begin);
    if (!header) return false;
    const std::string_view body = begin.substr(header->bytes);
    const bool whole = begin.size() < kFormatSample;
    const LineCounts lines = count_lines(body, whole);
    if (2 * lines.with_number > lines.all) return false;
    if (has_control_byte(body)) return true;
    if (!whole || lines.with_number > 0) return false;
    const bool is_utf8 = valid_utf8_length(body) == body.size();
    return (!is_utf8 && holds_a_record(body, header->dimension)) || ends_with_last_record(body, *header);
}

}  // namespace

bool is_array(VectorFormat format) { return format == VectorFormat::npy || format == VectorFormat::safetensors; }

bool has_words_file(VectorFormat format) { return is_array(format) || format == VectorFormat::projector; }

VectorFormat detect_format(std::string_view begin, std::string_view source_name) {
    for (const Other& other : kOthers)
        require<std::runtime_error>(!has_magic(begin, other), source_name, ": ", other.what);
    if (begin.starts_with(kNpyMagic)) return VectorFormat::npy;
    if (is_safetensors(begin)) return VectorFormat::safetensors;
    return is_word2vec_binary(begin) ? VectorFormat::word2vec_binary : VectorFormat::text;
}

}  // namespace detail
}  // namespace embergrad::inline EMBERGRAD_PRECISION
