#include "super_resolution/specs.hpp"

#include "run.hpp"

namespace deploy {
namespace {

Question question(const Options& o) {
  Question q{.x = planes(read_pnm(o.image)), .y = {}, .temperature = 0.8, .highest = 255, .gain = 8};
  for (double& v : q.x.values) v = super_resolution::normalised(v);
  if (!o.target.empty()) q.y = planes(read_pnm(o.target));
  return q;
}

}  // namespace

bool super_resolution(const Options& o, const Checkpoint& checkpoint) {
  const auto architecture = cnf::io::architecture_of(checkpoint);
  bool found = false;
  super_resolution::for_each_spec([&]<class Spec>(const char*, const char*) {
    if (cnf::describe<Spec>() != architecture) return;
    found = true;
    run<Spec>(o, checkpoint, question(o));
  });
  return found;
}

}  // namespace deploy
