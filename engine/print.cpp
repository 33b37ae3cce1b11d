// Printing: which numbers of an array are shown, in which format, and how they are broken into lines.
#include <embergrad/engine/print.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

// PyTorch's settings.
constexpr std::size_t kMostShown = 1000;  // elements; of larger arrays the ends of each axis are shown
constexpr std::size_t kEdge = 3;
constexpr std::size_t kLineWidth = 80;

/// How the numbers of one array are written: all alike, and padded to the widest.
template <class T>
class NumberFormat {
public:
    explicit NumberFormat(const std::vector<T>& numbers) {
        if constexpr (std::floating_point<T>) choose_notation(numbers);
        for (const T number : numbers) width_ = std::max(width_, unpadded(number).size());
    }
    std::size_t width() const { return width_; }
    std::string operator()(T number) const {
        const std::string text = unpadded(number);
        return std::string(width_ - text.size(), ' ') + text;
    }

private:
    void choose_notation(const std::vector<T>& numbers) {
        double smallest = std::numeric_limits<double>::infinity(), largest = 0;
        for (const T number : numbers) {
            const double size = std::abs(static_cast<double>(number));
            if (size == 0 || !std::isfinite(size)) continue;
            whole_ &= size == std::ceil(size);
            smallest = std::min(smallest, size);
            largest = std::max(largest, size);
        }
        scientific_ = largest / smallest > 1e3 || largest > 1e8 || (!whole_ && smallest < 1e-4);
    }

    std::string unpadded(T number) const {
        if constexpr (std::integral<T>) {
            return std::to_string(number);
        } else {
            const char* format = scientific_ ? "%.4e" : whole_ ? "%.0f" : "%.4f";
            char text[64];
            std::snprintf(text, sizeof text, format, static_cast<double>(number));
            const bool bare = whole_ && !scientific_ && std::isfinite(number);
            return bare ? std::string(text) + "." : text;
        }
    }

    bool whole_ = true, scientific_ = false;
    std::size_t width_ = 1;
};

/// Calls show(i) for the entries of an axis that are shown, and gap() where some are left out.
template <class Show, class Gap>
void for_each_shown(std::size_t extent, bool shortened, Show show, Gap gap) {
    const bool all = !shortened || extent <= 2 * kEdge;
    for (std::size_t i = 0; i < extent; ++i) {
        if (!all && i == kEdge) {
            gap();
            i = extent - kEdge;
        }
        show(i);
    }
}

/// Writes an array between nested brackets, `indent` behind the start of the line.
template <class T>
class ArrayText {
public:
    ArrayText(const BasicArray<T>& array, std::size_t indent)
        : array_(array), shortened_(array.size() > kMostShown), format_(shown()) {
        write(0, 0, indent);
    }
    const std::string& text() const { return text_; }

private:
    std::vector<T> shown() const {
        std::vector<T> numbers;
        collect(0, 0, numbers);
        return numbers;
    }

    void collect(std::size_t axis, std::size_t at, std::vector<T>& numbers) const {
        if (axis == array_.dimension()) return numbers.push_back(array_.data()[at]);
        const std::size_t extent = array_.shape()[axis];
        for_each_shown(
            extent, shortened_, [&](std::size_t i) { collect(axis + 1, at * extent + i, numbers); }, [] {});
    }

    /// What begins at entry `at` of the axes before this one.
    void write(std::size_t axis, std::size_t at, std::size_t indent) {
        const std::size_t rank = array_.dimension();
        if (rank == 0) {
            text_ += format_(array_.data()[0]);
            return;
        }
        text_ += '[';
        if (axis + 1 == rank)
            write_numbers(at * array_.shape()[axis], indent);
        else
            write_blocks(axis, at * array_.shape()[axis], indent);
        text_ += ']';
    }

    void write_blocks(std::size_t axis, std::size_t first, std::size_t indent) {
        const std::string between =
            "," + std::string(array_.dimension() - 1 - axis, '\n') + std::string(indent + 1, ' ');
        bool begun = false;
        const auto separate = [&] { text_ += std::exchange(begun, true) ? between : ""; };
        for_each_shown(
            array_.shape()[axis], shortened_,
            [&](std::size_t i) {
                separate();
                write(axis + 1, first + i, indent + 1);
            },
            [&] {
                separate();
                text_ += "...";
            });
    }

    void write_numbers(std::size_t first, std::size_t indent) {
        const std::size_t room = kLineWidth - std::min(indent, kLineWidth);
        const std::size_t a_line = std::max<std::size_t>(1, room / (format_.width() + 2));
        std::size_t written = 0;
        const auto separate = [&] {
            if (written > 0) text_ += written % a_line == 0 ? ",\n" + std::string(indent + 1, ' ') : ", ";
            ++written;
        };
        for_each_shown(
            array_.shape().back(), shortened_,
            [&](std::size_t i) {
                separate();
                text_ += format_(array_.data()[first + i]);
            },
            [&] {
                separate();
                text_ += " ...";
            });
    }

    const BasicArray<T>& array_;
    bool shortened_;
    NumberFormat<T> format_;
    std::string text_;
};

/// "Array([1., 2.])", and the shape of an empty one, which its brackets do not show.
template <class T>
void print_as(std::ostream& out, const std::string& name, const BasicArray<T>& array, const char* note = "") {
    if (array.size() == 0)
        out << name << "([], shape=" << to_string(array.shape()) << note << ')';
    else
        out << name << '(' << ArrayText<T>(array, name.size() + 1).text() << note << ')';
}

}  // namespace

template <class T>
void BasicArray<T>::print(std::ostream& out) const {
    print_as(out, std::integral<T> ? "IdArray" : "Array", *this);
}
template void BasicArray<Real>::print(std::ostream&) const;
template void BasicArray<std::int64_t>::print(std::ostream&) const;

std::ostream& operator<<(std::ostream& out, const Var& x) {
    print_as(out, "Var", x.value(), x.needs_grad() ? ", needs_grad" : "");
    return out;
}

std::ostream& operator<<(std::ostream& out, const Parameter& parameter) {
    print_as(out, "Parameter", parameter.value());
    return out;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
