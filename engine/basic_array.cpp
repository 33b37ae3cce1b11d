// BasicArray: how one is made from lists, and from memory that may be missing.
#include <embergrad/engine/basic_array.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <embergrad/engine/array.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

namespace {

std::string bytes_text(std::size_t bytes) {
    constexpr std::array units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto scaled = static_cast<double>(bytes);
    std::string text = std::to_string(bytes) + " bytes";
    std::size_t unit = 0;
    for (; scaled >= 1024 && unit < units.size(); ++unit) scaled /= 1024;
    if (unit > 0) text += " (" + number_text(std::round(10 * scaled) / 10) + " " + units[unit - 1] + ")";
    return text;
}

/// Copies lists in braces row by row; each must be as long as the first one of its depth.
template <class T>
class NestedCopy {
public:
    using List = typename NestedList<T>::List;

    explicit NestedCopy(List list) {
        shape_.push_back(list.size());
        while (list.size() > 0 && list.begin()->is_list()) {
            list = list.begin()->list();
            shape_.push_back(list.size());
        }
    }
    const Shape& shape() const { return shape_; }
    /// Writes as many numbers as the shape has elements.
    void write(List list, T* to) {
        to_ = to;
        write(list, std::size_t{0});
    }

private:
    void write(List list, std::size_t depth) {
        require(list.size() == shape_[depth], BasicArray<T>::kName, ": list ", position(), " has length ", list.size(),
                ", the first one ", shape_[depth], "; lists must be of one length",
                std::integral<T> ? " (pad_batch pads those of words)" : "");
        const bool lists = depth + 1 < shape_.size();
        at_.push_back(0);
        for (const NestedList<T>& element : list) {
            require(element.is_list() == lists, BasicArray<T>::kName, ": element ", position(), " is a ",
                    lists ? "number where the first one is a list" : "list where the first one is a number",
                    "; for a shape and a value write ", BasicArray<T>::kName, "(Shape{2, 3}, value)");
            if (lists)
                write(element.list(), depth + 1);
            else
                *to_++ = element.number();
            ++at_[depth];
        }
        at_.pop_back();
    }
    std::string position() const { return at_.size() == 1 ? std::to_string(at_[0]) : to_string(at_); }

    Shape shape_, at_;
    T* to_ = nullptr;
};

/// An empty array has strides, too, which xtensor multiplies up.
void check_strides(const Shape& shape) {
    std::ptrdiff_t stride = 1;
    for (const std::size_t extent : shape) {
        require(extent == 0 || !__builtin_mul_overflow(stride, static_cast<std::ptrdiff_t>(extent), &stride), "shape ",
                shape, " has strides that overflow 64 bits");
    }
}

}  // namespace

std::int64_t checked_id(std::uint64_t id) {
    require(id <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}, "IdArray: ", id,
            " is no id; the largest is ", std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(id);
}

OutOfMemory::OutOfMemory(const Shape& shape, std::size_t bytes)
    : message_("out of memory: an array of shape " + to_string(shape) + " takes " + bytes_text(bytes)) {}

template <class T>
BasicArray<T>::BasicArray(typename NestedList<T>::List list) {
    NestedCopy<T> copy(list);
    allocate(copy.shape());
    copy.write(list, storage_.data());
}

template <class T>
void BasicArray<T>::allocate(const Shape& shape) {
    const std::size_t size = element_count(shape);
    if (size == 0) check_strides(shape);
    try {
        storage_.resize(size);
    } catch (const std::bad_alloc&) {
        throw OutOfMemory(shape, size * sizeof(T));
    }
    Container::resize(shape, true);
}

template <class T>
void BasicArray<T>::check_count(std::size_t values, const Shape& shape) {
    require(values == element_count(shape), BasicArray<T>::kName, ": ", values, " values do not fill shape ", shape,
            ", which has ", element_count(shape), " elements");
}

template <class T>
void BasicArray<T>::refuse_negative() const {
    for (const T id : storage_) checked_id(static_cast<std::uint64_t>(id));
}

template class BasicArray<Real>;
template class BasicArray<std::int64_t>;

}  // namespace embergrad::inline EMBERGRAD_PRECISION
