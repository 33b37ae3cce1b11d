#include <embergrad/embergrad.hpp>
