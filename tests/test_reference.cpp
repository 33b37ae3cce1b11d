// embergrad held against PyTorch in the cases of reference/cases, which reference/generate.py has drawn.
#include <doctest/doctest.h>

#include <exception>
#include <filesystem>
#include <map>
#include <string>

#include "reference_cases.hpp"
#include "reference_ops.hpp"
#include "reference_optim.hpp"

using namespace embergrad;
using namespace embergrad::testing;

namespace {

const std::filesystem::path kFolder = EMBERGRAD_REFERENCE_CASES;

/// Runs the cases of these ops.
void check_cases(const std::map<std::string, RunReference>& runners) {
    for_each_reference_case(kFolder, [&](const ReferenceCase& c) {
        const auto runner = runners.find(c.op());
        if (runner == runners.end()) return;
        INFO(c.title());
        try {
            runner->second(c);
            c.check_all_used();
        } catch (const std::exception& error) {
            FAIL_CHECK(std::string(error.what()));
        }
    });
}

}  // namespace

TEST_CASE(
    "reference: ops give PyTorch's values and gradients [1.3] [1.4] [1.5] [1.6] [1.7] [2.1] [2.3] [2.4] [2.5] "
    "[2.6] [3.1] [3.2] [4.1] [4.2] [5.2] [5.3] [6.1] [6.2] [6.3] [6.4] [6.5] [8.5]") {
    check_cases(kReferenceOps);
}

TEST_CASE(
    "reference: optimizers, clipping and schedulers give PyTorch's numbers [9.0] [9.1] [9.2] [9.3] [9.4] [9.5] "
    "[9.7] [10.1] [10.2] [10.3] [10.4] [10.5] [10.6] [10.7] [10.8]") {
    check_cases(kReferenceOptim);
}

TEST_CASE("reference: there are 400 cases, and 8 for every op, optimizer and scheduler; none is left out") {
    std::map<std::string, int> counts;
    int total = 0;
    for_each_reference_case(kFolder, [&](const ReferenceCase& c) {
        ++counts[c.op()];
        ++total;
    });
    CHECK(total >= 400);
    CHECK(counts.size() == kReferenceOps.size() + kReferenceOptim.size());
    for (const auto& entry : counts) {
        const std::string& op = entry.first;
        INFO(op);
        CHECK(entry.second >= 8);
        CHECK(kReferenceOps.contains(op) != kReferenceOptim.contains(op));  // in one of them
    }
}
