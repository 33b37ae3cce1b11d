// What a reader of word vectors hands on, kept to be looked at.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <embergrad/vectors/reader.hpp>

namespace embergrad::testing {

/// Keeps the new words of those that are wanted.
class KeptVectors : public detail::VectorSink {
public:
    explicit KeptVectors(const WordVectorsOptions& options) : wanted_(options.wanted) {}

    bool selects() const override { return static_cast<bool>(wanted_); }
    bool wants(std::string_view word) const override { return !wanted_ || wanted_(word); }
    std::size_t add(std::span<const std::string_view> some, const Real* vectors) override {
        if (starts != 1) FAIL("not started once before the first word");
        const std::size_t before = words.size();
        for (std::size_t i = 0; i < some.size(); ++i) {
            if (!seen_.emplace(some[i]).second) continue;
            words.emplace_back(some[i]);
            values.insert(values.end(), vectors + i * dimension(), vectors + (i + 1) * dimension());
        }
        return words.size() - before;
    }

    int starts = 0;
    std::optional<std::size_t> most;
    std::vector<std::string> words;
    std::vector<Real> values;
    WordVectorsReport report;

private:
    void make_room(std::optional<std::size_t> lines) override {
        ++starts;
        most = lines;
    }

    std::function<bool(std::string_view)> wanted_;
    std::set<std::string> seen_;
};

}  // namespace embergrad::testing
