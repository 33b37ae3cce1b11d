// .npy: the array behind the header (npy_header.cpp), in C's or Fortran's order.
#include <embergrad/io/npy.hpp>

#include <string>
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

Array from_fortran_order(const Array& stored) {
    Array array(stored.shape());
    FortranPosition position(stored.shape());
    const Real* const from = stored.data();
    Real* const to = array.data();
    for (std::size_t i = 0, n = array.size(); i < n; ++i, position.next()) to[i] = from[position.offset()];
    return array;
}

Array read_npy(ArraySource& source) {
    const detail::NpyHeader header = detail::read_npy_header(source);
    Array array(header.shape);
    source.read_reals(header.dtype, {array.data(), array.size()});
    source.check_end();
    if (header.fortran_order && array.dimension() > 1) return from_fortran_order(array);
    return array;  // not in a ?: with the other: that would copy it
}

}  // namespace

std::string detail::npy_header_bytes(const Shape& shape) {
    require(shape.size() <= kNpyMaxRank, "save_npy: an array of ", shape.size(), " axes, more than ", kNpyMaxRank);
    const std::string_view dtype = sizeof(Real) == 8 ? "<f8" : "<f4";
    std::string text =
        "{'descr': '" + std::string(dtype) + "', 'fortran_order': False, 'shape': " + to_string(shape) + ", }";
    const std::size_t before = detail::kNpyMagic.size() + 4;
    const std::size_t end = detail::rounded_up(before + text.size() + 1, kAlignment);
    text.resize(end - before - 1, ' ');
    text += '\n';
    const char length[] = {static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
    return std::string(detail::kNpyMagic) + '\x01' + '\0' + std::string(length, 2) + text;
}

void save_npy(const std::string& path, const Array& array) {
    const std::string header = detail::npy_header_bytes(array.shape());
    const std::span<const std::byte> pieces[] = {std::as_bytes(std::span(header)),
                                                 std::as_bytes(std::span(array.data(), array.size()))};
    write_file_atomically(path, pieces);
}

Array load_npy(const std::string& path) { return detail::read_array_file(path, kFormat, read_npy); }

Array parse_npy(std::span<const std::byte> bytes, std::string_view source_name) {
    ArraySource source(source_name, kFormat, detail::plain_source(bytes));
    return read_npy(source);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
