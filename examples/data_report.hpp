// What training texts look like before anything is learned from them: a table of classes, and warnings.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include <embergrad/embergrad.hpp>

namespace examples {

/// A line for each class, the largest first, with its texts in each part; of many classes only the largest.
void print_classes(std::ostream& out, const embergrad::LabelledText& training,
                   const embergrad::LabelledText& validation, const embergrad::LabelledText& test);

/// What is suspicious in the labels of a file, one sentence each: columns in the wrong order, a header line, names that
/// look alike, classes of one text.
std::vector<std::string> label_warnings(const std::string& path, const embergrad::LabelledText& texts);

/// A sentence if a large part of the words (N ids) is unknown to the vocabulary, else nothing. `advice` is the option
/// that made it so.
std::vector<std::string> unknown_word_warnings(std::size_t unknown, std::size_t words, const std::string& advice);

/// On standard error, "program: warning: sentence" each.
void print_warnings(const std::string& program, const std::vector<std::string>& warnings);

}  // namespace examples
