// embergrad held against PyTorch in the cases of reference/cases, which reference/generate.py has drawn.
#include <doctest/doctest.h>

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

RunReference runner(const std::string& op) {
    if (const auto found = kReferenceOps.find(op); found != kReferenceOps.end()) return found->second;
    const auto found = kReferenceOptim.find(op);
    REQUIRE_MESSAGE(found != kReferenceOptim.end(), "there is no op ", op);
    return found->second;
}

}  // namespace

TEST_CASE("reference: what PyTorch gives, in every case") {
    for_each_reference_case(kFolder, [](const ReferenceCase& c) {
        INFO(c.title());
        try {
            runner(c.op())(c);
            c.check_all_used();
        } catch (const std::exception& error) {
            FAIL_CHECK(error.what());
        }
    });
}

TEST_CASE("reference: there are 400 cases, and 8 for every op, optimizer and scheduler") {
    std::map<std::string, int> counts;
    int total = 0;
    for_each_reference_case(kFolder, [&](const ReferenceCase& c) {
        ++counts[c.op()];
        ++total;
    });
    CHECK(total >= 400);
    CHECK(counts.size() == kReferenceOps.size() + kReferenceOptim.size());
    for (const auto& [op, count] : counts) {
        INFO(op);
        CHECK(count >= 8);
        runner(op);
    }
}
