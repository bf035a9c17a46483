// The library as most programs use it: everything in core, on LibTorch.
#pragma once

#include "cnf/libtorch.hpp"
