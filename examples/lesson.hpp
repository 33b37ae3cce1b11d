// What the lessons 01 to 10 share: facts that are checked, rows of a table.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include <embergrad/embergrad.hpp>

namespace examples {

/// Ends the program with exit code 1 and the fact on standard error, if it does not hold.
///     check(vector.size() == 128, "a row has 128 numbers");
void check(bool holds, const std::string& fact);

/// Whether a and b differ by `tolerance` at most.
bool near(double a, double b, double tolerance);

/// Row `index` of a table (V, D): its D numbers, as long as the table is there.
std::span<const embergrad::Real> row(const embergrad::Array& table, std::size_t index);

/// Whether two tables have the same numbers in this row, bit for bit.
bool same_row(const embergrad::Array& a, const embergrad::Array& b, std::size_t index);

/// "0.60 -0.80": the numbers with a space between them.
std::string to_text(std::span<const embergrad::Real> numbers, int decimals);

/// What an attempt that must be refused says: the message of the exception it throws. Ends the program as check() does
/// if it throws none.
std::string refusal(const std::function<void()>& attempt);

}  // namespace examples
