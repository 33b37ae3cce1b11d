// Arrays and ids, shapes, and what is asked of them. Loops over arrays take `data()` once and run over plain memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>

#include <embergrad/engine/basic_array.hpp>
#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// A dense row-major array of reals. `Array(shape)` is uninitialised; a default one is a scalar (xtensor's rule),
/// never "nothing".
using Array = BasicArray<Real>;

/// A dense row-major array of ids, class labels or lengths: any shape, 64-bit. Integers of 32 bits and unsigned ones
/// are widened; reals do not convert. A default one has no ids: shape (0).
using IdArray = BasicArray<std::int64_t>;

/// The number of elements. Throws std::invalid_argument where 64 bits do not hold their bytes.
std::size_t element_count(const Shape& shape);

/// "(32, 50, 128)"; "(3,)" for one axis and "()" for a scalar, as Python writes them.
std::string to_string(const Shape& shape);

/// A piece of an array's flattened values: begin .. end - 1.
struct FlatRange {
    std::size_t begin = 0, end = 0;
    std::size_t size() const { return end - begin; }
};

/// Fills what lies before, between and behind the runs, which ascend.
void fill_outside(std::span<const FlatRange> runs, Array& array, Real value);

/// The index of element `flat` of the flattened array: "(3, 17)", or "3" where there is one axis.
std::string position_text(std::size_t flat, const Shape& shape);

/// The first position, flattened, whose id is not in 0 .. n - 1.
std::optional<std::size_t> first_outside(const IdArray& ids, std::size_t n);

/// Whether no element is NaN or infinite.
bool all_finite(const Array& array);

inline void make_room(Array& buffer, const Shape& shape) { buffer.resize(shape); }
/// Whether an array is so small that its next user had better find its memory.
inline bool is_kept(const Array& buffer) { return buffer.size() * sizeof(Real) <= 1024; }
/// Frees the memory of an array that is not.
inline void shrink(Array& buffer) {
    if (!is_kept(buffer)) buffer = Array(Shape{0});
}

/// Rows of an array, the entries of its first axis: of (V, ...) the rows (n), or (B, L) of them, give (n, ...) or
/// (B, L, ...). Throws std::out_of_range for a row that is not there, with its position, std::invalid_argument for a
/// scalar.
template <class T>
BasicArray<T> take_rows(const BasicArray<T>& array, const IdArray& rows);
/// The rows begin .. end - 1. Throws as take_rows.
template <class T>
BasicArray<T> slice_rows(const BasicArray<T>& array, std::size_t begin, std::size_t end);

/// An array of this shape, every element `value`, rounded to Real.
Array full(const Shape& shape, double value);
inline Array zeros(const Shape& shape) { return full(shape, 0); }
inline Array ones(const Shape& shape) { return full(shape, 1); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
