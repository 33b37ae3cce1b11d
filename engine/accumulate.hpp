// Accumulation: adding to a gradient. The first term overwrites: no pass to clear. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include <embergrad/engine/gradient/gradient.hpp>
#include <embergrad/engine/kernels/elementwise.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

/// A gradient, to be added to piece by piece; the pieces cover every element once.
class Accumulation {
public:
    explicit Accumulation(Gradient& dx) : Accumulation(dx.target()) {}

    /// dx[begin + i] += term(i) for i < n
    template <class Term>
    void add(std::size_t begin, std::size_t n, Term term) const {
        put_each(dx_ + begin, n, add_, term);
    }
    /// dx[i] += term
    void add(std::size_t i, Real term) const { dx_[i] = add_ ? dx_[i] + term : term; }
    std::size_t size() const { return size_; }
    /// A piece to which nothing is added.
    void skip(std::size_t begin, std::size_t n) const {
        if (!add_) std::fill_n(dx_ + begin, n, Real{0});
    }

private:
    explicit Accumulation(Gradient::Target target)
        : dx_(target.array.data()), size_(target.array.size()), add_(target.add) {}

    Real* dx_;
    std::size_t size_;
    bool add_;
};

constexpr std::size_t kUniformPiece = 1024;  // fits L1

/// `number` n times, or as often as a piece is long; the thread's own, good until the next call.
inline const Real* uniform_piece(Real number, std::size_t n) {
    thread_local Real piece[kUniformPiece];
    std::fill_n(piece, std::min(n, kUniformPiece), number);
    return piece;
}

/// dx[i] += term(dy[i], i) for each element of x, which has as many as y. A gradient that is one number is read in
/// pieces that stay in L1, and not written out.
template <class Term>
void accumulate(Gradient& to, Gradient& from, Term term) {
    const Accumulation dx(to);
    const std::optional<Real> uniform = from.number();
    const std::size_t n = dx.size(), piece = uniform ? kUniformPiece : n;
    const Real* dy = uniform ? uniform_piece(*uniform, n) : from.read().data();
    for (std::size_t begin = 0; begin < n; begin += piece) {
        const Real* of_piece = uniform ? dy : dy + begin;
        dx.add(begin, std::min(piece, n - begin), [=](std::size_t i) { return term(of_piece[i], begin + i); });
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
