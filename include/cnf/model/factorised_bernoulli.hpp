// FactorisedBernoulli: masks whose pixels are independent given x (the baselines of Winkler et al., 2019,
// section 5). The likelihood is exact. The same face as a flow: its latents are standard logistic z, and y =
// 1 where logit + z > 0; at temperature 0 the likelier value.
//
//   FactorisedBernoulli<Shape<1, dynamic, dynamic>, Shape<3, dynamic, dynamic>, UShaped<48, 64, 96>>
//   ... with WeightedBernoulli<90, 10> as Density (densities/bernoulli.hpp)
//
// Every map of the extractor goes through a network (Head) and depth-to-space up to y's resolution; their sum
// is the network output l, `given(x).features()`. The maps must be 1, 2, 4, ... times smaller than y.
#pragma once

#include <algorithm>
#include <tuple>
#include <utility>

#include "cnf/core/describe.hpp"
#include "cnf/core/inputs.hpp"
#include "cnf/densities/bernoulli.hpp"
#include "cnf/dequantize/continuous.hpp"
#include "cnf/nets/instance_norm_net.hpp"

namespace cnf {

namespace detail {

/// log2 of how many times smaller than Target a map is; -1 where it is no such part.
template <class Target, class Map>
constexpr int halvings() {
  auto h = Target::height;
  auto w = Target::width;
  for (int n = 0; n < 16; ++n, h = halved(h), w = halved(w)) {
    if (same_extent(h, Map::height) && same_extent(w, Map::width)) return n;
    if (!is_even(h) || !is_even(w)) return -1;
  }
  return -1;
}

}  // namespace detail

template <class Target, class Input, class Extractor, class Density = Bernoulli,
          class Head = InstanceNormNet<32>>
struct FactorisedBernoulli {
  static_assert(
      is_shape<Input>,
      "cnf: FactorisedBernoulli takes one Shape as its input, not a Pair or Nothing: several inputs are for "
      "ConditionalFlow");
  using target = Target;
  using input = Input;
  using extracted = detail::extractor_on<Extractor, Input>;
  using maps = typename extracted::output;
  using features = Features<Target>;  // the network output l
  using latents = Latents<Target>;
  /// Of a pixel.
  using density = Density;

  static constexpr Likelihood likelihood = Likelihood::exact;
  static constexpr Distribution base = Distribution::logistic;
  static constexpr int divisor = largest_divisor<maps>;
  static constexpr bool tiled = false;

  /// How often the target is halved to the map's size.
  template <class Map>
  static constexpr int level = std::max(0, detail::halvings<Target, Map>());
  /// Numbers that the head gives for a map.
  template <class Map>
  static constexpr int head_channels = Target::channels << (2 * level<Map>);
  /// The head on a map.
  template <class Map, int Out>
  using head_on = typename Head::template On<with_channels<Map, 0>, Map, Out>;

 private:
  template <class... Map>
  static constexpr bool all_fit(Features<Map...>*) {
    return sizeof...(Map) > 0 && ((detail::halvings<Target, Map>() >= 0) && ...);
  }
  template <class... Map>
  static constexpr long head_parameters(Features<Map...>*) {
    return (0 + ... + head_on<Map, head_channels<Map>>::parameters);
  }
  template <int Height, int Width, class... Map>
  static void add_head_rows(std::vector<LayerRow>& rows, Features<Map...>*) {
    int i = 0;
    (rows.push_back({"head." + std::to_string(i++), Head::describe() + ", depth-to-space",
                     shape_text<resolved<Map, Height, Width>>(),
                     shape_text<resolved<Target, Height, Width>>(), 1,
                     head_on<resolved<Map, Height, Width>, head_channels<Map>>::parameters,
                     head_on<resolved<Map, Height, Width>, head_channels<Map>>::multiply_adds}),
     ...);
  }
  static constexpr auto tag = static_cast<maps*>(nullptr);

 public:
  static constexpr long parameters = extracted::parameters + head_parameters(tag);

  static consteval bool check() {
    static_assert(all_fit(tag),
                  "cnf: FactorisedBernoulli needs an extractor whose maps are 1, 2, 4, ... times smaller "
                  "than the target");
    return extracted::check();
  }

  static std::string describe() {
    return "FactorisedBernoulli<" + shape_text<Target>() + ", " + shape_text<Input>() + ", " +
           detail::described_list<Extractor, Density, Head>() + ">";
  }

  template <int Height, int Width>
  static std::vector<LayerRow> table() {
    using In = resolved<Input, Height, Width>;
    using on = typename Extractor::template On<In>;
    std::vector<LayerRow> rows{{"extractor", Extractor::describe(), shape_text<In>(),
                                shapes_text(typename on::output{}), 1, on::parameters, on::multiply_adds}};
    add_head_rows<Height, Width>(rows, tag);
    return rows;
  }

  template <class B>
  struct Bound {
    using Tensor = typename B::Tensor;

    typename Extractor::template Bound<B, Input> extractor;

    template <class List>
    struct Heads;
    template <class... Map>
    struct Heads<Features<Map...>> {
      template <class M>
      using Net = typename Head::template Bound<B, with_channels<M, 0>, M, head_channels<M>>;
      std::tuple<Net<Map>...> nets;

      explicit Heads(Scope<B> scope) : Heads(scope, std::index_sequence_for<Map...>()) {}
      template <std::size_t... I>
      Heads(Scope<B> scope, std::index_sequence<I...>) : nets(Net<Map>(scope.child(int(I)))...) {}

      Tensor operator()(const Maps<B, maps>& h) const { return sum(h, std::index_sequence_for<Map...>()); }

     private:
      template <std::size_t... I>
      Tensor sum(const Maps<B, maps>& h, std::index_sequence<I...>) const {
        return (... + raised<level<Map>>(std::get<I>(nets)({}, h.template get<int(I)>()).data));
      }
      template <int Times>
      static Tensor raised(Tensor x) {
        for (int i = 0; i < Times; ++i) x = B::depth_to_space(x);
        return x;
      }
    };
    Heads<maps> heads;

    explicit Bound(Scope<B> scope)
        : extractor(scope.child("extractor")), heads(scope.child("head").precise()) {}

    Maps<B, features> prepare(const Batch<B, Input>& x, Extents) const {
      return {.data = {B::to_state(heads(extractor(x)), x.data)}};
    }

    template <class Watch = NoWatch>
    typename B::PerSample log_prob(const Batch<B, Target>& given, const Maps<B, features>& h,
                                   const NoiseRows&, const Watch& = {}) const {
      const Batch<B, Target> y(in_alphabet<B>(given.data, 2));
      return B::sum(bernoulli_log_prob<B>(y.data, logit(h)));
    }

    /// A logistic z on y's side of the threshold, drawn from there: with s = P(y) u, sign * z = log((1 - s) /
    /// s).
    Maps<B, latents> encode(const Batch<B, Target>& given, const Maps<B, features>& h,
                            const NoiseRows& rows) const {
      const Batch<B, Target> y(in_alphabet<B>(given.data, 2));
      // u stays below 1 so that rounding can't put z on the threshold
      const auto u = noise_batch<B>(rows, Stream::dequantization, 0, Distribution::uniform, 1 - 1e-3,
                                    sizes_of<B>(y.data), y.data);
      const auto log_s = B::log(u) + bernoulli_log_prob<B>(y.data, logit(h));
      return {.data = {(y.data * 2.0 - 1.0) * (B::log1m_exp(log_s) - log_s)}};
    }

    Batch<B, Target> decode(Maps<B, latents> z, const Maps<B, features>& h) const {
      const auto v = logit(h) + z.data[0];
      const auto zero = v - v;  // NaN where v is not finite
      return Batch<B, Target>(B::where_at_most(v, 0, zero, zero + 1.0));
    }

   private:
    static Tensor logit(const Maps<B, features>& h) { return Density::template logit<B>(h.data[0]); }
  };
};

}  // namespace cnf
