// RowValues: held once for many rows, and written out.
#include <embergrad/engine/gradient/row_values.hpp>

#include <memory>
#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

RowValues::RowValues() : held_(Shape{0, 0}) {}

RowValues::RowValues(Array array) : held_(std::move(array)) {
    require(held_.shape().size() == 2, "RowGradient: values must be (n, D), not ", held_.shape());
}

RowValues::RowValues(Array different, RowIds sources)
    : held_(std::move(different)), sources_(std::move(sources)), has_sources_(true) {
    require(held_.shape().size() == 2, "RowGradient: values must be (m, D), not ", held_.shape());
    const auto m = static_cast<std::int64_t>(held_.shape()[0]);
    for (std::int64_t source : sources_)
        require<std::out_of_range>(source >= 0 && source < m, "RowGradient: there is no row ", source,
                                   " in values of shape ", held_.shape());
}

RowValues::RowValues(const RowValues& other)
    : held_(other.held_), sources_(other.sources_), has_sources_(other.has_sources_) {}

RowValues::RowValues(RowValues&& other) noexcept : RowValues() { *this = std::move(other); }

RowValues& RowValues::operator=(RowValues&& other) noexcept {
    std::swap(held_, other.held_);
    std::swap(sources_, other.sources_);
    std::swap(has_sources_, other.has_sources_);
    forget_written();
    written_ = other.written_.exchange(nullptr);
    return *this;
}

RowValues::~RowValues() { forget_written(); }

RowValues::Reader RowValues::reader() const {
    return {held_.data(), has_sources_ ? sources_.data() : nullptr, width()};
}

const Array& RowValues::array() const {
    if (!has_sources_) return held_;
    if (const Array* written = written_.load()) return *written;
    auto all = std::make_unique<Array>(shape());
    const Reader from = reader();
    const std::size_t d = width();
    for (std::size_t i = 0; i < sources_.size(); ++i) std::copy_n(from.row(i), d, all->data() + i * d);
    const Array* first = nullptr;  // another thread may have been faster
    return written_.compare_exchange_strong(first, all.get()) ? *all.release() : *first;
}

Array& RowValues::mutable_array() {
    if (has_sources_) *this = RowValues(Array(array()));
    return held_;
}

void RowValues::keep(const std::vector<std::size_t>& rows) {
    if (has_sources_) {
        RowIds sources;
        sources.reserve(rows.size());
        for (std::size_t row : rows) sources.push_back(sources_[row]);
        forget_written();
        sources_ = std::move(sources);
        return;
    }
    Array kept(Shape{rows.size(), width()});
    const Reader from = reader();
    const std::size_t d = width();
    Real* to = kept.data();
    for (std::size_t row : rows) to = std::copy_n(from.row(row), d, to);
    held_ = std::move(kept);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
