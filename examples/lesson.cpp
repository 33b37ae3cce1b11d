// A lesson that states something wrong does not go on.
#include "lesson.hpp"

#include <cmath>
#include <cstdlib>
#include <exception>
#include <iostream>

namespace examples {

void check(bool holds, const std::string& fact) {
    if (holds) return;
    std::cout.flush();
    std::cerr << "this does not hold: " << fact << '\n';
    std::exit(1);
}

bool near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

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
