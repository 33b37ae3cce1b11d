// Rng: the one source of randomness, seeded, copyable and passed by hand; there is no hidden global.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// xoshiro256++ (Blackman and Vigna, 2019), seeded through splitmix64. The same seed gives the same bits and
/// uniform numbers on every machine and compiler; normal ones too, as far as the C library's functions agree. A
/// standard uniform random bit generator too. Not for two threads at once.
class Rng {
public:
    using result_type = std::uint64_t;

    explicit Rng(std::uint64_t seed);

    /// 64 random bits.
    result_type operator()();
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

    /// Uniform in [0, 1), 53 random bits.
    double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }
    /// Uniform in [low, high).
    double uniform(double low, double high);
    /// Standard normal (Box and Muller, 1958).
    double normal();
    /// Uniform in 0 .. n-1 without bias. Throws std::invalid_argument for n = 0.
    std::uint64_t below(std::uint64_t n);

    /// A fair shuffle of a vector, an array or a span (Fisher and Yates), the same on every standard library.
    template <class Items>
    void shuffle(Items&& items) {
        const std::span all(items);
        for (std::size_t left = all.size(); left > 1; --left) std::swap(all[left - 1], all[below(left)]);
    }

    /// Another generator, far from this one: for a thread, a worker, a second purpose.
    Rng split() { return Rng((*this)()); }

    /// Where the generator is, as text: its four words and, if one is drawn already, the next normal number, 16
    /// hexadecimal digits each. It fits into the metadata of a file of weights: {{"rng", rng.state()}}.
    std::string state() const;
    /// Goes on from there, with the same draws. Throws std::invalid_argument for what is no such text, and for four
    /// words of 0, after which only zeros would come; nothing is changed then.
    void set_state(std::string_view state);

private:
    std::array<std::uint64_t, 4> state_;
    std::optional<double> spare_normal_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION
