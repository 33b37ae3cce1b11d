// NpyHeader: the magic, two bytes of version, the length N (2 bytes in version 1, 4 in 2 and 3), N bytes of a Python
// dict with three keys. The parser knows that much Python and no more.
#include <embergrad/io/npy_header.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <embergrad/io/other_files.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kMaxHeader = 65'536;  // version 2 could ask for 4 GiB
constexpr std::string_view kSpace = " \t\n\f\r";

constexpr std::array<std::pair<std::string_view, StoredReal>, 3> kReals = {
    {{"<f8", StoredReal::f64}, {"<f4", StoredReal::f32}, {"<f2", StoredReal::f16}}};
constexpr std::array<std::pair<std::string_view, StoredInteger>, 9> kIntegers = {{{"<i8", StoredInteger::i64},
                                                                                  {"<i4", StoredInteger::i32},
                                                                                  {"<i2", StoredInteger::i16},
                                                                                  {"|i1", StoredInteger::i8},
                                                                                  {"<u8", StoredInteger::u64},
                                                                                  {"<u4", StoredInteger::u32},
                                                                                  {"<u2", StoredInteger::u16},
                                                                                  {"|u1", StoredInteger::u8},
                                                                                  {"|b1", StoredInteger::boolean}}};

template <class Types>
auto find(const Types& types, std::string_view name) {
    const auto found = std::find_if(types.begin(), types.end(), [&](auto& type) { return type.first == name; });
    return found == types.end() ? std::nullopt : std::optional(found->second);
}

/// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
public:
    HeaderParser(std::string_view text, const ArraySource& source) : rest_(text), source_(source) {}

    NpyHeader parse() {
        expect("{");
        while (!take("}")) {
            read_field();
            if (take(",")) continue;
            expect("}");
            break;
        }
        skip_space();
        if (!rest_.empty()) refuse("nothing more");
        for (std::size_t i = 0; i < kKeys.size(); ++i) {
            if (!seen_[i]) source_.bad("the header has no '", kKeys[i], "'");
        }
        return std::move(header_);
    }

private:
    static constexpr std::array<std::string_view, 3> kKeys = {"descr", "fortran_order", "shape"};

    void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size())); }

    [[noreturn]] void refuse(std::string_view wanted) const {
        const std::size_t byte = source_.position() - rest_.size();
        source_.bad("expected ", wanted, " in the header, found ", shown(rest_.substr(0, 20)), ", byte ", byte);
    }

    bool take(std::string_view token) {
        skip_space();
        if (!rest_.starts_with(token)) return false;
        rest_.remove_prefix(token.size());
        return true;
    }

    void expect(std::string_view token) {
        if (!take(token)) refuse(token);
    }

    void read_field() {
        const std::string_view key = read_string("a key");
        const auto known = std::find(kKeys.begin(), kKeys.end(), key);
        if (known == kKeys.end()) source_.bad("the header has the key ", shown(key), ", which means nothing");
        const auto i = static_cast<std::size_t>(known - kKeys.begin());
        if (std::exchange(seen_[i], true)) source_.bad("the header has '", key, "' twice");
        expect(":");
        if (i == 0)
            read_dtype();
        else if (i == 1)
            read_order();
        else
            read_shape();
    }

    /// A string in quotes, as it stands: none that we know has a backslash.
    std::string_view read_string(std::string_view what) {
        const char quote = take("'") ? '\'' : '"';
        if (quote == '"' && !take("\"")) refuse(what);
        const std::size_t end = rest_.find(quote);
        if (end == rest_.npos) refuse("the end of a string");
        const std::string_view text = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return text;
    }

    void read_dtype() {
        header_.dtype = read_string("a dtype in quotes (arrays with fields cannot be read)");
        header_.real = find(kReals, header_.dtype);
        header_.integer = find(kIntegers, header_.dtype);
        if (header_.real || header_.integer) return;
        const std::string_view kind = header_.dtype.starts_with('>') ? "cannot read big-endian " : "cannot read dtype ";
        const bool integer = header_.dtype.starts_with(">i") || header_.dtype.starts_with(">u");
        source_.bad(kind, shown(header_.dtype), ", only <f8, <f4, <f2, integers and bool: save array.astype(\"",
                    integer ? "<i8" : "<f4", "\")");
    }

    void read_order() {
        header_.fortran_order = take("True");
        if (!header_.fortran_order && !take("False")) refuse("True or False");
    }

    void read_shape() {
        expect("(");
        while (!take(")")) {
            read_extent();
            const bool comma = take(",");
            if (comma) continue;
            if (header_.shape.size() == 1) refuse(",");  // (3) is a number
            expect(")");
            break;
        }
    }

    void read_extent() {
        skip_space();
        std::size_t extent = 0;
        const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
        const auto length = static_cast<std::size_t>(stop - rest_.data());
        if (error == std::errc::result_out_of_range) refuse("an extent below 2^64");
        if (error != std::errc() || (length > 1 && rest_.front() == '0')) refuse("an extent");
        if (header_.shape.size() == kNpyMaxRank) source_.bad("shape holds more than ", kNpyMaxRank, " extents");
        header_.shape.push_back(extent);
        rest_.remove_prefix(length);
    }

    std::string_view rest_;
    const ArraySource& source_;
    std::array<bool, 3> seen_ = {};
    NpyHeader header_;
};

/// The next bytes, all of them.
std::string read_exactly(ArraySource& source, std::size_t n, std::string_view what) {
    std::string bytes = source.read_up_to(n);
    if (bytes.size() < n) source.bad("the file ends after ", source.position(), " bytes, in the middle of ", what);
    return bytes;
}

std::size_t read_length(ArraySource& source) {
    std::string magic = source.read_up_to(kNpyMagic.size());
    if (magic != kNpyMagic) {
        const std::string_view what = other_file(magic += source.read_up_to(kOtherFileSample));
        source.bad(what.empty() ? "the file does not begin as one written by numpy.save" : what);
    }
    const std::string version = read_exactly(source, 2, "its version");
    const int major = static_cast<unsigned char>(version[0]);
    const int minor = static_cast<unsigned char>(version[1]);
    if (major < 1 || major > 3 || minor != 0)
        source.bad("cannot read version ", major, ".", minor, ", only 1.0 to 3.0");

    std::uint32_t length = 0;
    const std::string bytes = read_exactly(source, major == 1 ? 2 : 4, "the header's length");
    std::memcpy(&length, bytes.data(), bytes.size());
    if (length > kMaxHeader) source.bad("a header of ", length, " bytes is over the limit of ", kMaxHeader);
    return length;
}

}  // namespace

NpyHeader read_npy_header(ArraySource& source) {
    const std::size_t length = read_length(source);
    const std::string text = read_exactly(source, length, "its header");
    NpyHeader header = HeaderParser(text, source).parse();
    const std::size_t element = header.real ? stored_size(*header.real) : stored_size(*header.integer);
    const std::optional<std::uint64_t> bytes = stored_size(element, header.shape);
    if (!bytes) source.bad("shape ", header.shape, " overflows 64 bits");
    header.data_begin = source.position();
    header.data_bytes = *bytes;
    if (const std::optional<std::size_t> size = source.size(); size && *size != header.data_begin + *bytes)
        source.bad("shape ", header.shape, " takes ", *bytes, " bytes of data, the file has ",
                   *size - header.data_begin);
    return header;
}

StoredReal real_dtype(const NpyHeader& header, const ArraySource& source) {
    if (header.real) return *header.real;
    source.bad("holds integers, ", shown(header.dtype),
               ": load_npy_ids reads them; for reals, save array.astype(\"<f4\")");
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
