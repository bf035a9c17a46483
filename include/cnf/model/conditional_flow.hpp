// ConditionalFlow: p(y|x) as a flow of y whose feature maps an extractor computes from x (Winkler et al.,
// 2019, section 3).
//
//   log p(y|x) = log N(latents; 0, 1) + log|det| + dequantization's log-det      nats
//
//   using Sr = ConditionalFlow<Shape<3, dynamic, dynamic>,                     target y
//                              Shape<3, dynamic / 2, dynamic / 2>,             input x
//                              Rrdb<16, 32, 128, 2>, SrFlow, Uniform<8>>;
//
// A model spec; Model<Spec, B> (model/model.hpp) binds it. Everything that can be wrong with it is a compile
// error there.
#pragma once

#include "cnf/compose/conditioned.hpp"
#include "cnf/core/describe.hpp"
#include "cnf/core/inputs.hpp"
#include "cnf/densities/diagonal_gaussian.hpp"
#include "cnf/dequantize/continuous.hpp"
#include "cnf/nets/tiled.hpp"

namespace cnf {

template <class Target, class Input, class Extractor, class Flow, class Dequantizer = Continuous>
struct ConditionalFlow {
 private:
  /// What the maps of a noise flow need.
  template <class D>
  static constexpr int dequantization_divisor() {
    if constexpr (requires { typename D::maps; })
      return largest_divisor<typename D::maps>;
    else
      return 1;
  }

 public:
  using target = Target;
  using input = Input;
  using extracted = detail::extractor_on<Extractor, Input>;
  using features = typename extracted::output;
  using flow = checked_t<Flow, Target, features>;
  using latents = latents_t<Flow, Target, features>;
  /// How targets become continuous.
  using dequantization = typename Dequantizer::template On<Target, features>;

  static constexpr Likelihood likelihood = Dequantizer::likelihood;
  static constexpr Distribution base = Distribution::normal;
  static constexpr long parameters = extracted::parameters + flow::parameters + dequantization::parameters;
  /// Whether large images go through it in tiles; no: it takes them whole, for the statistics of its networks.
  static constexpr bool tiled =
      radius_of<extracted>() != unbounded && runs_in_tiles<flow>() && runs_in_tiles<dequantization>();
  static constexpr int divisor = std::max(
      {largest_divisor<latents>, largest_divisor<features>, dequantization_divisor<dequantization>()});

  static consteval bool check() { return extracted::check() && dequantization::check(); }
  static_assert(detail::expect_dequantizer<Dequantizer>());

  static std::string describe() {
    return "ConditionalFlow<" + shape_text<Target>() + ", " + input_text<Input>() + ", " +
           detail::described_list<Extractor, Flow, Dequantizer>() + ">";
  }

  /// Rows of the extractor, the flow and a learnt dequantizer for a target of Height x Width.
  template <int Height, int Width>
  static std::vector<LayerRow> table() {
    using In = resolved_input<Input, Height, Width>;
    using Y = resolved<Target, Height, Width>;
    using on = typename Extractor::template On<In>;
    std::vector<LayerRow> rows;
    if (!std::is_same_v<Input, Nothing>)
      rows.push_back({"extractor", Extractor::describe(), input_text<In>(),
                      shapes_text(typename on::output{}), 1, on::parameters, on::multiply_adds});
    using F = typename resolve_list<features, Height, Width>::type;
    add_layer_rows<Flow, Y, F>(rows, "flow");
    using noise = typename Dequantizer::template On<Y, F>;
    if (noise::parameters > 0)
      rows.push_back({"dequantizer", Dequantizer::describe(), shape_text<Y>(), shape_text<Y>(), 1,
                      noise::parameters, noise::multiply_adds});
    return rows;
  }

  template <class B>
  struct Bound {
    typename Extractor::template Bound<B, Input> extractor;
    Conditioned<Flow, B, Target, features> conditioned;
    typename Dequantizer::template Bound<B, Target, features> dequantizer;
    long tile;

    explicit Bound(Scope<B> scope)
        : extractor(scope.child("extractor")),
          conditioned(scope.child("flow")),
          dequantizer(scope.child("dequantizer")),
          tile(scope.tile()) {}

    /// For a target of this size, padding included.
    Maps<B, features> prepare(const input_t<B, Input>& x, Extents size) const {
      return conditioned.prepare(detail::extracted<Extractor, B, Input>(extractor, x, size, tile));
    }

    template <class Watch = NoWatch>
    typename B::PerSample log_prob(const Batch<B, Target>& y, const Maps<B, features>& h,
                                   const NoiseRows& rows, const Watch& watch = {}) const {
      auto dequantized = dequantizer.dequantize(y, h, rows);
      watch.named("dequantizer").template saw<Dequantizer>(dequantized);
      const auto out =
          forward_watched<Flow>(conditioned.flow, std::move(dequantized.v), h, watch.named("flow"));
      auto sum = dequantized.log_det + standard_normal_log_density<B>(out.y.data);
      for (const auto& latent : out.latents.data) sum = sum + standard_normal_log_density<B>(latent);
      return out.log_det + sum;
    }

    Maps<B, latents> encode(const Batch<B, Target>& y, const Maps<B, features>& h,
                            const NoiseRows& rows) const {
      auto out = conditioned.flow.forward(dequantizer.dequantize(y, h, rows).v, h);
      return joined(std::move(out.latents),
                    Maps<B, Latents<output_t<Flow, Target, features>>>{.data = {out.y.data}});
    }

    Batch<B, Target> decode(Maps<B, latents> z, const Maps<B, features>& h) const {
      constexpr int emitted = latents::count - 1;
      Batch<B, output_t<Flow, Target, features>> last(std::move(z.data[emitted]));
      return dequantizer.quantize(conditioned.flow.inverse(
          std::move(last), stretch<typename ConditionalFlow::flow::latents, 0>(std::move(z)), h));
    }
  };
};

}  // namespace cnf
