// What the lessons 01 to 10 share: facts that are checked.
#pragma once

#include <functional>
#include <string>

namespace examples {

/// Ends the program with exit code 1 and the fact on standard error, if it does not hold.
///     check(vector.size() == 128, "a row has 128 numbers");
void check(bool holds, const std::string& fact);

/// Whether a and b differ by `tolerance` at most.
bool near(double a, double b, double tolerance);

/// What an attempt that must be refused says: the message of the exception it throws. Ends the program as check() does
/// if it throws none.
std::string refusal(const std::function<void()>& attempt);

}  // namespace examples
