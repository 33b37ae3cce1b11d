// parse_real: the fast path reads eight digits at a time into one whole number and divides once by a power of ten. With
// at most 15 digits both are exact in double, so that the quotient is the nearest double (Clinger 1990); rounds_once
// says when the nearest float follows.
#include <embergrad/vectors/real_parser.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

#include <embergrad/text/white_space.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::ptrdiff_t kReadAhead = 32;  // bytes that the fast path may load
constexpr std::size_t kMostDigits = 15;    // below 10^15 every whole number is a double
constexpr double kPowers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr std::uint64_t kWholePowers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/// How many of the eight bytes, from the first on, are digits. (Adding 0x46 sets the top bit of a byte above '9',
/// subtracting 0x30 that of one below '0'; carries and borrows spoil only bytes behind the first that is no digit.)
std::size_t leading_digits(std::uint64_t bytes) {
    const std::uint64_t above = bytes + 0x4646464646464646, below = bytes - 0x3030303030303030;
    return static_cast<std::size_t>(std::countr_zero((above | below) & 0x8080808080808080)) / 8;
}

/// The number that eight digits write: pairs, then fours, then all.
std::uint64_t eight_digits(std::uint64_t bytes) {
    bytes = (bytes & 0x0F0F0F0F0F0F0F0F) * (10 * 256 + 1) >> 8;
    bytes = (bytes & 0x00FF00FF00FF00FF) * (100 * 65536 + 1) >> 16;
    return (bytes & 0x0000FFFF0000FFFF) * ((std::uint64_t{10000} << 32) + 1) >> 32;
}

/// Appends the run of digits at `at`, at most 16, to `number`; gives how many there are.
std::size_t append_digits(const char* at, std::uint64_t& number) {
    auto bytes = load<std::uint64_t>(at);
    std::size_t n = leading_digits(bytes), all = n;
    if (n == 8) {
        number = number * kWholePowers[8] + eight_digits(bytes);
        bytes = load<std::uint64_t>(at + 8);
        n = leading_digits(bytes);
        all = 8 + n;
    }
    if (n == 8) return 16;
    if (n > 0) number = number * kWholePowers[n] + eight_digits(bytes << (64 - 8 * n));
    return all;
}

/// Whether rounding the double nearest to a number gives the float nearest to it. It does unless the double lies
/// halfway between two floats, which hides on which side of it the number was.
bool rounds_once(double quotient) {
    if constexpr (sizeof(Real) == sizeof(double)) return true;
    return (std::bit_cast<std::uint64_t>(quotient) & 0x1FFFFFFF) != 0x10000000;
}

/// The Real nearest to number / 10^digits, with its sign; false where that is not certain.
bool divide(std::uint64_t number, std::size_t digits, bool negative, Real& value) {
    const double quotient = static_cast<double>(number) / kPowers[digits];
    const std::uint64_t sign = std::uint64_t{negative} << 63;  // no branch: every second number is negative
    value = static_cast<Real>(std::bit_cast<double>(std::bit_cast<std::uint64_t>(quotient) | sign));
    return rounds_once(quotient);
}

/// A digit, a point and up to 14 digits: almost every number in a file of vectors. nullptr for all others.
inline const char* parse_fraction(const char* at, Real& value) {
    const bool negative = *at == '-';
    at += negative ? 1 : 0;
    const auto whole = static_cast<std::uint64_t>(static_cast<unsigned char>(at[0] - '0'));
    auto bytes = load<std::uint64_t>(at + 2);
    std::size_t digits = leading_digits(bytes);
    if (whole > 9 || at[1] != '.' || digits == 0) return nullptr;
    std::uint64_t number = whole * kWholePowers[digits] + eight_digits(bytes << (64 - 8 * digits));
    if (digits == 8) {
        bytes = load<std::uint64_t>(at + 10);
        const std::size_t more = leading_digits(bytes);
        if (digits + more >= kMostDigits) return nullptr;
        if (more > 0) number = number * kWholePowers[more] + eight_digits(bytes << (64 - 8 * more));
        digits += more;
    }
    at += 2 + digits;
    return divide(number, digits, negative, value) && (*at | 0x20) != 'e' ? at : nullptr;
}

/// Digits, perhaps with a point among or behind them, and no exponent. nullptr for all others.
const char* parse_plain(const char* at, Real& value) {
    const bool negative = *at == '-';
    at += negative ? 1 : 0;
    std::uint64_t number = 0;
    const std::size_t whole = append_digits(at, number);
    at += whole;
    std::size_t fraction = 0;
    if (whole > 0 && *at == '.') {
        if (whole > 8) return nullptr;  // what is behind the point might not be in reach
        fraction = append_digits(at + 1, number);
        at += 1 + fraction;
    }
    if (whole == 0 || whole + fraction > kMostDigits || (*at | 0x20) == 'e') return nullptr;
    return divide(number, fraction, negative, value) ? at : nullptr;
}

/// Whether a number that does not fit a Real is too small for it, not too large: by the place of its first digit that
/// is not 0.
bool is_tiny(std::string_view number) {
    const std::string_view mantissa = number.substr(0, number.find_first_of("eE"));
    const std::size_t digit = mantissa.find_first_of("123456789");
    if (digit == mantissa.npos) return true;
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const auto place = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(digit);

    std::string_view exponent = number.substr(std::min(mantissa.size() + 1, number.size()));
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    std::int64_t power = 0;
    const auto [stop, error] = std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
    if (error == std::errc::result_out_of_range) return exponent.starts_with('-');
    return power < -place;
}

const char* without_plus(const char* at, const char* end) {
    return end - at > 1 && at[0] == '+' && at[1] != '-' ? at + 1 : at;  // from_chars wants none
}

}  // namespace

const char* parse_real(const char* at, const char* end, Real& value) {
    if constexpr (std::endian::native == std::endian::little) {
        if (end - at >= kReadAhead) [[likely]] {
            const char* stop = parse_fraction(at, value);
            if (stop == nullptr) stop = parse_plain(at, value);
            if (stop != nullptr) [[likely]]
                return stop;
        }
    }
    return parse_real_slowly(at, end, value);
}

bool parse_reals(std::string_view text, ReadableMemory memory, std::size_t n, Real* to) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::size_t i = 0; i < n; ++i) {
        const char* const before = at;
        while (at < end && is_separator(*at)) ++at;
        if (at == before || at >= end) return false;
        const bool in_reach = std::endian::native == std::endian::little && memory.holds(at, kReadAhead);
        const char* stop = in_reach ? parse_fraction(at, to[i]) : nullptr;
        if (stop == nullptr) stop = parse_real(at, memory.end(), to[i]);
        if (stop == nullptr) return false;
        at = stop;
    }
    return at == end;
}

const char* parse_real_slowly(const char* at, const char* end, Real& value) {
    at = without_plus(at, end);
    const auto [stop, error] = std::from_chars(at, end, value);
    if (error == std::errc()) return std::isfinite(value) ? stop : nullptr;
    if (error != std::errc::result_out_of_range || !is_tiny({at, static_cast<std::size_t>(stop - at)})) return nullptr;
    value = std::copysign(Real{0}, *at == '-' ? Real{-1} : Real{1});
    return stop;
}

bool is_number(std::string_view text) {
    const char* const end = text.data() + text.size();
    double value = 0;
    const auto [stop, error] = std::from_chars(without_plus(text.data(), end), end, value);
    return error != std::errc::invalid_argument && stop == end && !text.empty();
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
