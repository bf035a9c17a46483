#include "model.hpp"

#include <fmt/format.h>

#include "specs.hpp"
#include "support/program.hpp"

namespace super_resolution {
namespace {

template <class Spec>
class Instance final : public support::Holding<AnyModel, Spec> {
 public:
  using support::Holding<AnyModel, Spec>::Holding;

  at::Tensor bits_per_dim(const at::Tensor& x, const at::Tensor& y,
                          const cnf::NoiseOptions& noise) const override {
    return this->model_.given(seen(x)).bits_per_dim(y, noise).values;
  }
  void sample(const at::Tensor& x, const std::vector<cnf::SampleOptions>& options,
              const std::function<void(std::size_t, at::Tensor)>& take) const override {
    const at::NoGradGuard no_grad;
    const auto given = this->model_.given(seen(x));
    if (x.numel() > 1 << 20)
      support::give_back_memory();  // of a large image the extractor's tiles are the largest
    for (std::size_t i = 0; i < options.size(); ++i) take(i, given.sample(options[i]));
  }
  typename AnyModel::Cost cost(long height, long width) const override {
    constexpr int side = 64;  // of a target that every model divides
    const double scale = double(2 * height) * double(2 * width) / (side * side);
    AnyModel::Cost cost;
    for (const auto& row : Spec::template table<side, side>())
      (row.path == "extractor" ? cost.features : cost.draw) += double(row.multiply_adds) * scale;
    using Features = typename cnf::resolve_list<typename Spec::features, side, side>::type;
    cost.bytes = 4 * scale * double(numbers(Features{}) + 2 * cnf::size<cnf::resolved<Target, side, side>>);
    return cost;
  }
  std::string first_nonfinite(const at::Tensor& x, const at::Tensor& y, std::uint64_t seed) const override {
    const at::NoGradGuard no_grad;
    return this->model_.given(seen(x)).first_nonfinite(y, {.seed = seed});
  }

 private:
  template <class... S>
  static constexpr long numbers(cnf::Features<S...>) {
    return (0 + ... + cnf::size<S>);
  }
  /// What the model sees; a function, so that nothing on the way is in memory any more when it is given.
  static at::Tensor seen(const at::Tensor& x) { return normalised(x.to(at::kFloat)); }
};

template <class Act>
void with_spec(const Choice& choice, const Act& act) {
  bool found = false;
  for_each_spec([&]<class Spec>(const char* config, const char* model) {
    if (choice.config != config || choice.model != model) return;
    found = true;
    act.template operator()<Spec>();
  });
  if (!found)
    throw cnf::Error("expected a config of small, base or paper and a model of cnf or factorised, got " +
                     choice.config + " and " + choice.model);
}

std::string table_text(const std::vector<cnf::LayerRow>& rows) {
  std::string text = fmt::format("{:<14} {:<34} {:>11} {:>22} {:>7} {:>12} {:>15}\n", "path", "layer",
                                 "input", "output", "repeats", "parameters", "multiply-adds");
  long parameters = 0, multiply_adds = 0;
  for (const auto& row : rows) {
    text += fmt::format("{:<14} {:<34} {:>11} {:>22} {:>7} {:>12} {:>15}\n", row.path, row.layer, row.input,
                        row.output, row.repeats, row.parameters, row.multiply_adds);
    parameters += row.parameters;
    multiply_adds += row.multiply_adds;
  }
  return text + fmt::format("{:<14} {:<34} {:>11} {:>22} {:>7} {:>12} {:>15}\n", "sum", "", "", "", "",
                            parameters, multiply_adds);
}

}  // namespace

std::unique_ptr<AnyModel> make_model(const Choice& choice, const support::ModelOptions& options) {
  std::unique_ptr<AnyModel> model;
  with_spec(choice, [&]<class Spec>() { model = std::make_unique<Instance<Spec>>(options); });
  return model;
}

Choice choice_of(const std::filesystem::path& checkpoint) {
  const auto architecture = cnf::io::architecture_of(checkpoint);
  Choice found{"", ""};
  for_each_spec([&]<class Spec>(const char* config, const char* model) {
    if (cnf::describe<Spec>() == architecture) found = {config, model};
  });
  if (found.config.empty()) throw support::of_another_program(checkpoint, "super_resolution");
  return found;
}

std::unique_ptr<AnyModel> open_model(const std::filesystem::path& checkpoint,
                                     const cnf::libtorch::Backend::Placement& placement, long tile) {
  return support::filled(
      make_model(choice_of(checkpoint), {.placement = placement, .blank = true, .tile = tile}), checkpoint);
}

std::string describe_model(const Choice& choice) {
  std::string text;
  with_spec(choice, [&]<class Spec>() {
    const auto rows = Spec::template table<32, 32>();
    text = cnf::describe<Spec>() + "\n\nfor a target of 3x32x32, per sample:\n" + table_text(rows);
    long extractor = 0;
    for (const auto& row : rows)
      if (row.path == "extractor") extractor += row.parameters;
    text += fmt::format("\nparameters: {:.2f} M in all, {:.2f} M in the extractor, {:.2f} M in {}\n",
                        double(Spec::parameters) / 1e6, double(extractor) / 1e6,
                        double(Spec::parameters - extractor) / 1e6,
                        choice.model == "cnf" ? "the flow" : "the head");
  });
  return text;
}

}  // namespace super_resolution
