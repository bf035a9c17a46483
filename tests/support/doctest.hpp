// The one way to include doctest: LibTorch and glog define CHECK as well, and doctest's must win.
// A test that uses torch includes this header first, and no torch header defines the macro again after it.
#pragma once

#ifdef CNF_TESTS_USE_LIBTORCH
#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/adam.h>
#endif

#undef CHECK
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LT
#undef CHECK_LE
#undef CHECK_GT
#undef CHECK_GE
#undef LOG

#include <doctest/doctest.h>
