// Sequential: one layer after the other.
#include <embergrad/layers/sequential.hpp>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

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
