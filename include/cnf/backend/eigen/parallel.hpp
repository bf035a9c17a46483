// All cores, where the compiler has OpenMP (-fopenmp; CMake's cnf::eigen asks for it); else one thread.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <exception>

namespace cnf::eigen {

/// How many threads a loop gets: one inside another's loop.
inline int threads() {
#ifdef _OPENMP
  return omp_in_parallel() ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Calls body(i) for 0 <= i < count; `work` counts operations in all: few of them don't wake a second thread.
/// What one of the calls throws, is thrown.
template <class Body>
void parallel_for(long count, [[maybe_unused]] double work, const Body& body) {
  std::exception_ptr error;
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (count > 1 && work > 1e5)
#endif
  for (long i = 0; i < count; ++i) {
    try {
      body(i);
    } catch (...) {
#ifdef _OPENMP
#pragma omp critical(cnf_parallel_for)
#endif
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

/// visit(i) for 0 <= i < count, each of which takes `work` operations, in a few stretches for each core.
template <class Visit>
void by_stretches(long count, long work, const Visit& visit) {
  const long parts = std::min(count, 4L * threads());
  parallel_for(parts, double(count * work), [&](long part) {
    for (long i = part * count / parts; i < (part + 1) * count / parts; ++i) visit(i);
  });
}

}  // namespace cnf::eigen
