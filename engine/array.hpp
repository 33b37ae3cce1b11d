// Arrays and ids: the one header that includes xtensor. Loops over arrays take `data()` once and run over plain memory.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<xtensor/containers/xarray.hpp>)  // 0.26 and later
#include <xtensor/containers/xarray.hpp>
#else
#include <xtensor/xarray.hpp>
#endif

#include <embergrad/engine/system/config.hpp>
#include <embergrad/engine/system/memory.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// The extents of an array, outermost first; () is a scalar. Up to four live without an allocation.
using Shape = xt::svector<std::size_t, 4>;

/// Layout, shape container and allocator spelled out, so that no macro of the user's changes the type.
template <class T>
using RowMajorArray = xt::xarray_container<xt::uvector<T, Allocator<T>>, xt::layout_type::row_major, Shape>;

/// A dense row-major array of reals. `Array(shape)` is uninitialised; a default one is a scalar (xtensor's rule),
/// never "nothing". Lists of lists in braces must be of one length: xtensor does not check it.
using Array = RowMajorArray<Real>;

/// A dense row-major array of ids, class labels or lengths: any shape, 64-bit. Arrays of 32-bit integers are widened;
/// arrays of reals do not convert.
class IdArray : public RowMajorArray<std::int64_t> {
public:
    using Base = RowMajorArray<std::int64_t>;
    using Row = std::initializer_list<std::int64_t>;

    /// No ids: shape (0).
    IdArray() : Base(Shape{0}) {}
    /// Uninitialised, of the given shape.
    explicit IdArray(const Shape& shape) : Base(shape) {}
    IdArray(const Shape& shape, std::int64_t value) : Base(shape, value) {}
    /// One id: shape ().
    static IdArray scalar(std::int64_t id) { return IdArray(Shape{}, id); }
    IdArray(std::initializer_list<std::int64_t> ids) : Base(ids) {}
    /// Lists of lists must be of one length: std::invalid_argument otherwise (pad_batch takes ragged ones).
    IdArray(std::initializer_list<Row> ids) : Base(rectangular(ids)) {}
    IdArray(std::initializer_list<std::initializer_list<Row>> ids) : Base(rectangular(ids)) {}

    /// From an xtensor array or expression of 32-bit or 64-bit signed integers.
    template <class E>
    requires(std::signed_integral<typename E::value_type> && sizeof(typename E::value_type) >= 4)
        IdArray(const xt::xexpression<E>& ids)
        : Base(ids) {}  // NOLINT: widening is harmless

    /// From a vector of 32-bit or 64-bit signed integers: shape (n).
    template <std::signed_integral Integer>
    requires(sizeof(Integer) >= 4) IdArray(const std::vector<Integer>& ids) : Base(Shape{ids.size()}) {  // NOLINT
        std::copy(ids.begin(), ids.end(), this->storage().begin());
    }

private:
    // xtensor makes room by the first row, then copies every row.
    using Rows = std::initializer_list<Row>;
    static const Rows& rectangular(const Rows& ids);
    static const std::initializer_list<Rows>& rectangular(const std::initializer_list<Rows>& ids);
};

/// The number of elements. Throws std::invalid_argument where 64 bits do not hold their bytes.
std::size_t element_count(const Shape& shape);

/// Whether two shapes are equal: a loop in place, because a call of memcmp costs a scalar op a quarter of its time.
inline bool same_shape(const Shape& a, const Shape& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t axis = 0; axis < a.size(); ++axis) {
        if (a[axis] != b[axis]) return false;
    }
    return true;
}

/// "(32, 50, 128)"; "(3,)" for one axis and "()" for a scalar, as Python writes them.
std::string to_string(const Shape& shape);

/// A piece of an array's flattened values: begin .. end - 1.
struct Run {
    std::size_t begin = 0, end = 0;
    std::size_t size() const { return end - begin; }
};

/// Fills what lies before, between and behind the runs, which ascend.
void fill_outside(std::span<const Run> runs, Array& array, Real value);

/// The index of element `flat` of the flattened array: "(3, 17)", or "3" where there is one axis.
std::string position_text(std::size_t flat, const Shape& shape);

/// The first position, flattened, whose id is not in 0 .. n - 1.
std::optional<std::size_t> first_outside(const IdArray& ids, std::size_t n);

/// Whether no element is NaN or infinite.
bool all_finite(const Array& array);

/// Gives an array this shape; its values are lost. Throws as element_count, and std::bad_alloc: it is empty then.
void resize(Array& buffer, const Shape& shape);
inline void make_room(Array& buffer, const Shape& shape) {
    if (!same_shape(buffer.shape(), shape)) resize(buffer, shape);
}
/// Whether an array is so small that its next user had better find its memory.
inline bool is_kept(const Array& buffer) { return buffer.size() * sizeof(Real) <= 1024; }
/// Frees the memory of an array that is not.
inline void shrink(Array& buffer) {
    if (!is_kept(buffer)) resize(buffer, Shape{0});
}

/// An array of this shape, every element `value`.
Array full(const Shape& shape, Real value);
inline Array zeros(const Shape& shape) { return full(shape, 0); }
inline Array ones(const Shape& shape) { return full(shape, 1); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
