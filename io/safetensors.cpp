// Safetensors: safetensors_header.cpp checks the header before there is room for arrays.
#include <embergrad/io/safetensors.hpp>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <embergrad/engine/system/divided_up.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/array_source.hpp>
#include <embergrad/io/safetensors_header.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::ArraySource;
using detail::shown;
using Json = nlohmann::json;

constexpr std::string_view kFormat = "safetensors";

/// Moves the entry to where it belongs in `file`, with its data.
void read_tensor(ArraySource& source, detail::TensorEntry& entry, SafeTensors& file) {
    if (entry.real) {
        Array array(entry.shape);
        source.read_reals(*entry.real, {array.data(), array.size()});
        file.tensors.emplace_back(std::move(entry.name), std::move(array));
    } else if (entry.integer) {
        IdArray ids(entry.shape);
        source.read_ids(*entry.integer, {ids.data(), ids.size()}, "tensor " + shown(entry.name));
        file.ids.emplace_back(std::move(entry.name), std::move(ids));
    } else {
        source.skip(entry.offsets[1] - entry.offsets[0]);
        file.passed_over.push_back({std::move(entry.name), std::move(entry.dtype), std::move(entry.shape)});
    }
}

/// A file of which nothing could be given is an error.
void check_any_readable(const std::vector<detail::TensorEntry>& entries, const ArraySource& source) {
    const auto readable = [](const detail::TensorEntry& entry) { return entry.real || entry.integer; };
    if (entries.empty() || std::any_of(entries.begin(), entries.end(), readable)) return;
    detail::readable_dtype(entries.front(), source);
}

SafeTensors read_safetensors(ArraySource& source) {
    detail::SafeTensorsHeader header = detail::read_safetensors_header(source);
    SafeTensors file{.metadata = std::move(header.metadata)};
    file.tensors.reserve(header.entries.size());
    check_any_readable(header.entries, source);
    for (detail::TensorEntry& entry : header.entries) read_tensor(source, entry, file);
    source.check_end();
    return file;
}

using NamedArray = StateDict::value_type;
using detail::NamedShape;

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
        require(tensor.first != detail::kMetadataKey, "save_safetensors: no tensor can be named ",
                detail::kMetadataKey);
        require(tensor.second.dimension() <= detail::kSafeTensorsMaxRank, "save_safetensors: tensor ",
                shown(tensor.first), " has ", tensor.second.dimension(), " axes, more than ",
                detail::kSafeTensorsMaxRank);
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

std::string entry_json(const NamedShape& tensor, std::size_t begin) {
    std::string shape;
    for (std::size_t extent : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    return json_string(tensor.name, "a tensor's name") + ":{\"dtype\":\"" +
           std::string(detail::safetensors_name(detail::kRealAsStored)) + "\",\"shape\":[" + shape +
           "],\"data_offsets\":[" + std::to_string(begin) + ',' +
           std::to_string(begin + element_count(tensor.shape) * sizeof(Real)) + "]}";
}

}  // namespace

std::string detail::safetensors_header_bytes(const std::vector<NamedShape>& tensors,
                                             const std::map<std::string, std::string>& metadata) {
    std::string text = "{\"__metadata__\":" + metadata_json(metadata);
    std::size_t begin = 0;
    for (const NamedShape& tensor : tensors) {
        text += ',' + entry_json(tensor, begin);
        begin += element_count(tensor.shape) * sizeof(Real);
    }
    text += '}';
    text.resize(detail::rounded_up(text.size(), detail::kSafeTensorsLengthBytes), ' ');
    require(text.size() <= detail::kSafeTensorsMaxHeader, "save_safetensors: names and metadata make a header of ",
            text.size(), " bytes, more than ", detail::kSafeTensorsMaxHeader);
    const std::uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), detail::kSafeTensorsLengthBytes) + text;
}

void save_safetensors(const std::string& path, const StateDict& tensors,
                      const std::map<std::string, std::string>& metadata) {
    const std::vector<const NamedArray*> sorted = sorted_by_name(tensors);
    std::vector<detail::NamedShape> shapes;
    for (const NamedArray* tensor : sorted) shapes.push_back({tensor->first, tensor->second.shape()});
    const std::string header = detail::safetensors_header_bytes(shapes, metadata);
    std::vector<std::span<const std::byte>> pieces = {std::as_bytes(std::span(header))};
    for (const NamedArray* tensor : sorted)
        pieces.push_back(std::as_bytes(std::span(tensor->second.data(), tensor->second.size())));
    write_file_atomically(path, pieces);
}

SafeTensors load_safetensors(const std::string& path) {
    return detail::read_array_file(path, kFormat, read_safetensors);
}

SafeTensors parse_safetensors(std::span<const std::byte> bytes, std::string_view source_name) {
    ArraySource source(source_name, kFormat, detail::plain_source(bytes));
    return read_safetensors(source);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
