// .npy: the array behind the header (npy_header.cpp), in C's or Fortran's order.
#include <embergrad/io/npy.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/engine/system/divided_up.hpp>
#include <embergrad/engine/system/error.hpp>
#include <embergrad/engine/system/file.hpp>
#include <embergrad/io/array_source.hpp>
#include <embergrad/io/npy_header.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using detail::ArraySource;

constexpr std::string_view kFormat = "npy";
constexpr std::size_t kAlignment = 64;

/// Steps through the elements from the last axis to the first, and keeps where each lies in Fortran's order.
class FortranPosition {
public:
    explicit FortranPosition(const Shape& shape) : shape_(shape), strides_(shape.size()), index_(shape.size(), 0) {
        std::size_t stride = 1;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            strides_[axis] = stride;
            stride *= shape[axis];
        }
    }
    std::size_t offset() const { return offset_; }
    void next() {
        for (std::size_t axis = shape_.size(); axis-- > 0;) {
            offset_ += strides_[axis];
            if (++index_[axis] < shape_[axis]) return;
            offset_ -= shape_[axis] * strides_[axis];
            index_[axis] = 0;
        }
    }

private:
    const Shape& shape_;
    std::vector<std::size_t> strides_;
    std::vector<std::size_t> index_;
    std::size_t offset_ = 0;
};

template <class AnyArray>
AnyArray from_fortran_order(const AnyArray& stored) {
    AnyArray array(stored.shape());
    FortranPosition position(stored.shape());
    const auto* const from = stored.data();
    auto* const to = array.data();
    for (std::size_t i = 0, n = array.size(); i < n; ++i, position.next()) to[i] = from[position.offset()];
    return array;
}

/// What is left once the header and the array are read.
template <class AnyArray>
AnyArray finished(AnyArray array, const detail::NpyHeader& header, ArraySource& source) {
    source.check_end();
    if (header.fortran_order && array.dimension() > 1) return from_fortran_order(array);
    return array;  // not in a ?: with the other: that would copy it
}

Array read_npy(ArraySource& source) {
    const detail::NpyHeader header = detail::read_npy_header(source);
    const detail::StoredReal type = detail::real_dtype(header, source);
    Array array(header.shape);
    source.read_reals(type, {array.data(), array.size()});
    return finished(std::move(array), header, source);
}

IdArray read_npy_ids(ArraySource& source) {
    const detail::NpyHeader header = detail::read_npy_header(source);
    if (!header.integer)
        source.bad("holds reals, ", detail::shown(header.dtype),
                   ": load_npy reads them; for ids, save array.astype(\"<i8\")");
    IdArray ids(header.shape);
    source.read_ids(*header.integer, {ids.data(), ids.size()}, "the array");
    return finished(std::move(ids), header, source);
}

/// What numpy.save writes before an array.
std::string header_bytes(std::string_view dtype, const Shape& shape) {
    require(shape.size() <= detail::kNpyMaxRank, "save_npy: an array of ", shape.size(), " axes, more than ",
            detail::kNpyMaxRank);
    std::string text =
        "{'descr': '" + std::string(dtype) + "', 'fortran_order': False, 'shape': " + to_string(shape) + ", }";
    const std::size_t before = detail::kNpyMagic.size() + 4;
    const std::size_t end = detail::rounded_up(before + text.size() + 1, kAlignment);
    text.resize(end - before - 1, ' ');
    text += '\n';
    const char length[] = {static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
    return std::string(detail::kNpyMagic) + '\x01' + '\0' + std::string(length, 2) + text;
}

void save(const std::string& path, const std::string& header, std::span<const std::byte> data) {
    const std::span<const std::byte> pieces[] = {std::as_bytes(std::span(header)), data};
    write_file_atomically(path, pieces);
}

}  // namespace

std::string detail::npy_header_bytes(const Shape& shape) {
    return header_bytes(sizeof(Real) == 8 ? "<f8" : "<f4", shape);
}

void save_npy(const std::string& path, const Array& array) {
    save(path, detail::npy_header_bytes(array.shape()), std::as_bytes(std::span(array.data(), array.size())));
}

void save_npy_ids(const std::string& path, const IdArray& ids) {
    save(path, header_bytes("<i8", ids.shape()), std::as_bytes(std::span(ids.data(), ids.size())));
}

Array load_npy(const std::string& path) { return detail::read_array_file(path, kFormat, read_npy); }

Array parse_npy(std::span<const std::byte> bytes, std::string_view source_name) {
    ArraySource source(source_name, kFormat, detail::plain_source(bytes));
    return read_npy(source);
}

IdArray load_npy_ids(const std::string& path) { return detail::read_array_file(path, kFormat, read_npy_ids); }

IdArray parse_npy_ids(std::span<const std::byte> bytes, std::string_view source_name) {
    ArraySource source(source_name, kFormat, detail::plain_source(bytes));
    return read_npy_ids(source);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
