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
    /// Copies the layers, which share their weights as copied layers do.
    Sequential(const Sequential& other);
    Sequential(Sequential&& other) noexcept = default;
    Sequential& operator=(const Sequential& other);
    Sequential& operator=(Sequential&& other) noexcept;
    template <class... Layers>
    requires(sizeof...(Layers) > 0 && (std::derived_from<std::decay_t<Layers>, Layer> && ...) &&
             !(sizeof...(Layers) == 1 &&
               (std::same_as<std::decay_t<Layers>, Sequential> && ...))) explicit Sequential(Layers&&... layers) {
        (append(std::forward<Layers>(layers)), ...);
    }

    /// Puts a layer behind the last.
    template <class L>
    requires std::derived_from<std::decay_t<L>, Layer>
    void append(L&& layer) {
        using Own = std::decay_t<L>;
        Copier copy = nullptr;
        if constexpr (std::copy_constructible<Own>)
            copy = [](const Layer& other) -> Held { return std::make_shared<Own>(static_cast<const Own&>(other)); };
        push_back(std::make_shared<Own>(std::forward<L>(layer)), copy);
    }

    Var operator()(Var x) const override;
    std::size_t size() const { return layers_.size(); }
    /// Throws std::out_of_range.
    const Layer& operator[](std::size_t index) const;
    void visit(const Visitor& visit) const override;
    std::string describe() const override { return "Sequential"; }

private:
    using Held = std::shared_ptr<const Layer>;
    using Copier = Held (*)(const Layer& layer);  // nullptr: copies of this share a layer that cannot be copied

    void push_back(Held layer, Copier copy);

    std::vector<Held> layers_;
    std::vector<Copier> copiers_;  // one for each layer
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
