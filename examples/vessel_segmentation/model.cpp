#include "model.hpp"

#include <CLI/CLI.hpp>
#include <numbers>

#include "specs.hpp"

namespace vessel_segmentation {
namespace {

template <class Spec>
class Instance final : public support::Holding<AnyModel, Spec> {
 public:
  using support::Holding<AnyModel, Spec>::Holding;

  at::Tensor loss(const at::Tensor& x, const at::Tensor& y, const cnf::NoiseOptions& noise) const override {
    const auto given = this->model_.given(x);
    if constexpr (factorised)
      return Spec::density::template loss<Backend>(y.to(x.scalar_type()),
                                                   cropped(given.features().data[0], y))
                 .mean() /
             std::numbers::ln2;
    else
      return given.bits_per_dim(y, noise).values.mean();
  }

  Bits bits(const at::Tensor& x, const at::Tensor& y, const cnf::NoiseOptions& noise) const override {
    const auto bits = this->model_.given(x).bits_per_dim(y, noise);
    return {bits.values * double(y.size(2) * y.size(3)), bits.effective_draws};
  }

  std::optional<at::Tensor> probability(const at::Tensor& x) const override {
    if constexpr (factorised) {
      const at::NoGradGuard no_grad;
      return at::sigmoid(
          Spec::density::template logit<Backend>(cropped(this->model_.given(x).features().data[0], x)));
    } else {
      return {};
    }
  }

  void sample(const at::Tensor& x, long count, const cnf::SampleOptions& options,
              const std::function<void(long, const at::Tensor&)>& take) const override {
    const at::NoGradGuard no_grad;
    const auto given = this->model_.given(x);
    for (long i = 0; i < count; ++i) {
      auto one = options;
      one.first_draw += i;
      take(i, given.sample(one));
    }
  }

  std::string first_nonfinite(const at::Tensor& x, const at::Tensor& y, std::uint64_t seed) const override {
    const at::NoGradGuard no_grad;
    return this->model_.given(x).first_nonfinite(y, {.seed = seed});
  }

 private:
  using Backend = cnf::libtorch::Backend;
  static constexpr bool factorised = requires { typename Spec::density; };

  static at::Tensor cropped(const at::Tensor& map, const at::Tensor& like) {
    return Backend::crop(map, like.size(2), like.size(3));
  }
};

}  // namespace

std::unique_ptr<AnyModel> make_model(const Choice& choice, const support::ModelOptions& options) {
  std::unique_ptr<AnyModel> model;
  for_each_spec([&]<class Spec>(const Choice& c) {
    if ((c.config.empty() || c.config == choice.config) && c.model == choice.model &&
        c.extractor == choice.extractor)
      model = std::make_unique<Instance<Spec>>(options);
  });
  if (!model)
    throw cnf::Error("expected a config, a model and an extractor of this program, got " + choice.config +
                     ", " + choice.model + " and " + choice.extractor);
  return model;
}

Choice choice_of(const std::filesystem::path& checkpoint) {
  const auto architecture = cnf::io::architecture_of(checkpoint);
  std::optional<Choice> found;
  for_each_spec([&]<class Spec>(const Choice& c) {
    if (cnf::describe<Spec>() == architecture) found = c;
  });
  if (!found) throw support::of_another_program(checkpoint, "vessel_segmentation");
  if (found->config.empty()) found->config = "paper";
  return *found;
}

double Resolution::scale_for(const Mask& field_of_view) const {
  if (across <= 0) return scale;
  const double same = across / pixels_across(field_of_view);
  for (const double plain : {scale, 1.0})  // as in training, or without resampling
    if (std::abs(same / plain - 1) < 0.1) return plain;
  return same;
}

Resolution resolution_of(const std::filesystem::path& checkpoint) {
  choice_of(checkpoint);  // one of another program has none
  const auto metadata = cnf::io::read_safetensors_metadata(checkpoint);
  const auto read = [&](const std::string& name, double& number) {
    const auto found = metadata.find(name);
    return found != metadata.end() && CLI::detail::lexical_cast(found->second, number) && number > 0;
  };
  Resolution resolution;
  if (!read("scale", resolution.scale) || resolution.scale > 1)
    throw cnf::Error("cannot load " + checkpoint.string() + ": expected a scale above 0 and at most 1, got " +
                     (metadata.contains("scale") ? metadata.at("scale") : "none"));
  if (metadata.contains("field_of_view") && !read("field_of_view", resolution.across))
    throw cnf::Error("cannot load " + checkpoint.string() + ": expected pixels across a field of view, got " +
                     metadata.at("field_of_view"));
  return resolution;
}

std::unique_ptr<AnyModel> open_model(const std::filesystem::path& checkpoint,
                                     const cnf::libtorch::Backend::Placement& placement, long tile) {
  return support::filled(
      make_model(choice_of(checkpoint), {.placement = placement, .blank = true, .tile = tile}), checkpoint);
}

}  // namespace vessel_segmentation
