// SPDX-License-Identifier: MIT
#include <millrace/base/status.hpp>

#include <fmt/format.h>

#include <string>

namespace millrace {

Status annotate(const Status& status, std::string_view doing) {
  if (status.ok()) return status;
  const std::string message = fmt::format("while {}: {}", doing, 
      std::string_view(status.message().data(), status.message().size()));
  return Status(status.code(), message);
}

}  // namespace millrace
