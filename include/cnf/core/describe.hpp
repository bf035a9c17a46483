// A flow as text, and as a table of its layers.
//
//   describe<Flow>()                         "Sequential<Squeeze, Repeat<8, ...>>"; checkpoints store it
//   layer_table<Flow, Shape<3, 32, 32>>()    a row per layer: path, name, shapes, parameters, and
//                                            multiply-adds per sample
//
// A Repeat of K is one row group with K times the parameters. Source of the counts: every layer's own `On`.
#pragma once

#include <string>
#include <vector>

#include "cnf/core/layer.hpp"

namespace cnf {

template <class Spec>
std::string describe() {
  return Spec::describe();
}

/// A list of maps or latents as text.
template <template <class...> class List, class... S>
std::string shapes_text(List<S...>) {
  std::string text;
  ((text += (text.empty() ? "" : ", ") + shape_text<S>()), ...);
  return text;
}

/// A row of the table of layers.
struct LayerRow {
  /// Where it stands: indices and names, by dots.
  std::string path;
  /// As it describes itself.
  std::string layer;
  /// The shape that it gets.
  std::string input;
  /// The shape that it gives.
  std::string output;
  /// How often it stands there.
  long repeats = 1;
  /// Of all its repeats.
  long parameters = 0;
  /// Of all its repeats, for one sample.
  long multiply_adds = 0;
};

/// Adds the rows of Layer; compositions say themselves how (`On::add_rows`), every other layer is one row.
template <class Layer, class In, class F>
void add_layer_rows(std::vector<LayerRow>& rows, const std::string& path, long repeats = 1) {
  using on = typename Layer::template On<In, F>;
  if constexpr (requires { on::add_rows(rows, path, repeats); })
    on::add_rows(rows, path, repeats);
  else
    rows.push_back({path, Layer::describe(), shape_text<In>(), shape_text<typename on::output>(), repeats,
                    repeats * on::parameters, repeats * on::multiply_adds});
}

template <class Flow, class In, class F = Features<>>
std::vector<LayerRow> layer_table() {
  using on [[maybe_unused]] = checked_t<Flow, In, F>;
  std::vector<LayerRow> rows;
  add_layer_rows<Flow, In, F>(rows, "");
  return rows;
}

namespace detail {

template <class... Spec>
std::string described_list() {
  std::string text;
  ((text += (text.empty() ? "" : ", ") + Spec::describe()), ...);
  return text;
}

}  // namespace detail
}  // namespace cnf
