// A lesson that states something wrong does not go on.
#include "lesson.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>

#include "number_text.hpp"

namespace examples {

using embergrad::Array;
using embergrad::Real;

void check(bool holds, const std::string& fact) {
    if (holds) return;
    std::cout.flush();
    std::cerr << "this does not hold: " << fact << '\n';
    std::exit(1);
}

bool near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

std::span<const Real> row(const Array& table, std::size_t index) {
    check(table.dimension() == 2 && index < table.shape()[0], "row " + std::to_string(index) + " is in a table");
    const std::size_t d = table.shape()[1];
    return {table.data() + index * d, d};
}

bool same_row(const Array& a, const Array& b, std::size_t index) {
    const std::span<const Real> left = row(a, index), right = row(b, index);
    return left.size() == right.size() && std::memcmp(left.data(), right.data(), left.size_bytes()) == 0;
}

std::string to_text(std::span<const Real> numbers, int decimals) {
    std::string text;
    for (const Real number : numbers) {
        std::string digits = fixed(static_cast<double>(number), decimals);
        if (digits.find_first_of("123456789") == digits.npos && digits[0] == '-') digits.erase(0, 1);  // -0.00
        text += (text.empty() ? "" : " ") + digits;
    }
    return text;
}

std::string refusal(const std::function<void()>& attempt) {
    try {
        attempt();
    } catch (const std::exception& error) {
        return error.what();
    }
    check(false, "this is refused");
    return {};
}

}  // namespace examples
