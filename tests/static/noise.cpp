// Philox4x32-10 against the known answers of Random123 (Salmon et al., 2011), and what keys are for.
#include "cnf/noise/noise.hpp"

namespace {

using namespace cnf;

using Block = std::array<std::uint32_t, 4>;
constexpr std::uint32_t ones = 0xffffffffu;

static_assert(detail::philox({0, 0, 0, 0}, 0, 0) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(detail::philox({ones, ones, ones, ones}, ones, ones) ==
              Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
// counter and key from the digits of pi
static_assert(detail::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
              Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
static_assert(detail::philox({1, 0, 0, 0}, 0, 0) != detail::philox({0, 0, 0, 0}, 0, 0));
static_assert(detail::philox({0, 0, 0, 0}, 1, 0) != detail::philox({0, 0, 0, 0}, 0, 1));

// (0, 1): neither end
static_assert(detail::unit_interval(0, 0) > 0 && detail::unit_interval(ones, ones) < 1);
static_assert(detail::unit_interval(0x80000000u, 0) > 0.5 && detail::unit_interval(0x7fffffffu, ones) < 0.5);
static_assert(detail::unit_interval(0, 1u << 12) > detail::unit_interval(0, 0));

// every part of a key matters, and so does the number of the element
constexpr NoiseKey key{.seed = 5, .stream = Stream::latents, .input = 1, .draw = 2, .level = 3};
constexpr auto numbers = key.uniform_pair(0);
constexpr bool differs(const NoiseKey& other) { return other.uniform_pair(0) != numbers; }
static_assert(!differs({.seed = 5, .stream = Stream::latents, .input = 1, .draw = 2, .level = 3}));
static_assert(differs({.seed = 6, .stream = Stream::latents, .input = 1, .draw = 2, .level = 3}));
static_assert(
    differs({.seed = 5 + (1ull << 32), .stream = Stream::latents, .input = 1, .draw = 2, .level = 3}));
static_assert(differs({.seed = 5, .stream = Stream::dequantization, .input = 1, .draw = 2, .level = 3}));
static_assert(differs({.seed = 5, .stream = Stream::latents, .input = 2, .draw = 1, .level = 3}));
static_assert(differs({.seed = 5, .stream = Stream::latents, .input = 1, .draw = 3, .level = 2}));
static_assert(differs({.seed = 5, .stream = Stream::latents, .input = 1, .draw = 2, .level = 4}));
static_assert(key.uniform_pair(1) != numbers && numbers[0] != numbers[1]);

}  // namespace
