// The file: 8 bytes with the header's length N, N bytes of JSON that say what is where, the data. The reader believes
// nothing: it parses the header, checks all of it against the bytes there are, makes room, and only then copies.
#include <embergrad/io/safetensors.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <embergrad/engine/error.hpp>
#include <embergrad/engine/file.hpp>
#include <embergrad/io/array_source.hpp>
#include <embergrad/io/stored_real.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Json = nlohmann::json;
using detail::shown;
using detail::StoredReal;

constexpr std::string_view kMetadata = "__metadata__";
constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeader = 100'000'000;  // as the reference reader
constexpr std::size_t kMaxRank = 64;             // as PyTorch; bounds the memory of a header full of extents
constexpr std::size_t kMaxDepth = 128;           // inside fields we skip
constexpr std::size_t kShownBytes = 100;         // of a value that should be another

constexpr std::array<std::string_view, 4> kDtypes = {"F64", "F32", "F16", "BF16"};  // as in StoredReal
std::string_view name_of(StoredReal dtype) { return kDtypes[static_cast<std::size_t>(dtype)]; }

/// What the header says of one tensor. Its offsets count from the end of the header.
struct Entry {
    std::string name;
    StoredReal dtype = {};
    Shape shape = {};
    std::array<std::uint64_t, 2> offsets = {};  // first byte, and one past the last
};

struct Header {
    std::vector<Entry> entries;
    std::map<std::string, std::string> metadata;
};

/// Where a file's errors come from, and how they look: "path: safetensors: what, where".
class Source {
public:
    explicit Source(std::string_view name) : name_(name) {}

    template <class... Pieces>
    [[noreturn]] void bad(const Pieces&... pieces) const {
        fail<std::runtime_error>(name_, ": safetensors: ", pieces...);
    }

private:
    std::string_view name_;
};

/// Takes the JSON parser's events one by one; place_ says what may come next. nlohmann's tree would narrow numbers and
/// let the last of two equal keys win; its SAX parser is a loop, so that hostile depth meets no stack.
class HeaderReader final : public nlohmann::json_sax<Json> {
public:
    explicit HeaderReader(const Source& source) : source_(source) {}

    Header take() {
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
            source_.bad(kMetadata, " has the key ", shown(key_), " twice");
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
        const std::size_t byte = kLengthBytes + std::max<std::size_t>(position, 1) - 1;
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
        if (name == kMetadata) {
            if (std::exchange(metadata_seen_, true)) source_.bad("the header has ", kMetadata, " twice");
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

    bool set_dtype(const std::string& name) {
        const auto known = std::find(kDtypes.begin(), kDtypes.end(), name);
        if (known == kDtypes.end())
            source_.bad(tensor(), ": cannot read dtype ", shown(name), ", only F64, F32, F16 and BF16");
        header_.entries.back().dtype = static_cast<StoredReal>(known - kDtypes.begin());
        return go(Place::tensor);
    }

    bool add_extent(std::uint64_t extent) {
        Shape& shape = header_.entries.back().shape;
        if (shape.size() == kMaxRank) source_.bad(tensor(), ": shape holds more than ", kMaxRank, " extents");
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
        for (const Entry& entry : header_.entries) names.push_back(entry.name);
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
                return {std::string(kMetadata), "an object"};
            case Place::metadata:
                return {std::string(kMetadata) + ": " + shown(key_), "a string"};
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

    const Source& source_;
    Header header_;
    Place place_ = Place::document;
    std::string key_;                       // in __metadata__
    bool metadata_seen_ = false;            // in the header
    std::array<bool, 3> fields_seen_ = {};  // in the tensor being read
    std::size_t offset_count_ = 0;          // in its data_offsets
    std::size_t depth_ = 0;                 // inside a field we skip
};

/// The JSON text, its length checked before anything else.
std::string_view header_text(std::span<const std::byte> bytes, const Source& source) {
    if (bytes.size() < kLengthBytes)
        source.bad("the file has ", bytes.size(), " bytes, fewer than the 8 of the header's length");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), kLengthBytes);
    if (length > kMaxHeader) source.bad("a header of ", length, " bytes is over the limit of ", kMaxHeader, ", byte 0");
    if (length > bytes.size() - kLengthBytes)
        source.bad("a header of ", length, " bytes does not fit a file of ", bytes.size(), ", byte 0");
    return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length};
}

Header parse_header(std::string_view text, const Source& source) {
    // The parser would end at a zero byte and pass over a byte order mark.
    const std::size_t bad = text.starts_with("\xEF\xBB\xBF") ? 0 : text.find('\0');
    if (bad != text.npos) source.bad("the header is not JSON in UTF-8, byte ", kLengthBytes + bad);
    HeaderReader reader(source);
    Json::sax_parse(text.data(), text.data() + text.size(), &reader);
    return reader.take();
}

std::uint64_t data_bytes(const Entry& entry, const Source& source) {
    const std::optional<std::uint64_t> bytes = detail::stored_size(entry.dtype, entry.shape);
    if (!bytes) source.bad("tensor ", shown(entry.name), ": shape ", entry.shape, " overflows 64 bits");
    return *bytes;
}

/// Sorts the entries by offsets and checks that they cover the data: no hole, no overlap, nothing left over.
void check_layout(std::vector<Entry>& entries, std::size_t data_size, const Source& source) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
    std::uint64_t covered = 0;
    for (const Entry& entry : entries) {
        const auto [begin, end] = entry.offsets;
        const std::string tensor = "tensor " + shown(entry.name);
        if (begin != covered) source.bad(tensor, " begins at byte ", begin, " of the data, not at ", covered);
        if (end < begin) source.bad(tensor, " ends at byte ", end, " of the data, before it begins at ", begin);
        const std::uint64_t bytes = data_bytes(entry, source);
        if (end - begin != bytes)
            source.bad(tensor, ": ", name_of(entry.dtype), " of shape ", entry.shape, " takes ", bytes,
                       " bytes, data_offsets give it ", end - begin);
        covered = end;
    }
    if (covered != data_size) source.bad("the tensors take ", covered, " bytes of data, the file has ", data_size);
}

Array read_array(const Entry& entry, std::span<const std::byte> data) {
    Array array(entry.shape);
    detail::to_reals(entry.dtype, data.data() + entry.offsets[0], {array.data(), array.size()});
    return array;
}

using NamedArray = StateDict::value_type;

/// The text as a JSON string. What it is names it in the error.
std::string json_string(const std::string& text, std::string_view what) {
    try {
        return Json(text).dump();
    } catch (const Json::type_error&) {
        fail<std::invalid_argument>("save_safetensors: ", what,
                                    " is not UTF-8: ", Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
    }
}

/// The tensors as the reference writer orders those of one dtype.
std::vector<const NamedArray*> sorted_by_name(const StateDict& tensors) {
    std::vector<const NamedArray*> sorted;
    for (const NamedArray& tensor : tensors) {
        require(!tensor.first.empty(), "save_safetensors: tensor ", sorted.size(), " has no name");
        require(tensor.first != kMetadata, "save_safetensors: no tensor can be named ", kMetadata);
        require(tensor.second.dimension() <= kMaxRank, "save_safetensors: tensor ", shown(tensor.first), " has ",
                tensor.second.dimension(), " axes, more than ", kMaxRank);
        sorted.push_back(&tensor);
    }
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->first < b->first; });
    const auto twice =
        std::adjacent_find(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->first == b->first; });
    if (twice != sorted.end())
        fail<std::invalid_argument>("save_safetensors: two tensors are named ", shown((*twice)->first));
    return sorted;
}

std::string metadata_json(std::map<std::string, std::string> metadata) {
    metadata["format"] = "pt";
    metadata["embergrad"] = "1";
    std::string text = "{";
    for (const auto& [key, value] : metadata) {
        if (text.size() > 1) text += ',';
        text += json_string(key, "a key of the metadata") + ':' + json_string(value, "a value of the metadata");
    }
    return text + '}';
}

std::string entry_json(const NamedArray& tensor, std::size_t begin) {
    std::string shape;
    for (std::size_t extent : tensor.second.shape()) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    return json_string(tensor.first, "a tensor's name") + ":{\"dtype\":\"" +
           std::string(name_of(detail::kRealAsStored)) + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
           std::to_string(begin) + ',' + std::to_string(begin + tensor.second.size() * sizeof(Real)) + "]}";
}

/// The length and the JSON, padded so that the data begins at a multiple of 8 bytes.
std::string header_bytes(const std::vector<const NamedArray*>& tensors,
                         const std::map<std::string, std::string>& metadata) {
    std::string text = "{\"__metadata__\":" + metadata_json(metadata);
    std::size_t begin = 0;
    for (const NamedArray* tensor : tensors) {
        text += ',' + entry_json(*tensor, begin);
        begin += tensor->second.size() * sizeof(Real);
    }
    text += '}';
    text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');
    require(text.size() <= kMaxHeader, "save_safetensors: names and metadata make a header of ", text.size(),
            " bytes, more than ", kMaxHeader);
    const std::uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), kLengthBytes) + text;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const StateDict& tensors,
                      const std::map<std::string, std::string>& metadata) {
    const std::vector<const NamedArray*> sorted = sorted_by_name(tensors);
    const std::string header = header_bytes(sorted, metadata);
    std::vector<std::span<const std::byte>> pieces = {std::as_bytes(std::span(header))};
    for (const NamedArray* tensor : sorted)
        pieces.push_back(std::as_bytes(std::span(tensor->second.data(), tensor->second.size())));
    write_file_atomically(path, pieces);
}

SafeTensors load_safetensors(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    return parse_safetensors(std::as_bytes(std::span(bytes)), path.string());
}

SafeTensors parse_safetensors(std::span<const std::byte> bytes, std::string_view source_name) {
    const Source source(source_name);
    const std::string_view text = header_text(bytes, source);
    Header header = parse_header(text, source);
    const std::span<const std::byte> data = bytes.subspan(kLengthBytes + text.size());
    check_layout(header.entries, data.size(), source);

    SafeTensors file{.metadata = std::move(header.metadata)};
    file.tensors.reserve(header.entries.size());
    for (Entry& entry : header.entries) {
        Array array = read_array(entry, data);
        file.tensors.emplace_back(std::move(entry.name), std::move(array));
    }
    return file;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
