// BasicArray: what Array and IdArray are made from, a container of xtensor's with our memory, checks and moves. The one
// header that includes xtensor.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
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

/// Whether two shapes are equal: a loop in place, because a call of memcmp costs a scalar op a quarter of its time.
inline bool same_shape(const Shape& a, const Shape& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t axis = 0; axis < a.size(); ++axis) {
        if (a[axis] != b[axis]) return false;
    }
    return true;
}

template <class T>
class BasicArray;

}  // namespace embergrad::inline EMBERGRAD_PRECISION

/// What xtensor asks of a container: layout, shape and allocator spelled out, so that no macro of the user's changes
/// them.
template <class T>
struct xt::xcontainer_inner_types<embergrad::BasicArray<T>> {
    using storage_type = xt::uvector<T, embergrad::Allocator<T>>;
    using reference = T&;
    using const_reference = const T&;
    using size_type = std::size_t;
    using shape_type = embergrad::Shape;
    using strides_type = xt::get_strides_t<shape_type>;
    using backstrides_type = strides_type;
    using inner_shape_type = shape_type;
    using inner_strides_type = strides_type;
    using inner_backstrides_type = strides_type;
    using temporary_type = embergrad::BasicArray<T>;
    static constexpr xt::layout_type layout = xt::layout_type::row_major;
};
template <class T>
struct xt::xiterable_inner_types<embergrad::BasicArray<T>> : xt::xcontainer_iterable_types<embergrad::BasicArray<T>> {};

namespace embergrad::inline EMBERGRAD_PRECISION {

/// As an id. Throws std::invalid_argument if 64 bits with a sign do not hold it.
std::int64_t checked_id(std::uint64_t id);

/// What becomes an element of an array of T by itself: every number, but reals are no ids.
template <class U, class T>
concept ElementOf = std::convertible_to<U, T> &&(std::floating_point<T> || !std::floating_point<U>);

template <class T, ElementOf<T> U>
T to_element(U number) {
    if constexpr (std::unsigned_integral<U> && std::integral<T> && sizeof(U) >= sizeof(T))
        return checked_id(number);
    else
        return static_cast<T>(number);
}

/// What stands between the braces of an array: a number, or a list of such.
template <class T>
class NestedList {
public:
    using List = std::initializer_list<NestedList>;

    template <ElementOf<T> U>
    NestedList(U number) : number_(to_element<T>(number)) {}  // NOLINT: braces convert
    NestedList(List list) : list_(list), is_list_(true) {}

    bool is_list() const { return is_list_; }
    T number() const { return number_; }
    const List& list() const { return list_; }

private:
    T number_ = 0;
    List list_;
    bool is_list_ = false;
};

/// What ids are made of: integers of 32 or 64 bits.
template <class T>
concept IdLike = std::integral<T> && sizeof(T) >= 4;

/// There is no memory for an array: what() says its shape and how many bytes that takes.
class OutOfMemory : public std::bad_alloc {
public:
    OutOfMemory(const Shape& shape, std::size_t bytes);
    const char* what() const noexcept override { return message_.what(); }

private:
    std::runtime_error message_;  // copying it cannot fail
};

/// A dense row-major array and an expression of xtensor's: see Array and IdArray. A moved-from one is empty, of shape
/// (0); moved to itself it stays. Whatever makes one or changes its shape throws OutOfMemory where there is no memory,
/// std::invalid_argument where 64 bits do not hold the bytes, and leaves the array as it was.
template <class T>
class BasicArray : public xt::xstrided_container<BasicArray<T>>, public xt::xcontainer_semantic<BasicArray<T>> {
    using Container = xt::xstrided_container<BasicArray>;
    using Semantic = xt::xcontainer_semantic<BasicArray>;
    static constexpr bool kIsIds = std::integral<T>;
    template <class U>
    static constexpr bool kTakes = kIsIds ? IdLike<U> : std::convertible_to<U, T>;
    template <class U>
    static constexpr bool kTakesVectorOf = kIsIds ? IdLike<U> : std::floating_point<U>;

public:
    /// For messages.
    static constexpr const char* kName = std::integral<T> ? "IdArray" : "Array";

    using storage_type = typename Container::storage_type;
    using value_type = T;
    using shape_type = Shape;
    using temporary_type = BasicArray;
    using expression_tag = xt::xtensor_expression_tag;
    static constexpr std::size_t rank = SIZE_MAX;  // xtensor's "known when it runs"

    /// Of reals a zero of shape (), xtensor's rule; no ids: shape (0).
    BasicArray() : storage_(kIsIds ? 0 : 1, T{0}) {
        if constexpr (kIsIds) take_empty_shape();
    }
    /// Uninitialised, of the given shape.
    explicit BasicArray(const Shape& shape) { allocate(shape); }
    template <ElementOf<T> U>
    BasicArray(const Shape& shape, U value) {
        allocate(shape);
        std::fill(storage_.begin(), storage_.end(), to_element<T>(value));
    }
    /// Row by row: as many values as the shape has elements, std::invalid_argument otherwise.
    template <class U>
    requires(kTakesVectorOf<U>) BasicArray(const Shape& shape, const std::vector<U>& values) {
        check_count(values.size(), shape);
        allocate(shape);
        copy_from(values.begin(), values.end());
    }
    /// One number: shape (). One id is IdArray::scalar(id).
    template <ElementOf<T> U>
    requires(!kIsIds) BasicArray(U value) : BasicArray(Shape{}, value) {}  // NOLINT
    static BasicArray scalar(T value) { return BasicArray(Shape{}, value); }
    /// Lists in braces, to any depth: {{1, 2}, {3, 4}}. Those of one depth must be of one length:
    /// std::invalid_argument otherwise (pad_batch takes ragged ids).
    BasicArray(typename NestedList<T>::List list);
    /// The elements of a vector: shape (n). Ids are of 32 or 64 bits; std::invalid_argument for one that is too large.
    template <class U>
    requires(kTakesVectorOf<U>) BasicArray(const std::vector<U>& values)  // NOLINT
        : BasicArray(Shape{values.size()}, values) {}
    /// An array or expression of xtensor's. Ids do not take reals, nor integers of other than 32 and 64 bits.
    template <class E>
    requires(kTakes<typename E::value_type>) BasicArray(const xt::xexpression<E>& values) {  // NOLINT
        if (values.derived_cast().dimension() == 0) allocate(Shape{});
        Semantic::assign(values);
        check_signs<typename E::value_type>();
    }
    /// Uninitialised, of a shape in any container.
    template <class S = Shape>
    static BasicArray from_shape(const S& shape) {
        return BasicArray(Shape(shape.begin(), shape.end()));
    }

    BasicArray(const BasicArray& other) : Container(), Semantic() {
        allocate(other.shape());
        copy_from(other.storage_.begin(), other.storage_.end());
    }
    BasicArray(BasicArray&& other) noexcept
        : Container(std::move(other)), Semantic(), storage_(std::move(other.storage_)) {
        other.take_empty_shape();
    }
    BasicArray& operator=(const BasicArray& other) {
        if (this == &other) return *this;
        resize(other.shape());
        copy_from(other.storage_.begin(), other.storage_.end());
        return *this;
    }
    BasicArray& operator=(BasicArray&& other) noexcept {
        if (this == &other) return *this;
        Container::operator=(std::move(other));
        storage_ = std::move(other.storage_);
        other.take_empty_shape();
        return *this;
    }
    template <class E>
    requires(kTakes<typename E::value_type>) BasicArray& operator=(const xt::xexpression<E>& values) {
        return *this = BasicArray(values);
    }
    ~BasicArray() = default;

    /// Gives the array this shape; its values are lost, unless it has the shape already.
    void resize(const Shape& shape) {
        if (!same_shape(this->shape(), shape)) allocate(shape);
    }
    template <class S>
    void resize(const S& shape) {
        resize(Shape(shape.begin(), shape.end()));
    }

    /// As PyTorch prints tensors: in nested brackets, of more than 1,000 elements the ends of each axis, of an empty
    /// array the shape.
    friend std::ostream& operator<<(std::ostream& out, const BasicArray& array) {
        array.print(out);
        return out;
    }

private:
    friend class xt::xcontainer<BasicArray>;
    storage_type& storage_impl() noexcept { return storage_; }
    const storage_type& storage_impl() const noexcept { return storage_; }

    void allocate(const Shape& shape);
    void print(std::ostream& out) const;
    static void check_count(std::size_t values, const Shape& shape);
    void refuse_negative() const;

    void take_empty_shape() noexcept {
        this->shape_impl().resize(1);
        this->shape_impl()[0] = 0;
        this->strides_impl().resize(1);
        this->backstrides_impl().resize(1);
        xt::compute_strides<xt::layout_type::row_major>(this->shape_impl(), xt::layout_type::row_major,
                                                        this->strides_impl(), this->backstrides_impl());
    }
    template <class Iterator>
    void copy_from(Iterator begin, Iterator end) {
        using U = typename std::iterator_traits<Iterator>::value_type;
        if constexpr (std::same_as<U, T>)
            std::copy(begin, end, storage_.begin());
        else
            std::transform(begin, end, storage_.begin(), [](U value) { return static_cast<T>(value); });
        check_signs<U>();
    }
    /// A number that is too large for an id has become a negative one.
    template <class U>
    void check_signs() const {
        if constexpr (kIsIds && std::unsigned_integral<U> && sizeof(U) == sizeof(T)) refuse_negative();
    }

    storage_type storage_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
