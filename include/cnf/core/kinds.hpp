// What kind of thing a type is, by its shape rules, and the sentence that a wrong one gets: a network where a layer belongs,
// an int where anything does. A thing that does not fit is replaced by one that fits nothing, so that its sentence comes
// first and nothing long comes before it.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>

#include "cnf/shape/features.hpp"

namespace cnf::detail {

/// On<In, F>, On<In, Condition, Out>, On<In>: naming one computes nothing.
template <class T>
concept has_layer_rules = requires {
  typename T::template On<Shape<2>, Features<>>;
};
template <class T>
concept has_network_rules = requires {
  typename T::template On<Shape<1>, Shape<0>, 1>;
};
template <class T>
concept has_extractor_rules = requires {
  typename T::template On<Shape<1>>;
};

template <class T>
concept is_dequantizer = has_layer_rules<T> && requires {
  T::likelihood;
};
template <class T>
concept is_model = requires {
  typename T::target;
};
template <class T>
concept is_described = requires {
  { T::describe() } -> std::convertible_to<std::string>;
};

/// Stand for the backend where a Bound is only named.
struct AnyBackend;
template <class T>
concept has_layer_bound = requires {
  typename T::template Bound<AnyBackend, Shape<2>, Features<>>;
};
template <class T>
concept has_network_bound = requires {
  typename T::template Bound<AnyBackend, Shape<1>, Shape<0>, 1>;
};
template <class T>
concept has_extractor_bound = requires {
  typename T::template Bound<AnyBackend, Shape<1>>;
};

template <class T>
concept is_layer = has_layer_rules<T> && !is_dequantizer<T> && is_described<T> && has_layer_bound<T>;
template <class T>
concept is_network = has_network_rules<T> && is_described<T> && has_network_bound<T>;
template <class T>
concept is_extractor = has_extractor_rules<T> && is_described<T> && has_extractor_bound<T>;

/// A layer whose On may have constraints: what it is fed decides.
template <class T, class In, class F>
concept is_layer_for = is_layer<T> ||(!is_dequantizer<T> && is_described<T> && requires {
  typename T::template On<In, F>;
  typename T::template Bound<AnyBackend, In, F>;
});

/// Whether an extractor takes this input: a Shape, if it has no `template <class Input> static constexpr bool takes`.
template <class T, class Input>
consteval bool takes() {
  if constexpr (requires { T::template takes<Input>; })
    return T::template takes<Input>;
  else
    return is_shape<Input>;
}

template <class T>
consteval bool expect_layer() {
  static_assert(!is_model<T>, "cnf: a layer belongs here, and this is a model, which is made of layers");
  static_assert(
      !has_network_rules<T>,
      "cnf: a layer belongs here, and this is a network: it goes into a layer, as in AffineCoupling<Net>");
  static_assert(!has_extractor_rules<T>,
                "cnf: a layer belongs here, and this is an extractor: it goes into a model, beside the flow");
  static_assert(!is_dequantizer<T>,
                "cnf: a layer belongs here, and this is a dequantizer: it goes into a model, after the flow");
  constexpr bool other = is_model<T> || has_network_rules<T> || has_extractor_rules<T> || is_dequantizer<T>;
  static_assert(
      other || has_layer_rules<T>,
      "cnf: a layer belongs here, and this type has no On<In, F>, the shape rules of a layer (or one whose "
      "constraints refuse what it is fed)");
  static_assert(other || !has_layer_rules<T> || is_described<T>,
                "cnf: a layer belongs here, and this one has no `static std::string describe()`");
  static_assert(other || !has_layer_rules<T> || has_layer_bound<T>,
                "cnf: a layer belongs here, and this one has no Bound<B, In, F>, which computes");
  return true;
}

template <class T>
consteval bool expect_network() {
  static_assert(!is_model<T>, "cnf: a network belongs here, and this is a model");
  static_assert(
      !has_layer_rules<T>,
      "cnf: a network belongs here, and this is a layer: networks say how a layer changes what it changes");
  static_assert(
      !has_extractor_rules<T>,
      "cnf: a network belongs here, and this is an extractor: it goes into a model, beside the flow");
  constexpr bool other = is_model<T> || has_layer_rules<T> || has_extractor_rules<T>;
  static_assert(other || has_network_rules<T>,
                "cnf: a network belongs here, and this type has no On<In, Condition, Out>, the shape rules "
                "of a network");
  static_assert(other || !has_network_rules<T> || is_described<T>,
                "cnf: a network belongs here, and this one has no `static std::string describe()`");
  static_assert(
      other || !has_network_rules<T> || has_network_bound<T>,
      "cnf: a network belongs here, and this one has no Bound<B, In, Condition, Out>, which computes");
  return true;
}

template <class T>
consteval bool expect_extractor() {
  static_assert(!is_model<T>, "cnf: an extractor belongs here, and this is a model");
  static_assert(
      !has_layer_rules<T>,
      "cnf: an extractor belongs here, and this is a layer: it goes into the flow, after the extractor");
  static_assert(!has_network_rules<T>,
                "cnf: an extractor belongs here, and this is a network, which works inside a layer");
  constexpr bool other = is_model<T> || has_layer_rules<T> || has_network_rules<T>;
  static_assert(
      other || has_extractor_rules<T>,
      "cnf: an extractor belongs here, and this type has no On<In>, the shape rules of an extractor");
  static_assert(other || !has_extractor_rules<T> || is_described<T>,
                "cnf: an extractor belongs here, and this one has no `static std::string describe()`");
  static_assert(other || !has_extractor_rules<T> || has_extractor_bound<T>,
                "cnf: an extractor belongs here, and this one has no Bound<B, In>, which computes");
  return true;
}

template <class T>
consteval bool expect_dequantizer() {
  static_assert(is_dequantizer<T>,
                "cnf: a dequantizer belongs here, as Continuous or Uniform<8>, and this type is none");
  return true;
}

/// Shape rules of what is none of its kind: nothing fits.
template <class In>
struct Misfit {
  using output = In;
  using latents = Latents<>;
  static constexpr bool valid = false, volume_preserving = true, tiled = true;
  static constexpr long parameters = 0, multiply_adds = 0;
  static constexpr int radius = 0, width = 1;
};

template <class T, class In, class F>
struct rules_of_layer {
  struct type : Misfit<In> {
    static consteval bool check() { return expect_layer<T>(); }
  };
};
template <class T, class In, class F>
requires is_layer_for<T, In, F>
struct rules_of_layer<T, In, F> {
  using type = typename T::template On<In, F>;
};

template <class T, class In, class Condition, int Out>
struct rules_of_network {
  using type = Misfit<with_channels<In, Out>>;
};
template <class T, class In, class Condition, int Out>
requires is_network<T>
struct rules_of_network<T, In, Condition, Out> {
  using type = typename T::template On<In, Condition, Out>;
};

template <class T, class In>
struct rules_of_extractor {
  struct type : Misfit<Features<>> {
    static consteval bool check() {
      expect_extractor<T>();
      static_assert(
          !is_extractor<T> || takes<T, In>(),
          "cnf: this extractor takes one Shape as its input, not a Pair or Nothing: Both<A, B> joins the "
          "extractors of two inputs, and UnconditionalFlow has no input");
      return true;
    }
  };
};
template <class T, class In>
requires(is_extractor<T>&& takes<T, In>()) struct rules_of_extractor<T, In> {
  using type = typename T::template On<In>;
};

template <class T, class In, class F>
using layer_on = typename rules_of_layer<T, In, F>::type;
template <class T, class In, class Condition, int Out>
using network_on = typename rules_of_network<T, In, Condition, Out>::type;
template <class T, class In>
using extractor_on = typename rules_of_extractor<T, In>::type;

}  // namespace cnf::detail
