// Elementwise ops: each names its value and its derivative next to each other.
#include <cmath>
#include <type_traits>

#include <embergrad/engine/accumulate.hpp>
#include <embergrad/engine/kernels/broadcast.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION {
namespace {

/// y = f(x), dx += df(g, x or y): `Reads` says which of the two, if any: the others' values are not kept.
enum class Reads { nothing, input, output };

template <Reads reads, class F, class Derivative>
Var unary(const Var& x, F f, Derivative df) {
    const Var y = x.tape().result(x.shape(), {x});
    const Real* from = x.data();
    detail::put_each(y.mutable_value().data(), y.size(), false, [=](std::size_t i) { return f(from[i]); });

    if (y.needs_grad()) {
        if constexpr (reads == Reads::nothing) {
            y.on_backward([dx = &x.gradient(), dy = &y.gradient(), df] {
                detail::accumulate(*dx, *dy, [=](Real g, std::size_t) { return df(g); });
            });
        } else {
            y.on_backward([dx = &x.gradient(), dy = &y.gradient(), read = reads == Reads::input ? x : y, df] {
                detail::accumulate(*dx, *dy,
                                   [=, value = read.data()](Real g, std::size_t i) { return df(g, value[i]); });
            });
        }
    }
    return y;
}

/// A derivative says by its parameters what it reads: (g), (g, other) or (g, self, other).
template <class Derivative>
constexpr bool reads_other = !std::is_invocable_v<Derivative, Real>;
template <class Derivative>
constexpr bool reads_self = std::is_invocable_v<Derivative, Real, Real, Real>;

template <class Derivative>
Real derivative_at(Derivative df, Real g, const Real* self, std::size_t i, const Real* other, std::size_t j) {
    if constexpr (reads_self<Derivative>) {
        return df(g, self[i], other[j]);
    } else if constexpr (reads_other<Derivative>) {
        return df(g, other[j]);
    } else {
        return df(g);
    }
}

/// An input on the way back.
struct Operand {
    Gradient* gradient;  // nullptr if there is none to add to
    const Shape* shape;  // the tape's
    const Real* data;    // nullptr if no derivative reads it
};
/// What a closure keeps of it: little, where derivatives read no values.
template <bool may_be_read>
struct Kept {
    Gradient* gradient;
    const Shape* shape;

    Kept(const Var& x, bool) : gradient(x.gradient_if_needed()), shape(&x.shape()) {}
    Operand open() const { return {gradient, shape, nullptr}; }
};
template <>
struct Kept<true> : Kept<false> {
    Var values;  // empty if they are not read after all

    Kept(const Var& x, bool is_read) : Kept<false>(x, is_read), values(is_read ? x : Var()) {}
    Operand open() const { return {gradient, shape, values.defined() ? values.data() : nullptr}; }
};

/// The two gradients of f(a, a) in one pass, for speed alone.
template <class DerivativeA, class DerivativeB>
void add_both_gradients(Gradient& dout, const Operand& a, DerivativeA da, DerivativeB db) {
    detail::accumulate(*a.gradient, dout, [=, value = a.data](Real g, std::size_t i) {
        return derivative_at(da, g, value, i, value, i) + derivative_at(db, g, value, i, value, i);
    });
}

/// dself += df(...), summed over the axes along which self was broadcast (in double: such sums can be long).
template <class Derivative>
void add_gradient(Gradient& dout, const Operand& self, const Operand& other, Derivative df) {
    const Real *self_value = self.data, *other_value = other.data;
    if (same_shape(*self.shape, *other.shape)) {
        detail::accumulate(*self.gradient, dout,
                           [=](Real g, std::size_t i) { return derivative_at(df, g, self_value, i, other_value, i); });
        return;
    }
    const Real* g = dout.read().data();
    const detail::Accumulation dself(*self.gradient);
    const detail::Broadcast plan("gradient", *self.shape, *other.shape);
    if (same_shape(*self.shape, dout.shape())) {
        plan.for_each_element([&](std::size_t o, std::size_t i, std::size_t j) {
            dself.add(i, derivative_at(df, g[o], self_value, i, other_value, j));
        });
        return;
    }
    std::vector<double, Allocator<double>> sums(element_count(*self.shape), 0.0);
    plan.for_each_element([&](std::size_t o, std::size_t i, std::size_t j) {
        sums[i] += static_cast<double>(derivative_at(df, g[o], self_value, i, other_value, j));
    });
    dself.add(0, sums.size(), [sum = sums.data()](std::size_t i) { return static_cast<Real>(sum[i]); });
}

/// What goes back through f(a, b), which out is. The values that no derivative reads are not kept.
template <class DerivativeA, class DerivativeB>
void go_back(const Var& out, const Var& a, const Var& b, DerivativeA, DerivativeB) {
    const bool da_needed = a.needs_grad(), db_needed = b.needs_grad();
    const bool reads_a = (da_needed && reads_self<DerivativeA>) || (db_needed && reads_other<DerivativeB>);
    const bool reads_b = (db_needed && reads_self<DerivativeB>) || (da_needed && reads_other<DerivativeA>);
    using A = Kept<reads_self<DerivativeA> || reads_other<DerivativeB>>;
    using B = Kept<reads_self<DerivativeB> || reads_other<DerivativeA>>;
    out.on_backward_made([&] {
        return [dout = &out.gradient(), kept_a = A(a, reads_a), kept_b = B(b, reads_b), is_square = a == b] {
            const Operand x = kept_a.open(), y = kept_b.open();
            if (is_square) return add_both_gradients(*dout, x, DerivativeA(), DerivativeB());
            if (x.gradient != nullptr) add_gradient(*dout, x, y, DerivativeA());
            if (y.gradient != nullptr) add_gradient(*dout, y, x, DerivativeB());
        };
    });
}

template <class F, class DerivativeA, class DerivativeB>
Var binary(const char* op, const Var& a, const Var& b, F f, DerivativeA da, DerivativeB db) {
    const bool same = same_shape(a.shape(), b.shape());
    const Var out = a.tape().result(same ? a.shape() : detail::broadcast_shape(op, a.shape(), b.shape()), {a, b});
    const Real *x = a.data(), *y = b.data();
    Real* to = out.mutable_value().data();
    if (same) {
        detail::put_each(to, out.size(), false, [=](std::size_t i) { return f(x[i], y[i]); });
    } else {
        detail::Broadcast(op, a.shape(), b.shape()).for_each_element([=](std::size_t o, std::size_t i, std::size_t j) {
            to[o] = f(x[i], y[j]);
        });
    }
    if (out.needs_grad()) go_back(out, a, b, da, db);
    return out;
}

}  // namespace

Var operator+(const Var& a, const Var& b) {
    return binary(
        "add", a, b, [](Real x, Real y) { return x + y; },  //
        [](Real g) { return g; }, [](Real g) { return g; });
}

Var operator-(const Var& a, const Var& b) {
    return binary(
        "sub", a, b, [](Real x, Real y) { return x - y; },  //
        [](Real g) { return g; }, [](Real g) { return -g; });
}

Var operator*(const Var& a, const Var& b) {
    return binary(
        "mul", a, b, [](Real x, Real y) { return x * y; },  //
        [](Real g, Real y) { return g * y; }, [](Real g, Real x) { return g * x; });
}

Var operator/(const Var& a, const Var& b) {
    return binary(
        "div", a, b, [](Real x, Real y) { return x / y; },  //
        [](Real g, Real y) { return g / y; }, [](Real g, Real y, Real x) { return -g * (x / y) / y; });
}

Var add(Var a, Var b) { return a + b; }
Var sub(Var a, Var b) { return a - b; }
Var mul(Var a, Var b) { return a * b; }
Var div(Var a, Var b) { return a / b; }

Var div(Var x, Real divisor) {
    return unary<Reads::nothing>(
        x, [=](Real v) { return v / divisor; }, [=](Real g) { return g / divisor; });
}

Var div(Real dividend, Var x) {
    return unary<Reads::input>(
        x, [=](Real v) { return dividend / v; }, [=](Real g, Real v) { return -g * (dividend / v) / v; });
}

Var neg(Var x) {
    return unary<Reads::nothing>(
        x, [](Real v) { return -v; }, [](Real g) { return -g; });
}

Var exp(Var x) {
    return unary<Reads::output>(
        x, [](Real v) { return std::exp(v); }, [](Real g, Real y) { return g * y; });
}

Var log(Var x) {
    return unary<Reads::input>(
        x, [](Real v) { return std::log(v); }, [](Real g, Real v) { return g / v; });
}

Var sqrt(Var x) {
    return unary<Reads::output>(
        x, [](Real v) { return std::sqrt(v); }, [](Real g, Real y) { return g / (2 * y); });
}

Var relu(Var x) {
    // Both comparisons are false for NaN, which so passes forward and back.
    return unary<Reads::output>(
        x, [](Real v) { return v <= 0 ? Real{0} : v; }, [](Real g, Real y) { return y <= 0 ? Real{0} : g; });
}

Var tanh(Var x) {
    return unary<Reads::output>(
        x, [](Real v) { return std::tanh(v); }, [](Real g, Real y) { return g * (1 - y * y); });
}

Var sigmoid(Var x) {
    return unary<Reads::output>(
        x,
        [](Real v) {
            const Real e = std::exp(-std::abs(v));  // at most 1: no overflow on either side
            return v >= 0 ? 1 / (1 + e) : e / (1 + e);
        },
        [](Real g, Real y) { return g * y * (1 - y); });
}

Var affine(Var x, Real factor, Real offset) {
    return unary<Reads::nothing>(
        x, [=](Real v) { return v * factor + offset; }, [=](Real g) { return g * factor; });
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION
