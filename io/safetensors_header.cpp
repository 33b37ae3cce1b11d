// SafeTensorsHeader: 8 bytes with the length N, then N bytes of JSON. Nothing in it is trusted.
#include <embergrad/io/safetensors_header.hpp>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include <embergrad/io/other_files.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 128;                                              // inside fields we skip
constexpr std::size_t kShownBytes = 100;                                            // of a value that should be another
constexpr std::array<std::string_view, 4> kDtypes = {"F64", "F32", "F16", "BF16"};  // as in StoredReal
constexpr std::array<std::string_view, 9> kIntegers = {"I64", "I32", "I16", "I8",  "U64",
                                                       "U32", "U16", "U8",  "BOOL"};  // as in StoredInteger

template <class Type>
std::optional<Type> find_type(std::span<const std::string_view> names, std::string_view name) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt : std::optional(static_cast<Type>(found - names.begin()));
}

/// Takes the JSON parser's events one by one; place_ says what may come next. nlohmann's tree would narrow numbers and
/// let the last of two equal keys win; its SAX parser is a loop, so that hostile depth meets no stack.
class HeaderReader final : public nlohmann::json_sax<Json> {
public:
    explicit HeaderReader(const ArraySource& source) : source_(source) {}

    SafeTensorsHeader take() {
        check_unique_names();
        return std::move(header_);
    }

    bool null() override {
        if (place_ == Place::metadata_value) return go(Place::top);  // as the reference: no metadata
        return skip("null");
    }
    bool boolean(bool value) override { return skip(value ? "true" : "false"); }
    bool number_integer(std::int64_t value) override { return skip(value == 0 ? "-0" : std::to_string(value)); }
    bool number_float(double, const std::string& token) override { return skip(token); }  // or above 2^64
    bool binary(Json::binary_t&) override { return skip("binary"); }                      // not in JSON

    bool number_unsigned(std::uint64_t value) override {
        if (place_ == Place::shape) return add_extent(value);
        if (place_ == Place::offsets) return add_offset(value);
        return skip(std::to_string(value));
    }

    bool string(std::string& value) override {
        if (place_ == Place::dtype) return set_dtype(value);
        if (place_ != Place::metadata) return skip(shown(value));
        if (!header_.metadata.emplace(key_, std::move(value)).second)
            source_.bad(kMetadataKey, " has the key ", shown(key_), " twice");
        return true;
    }

    bool start_object(std::size_t) override {
        if (place_ == Place::document) return go(Place::top);
        if (place_ == Place::metadata_value) return go(Place::metadata);
        if (place_ == Place::tensor_value) return go(Place::tensor);
        return deeper("an object");
    }

    bool start_array(std::size_t) override {
        if (place_ == Place::shape_value) return go(Place::shape);
        if (place_ == Place::offsets_value) return go(Place::offsets);
        return deeper("a list");
    }

    bool key(std::string& name) override {
        if (place_ == Place::top) return start_value(name);
        if (place_ == Place::tensor) return start_field(name);
        if (place_ == Place::metadata) key_ = std::move(name);
        return true;
    }

    bool end_object() override {
        if (place_ == Place::unknown) return shallower();
        if (place_ == Place::tensor) check_complete();
        return go(Place::top);
    }

    bool end_array() override {
        if (place_ == Place::unknown) return shallower();
        if (place_ == Place::offsets && offset_count_ != 2)
            source_.bad(tensor(), ": data_offsets holds ", offset_count_, " numbers, not 2");
        return go(Place::tensor);
    }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
        constexpr int kNumberOutOfRange = 406;
        const std::size_t byte = kSafeTensorsLengthBytes + std::max<std::size_t>(position, 1) - 1;
        if (error.id == kNumberOutOfRange) source_.bad("the header holds a number that is too large, byte ", byte);
        source_.bad("the header is not JSON in UTF-8, byte ", byte);
    }

private:
    enum class Place {
        document,
        top,
        metadata_value,
        metadata,
        tensor_value,
        tensor,
        dtype,
        shape_value,
        shape,
        offsets_value,
        offsets,
        unknown,  // a field we skip
    };
    static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};
    static constexpr std::array<Place, 3> kFieldPlaces = {Place::dtype, Place::shape_value, Place::offsets_value};

    std::string tensor() const { return "tensor " + shown(header_.entries.back().name); }

    bool go(Place place) {
        place_ = place;
        return true;
    }

    bool start_value(std::string& name) {
        if (name == kMetadataKey) {
            if (std::exchange(metadata_seen_, true)) source_.bad("the header has ", kMetadataKey, " twice");
            return go(Place::metadata_value);
        }
        header_.entries.push_back({.name = std::move(name)});
        fields_seen_ = {};
        offset_count_ = 0;
        return go(Place::tensor_value);
    }

    bool start_field(const std::string& name) {
        const auto field = std::find(kFields.begin(), kFields.end(), name);
        if (field == kFields.end()) return go(Place::unknown);  // as the reference: formats grow
        const auto i = static_cast<std::size_t>(field - kFields.begin());
        if (std::exchange(fields_seen_[i], true)) source_.bad(tensor(), " has the key ", shown(name), " twice");
        return go(kFieldPlaces[i]);
    }

    bool set_dtype(std::string& name) {
        TensorEntry& entry = header_.entries.back();
        entry.dtype = std::move(name);
        entry.real = find_type<StoredReal>(kDtypes, entry.dtype);
        entry.integer = find_type<StoredInteger>(kIntegers, entry.dtype);
        return go(Place::tensor);
    }

    bool add_extent(std::uint64_t extent) {
        Shape& shape = header_.entries.back().shape;
        if (shape.size() == kSafeTensorsMaxRank)
            source_.bad(tensor(), ": shape holds more than ", kSafeTensorsMaxRank, " extents");
        shape.push_back(extent);
        return true;
    }

    bool add_offset(std::uint64_t offset) {
        if (offset_count_ < 2) header_.entries.back().offsets[offset_count_] = offset;
        ++offset_count_;
        return true;
    }

    void check_complete() const {
        for (std::size_t i = 0; i < kFields.size(); ++i) {
            if (!fields_seen_[i]) source_.bad(tensor(), " has no ", kFields[i]);
        }
    }

    void check_unique_names() const {
        std::vector<std::string_view> names;
        names.reserve(header_.entries.size());
        for (const TensorEntry& entry : header_.entries) names.push_back(entry.name);
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        if (twice != names.end()) source_.bad("the header has the tensor ", shown(*twice), " twice");
    }

    /// A scalar: wrong, unless it is in a field we skip.
    bool skip(std::string_view got) {
        if (place_ != Place::unknown) refuse(got);
        return depth_ == 0 ? go(Place::tensor) : true;
    }

    bool deeper(std::string_view got) {
        if (place_ != Place::unknown) refuse(got);
        if (++depth_ > kMaxDepth) source_.bad(tensor(), ": a value is nested deeper than ", kMaxDepth, " levels");
        return true;
    }

    bool shallower() { return --depth_ == 0 ? go(Place::tensor) : true; }

    [[noreturn]] void refuse(std::string_view got) const {
        const auto [what, wanted] = expectation();
        source_.bad(what, " is ", got.substr(0, kShownBytes), ", not ", wanted);
    }

    /// What stands at place_, and what it should be.
    std::pair<std::string, std::string_view> expectation() const {
        constexpr std::string_view number = "a whole number from 0 to 2^64 - 1";
        switch (place_) {
            case Place::metadata_value:
                return {std::string(kMetadataKey), "an object"};
            case Place::metadata:
                return {std::string(kMetadataKey) + ": " + shown(key_), "a string"};
            case Place::tensor_value:
                return {tensor(), "an object"};
            case Place::dtype:
                return {tensor() + ": dtype", "a string"};
            case Place::shape_value:
                return {tensor() + ": shape", "a list"};
            case Place::shape:
                return {tensor() + ": an extent of shape", number};
            case Place::offsets_value:
                return {tensor() + ": data_offsets", "a list"};
            case Place::offsets:
                return {tensor() + ": one of data_offsets", number};
            default:
                return {"the header", "an object"};
        }
    }

    const ArraySource& source_;
    SafeTensorsHeader header_;
    Place place_ = Place::document;
    std::string key_;                       // in __metadata__
    bool metadata_seen_ = false;            // in the header
    std::array<bool, 3> fields_seen_ = {};  // in the tensor being read
    std::size_t offset_count_ = 0;          // in its data_offsets
    std::size_t depth_ = 0;                 // inside a field we skip
};

/// The JSON text, its length checked before anything else.
std::string read_header_text(ArraySource& source) {
    const std::string length_bytes = source.read_up_to(kSafeTensorsLengthBytes);
    if (length_bytes.size() < kSafeTensorsLengthBytes)
        source.bad("the file has ", length_bytes.size(), " bytes, fewer than the 8 of the header's length");
    std::uint64_t length = 0;
    std::memcpy(&length, length_bytes.data(), kSafeTensorsLengthBytes);
    if (length > kSafeTensorsMaxHeader) {
        const std::string_view what = other_file(length_bytes + source.read_up_to(kOtherFileSample));
        if (!what.empty()) source.bad(what);
    }
    if (length > kSafeTensorsMaxHeader)
        source.bad("a header of ", length, " bytes is over the limit of ", kSafeTensorsMaxHeader, ", byte 0");
    std::string text = source.read_up_to(length);
    if (text.size() < length)
        source.bad("a header of ", length, " bytes does not fit a file of ", source.position(), ", byte 0");
    return text;
}

SafeTensorsHeader parse_header(std::string_view text, const ArraySource& source) {
    // The parser would end at a zero byte and pass over a byte order mark.
    const std::size_t bad = text.starts_with("\xEF\xBB\xBF") ? 0 : text.find('\0');
    if (bad != text.npos) source.bad("the header is not JSON in UTF-8, byte ", kSafeTensorsLengthBytes + bad);
    HeaderReader reader(source);
    Json::sax_parse(text.data(), text.data() + text.size(), &reader);
    return reader.take();
}

/// That the data of a dtype that can be read is as long as the shape says.
void check_size(const TensorEntry& entry, const ArraySource& source) {
    if (!entry.real && !entry.integer) return;
    const std::string tensor = "tensor " + shown(entry.name);
    const std::uint64_t given = entry.offsets[1] - entry.offsets[0];
    const std::size_t element = entry.real ? stored_size(*entry.real) : stored_size(*entry.integer);
    const std::optional<std::uint64_t> bytes = stored_size(element, entry.shape);
    if (!bytes) source.bad(tensor, ": shape ", entry.shape, " overflows 64 bits");
    if (given != *bytes)
        source.bad(tensor, ": ", entry.dtype, " of shape ", entry.shape, " takes ", *bytes,
                   " bytes, data_offsets give it ", given);
}

/// Sorts the entries by offsets and checks that they cover the data: no hole, no overlap. How long that is.
std::uint64_t check_layout(std::vector<TensorEntry>& entries, const ArraySource& source) {
    std::stable_sort(entries.begin(), entries.end(), [](auto& a, auto& b) { return a.offsets < b.offsets; });
    std::uint64_t covered = 0;
    for (const TensorEntry& entry : entries) {
        const auto [begin, end] = entry.offsets;
        const std::string tensor = "tensor " + shown(entry.name);
        if (begin != covered) source.bad(tensor, " begins at byte ", begin, " of the data, not at ", covered);
        if (end < begin) source.bad(tensor, " ends at byte ", end, " of the data, before it begins at ", begin);
        check_size(entry, source);
        covered = end;
    }
    return covered;
}

}  // namespace

std::string_view safetensors_name(StoredReal dtype) { return kDtypes[static_cast<std::size_t>(dtype)]; }

StoredReal readable_dtype(const TensorEntry& entry, const ArraySource& source) {
    if (entry.real) return *entry.real;
    source.bad("tensor ", shown(entry.name), ": cannot read dtype ", shown(entry.dtype),
               ", only F64, F32, F16 and BF16");
}

SafeTensorsHeader read_safetensors_header(ArraySource& source) {
    SafeTensorsHeader header = parse_header(read_header_text(source), source);
    header.data_bytes = check_layout(header.entries, source);
    if (source.size() && *source.size() - source.position() != header.data_bytes)
        source.bad("the tensors take ", header.data_bytes, " bytes of data, the file has ",
                   *source.size() - source.position());
    return header;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
