// Option fields: what each kind of option may be.
#include <embergrad/optim/option_fields.hpp>

#include <cmath>
#include <utility>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

/// `wanted`: "must be at least 1".
Problem problem_unless(bool ok, const std::string& name, const char* wanted, auto value) {
    return ok ? Problem() : name + " " + wanted + ", got " + text_of(value);
}

}  // namespace

Problem negative_problem(const std::string& name, double value) {
    return problem_unless(std::isfinite(value) && value >= 0, name, "must not be negative", value);
}

Problem rates_problem(const std::string& name, const std::vector<double>& rates, std::size_t groups) {
    if (rates.size() != groups) {
        return name + " are " + std::to_string(rates.size()) + ", for " + std::to_string(groups) + " groups here";
    }
    for (double rate : rates) {
        if (Problem found = negative_problem("one of the " + name, rate); !found.empty()) return found;
    }
    return {};
}

Field at_least_1(const std::string& name, std::int64_t& value) {
    return {name, &value, problem_unless(value >= 1, name, "must be at least 1", value)};
}

Field not_negative(const std::string& name, std::int64_t& value) {
    return {name, &value, problem_unless(value >= 0, name, "must not be negative", value)};
}

Field not_negative(const std::string& name, double& value) { return {name, &value, negative_problem(name, value)}; }

Field positive(const std::string& name, double& value) {
    return {name, &value, problem_unless(std::isfinite(value) && value > 0, name, "must be above 0", value)};
}

Field fraction(const std::string& name, double& value) {
    return {name, &value, problem_unless(value >= 0 && value <= 1, name, "must be between 0 and 1", value)};
}

Field for_each_group(const std::string& name, PerGroup& values, std::size_t groups,
                     Problem (*problem)(const std::string&, double)) {
    Problem found;
    if (values.size() != 1 && values.size() != groups) {
        found = name + " has " + std::to_string(values.size()) + " values for " + std::to_string(groups) +
                " groups; give one for all, or one for each";
    }
    for (double value : values) {
        if (found.empty()) found = problem(name, value);
    }
    return {name, static_cast<std::vector<double>*>(&values), found};
}

Fields of(const std::string& owner, Fields fields) {
    for (Field& field : fields) {
        if (!field.problem.empty()) field.problem = owner + ": " + field.problem;
    }
    return fields;
}

Problem first_problem(const Fields& fields) {
    for (const Field& field : fields) {
        if (!field.problem.empty()) return field.problem;
    }
    return {};
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
