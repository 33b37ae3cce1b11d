// SavedValues: options and counts as text, and all that is wrong with them when they come back. Not installed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
enum class AnnealStrategy;
enum class PlateauMode;
enum class ThresholdMode;
}  // namespace embergrad::inline EMBERGRAD_PRECISION

namespace embergrad::inline EMBERGRAD_PRECISION::detail {

using Metadata = std::map<std::string, std::string>;

/// Numbers as the shortest text that reads back as the same; lists with commas between; of a choice its name.
std::string text_of(bool value);
std::string text_of(double value);
std::string text_of(std::int64_t value);
std::string text_of(const std::array<double, 2>& values);
std::string text_of(const std::vector<double>& values);
std::string text_of(const std::vector<std::int64_t>& values);
std::string text_of(AnnealStrategy value);
std::string text_of(PlateauMode value);
std::string text_of(ThresholdMode value);

/// False if the text as a whole is no such value.
bool read_text(std::string_view text, bool& value);
bool read_text(std::string_view text, double& value);
bool read_text(std::string_view text, std::int64_t& value);
bool read_text(std::string_view text, std::array<double, 2>& values);
bool read_text(std::string_view text, std::vector<double>& values);
bool read_text(std::string_view text, std::vector<std::int64_t>& values);
bool read_text(std::string_view text, AnnealStrategy& value);
bool read_text(std::string_view text, PlateauMode& value);
bool read_text(std::string_view text, ThresholdMode& value);

/// The values of a saved state whose names have a prefix. Each is taken once. Values that are missing, unreadable or
/// never taken are problems, and all problems are reported together.
class SavedValues {
public:
    SavedValues(const Metadata& metadata, std::string_view prefix);

    /// Reads a value; false, and a problem, if there is none or it cannot be read.
    template <class T>
    bool take(const std::string& name, T& value) {
        const auto entry = left_.extract(name);
        if (entry.empty()) {
            add_problem("missing: " + name);
            return false;
        }
        if (read_text(entry.mapped(), value)) return true;
        add_problem("unreadable: " + name + " is '" + entry.mapped() + "'");
        return false;
    }
    bool has(const std::string& name) const { return left_.contains(name); }
    /// A value that must be the same on both sides.
    void expect(const std::string& name, const std::string& here);
    void add_problem(const std::string& problem) { problems_ += "\n  " + problem; }
    /// To be called last.
    void refuse_the_rest();
    /// One a line; empty if all is well.
    const std::string& problems() const { return problems_; }

private:
    Metadata left_;
    std::string problems_;
};

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
