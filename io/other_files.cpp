// Other files: most have a magic; of those that have none the first numbers, zeros or lines tell.
#include <embergrad/io/other_files.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

using namespace std::string_view_literals;

struct Magic {
    std::string_view bytes;
    std::size_t at;  // where it stands
    std::string_view what;
};

constexpr std::string_view kZip =
    "this is a zip archive; unpack it first (GloVe and fastText come as such), or save what is in it as safetensors or "
    ".npy (a PyTorch checkpoint, an .npz)";
constexpr std::string_view kPickle =
    "this is a Python pickle; write it anew in Python: gensim's vectors with KeyedVectors.save_word2vec_format, "
    "PyTorch's weights as safetensors";
constexpr std::string_view kFastText = "this is a fastText model; read the .vec file that belongs to it";
constexpr std::string_view kTar = "this is a tar archive; unpack it first (tar -xf)";
constexpr std::string_view kBzip2 = "this is compressed with bzip2; decompress it first (bunzip2)";
constexpr std::string_view kShards =
    "this is the index of a model in several files; give the one that it names for the tensor (weight_map)";

constexpr std::array kMagics = std::to_array<Magic>({
    {"PK\3\4"sv, 0, kZip},
    {"\xBA\x16\x4F\x2F"sv, 0, kFastText},
    {"FiFu"sv, 0, "this is a finalfusion file; write it as text (finalfusion convert -t textdims)"},
    {"\x80\2"sv, 0, kPickle},
    {"\x80\3"sv, 0, kPickle},
    {"\x80\4"sv, 0, kPickle},
    {"\x80\5"sv, 0, kPickle},
    {"\x1F\x8B"sv, 0, "this is compressed with gzip; decompress it first (gunzip)"},
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
});

bool has_magic(std::string_view begin, const Magic& magic) {
    return begin.size() > magic.at && begin.substr(magic.at).starts_with(magic.bytes);
}

template <class Number>
Number number_at(std::string_view bytes, std::size_t i) {
    Number number;
    std::memcpy(&number, bytes.data() + i * sizeof(Number), sizeof(Number));
    return number;
}

/// A fastText model of before 2017 begins with its arguments, twelve whole numbers: dimension, window, epochs, least
/// count, negatives, word n-grams, loss, model, buckets, shortest and longest n-gram, update rate.
bool is_old_fasttext(std::string_view begin) {
    constexpr std::int32_t most = 1'000'000, all = 2'147'483'647;
    constexpr std::array<std::array<std::int32_t, 2>, 12> ranges = {{{1, most},
                                                                     {0, most},
                                                                     {0, most},
                                                                     {0, most},
                                                                     {0, most},
                                                                     {1, 1000},
                                                                     {1, 4},
                                                                     {1, 3},
                                                                     {0, all},
                                                                     {0, 1000},
                                                                     {0, 1000},
                                                                     {0, all}}};
    if (begin.size() < ranges.size() * sizeof(std::int32_t)) return false;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const auto number = number_at<std::int32_t>(begin, i);
        if (number < ranges[i][0] || number > ranges[i][1]) return false;
    }
    return true;
}

bool is_name(std::string_view text) {
    const auto is_part = [](char c) {
        return c == '_' || c == '.' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), is_part);
}

/// Takes the text up to the next \n away; what is left may be cut off.
std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

bool is_memo(std::string_view line) {
    return line.size() > 1 && line[0] == 'p' && line.find_first_not_of("0123456789", 1) == line.npos;
}

/// Protocol 0 is text: "(dp0\n", "(lp1\n" are a dict and a list, "cmodule\nname\np0\n" is a class. Protocol 1 has
/// "}q" and "]q" in place of the first two, and a byte.
bool is_old_pickle(std::string_view begin) {
    if (begin.size() > 2 && (begin.starts_with("}q") || begin.starts_with("]q")))
        return static_cast<unsigned char>(begin[2]) < 8;
    const bool marked = begin.starts_with('(');
    begin.remove_prefix(std::min(begin.find_first_not_of('('), begin.size()));
    std::string_view first = take_line(begin);
    if (first.empty()) return false;
    const char opcode = first.front();
    first.remove_prefix(1);
    if (marked && (opcode == 'd' || opcode == 'l' || opcode == 't')) return is_memo(first);
    if (opcode != 'c' || !is_name(first) || !is_name(take_line(begin))) return false;
    return begin.starts_with('(') || begin.starts_with('q') || is_memo(take_line(begin));
}

/// {"metadata": {...}, "weight_map": {"embedding.weight": "model-00001-of-00002.safetensors", ...}}
bool is_shard_index(std::string_view begin) {
    const std::size_t first = begin.find_first_not_of(" \t\r\n");
    return first != begin.npos && begin[first] == '{' && begin.find("\"weight_map\"") != begin.npos;
}

}  // namespace

std::string_view other_file(std::string_view begin) {
    for (const Magic& magic : kMagics)
        if (has_magic(begin, magic)) return magic.what;
    if (is_old_fasttext(begin)) return kFastText;
    if (is_old_pickle(begin)) return kPickle;
    return is_shard_index(begin) ? kShards : "";
}

bool is_raw_doubles(std::string_view begin) {
    constexpr std::size_t fewest = 4, enough = 64;
    const std::size_t n = std::min(begin.size() / sizeof(double), enough);
    bool all = n >= fewest;
    for (std::size_t i = 0; all && i < n; ++i) {
        const double size = std::abs(number_at<double>(begin, i));
        all = size > 1e-12 && size < 1e3;
    }
    return all;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
