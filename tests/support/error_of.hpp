// The text of the Error that an action throws.
#pragma once

#include <string>

#include "cnf/core/error.hpp"

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const cnf::Error& error) {
    return error.what();
  }
  return "no error";
}
