// Precompiled for the tests, which all include some of it: saves each of them about a second.
#include <embergrad/embergrad.hpp>
