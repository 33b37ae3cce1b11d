// The cases of reference/generate.py, read so that nothing they hold can be passed over in silence.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <embergrad/io/npy.hpp>

#include "support.hpp"

namespace embergrad::testing {

/// What a case says of its op. Each must be asked for; the infinities are texts.
class ReferenceOptions {
public:
    explicit ReferenceOptions(nlohmann::json options) : json_(std::move(options)) {}

    bool has(const std::string& name) const { return json_.contains(name); }
    const nlohmann::json& json(const std::string& name) const {
        REQUIRE_MESSAGE(has(name), "there is no option ", name);
        used_.insert(name);
        return json_.at(name);
    }
    template <class T>
    T get(const std::string& name) const {
        return json(name).get<T>();
    }
    double real(const std::string& name) const {
        const nlohmann::json& value = json(name);
        if (value == "inf") return std::numeric_limits<double>::infinity();
        if (value == "-inf") return -std::numeric_limits<double>::infinity();
        return value.get<double>();
    }
    template <class T>
    std::optional<T> optional(const std::string& name) const {
        if (json(name).is_null()) return std::nullopt;
        return get<T>(name);
    }

    void check_all_used() const {
        for (const auto& option : json_.items())
            CHECK_MESSAGE(used_.contains(option.key()), "option ", option.key(), " means nothing here");
    }

private:
    nlohmann::json json_;
    mutable std::set<std::string> used_;
};

/// Named pieces of one long array.
class ReferenceArrays {
public:
    ReferenceArrays(const Array& all, nlohmann::json places) : all_(&all), places_(std::move(places)) {}

    bool has(const std::string& name) const { return places_.contains(name); }
    Array get(const std::string& name) const {
        REQUIRE_MESSAGE(has(name), "there is no array ", name);
        used_.insert(name);
        const auto at = places_.at(name).at("at").get<std::size_t>();
        const auto extents = places_.at(name).at("shape").get<std::vector<std::size_t>>();
        const Shape shape(extents.begin(), extents.end());
        REQUIRE(at <= all_->size());
        REQUIRE(element_count(shape) <= all_->size() - at);
        Array piece(shape);
        std::copy_n(all_->data() + at, piece.size(), piece.data());
        return piece;
    }

    void check_all_used() const {
        for (const auto& place : places_.items())
            CHECK_MESSAGE(used_.contains(place.key()), "array ", place.key(), " means nothing here");
    }

private:
    const Array* all_;
    nlohmann::json places_;
    mutable std::set<std::string> used_;
};

/// One line of the index.
class ReferenceCase {
public:
    ReferenceCase(const nlohmann::json& line, const Array& inputs, const Array& outputs)
        : name_(line.at("name")),
          op_(line.at("op")),
          seed_(line.at("seed")),
          options_(line.at("options")),
          inputs_(inputs, line.at("inputs")),
          outputs_(outputs, line.at("outputs")) {
        CHECK_MESSAGE(line.size() == 6, name_, " holds more than is read");
    }

    const std::string& op() const { return op_; }
    /// "embedding 3 (seed 1002)".
    std::string title() const { return name_ + " (seed " + std::to_string(seed_) + ")"; }
    const ReferenceOptions& options() const { return options_; }

    bool has_input(const std::string& name) const { return inputs_.has(name); }
    Array input(const std::string& name) const { return inputs_.get(name); }
    /// Ids are stored as reals, exactly.
    IdArray ids(const std::string& name) const {
        const Array reals = inputs_.get(name);
        IdArray ids(reals.shape());
        for (std::size_t i = 0; i < ids.size(); ++i) ids.data()[i] = static_cast<std::int64_t>(reals.data()[i]);
        return ids;
    }

    /// The shape, and every element within 1e-9 (float: 1e-5) of max(1, |PyTorch's|).
    void check(const std::string& output, const Array& actual) const {
        INFO("output ", output);
        check_arrays_near(actual, outputs_.get(output), kDouble ? 1e-9 : 1e-5);
    }
    /// Whatever PyTorch was given and gave has been looked at.
    void check_all_used() const {
        options_.check_all_used();
        inputs_.check_all_used();
        outputs_.check_all_used();
    }

private:
    std::string name_, op_;
    std::uint64_t seed_;
    ReferenceOptions options_;
    ReferenceArrays inputs_, outputs_;
};

/// Runs a case and compares.
using RunReference = void (*)(const ReferenceCase& c);

/// Calls f with each case of a folder, in order.
template <class F>
void for_each_reference_case(const std::filesystem::path& folder, F f) {
    const Array inputs = load_npy(folder / "inputs.npy"), outputs = load_npy(folder / "outputs.npy");
    std::ifstream index(folder / "index.jsonl");
    REQUIRE_MESSAGE(index, "cannot read the cases in ", folder.string());
    for (std::string line; std::getline(index, line);) f(ReferenceCase(nlohmann::json::parse(line), inputs, outputs));
}

}  // namespace embergrad::testing
