// Dropout: the check of p; the op does the rest.
#include <embergrad/layers/dropout.hpp>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {

Dropout::Dropout(double p) : p_(p) {
    require(p >= 0 && p <= 1, "Dropout: probability has to be between 0 and 1, but got ", p);
}

std::string Dropout::describe() const { return "Dropout(p=" + number_text(p_) + ")"; }

}  // namespace embergrad::inline EMBERGRAD_PRECISION
