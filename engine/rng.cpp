// Rng: xoshiro256++ and what is drawn from it.
#include <embergrad/engine/rng.hpp>

#include <bit>
#include <cmath>
#include <numbers>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Rng::Rng(std::uint64_t seed) : state_{} {
    for (std::uint64_t& word : state_) {  // splitmix64 spreads any seed, 0 included, over the whole state
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        word = z ^ (z >> 31);
    }
}

Rng::result_type Rng::operator()() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

double Rng::uniform(double low, double high) {
    const double draw = low + (high - low) * uniform();
    return draw < high ? draw : std::nextafter(high, low);  // the sum may have been rounded up to high
}

double Rng::normal() {
    if (spare_normal_) return *std::exchange(spare_normal_, std::nullopt);
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 - u lies in (0, 1]: the logarithm is finite
    const double angle = 2 * std::numbers::pi * uniform();
    spare_normal_ = radius * std::sin(angle);
    return radius * std::cos(angle);
}

std::uint64_t Rng::below(std::uint64_t n) {
    require(n > 0, "Rng::below: there is no number below 0");
    const std::uint64_t unfair = (0 - n) % n;  // 2^64 mod n values at the low end would come up once too often
    std::uint64_t bits = (*this)();
    while (bits < unfair) bits = (*this)();
    return bits % n;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
