#include "run.hpp"
#include "vessel_segmentation/input.hpp"
#include "vessel_segmentation/specs.hpp"

namespace deploy {
namespace {

namespace vessels = ::vessel_segmentation;

vessels::Mask read_mask(const std::filesystem::path& path, const support::Image& photograph) {
  const auto image = read_pnm_levels(path);
  if (image.height != photograph.height || image.width != photograph.width)
    throw cnf::Error("expected " + path.string() + " to have the size of the photograph, " +
                     std::to_string(photograph.width) + "x" + std::to_string(photograph.height) + ", got " +
                     std::to_string(image.width) + "x" + std::to_string(image.height));
  return vessels::mask_of(image, path.string());
}

Question question(const Options& o, const Checkpoint& checkpoint) {
  const auto& metadata = checkpoint.metadata();
  if (const auto scale = metadata.find("scale"); scale != metadata.end() && scale->second != "1")
    std::printf("the model learnt from photographs at scale %s: expecting one of that resolution\n",
                scale->second.c_str());
  const auto image = read_pnm(o.image);
  const auto inside =
      o.field_of_view.empty() ? vessels::field_of_view_of(image) : read_mask(o.field_of_view, image);
  const auto x = vessels::input_values(image, inside);
  Question q{.x = {{x.begin(), x.end()}, {1, 4, image.height, image.width}}, .y = {}, .gain = 2};
  if (!o.target.empty()) {
    const auto on = read_mask(o.target, image).on;
    q.y = Numbers{{on.begin(), on.end()}, {1, 1, image.height, image.width}};
  }
  return q;
}

}  // namespace

bool vessel_segmentation(const Options& o, const Checkpoint& checkpoint) {
  const auto architecture = cnf::io::architecture_of(checkpoint);
  bool found = false;
  vessels::for_each_spec([&]<class Spec>(const vessels::Choice&) {
    if (cnf::describe<Spec>() != architecture) return;
    found = true;
    run<Spec>(o, checkpoint, question(o, checkpoint));
  });
  return found;
}

}  // namespace deploy
