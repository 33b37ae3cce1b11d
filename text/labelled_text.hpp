// LabelledText: texts with their labels, from files of `label<TAB>text` lines.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <embergrad/engine/system/config.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

/// N texts, each with the number of its label.
struct LabelledText {
    std::vector<std::string> texts = {};        ///< N
    std::vector<std::int64_t> labels = {};      ///< N, each in 0 .. label_names.size() - 1
    std::vector<std::string> label_names = {};  ///< spelled as in the file
};

/// Reads a file of `label<TAB>text` lines in UTF-8, ended by \n or \r\n. The label is what stands before the first tab,
/// whatever its spelling; the text is the rest, further tabs included, and may be empty. A byte order mark at
/// the beginning is skipped, and so are blank lines at the end. Labels are numbered in the order of their names, sorted
/// by their bytes, so that files with the same labels agree. An empty file has no texts. Throws std::runtime_error
/// "path:line: what" for a blank line among others, a line without a tab, an empty label and bytes that are not UTF-8,
/// with what to do about it (CSV, fastText's __label__, UTF-16 and other encodings are told by name), and with path and
/// reason for a file that cannot be read.
LabelledText read_labelled_text(const std::string& path);

/// The same with labels numbered as in label_names (those of the training data), which the result repeats. A label that
/// is not among them is an error like those above. Throws std::invalid_argument for names that repeat.
LabelledText read_labelled_text(const std::string& path, std::span<const std::string> label_names);

}  // namespace embergrad::inline EMBERGRAD_PRECISION
