// How well a classifier does: what was predicted for texts of each class, and the figures that follow.
#pragma once

#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <embergrad/embergrad.hpp>

namespace examples {

/// A confusion matrix: how many texts of class `actual` were taken for class `predicted`.
class ClassCounts {
public:
    explicit ClassCounts(std::size_t classes) : classes_(classes), counts_(classes * classes) {}

    /// actual, predicted: (B), each below the number of classes.
    void add(const embergrad::IdArray& actual, const embergrad::IdArray& predicted);

    std::size_t classes() const { return classes_; }
    std::size_t count(std::size_t actual, std::size_t predicted) const {
        return counts_[actual * classes_ + predicted];
    }
    std::size_t total() const;
    std::size_t correct() const;
    std::size_t actual_total(std::size_t label) const;
    std::size_t predicted_total(std::size_t label) const;

    // Fractions of 1; not a number where there is nothing to divide by.

    double accuracy() const;
    /// Of the texts taken for this class, how many are of it.
    double precision(std::size_t label) const;
    /// Of the texts of this class, how many were found.
    double recall(std::size_t label) const;
    /// The harmonic mean of both.
    double f1(std::size_t label) const;

private:
    std::size_t classes_;
    std::vector<std::size_t> counts_;  // (K, K), actual by predicted
};

/// A line for each class, and one for the mean of those that occur.
void print_table(std::ostream& out, const ClassCounts& counts, std::span<const std::string> label_names);

}  // namespace examples
