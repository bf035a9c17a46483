// What including core costs.
#include "cnf/core.hpp"
