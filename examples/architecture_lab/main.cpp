// The place to start playing: flows as types, and nothing but the compiler. One second to build:
//
//   g++ -std=c++20 -Iinclude examples/architecture_lab/main.cpp && ./a.out
//
// A candidate that does not fit is a row of the table here, because FlowFor only asks. To hear why, ask for
// its latents: add -DCNF_LAB_WHY to that command.
#include <cstdio>

#include "flows.hpp"

namespace {

using namespace lab;

#ifdef CNF_LAB_WHY
using Why = latents_t<ThreeLevels, Image, Given>;
#endif

template <class Flow>
void row(const char* name) {
  if constexpr (FlowFor<Flow, Image, Given>)
    std::printf("%-16s %-20s %12ld %14.1f M\n", name, shapes_text(latents_t<Flow, Image, Given>{}).c_str(),
                parameter_count<Flow, Image, Given>, double(multiply_adds<Flow, Image, Given>) * 1e-6);
  else
    std::printf("%-16s does not fit: build with -DCNF_LAB_WHY and the compiler says why\n", name);
}

}  // namespace

int main() {
  std::printf("flows of %s given %s\n\n%-16s %-20s %12s %16s\n", shape_text<Image>().c_str(),
              shapes_text(Given{}).c_str(), "", "latents", "parameters", "multiply-adds");
  for_each_flow([]<class Flow>(const char* name) { row<Flow>(name); });

  std::printf("\nmodels of %s\n\n%-16s %-20s %12s\n", shape_text<Image>().c_str(), "", "feature maps",
              "parameters");
  for_each_model([]<class Spec>(const char* name) {
    std::printf("%-16s %-20s %12ld\n", name, shapes_text(typename Spec::features{}).c_str(),
                Spec::parameters);
  });

  std::printf("\ntwo levels, layer by layer\n");
  for (const auto& r : layer_table<TwoLevels, Image, Given>())
    std::printf("  %-8s %-36s %9s -> %-9s x%-2ld %9ld %10.1f M\n", r.path.c_str(), r.layer.c_str(),
                r.input.c_str(), r.output.c_str(), r.repeats, r.parameters, double(r.multiply_adds) * 1e-6);
}
