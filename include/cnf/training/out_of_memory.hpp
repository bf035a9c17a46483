// Whether an exception says that memory ran out, of the host or of a device.
#pragma once

#include <exception>
#include <new>
#include <string>

namespace cnf::training {

/// Whether LibTorch or the system ran out of memory.
inline bool is_out_of_memory(const std::exception& error) {
  const std::string text = error.what();
  return dynamic_cast<const std::bad_alloc*>(&error) || text.find("out of memory") != std::string::npos ||
         text.find("can't allocate memory") != std::string::npos;
}

}  // namespace cnf::training
