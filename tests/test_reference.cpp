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
    "reference: ops give PyTorch's values and gradients [S1.3] [S1.4] [S1.5] [S1.6] [S1.7] [S2.1] [S2.3] [S2.4] [S2.5] "
    "[S2.6] [S3] [S4] [S5] [S6.1] [S6.2] [S6.3] [S6.4] [S6.5] [S8.5]") {
    check_cases(kReferenceOps);
}

TEST_CASE(
    "reference: optimizers, clipping and schedulers give PyTorch's numbers [S9.0] [S9.1] [S9.2] [S9.3] [S9.4] [S9.5] "
    "[S9.7] [S10]") {
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
