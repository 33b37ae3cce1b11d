// Sequential: one layer after the other.
#include <embergrad/layers/sequential.hpp>

#include <utility>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Sequential::Sequential(const Sequential& other) : Layer(other) {
    for (std::size_t i = 0; i < other.size(); ++i) {
        const Copier copy = other.copiers_[i];
        push_back(copy != nullptr ? copy(*other.layers_[i]) : other.layers_[i], copy);
    }
}

Sequential& Sequential::operator=(const Sequential& other) { return *this = Sequential(other); }

Sequential& Sequential::operator=(Sequential&& other) noexcept {
    Sequential moved(std::move(other));  // so that one that is moved to itself keeps its layers
    layers_.swap(moved.layers_);
    copiers_.swap(moved.copiers_);
    return *this;
}

void Sequential::push_back(Held layer, Copier copy) {
    copiers_.reserve(layers_.size() + 1);  // what throws must not leave one list longer than the other
    layers_.push_back(std::move(layer));
    copiers_.push_back(copy);
}

Var Sequential::operator()(Var x) const {
    for (const auto& layer : layers_) x = (*layer)(x);
    return x;
}

const Layer& Sequential::operator[](std::size_t index) const {
    require<std::out_of_range>(index < size(), "Sequential: layer ", index, " does not exist among ", size());
    return *layers_[index];
}

void Sequential::visit(const Visitor& visit) const {
    for (std::size_t i = 0; i < size(); ++i) visit.child(std::to_string(i), *layers_[i]);
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
