// Register tiles of our own matrix product: parts of the result whose sums stay in registers. Internal.
#pragma once

#include <algorithm>
#include <cstddef>

#include <embergrad/engine/kernels/prefetch.hpp>
#include <embergrad/engine/kernels/product/matrix_view.hpp>
#include <embergrad/engine/system/config.hpp>
#include <embergrad/engine/system/divided_up.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

constexpr std::size_t kPanel = 64 / sizeof(Real);  // columns of a tile: two registers of AVX2
constexpr std::size_t kTile = 6;                   // rows of a tile: its sums take 12 of the 16 registers

/// Runs of numbers that are read or written soon, prefetched a few at a time.
class Prefetcher {
public:
    Prefetcher() = default;
    /// `runs` of `length` numbers, `stride` apart, in `calls` of next().
    Prefetcher(const Real* first, std::size_t runs, std::size_t length, std::size_t stride, std::size_t calls)
        : first_(first), runs_(runs), length_(length), stride_(stride), at_once_(divided_up(runs, calls)) {}

    void next() {
        for (const std::size_t end = std::min(next_ + at_once_, runs_); next_ < end; ++next_)
            prefetch_row(first_ + next_ * stride_, length_);
    }

private:
    const Real* first_ = nullptr;
    std::size_t runs_ = 0, length_ = 0, stride_ = 0, at_once_ = 0, next_ = 0;
};

/// What a product needs next.
struct Prefetchers {
    Prefetcher a, b, c;

    [[gnu::always_inline]] void next() {
        a.next();
        b.next();
        c.next();
    }
};

/// Panels of b, each kPanel columns: panel j begins at data[j * stride], its rows are `row_stride` apart.
struct Panels {
    const Real* data;
    std::size_t stride, row_stride;
};

/// Tiles side by side: c = start + a b for up to kTile rows of c and `count` panels of b.
struct Tiles {
    std::size_t k, count;
    MatrixView a;
    Panels b;
    ProductStart start = {};
    Real* c = nullptr;
    std::size_t stride = 0;         // of c's rows
    bool prefetches_below = false;  // as many rows of c, which are written next
};

/// `rows` of 1 to kTile; what comes next is prefetched at each tile. Needs AVX2 and FMA.
void multiply_tiles(std::size_t rows, const Tiles& tiles, Prefetchers& ahead);

/// One tile, of which c has room for `columns` < kPanel only.
void multiply_narrow_tile(std::size_t rows, std::size_t columns, const Tiles& tile, Prefetchers& ahead);

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
