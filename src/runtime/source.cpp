// SPDX-License-Identifier: MIT
#include <millrace/runtime/source.hpp>

#include <fmt/format.h>

namespace millrace {

template class TypedBatch<DeadLetter>;

void DeadLetter::assign(std::string_view fromSource, std::string_view at, std::string_view why,
                        std::string_view bytes) {
  source = fromSource;
  position = at;
  reason = why;
  payload = bytes;
}

void failInvalidRecord(std::string_view position, std::string_view reason) {
  throw JobError(fmt::format(
      "invalid record at {}: {} (correct it, or let the source skip invalid records)", position,
      reason));
}

}  // namespace millrace
