// Option fields: the options of a schedule with their names, what is wrong with them, and where they are. Not
// installed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <embergrad/optim/per_group.hpp>
#include <embergrad/optim/saved_values.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

using Problem = std::string;  // empty: there is none

/// An option: where its value is (nowhere if it is not saved), and what is wrong with it.
struct Field {
    using Place = std::variant<std::int64_t*, double*, bool*, std::vector<std::int64_t>*, std::vector<double>*,
                               AnnealStrategy*, PlateauMode*, ThresholdMode*>;
    std::string name;
    std::optional<Place> value;
    Problem problem;
};
using Fields = std::vector<Field>;

inline double real(std::int64_t value) { return static_cast<double>(value); }

Problem negative_problem(const std::string& name, double value);
/// What is wrong with rates that are saved for so many groups.
Problem rates_problem(const std::string& name, const std::vector<double>& rates, std::size_t groups);

Field at_least_1(const std::string& name, std::int64_t& value);
Field not_negative(const std::string& name, std::int64_t& value);
Field not_negative(const std::string& name, double& value);
Field positive(const std::string& name, double& value);
/// In [0, 1].
Field fraction(const std::string& name, double& value);
/// One for so many groups, or one for each; `problem` says what is wrong with one of them.
Field for_each_group(const std::string& name, PerGroup& values, std::size_t groups,
                     Problem (*problem)(const std::string&, double) = negative_problem);

/// Says whose the problems are.
Fields of(const std::string& owner, Fields fields);
Problem first_problem(const Fields& fields);

/// f(name, value) for each that is saved.
template <class F>
void for_each_saved(const Fields& fields, F f) {
    for (const Field& field : fields) {
        if (field.value) std::visit([&](auto* value) { f(field.name, *value); }, *field.value);
    }
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
