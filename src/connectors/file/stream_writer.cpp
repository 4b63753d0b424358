// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/stream_writer.hpp>

#include <millrace/base/check.hpp>

namespace millrace {

Status StreamWriter::write(std::string_view lines) {
  MILLRACE_CHECK(lines.empty() || lines.back() == '\n', "a stream takes whole lines only");
  const std::lock_guard<std::mutex> lock(mutex_);
  if (failure_.ok()) failure_ = stream_->append(lines);
  return failure_;
}

}  // namespace millrace
