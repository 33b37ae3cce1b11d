// StateDict and NamedParameters: lookup by name.
#include <stdexcept>
#include <string>
#include <utility>

#include <embergrad/engine/state_dict.hpp>

#include "support.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

StateDict small() {
    return {{"embedding.weight", ones({3, 2})}, {"head.weight", zeros({2})}, {"head.bias", full({1}, 5)}};
}

template <class Pairs>
concept CanFind = requires(Pairs&& pairs) {
    find(std::forward<Pairs>(pairs), "a");
};

}  // namespace

TEST_CASE("state dict: an array by its name, to be read and to be changed") {
    StateDict state = small();
    const StateDict& constant = state;
    CHECK(&at(constant, "head.bias") == &state[2].second);
    CHECK(&at(state, std::string("embedding.weight")) == &state[0].second);
    CHECK(find(constant, "head.weight") == &state[1].second);
    CHECK(find(constant, "head") == nullptr);
    CHECK(find(state, "") == nullptr);
    at(state, "head.bias") = full({1}, 6);
    *find(state, "head.weight") = ones({2});
    CHECK(state[2].second(0) == 6);
    CHECK(state[1].second(1) == 1);
    const Array& kept = at(small(), "head.bias");  // of a temporary state, the array itself
    check_same(kept, full({1}, 5));
}

TEST_CASE("state dict: of a name that is there twice, the first") {
    const StateDict twice = {{"a", ones({1})}, {"a", zeros({1})}};
    CHECK(at(twice, "a")(0) == 1);
}

TEST_CASE("state dict: a parameter by its name") {
    const NamedParameters named = {{"weight", Parameter(ones({2}))}, {"bias", Parameter(zeros({1}))}};
    CHECK(at(named, "bias") == named[1].second);
    CHECK(find(named, "weight") == &named[0].second);
    CHECK(find(named, "wieght") == nullptr);
    CHECK(at(NamedParameters(named), "bias") == named[1].second);
    check_refused<std::out_of_range>([&] { at(named, "wieght"); },
                                     "NamedParameters: there is no wieght among 2 names; there is weight");
}

TEST_CASE("state dict: a name that is not there, with those that are like it, or those that are there") {
    const StateDict state = small();
    const auto refused = [&](const StateDict& where, const std::string& name, const std::string& message) {
        check_refused<std::out_of_range>([&] { at(where, name); }, "StateDict: there is no " + message);
    };
    refused(state, "embeddings.weight", "embeddings.weight among 3 names; there is embedding.weight");
    refused(state, "weight", "weight among 3 names; there is embedding.weight, head.weight");
    refused(state, "head.wieght", "head.wieght among 3 names; there is head.weight");
    refused(state, "decoder", "decoder; there is embedding.weight, head.weight, head.bias");
    refused(state, "", "name that is empty; there is embedding.weight, head.weight, head.bias");
    refused({}, "weight", "weight: it is empty");
    StateDict many;
    for (int i = 0; i < 12; ++i) many.emplace_back(std::string(1, static_cast<char>('a' + i)), ones({1}));
    refused(many, "zz", "zz; there is a, b, c, d, e, f, g, h, i, j and 2 more");
}

TEST_CASE("state dict: no pointer into a temporary one") {
    static_assert(CanFind<const StateDict&> && CanFind<StateDict&> && CanFind<const NamedParameters&>);
    static_assert(!CanFind<StateDict> && !CanFind<NamedParameters>);
}
