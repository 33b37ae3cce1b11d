// The q-norm of a row, or of several rows as one vector, as max_norm and clipping need it. Internal.
#pragma once

#include <cstddef>
#include <span>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

using Row = std::span<const Real>;

/// (sum |x|^q)^(1/q) over the numbers of all rows, summed in double, for any q but NaN. q = infinity gives the largest
/// |x|, minus infinity the smallest, 0 how many x are not 0 (a NaN is not). Otherwise a NaN gives NaN; no numbers at
/// all give 0. Only a norm that is itself too large or too small for a double comes out as infinity or 0.
double joint_norm(std::span<const Row> rows, double q);

inline double row_norm(Row row, double q) { return joint_norm({&row, 1}, q); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
