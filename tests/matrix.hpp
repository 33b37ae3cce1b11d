// Random matrices and the plain product that fast ones are held against.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include <embergrad/engine/kernels/product/matrix_view.hpp>
#include <embergrad/engine/rng.hpp>

namespace embergrad::testing {

inline std::vector<Real> random_values(std::size_t n, Rng& rng) {
    std::vector<Real> values(n);
    std::generate(values.begin(), values.end(), [&] { return static_cast<Real>(rng.uniform(-1, 1)); });
    return values;
}

inline bool same_bits(const std::vector<Real>& a, const std::vector<Real>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Real)) == 0);
}

/// Two matrices, a: (m, k), b: (k, n), and something to add their product to, all random.
struct RandomProduct {
    detail::Transpose transpose_a, transpose_b;
    std::size_t m, n, k;
    std::vector<Real> a, b, c, bias;

    RandomProduct(detail::Transpose ta, detail::Transpose tb, std::size_t rows, std::size_t columns, std::size_t inner,
                  Rng& rng)
        : transpose_a(ta),
          transpose_b(tb),
          m(rows),
          n(columns),
          k(inner),
          a(random_values(rows * inner, rng)),
          b(random_values(inner * columns, rng)),
          c(random_values(rows * columns, rng)),
          bias(random_values(columns, rng)) {}

    detail::MatrixView view_a() const { return view_of(transpose_a, a.data(), m, k); }
    detail::MatrixView view_b() const { return view_of(transpose_b, b.data(), k, n); }

    /// The largest error of an entry of `result`, whose rows are `stride` apart, in units of what rounding allows it.
    double worst_error(const Real* result, std::size_t stride, detail::ProductStart start) const {
        double worst = 0;
        for (std::size_t i = 0; i < m; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                const double error = error_of(result[i * stride + j], i, j, start);
                if (std::isnan(error)) return error;
                worst = std::max(worst, error);
            }
        }
        return worst;
    }

private:
    double error_of(Real result, std::size_t i, std::size_t j, detail::ProductStart start) const {
        double sum = start.data == nullptr ? 0 : static_cast<double>(*start.at(i, j).data);
        double magnitude = std::abs(sum);
        for (std::size_t l = 0; l < k; ++l) {
            const double term =
                static_cast<double>(*view_a().at(i, l).data) * static_cast<double>(*view_b().at(l, j).data);
            sum += term;
            magnitude += std::abs(term);
        }
        const double error = std::abs(static_cast<double>(result) - sum);
        const double epsilon = static_cast<double>(std::numeric_limits<Real>::epsilon());
        return error == 0 ? 0 : error / (epsilon * static_cast<double>(k + 2) * magnitude);
    }
};

}  // namespace embergrad::testing
