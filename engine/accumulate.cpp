// A run of one number, read in place of a gradient that has not been written out.
#include <embergrad/engine/accumulate.hpp>

#include <array>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

const Real* uniform_piece(Real number, std::size_t n) {
    thread_local std::array<Real, kUniformPiece> piece;
    std::fill_n(piece.data(), std::min(n, kUniformPiece), number);
    return piece.data();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
