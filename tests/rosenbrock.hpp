// PyTorch's _test_rosenbrock_sparse: 2000 steps down Rosenbrock's valley, along one coordinate at a time.
#pragma once

#include <cmath>
#include <functional>
#include <memory>

#include <embergrad/optim/optimizer.hpp>

#include "support.hpp"

namespace embergrad::testing {

/// How the twin's gradient comes: as a whole array, or as one row.
enum class Twin { dense, whole_row };

/// Two (2, 1) tables from (1.5, 1.5). The gradient of the first comes in two pieces of one row, x/4 and 3x/4, that of
/// its twin as `kind` says: both must be the same bits at every step, and end no farther from (1, 1) than they began
/// (no nearer, where they climb).
inline void check_rosenbrock(const std::function<std::unique_ptr<Optimizer>(Parameter)>& make_pieces,
                             const std::function<std::unique_ptr<Optimizer>(Parameter)>& make_twin, Twin kind,
                             const std::function<void(Optimizer&, int step)>& after_step = {}, bool climbs = false) {
    const Parameter pieces(full({2, 1}, Real(1.5))), twin = pieces.clone();
    const auto optimizer = make_pieces(pieces), optimizer_twin = make_twin(twin);
    for (int step = 0; step < 2000; ++step) {
        const Real x = pieces.value()(0, 0), y = pieces.value()(1, 0);
        const std::int64_t row = step % 2;
        const Real slope = row == 0 ? -400 * x * (y - x * x) - 2 * (1 - x) : 200 * (y - x * x);
        const RowGradient g({row, row},
                            array({2, 1}, {static_cast<double>(slope / 4), static_cast<double>(slope - slope / 4)}));
        Array sum = zeros({2, 1});
        g.add_to(sum);
        optimizer->zero_grad();
        optimizer_twin->zero_grad();
        pieces.add_grad(g);
        if (kind == Twin::dense)
            twin.add_grad(sum);
        else
            twin.add_grad(RowGradient({row}, full({1, 1}, sum(static_cast<std::size_t>(row), 0))));
        optimizer->step();
        optimizer_twin->step();
        REQUIRE(pieces.value() == twin.value());
        if (!after_step) continue;
        after_step(*optimizer, step);
        after_step(*optimizer_twin, step);
    }
    const double distance = std::hypot(element(pieces.value(), 0) - 1, element(pieces.value(), 1) - 1);
    CHECK((distance > std::hypot(0.5, 0.5)) == climbs);
}

}  // namespace embergrad::testing
