// Sequential: layers one after the other.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/layers/module.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// Applies its layers in order. Parameters are named after their layer's place, "1.weight"; layers without parameters
/// count as a place too.
///     Sequential mlp{Dropout(0.5), Linear(128, 64, rng), ReLU(), Linear(64, 5, rng)};
/// (With braces the layers are made, and draw, from left to right; with parentheses C++ leaves the order open.)
class Sequential : public Layer {
public:
    Sequential() = default;
    template <class... Layers>
    requires(sizeof...(Layers) > 0 && (std::derived_from<std::decay_t<Layers>, Layer> && ...) &&
             !(sizeof...(Layers) == 1 &&
               (std::same_as<std::decay_t<Layers>, Sequential> && ...))) explicit Sequential(Layers&&... layers) {
        (append(std::forward<Layers>(layers)), ...);
    }

    /// Puts a layer behind the last.
    template <class L>
    requires std::derived_from<std::decay_t<L>, Layer>
    void append(L&& layer) { layers_.push_back(std::make_shared<std::decay_t<L>>(std::forward<L>(layer))); }

    Var operator()(Var x) const override;
    std::size_t size() const { return layers_.size(); }
    /// Throws std::out_of_range.
    const Layer& operator[](std::size_t index) const;
    void visit(const Visitor& visit) const override;
    std::string describe() const override { return "Sequential"; }

private:
    std::vector<std::shared_ptr<const Layer>> layers_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
