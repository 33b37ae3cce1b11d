// Lookup by name, and what is said where a name is not there.
#include <embergrad/engine/state_dict.hpp>

#include <algorithm>
#include <iterator>
#include <numeric>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

using Names = std::vector<std::string_view>;

/// How many letters must be changed, put in or left out to make one word of the other (Levenshtein, 1966).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

/// Differs in a third of its letters at most, or holds the other as a part ("weight", "head.weight").
bool is_like(std::string_view name, std::string_view wanted) {
    if (wanted.empty()) return false;
    return name.find(wanted) != name.npos || 3 * distance(name, wanted) <= std::max(name.size(), wanted.size());
}

std::string list_of(const Names& names) {
    constexpr std::size_t most = 10;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + std::string(names[i]);
    return names.size() <= most ? text : text + " and " + std::to_string(names.size() - most) + " more";
}

template <class Pairs>
[[noreturn]] void fail_missing(const char* what, const Pairs& pairs, std::string_view wanted) {
    Names all, like;
    for (const auto& [name, value] : pairs) all.push_back(name);
    std::copy_if(all.begin(), all.end(), std::back_inserter(like), [&](auto name) { return is_like(name, wanted); });
    fail<std::out_of_range>(what, ": there is no ", wanted.empty() ? "name that is empty" : wanted,
                            all.empty() ? std::string(": it is empty")
                            : like.empty()
                                ? "; there is " + list_of(all)
                                : " among " + std::to_string(all.size()) + " names; there is " + list_of(like));
}

/// The value under a name, or nullptr.
template <class Pairs>
auto found_in(Pairs& pairs, std::string_view name) -> decltype(&pairs.front().second) {
    const auto entry = std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == name; });
    return entry != pairs.end() ? &entry->second : nullptr;
}

template <class Pairs>
auto& found_or_fail(const char* what, Pairs& pairs, std::string_view name) {
    const auto value = found_in(pairs, name);
    if (value == nullptr) fail_missing(what, pairs, name);
    return *value;
}

}  // namespace

const Array& at(const StateDict& state, std::string_view name) { return found_or_fail("StateDict", state, name); }
Array& at(StateDict& state, std::string_view name) { return found_or_fail("StateDict", state, name); }
const Parameter& at(const NamedParameters& parameters, std::string_view name) {
    return found_or_fail("NamedParameters", parameters, name);
}
Array at(StateDict&& state, std::string_view name) { return std::move(at(state, name)); }
Parameter at(NamedParameters&& parameters, std::string_view name) { return at(parameters, name); }

const Array* find(const StateDict& state, std::string_view name) { return found_in(state, name); }
Array* find(StateDict& state, std::string_view name) { return found_in(state, name); }
const Parameter* find(const NamedParameters& parameters, std::string_view name) { return found_in(parameters, name); }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
