// expect: cnf: expected an Eigen that may allocate, got EIGEN_NO_MALLOC
// flags: -DEIGEN_NO_MALLOC
#include "cnf/eigen.hpp"
