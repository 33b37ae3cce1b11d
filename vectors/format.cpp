// VectorFormat: the first bytes tell; only word2vec's binary files begin as a text may, with a line "N D".
#include <embergrad/vectors/format.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include <embergrad/engine/system/error.hpp>
#include <embergrad/io/npy_header.hpp>
#include <embergrad/io/other_files.hpp>
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

constexpr std::string_view kGloveBinary =
    "this is numbers of 8 bytes without words, as in GloVe's own binary file; read the text that it writes beside it "
    "(-binary 2), or an .npy of the array";

bool is_plain_text(std::string_view begin) {
    return !has_control_byte(begin) && valid_utf8_length(begin) == begin.size();
}

/// What the file is, if it is known to be nothing that is read here, and what to do.
std::string what_else(std::string_view begin) {
    if (begin.size() > 2 && begin.starts_with("\x1F\x8B"))
        return "this is compressed with gzip twice; decompress it once (gunzip)";
    if (const std::string_view other = other_file(begin); !other.empty()) return std::string(other);
    const std::string wide(wide_encoding(begin));
    if (!wide.empty()) return "this is text in " + wide + "; convert it to UTF-8 (iconv -f " + wide + " -t UTF-8)";
    return std::string(is_raw_doubles(begin) && !is_plain_text(begin) ? kGloveBinary : "");
}

}  // namespace

bool is_array(VectorFormat format) { return format == VectorFormat::npy || format == VectorFormat::safetensors; }

bool has_words_file(VectorFormat format) { return is_array(format) || format == VectorFormat::projector; }

VectorFormat detect_format(std::string_view begin, std::string_view source_name) {
    if (begin.starts_with(kNpyMagic)) return VectorFormat::npy;
    if (is_safetensors(begin)) return VectorFormat::safetensors;
    if (is_word2vec_binary(begin)) return VectorFormat::word2vec_binary;
    const std::string what = what_else(begin);
    require<std::runtime_error>(what.empty(), source_name, ": ", what);
    return VectorFormat::text;
}

}  // namespace detail
}  // namespace embergrad::inline EMBERGRAD_PRECISION
