// Values of rows that are held once for many rows, and how they are written out.
#include <embergrad/engine/gradient/row_values.hpp>

#include <algorithm>
#include <mutex>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

struct RowValues::WrittenOut {
    std::once_flag once;
    Array array{Shape{0}};
};

RowValues::RowValues() = default;
RowValues::RowValues(RowValues&& other) noexcept = default;
RowValues& RowValues::operator=(RowValues&& other) noexcept = default;
RowValues::~RowValues() = default;

RowValues::RowValues(std::shared_ptr<Array> array) : array_(std::move(array)) {
    require(held().shape().size() == 2, "RowGradient: values must be (n, D), not ", held().shape());
}

RowValues::RowValues(Array different, std::vector<std::int64_t> sources)
    : array_(std::make_shared<Array>(std::move(different))),
      sources_(std::move(sources)),
      written_(std::make_unique<WrittenOut>()) {
    require(held().shape().size() == 2, "RowGradient: values must be (m, D), not ", held().shape());
    const auto m = static_cast<std::int64_t>(held().shape()[0]);
    for (std::int64_t source : sources_)
        require<std::out_of_range>(source >= 0 && source < m, "RowGradient: there is no row ", source,
                                   " in values of shape ", held().shape());
}

RowValues::RowValues(const RowValues& other)
    : array_(other.array_ == nullptr ? nullptr : std::make_shared<Array>(*other.array_)),
      sources_(other.sources_),
      written_(other.written_ == nullptr ? nullptr : std::make_unique<WrittenOut>()) {}

const Array& RowValues::held() const {
    static const Array none(Shape{0, 0});
    return array_ == nullptr ? none : *array_;
}

Shape RowValues::shape() const { return written_ == nullptr ? Shape(held().shape()) : Shape{sources_.size(), width()}; }

RowValues::Reader RowValues::reader() const {
    return {held().data(), written_ == nullptr ? nullptr : sources_.data(), width()};
}

const Array& RowValues::array() const {
    if (written_ == nullptr) return held();
    std::call_once(written_->once, [&] { write_out(); });
    return written_->array;
}

void RowValues::write_out() const {
    Array all(shape());
    const Reader from = reader();
    const std::size_t d = width();
    for (std::size_t i = 0; i < sources_.size(); ++i) std::copy_n(from.row(i), d, all.data() + i * d);
    written_->array = std::move(all);
}

Array& RowValues::mutable_array() {
    if (written_ != nullptr) {
        array();
        *this = RowValues(std::make_shared<Array>(std::move(written_->array)));
    } else if (array_.use_count() != 1) {
        array_ = std::make_shared<Array>(held());
    }
    return *array_;
}

void RowValues::keep(const std::vector<std::size_t>& rows) {
    if (written_ != nullptr) {
        std::vector<std::int64_t> sources;
        sources.reserve(rows.size());
        for (std::size_t row : rows) sources.push_back(sources_[row]);
        written_ = std::make_unique<WrittenOut>();
        sources_ = std::move(sources);
        return;
    }
    auto kept = std::make_shared<Array>(Shape{rows.size(), width()});
    const Reader from = reader();
    const std::size_t d = width();
    Real* to = kept->data();
    for (std::size_t row : rows) to = std::copy_n(from.row(row), d, to);
    array_ = std::move(kept);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
