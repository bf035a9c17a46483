// What a model is conditioned on: a tensor, several as a typed struct, or nothing.
//
//   Shape<3, dynamic / 2, dynamic / 2>        model.given(x)
//   Pair<Shape<3, 32, 32>, Shape<1>>          model.given({.first = image, .second = label})
//   Pair<A, Pair<B, C>>                       model.given({.first = a, .second = {.first = b, .second = c}})
//   Nothing                                   model.log_prob(y)    (model/unconditional_flow.hpp)
#pragma once

#include <string>
#include <type_traits>

#include "cnf/core/batch.hpp"

namespace cnf {

struct Nothing {};

template <class First, class Second>
struct Pair {
  using first = First;
  /// The second input.
  using second = Second;
};

struct NoInput {};

/// The values of a Pair.
template <class First, class Second>
struct PairOf {
  /// Of the first input.
  First first;
  /// Of the second input.
  Second second;
};

namespace detail {

/// Tensors, checked batches, and the shapes for a target of fixed size, of an input.
template <class B, class Input>
struct input {
  static_assert(is_shape<Input>, "cnf: a model's input is a Shape, a Pair of inputs, or Nothing");
  using tensors = typename B::Tensor;
  using batches = Batch<B, Input>;
};
template <class B>
struct input<B, Nothing> {
  using tensors = NoInput;
  using batches = NoInput;
};
template <class B, class First, class Second>
struct input<B, Pair<First, Second>> {
  using tensors = PairOf<typename input<B, First>::tensors, typename input<B, Second>::tensors>;
  using batches = PairOf<typename input<B, First>::batches, typename input<B, Second>::batches>;
};

template <class Input>
struct shapes_of {
  using type = Features<Input>;
};
template <>
struct shapes_of<Nothing> {
  using type = Features<>;
};
template <class First, class Second>
struct shapes_of<Pair<First, Second>> {
  using type = join_t<typename shapes_of<First>::type, typename shapes_of<Second>::type>;
};

template <class Input, int Height, int Width>
struct resolve_input {
  using type = resolved<Input, Height, Width>;
};
template <int Height, int Width>
struct resolve_input<Nothing, Height, Width> {
  using type = Nothing;
};
template <class First, class Second, int Height, int Width>
struct resolve_input<Pair<First, Second>, Height, Width> {
  using type = Pair<typename resolve_input<First, Height, Width>::type,
                    typename resolve_input<Second, Height, Width>::type>;
};

}  // namespace detail

/// What `given` takes, and what an extractor gets.
template <class B, class Input>
using input_tensors_t = typename detail::input<B, Input>::tensors;
/// The values of an input on a backend.
template <class B, class Input>
using input_t = typename detail::input<B, Input>::batches;

/// The shapes of an input, in order.
template <class Input>
using input_shapes = typename detail::shapes_of<Input>::type;

/// An input for a target of Height x Width.
template <class Input, int Height, int Width>
using resolved_input = typename detail::resolve_input<Input, Height, Width>::type;

/// Calls visit.operator()<Shape>(tensor or batch) for each tensor of an input, in order.
template <class Input, class X, class Visit>
void for_each_input(X& x, const Visit& visit) {
  if constexpr (is_shape<Input>) {
    visit.template operator()<Input>(x);
  } else if constexpr (!std::is_same_v<Input, Nothing>) {
    for_each_input<typename Input::first>(x.first, visit);
    for_each_input<typename Input::second>(x.second, visit);
  }
}

/// Batches from tensors: make.operator()<Shape>(tensor) of each.
template <class B, class Input, class Make>
input_t<B, Input> input_from(const input_tensors_t<B, Input>& x, const Make& make) {
  if constexpr (is_shape<Input>)
    return make.template operator()<Input>(x);
  else if constexpr (std::is_same_v<Input, Nothing>)
    return {};
  else
    return {input_from<B, typename Input::first>(x.first, make),
            input_from<B, typename Input::second>(x.second, make)};
}

/// "3x16x16", "(3x16x16, 1x1x1)", "nothing".
template <class Input>
std::string input_text() {
  if constexpr (is_shape<Input>)
    return shape_text<Input>();
  else if constexpr (std::is_same_v<Input, Nothing>)
    return "nothing";
  else
    return "(" + input_text<typename Input::first>() + ", " + input_text<typename Input::second>() + ")";
}

/// Pixels of a target, as the run knows them.
struct Extents {
  /// Pixels.
  long height = 1, width = 1;
};

}  // namespace cnf
