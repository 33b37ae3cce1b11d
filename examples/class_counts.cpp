// Sums of rows, columns and the diagonal.
#include "class_counts.hpp"

#include <algorithm>
#include <cmath>

#include "number_text.hpp"

namespace examples {
namespace {

double ratio(std::size_t part, std::size_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

/// The mean of a figure over the classes that occur; one that is not a number (never predicted) counts as 0.
template <class Figure>
double mean_over_classes(const ClassCounts& counts, Figure figure) {
    double sum = 0;
    std::size_t occurring = 0;
    for (std::size_t label = 0; label < counts.classes(); ++label) {
        if (counts.actual_total(label) == 0) continue;
        ++occurring;
        const double value = figure(label);
        if (!std::isnan(value)) sum += value;
    }
    return sum / static_cast<double>(occurring);
}

void print_row(std::ostream& out, const std::string& name, std::size_t width, const std::string& precision,
               const std::string& recall, const std::string& f1, const std::string& texts) {
    out << "  " << left(name, width) << right(precision, 11) << right(recall, 9) << right(f1, 9) << right(texts, 9)
        << '\n';
}

}  // namespace

void ClassCounts::add(const embergrad::IdArray& actual, const embergrad::IdArray& predicted) {
    for (std::size_t i = 0; i < actual.size(); ++i) {
        const auto row = static_cast<std::size_t>(actual.data()[i]);
        const auto column = static_cast<std::size_t>(predicted.data()[i]);
        ++counts_[row * classes_ + column];
    }
}

std::size_t ClassCounts::total() const {
    std::size_t sum = 0;
    for (const std::size_t count : counts_) sum += count;
    return sum;
}

std::size_t ClassCounts::correct() const {
    std::size_t sum = 0;
    for (std::size_t label = 0; label < classes_; ++label) sum += count(label, label);
    return sum;
}

std::size_t ClassCounts::actual_total(std::size_t label) const {
    std::size_t sum = 0;
    for (std::size_t predicted = 0; predicted < classes_; ++predicted) sum += count(label, predicted);
    return sum;
}

std::size_t ClassCounts::predicted_total(std::size_t label) const {
    std::size_t sum = 0;
    for (std::size_t actual = 0; actual < classes_; ++actual) sum += count(actual, label);
    return sum;
}

double ClassCounts::accuracy() const { return ratio(correct(), total()); }
double ClassCounts::precision(std::size_t label) const { return ratio(count(label, label), predicted_total(label)); }
double ClassCounts::recall(std::size_t label) const { return ratio(count(label, label), actual_total(label)); }

double ClassCounts::f1(std::size_t label) const {
    return ratio(2 * count(label, label), actual_total(label) + predicted_total(label));
}

void print_table(std::ostream& out, const ClassCounts& counts, std::span<const std::string> label_names) {
    std::size_t width = columns("class");
    for (const std::string& name : label_names) width = std::max(width, columns(printable(name)));

    print_row(out, "class", width, "precision", "recall", "F1", "texts");
    for (std::size_t label = 0; label < counts.classes(); ++label) {
        print_row(out, printable(label_names[label]), width, percent(counts.precision(label)),
                  percent(counts.recall(label)), percent(counts.f1(label)), thousands(counts.actual_total(label)));
    }
    print_row(
        out, "mean", width, percent(mean_over_classes(counts, [&](auto label) { return counts.precision(label); })),
        percent(mean_over_classes(counts, [&](auto label) { return counts.recall(label); })),
        percent(mean_over_classes(counts, [&](auto label) { return counts.f1(label); })), thousands(counts.total()));
}

}  // namespace examples
