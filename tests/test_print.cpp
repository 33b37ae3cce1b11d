// Printing: the text PyTorch prints for a tensor of the same numbers, with our names around it.
#include <doctest/doctest.h>

#include <limits>
#include <sstream>
#include <string>

#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/print.hpp>

using namespace embergrad;

namespace {

template <class T>
std::string printed(const T& x) {
    std::ostringstream out;
    out << x;
    return out.str();
}

Array counted(const Shape& shape) {
    Array array(shape);
    for (std::size_t i = 0; i < array.size(); ++i) array.data()[i] = static_cast<Real>(i);
    return array;
}

}  // namespace

TEST_CASE("print: numbers of one array look alike") {
    CHECK(printed(Array{{1, 2.5}, {-3, 4}}) ==
          "Array([[ 1.0000,  2.5000],\n"
          "       [-3.0000,  4.0000]])");
    CHECK(printed(Array{{1, 20}, {-3, 4}}) ==
          "Array([[ 1., 20.],\n"
          "       [-3.,  4.]])");
    CHECK(printed(Array{1, 2000}) == "Array([1.0000e+00, 2.0000e+03])");
    CHECK(printed(Array{1e-5, 0}) == "Array([1.0000e-05, 0.0000e+00])");
    CHECK(printed(Array(2.5)) == "Array(2.5000)");
    CHECK(printed(Array()) == "Array(0.)");
    constexpr double infinity = std::numeric_limits<double>::infinity();
    CHECK(printed(Array{1.5, -infinity, std::numeric_limits<double>::quiet_NaN()}) ==
          "Array([1.5000,   -inf,    nan])");
    CHECK(printed(Array{infinity}) == "Array([inf])");
}

TEST_CASE("print: ids") {
    CHECK(printed(IdArray{{1, -20}, {3, 4}}) ==
          "IdArray([[  1, -20],\n"
          "         [  3,   4]])");
    CHECK(printed(IdArray::scalar(7)) == "IdArray(7)");
    CHECK(printed(IdArray{std::numeric_limits<std::int64_t>::min()}) == "IdArray([-9223372036854775808])");
}

TEST_CASE("print: an empty array shows its shape") {
    CHECK(printed(IdArray()) == "IdArray([], shape=(0,))");
    CHECK(printed(Array(Shape{2, 0, 3})) == "Array([], shape=(2, 0, 3))");
}

TEST_CASE("print: blocks of matrices stand apart") {
    CHECK(printed(counted({2, 2, 1})) ==
          "Array([[[0.],\n"
          "        [1.]],\n"
          "\n"
          "       [[2.],\n"
          "        [3.]]])");
}

TEST_CASE("print: long rows are broken at 80 columns") {
    CHECK(printed(counted({25})) ==
          "Array([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n"
          "       14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24.])");
}

TEST_CASE("print: of more than 1,000 elements the ends of each axis are shown") {
    CHECK(printed(counted({1001})) == "Array([   0.,    1.,    2.,  ...,  998.,  999., 1000.])");
    CHECK(printed(full({8, 200}, 1)) ==
          "Array([[1., 1., 1.,  ..., 1., 1., 1.],\n"
          "       [1., 1., 1.,  ..., 1., 1., 1.],\n"
          "       [1., 1., 1.,  ..., 1., 1., 1.],\n"
          "       ...,\n"
          "       [1., 1., 1.,  ..., 1., 1., 1.],\n"
          "       [1., 1., 1.,  ..., 1., 1., 1.],\n"
          "       [1., 1., 1.,  ..., 1., 1., 1.]])");
    CHECK(printed(full({4, 1000}, 1)).find("...") != std::string::npos);
    CHECK(printed(full({1000}, 1)).find("...") == std::string::npos);
}

TEST_CASE("print: values of a tape, and parameters") {
    const Parameter p(Array{1, 2});
    Var stale;
    {
        Tape tape;
        CHECK(printed(tape.constant({1, 2})) == "Var([1., 2.])");
        CHECK(printed(2 * tape.leaf(p)) == "Var([2., 4.], needs_grad)");
        CHECK(printed(tape.constant(Array(Shape{0}))) == "Var([], shape=(0,))");
        stale = tape.constant({1});
    }
    CHECK(printed(p) == "Parameter([1., 2.])");
    CHECK_THROWS_AS(printed(stale), std::logic_error);
    CHECK_THROWS_AS(printed(Parameter()), std::logic_error);
}
