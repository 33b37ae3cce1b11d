// Elementwise ops: each names its value and its derivative next to each other.
#include <cmath>
#include <type_traits>

#include <embergrad/engine/accumulate.hpp>
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

/// How two shapes meet. Axes where an input has extent 1 get step 0.
struct Broadcast {
    Shape shape;             // of the result
    Shape a_steps, b_steps;  // in elements, one for each axis of the result
};

Shape broadcast_steps(const Shape& from, const Shape& to) {
    Shape steps(to.size(), 0);
    std::size_t step = 1;
    for (std::size_t i = 0; i < from.size(); ++i) {
        const std::size_t axis = from.size() - 1 - i;
        if (from[axis] != 1) steps[to.size() - 1 - i] = step;
        step *= from[axis];
    }
    return steps;
}

Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
    Shape shape(std::max(a.size(), b.size()), 1);
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const std::size_t extent_a = i < a.size() ? a[a.size() - 1 - i] : 1;
        const std::size_t extent_b = i < b.size() ? b[b.size() - 1 - i] : 1;
        require(extent_a == extent_b || extent_a == 1 || extent_b == 1, op, ": shapes ", a, " and ", b,
                " do not broadcast");
        shape[shape.size() - 1 - i] = extent_a == 1 ? extent_b : extent_a;
    }
    return shape;
}

Broadcast broadcast(const char* op, const Shape& a, const Shape& b) {
    const Shape shape = broadcast_shape(op, a, b);
    return {shape, broadcast_steps(a, shape), broadcast_steps(b, shape)};
}

/// Calls visit(out, a, b) with the offset of each element of the result and of what it is made from, in order.
template <class Visit>
void for_each_element(const Broadcast& plan, Visit visit) {
    const std::size_t rank = plan.shape.size();
    const std::size_t n = element_count(plan.shape);
    const std::size_t inner = rank == 0 ? 1 : plan.shape[rank - 1];
    const std::size_t a_step = rank == 0 ? 0 : plan.a_steps[rank - 1];
    const std::size_t b_step = rank == 0 ? 0 : plan.b_steps[rank - 1];
    Shape index(rank, 0);
    std::size_t a = 0, b = 0;
    for (std::size_t out = 0; out < n; out += inner) {
        for (std::size_t i = 0; i < inner; ++i) visit(out + i, a + i * a_step, b + i * b_step);
        for (std::size_t axis = rank - (rank > 0); axis-- > 0;) {  // the next row: an odometer over the outer axes
            a += plan.a_steps[axis];
            b += plan.b_steps[axis];
            if (++index[axis] < plan.shape[axis]) break;
            a -= plan.a_steps[axis] * plan.shape[axis];
            b -= plan.b_steps[axis] * plan.shape[axis];
            index[axis] = 0;
        }
    }
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

/// What the way back needs of an input whose values no derivative reads, and of one whose values may be read.
struct Place {
    Gradient* gradient;  // nullptr if there is none to add to
    const Shape* shape;  // the tape's

    Place(const Var& x, bool) : gradient(x.gradient_if_needed()), shape(&x.shape()) {}
    static const Real* data() { return nullptr; }
};
struct PlaceAndValues : Place {
    Var values;  // empty if they are not read after all

    PlaceAndValues(const Var& x, bool is_read) : Place(x, is_read) {
        if (is_read) values = x;
    }
    const Real* data() const { return values.defined() ? values.data() : nullptr; }
};
template <bool may_be_read>
using Input = std::conditional_t<may_be_read, PlaceAndValues, Place>;

/// The two gradients of f(a, a) in one pass, for speed alone.
template <class A, class DerivativeA, class DerivativeB>
void add_both_gradients(Gradient& dout, const A& a, DerivativeA da, DerivativeB db) {
    detail::accumulate(*a.gradient, dout, [=, value = a.data()](Real g, std::size_t i) {
        return derivative_at(da, g, value, i, value, i) + derivative_at(db, g, value, i, value, i);
    });
}

/// dself += df(...), summed over the axes along which self was broadcast (in double: such sums can be long).
template <class Self, class Other, class Derivative>
void add_gradient(Gradient& dout, const Self& self, const Other& other, Derivative df) {
    const Real *self_value = self.data(), *other_value = other.data();
    if (same_shape(*self.shape, *other.shape)) {
        detail::accumulate(*self.gradient, dout,
                           [=](Real g, std::size_t i) { return derivative_at(df, g, self_value, i, other_value, i); });
        return;
    }
    const Real* g = dout.read().data();
    const detail::Accumulation dself(*self.gradient);
    const Broadcast plan = broadcast("gradient", *self.shape, *other.shape);
    if (same_shape(*self.shape, dout.shape())) {
        for_each_element(plan, [&](std::size_t o, std::size_t i, std::size_t j) {
            dself.add(i, derivative_at(df, g[o], self_value, i, other_value, j));
        });
        return;
    }
    std::vector<double, Allocator<double>> sums(element_count(*self.shape), 0.0);
    for_each_element(plan, [&](std::size_t o, std::size_t i, std::size_t j) {
        sums[i] += static_cast<double>(derivative_at(df, g[o], self_value, i, other_value, j));
    });
    dself.add(0, sums.size(), [sum = sums.data()](std::size_t i) { return static_cast<Real>(sum[i]); });
}

template <class F, class DerivativeA, class DerivativeB>
Var binary(const char* op, const Var& a, const Var& b, F f, DerivativeA da, DerivativeB db) {
    const bool same = same_shape(a.shape(), b.shape());
    const Var out = a.tape().result(same ? a.shape() : broadcast_shape(op, a.shape(), b.shape()), {a, b});
    const Real* x = a.data();
    const Real* y = b.data();
    Real* to = out.mutable_value().data();
    if (same) {
        detail::put_each(to, out.size(), false, [=](std::size_t i) { return f(x[i], y[i]); });
    } else {
        for_each_element(broadcast(op, a.shape(), b.shape()),
                         [&](std::size_t o, std::size_t i, std::size_t j) { to[o] = f(x[i], y[j]); });
    }
    if (out.needs_grad()) {
        const bool da_needed = a.needs_grad(), db_needed = b.needs_grad();
        const bool reads_a = (da_needed && reads_self<DerivativeA>) || (db_needed && reads_other<DerivativeB>);
        const bool reads_b = (db_needed && reads_self<DerivativeB>) || (da_needed && reads_other<DerivativeA>);
        using A = Input<reads_self<DerivativeA> || reads_other<DerivativeB>>;
        using B = Input<reads_self<DerivativeB> || reads_other<DerivativeA>>;
        out.on_backward([dout = &out.gradient(), a = A(a, reads_a), b = B(b, reads_b), is_square = a == b, da, db] {
            if (is_square) return add_both_gradients(*dout, a, da, db);
            if (a.gradient != nullptr) add_gradient(*dout, a, b, da);
            if (b.gradient != nullptr) add_gradient(*dout, b, a, db);
        });
    }
    return out;
}

}  // namespace

Var add(Var a, Var b) {
    return binary(
        "add", a, b, [](Real x, Real y) { return x + y; },  //
        [](Real g) { return g; }, [](Real g) { return g; });
}

Var sub(Var a, Var b) {
    return binary(
        "sub", a, b, [](Real x, Real y) { return x - y; },  //
        [](Real g) { return g; }, [](Real g) { return -g; });
}

Var mul(Var a, Var b) {
    return binary(
        "mul", a, b, [](Real x, Real y) { return x * y; },  //
        [](Real g, Real y) { return g * y; }, [](Real g, Real x) { return g * x; });
}

Var div(Var a, Var b) {
    return binary(
        "div", a, b, [](Real x, Real y) { return x / y; },  //
        [](Real g, Real y) { return g / y; }, [](Real g, Real y, Real x) { return -g * (x / y) / y; });
}

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
