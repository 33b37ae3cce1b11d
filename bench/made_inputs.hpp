// Inputs that are made where they are used: tables too large for files, ids at random.
#pragma once

#include <embergrad/embergrad.hpp>

namespace bench {

/// (v, d). Cheap to make, and every page is touched.
inline embergrad::Array made_table(std::size_t v, std::size_t d) {
    embergrad::Array values(embergrad::Shape{v, d});
    for (std::size_t i = 0; i < values.size(); ++i)
        values.data()[i] = static_cast<embergrad::Real>(i % 1009) / embergrad::Real{1009};
    return values;
}

/// Each below `below`.
inline embergrad::IdArray random_ids(embergrad::Rng& rng, const embergrad::Shape& shape, std::size_t below) {
    embergrad::IdArray ids(shape);
    for (std::int64_t& id : ids) id = static_cast<std::int64_t>(rng.below(below));
    return ids;
}

}  // namespace bench
