// SPDX-License-Identifier: MIT
#include <millrace/serde/serde.hpp>

#include <algorithm>

namespace millrace::detail {

void writeInOrder(std::vector<std::string>& parts, ByteWriter& out) {
  std::sort(parts.begin(), parts.end());
  for (const std::string& part : parts) out.bytes(part);
}

}  // namespace millrace::detail
