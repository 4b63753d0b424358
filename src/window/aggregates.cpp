// SPDX-License-Identifier: MIT
#include <millrace/window/aggregates.hpp>

#include <string>

namespace millrace {

void failOverflow(std::string_view aggregate) {
  throw JobError(std::string(aggregate) +
                 ": the total does not fit 64 bits (aggregate a smaller unit, or shorter windows)");
}

}  // namespace millrace
