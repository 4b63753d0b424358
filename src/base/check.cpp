// SPDX-License-Identifier: MIT
#include <millrace/base/check.hpp>

#include <fmt/format.h>

namespace millrace {

JobError::JobError(const std::string& message, StatusCode code)
    : std::runtime_error(message), code_(code) {}

JobError::JobError(const Status& status)
    : JobError(std::string(status.message().data(), status.message().size()), status.code()) {}

Status statusOfException() {
  try {
    throw;
  } catch (const JobError& error) {
    return Status(error.code(), error.what());
  } catch (const InternalError& error) {
    return absl::InternalError(error.what());
  } catch (const std::exception& error) {
    return absl::AbortedError(error.what());
  } catch (...) {
    return absl::AbortedError(
        "something that is not a std::exception was thrown (throw one with a message)");
  }
}

void failCheck(const char* condition, const char* file, int line, const std::string& message) {
  throw InternalError(fmt::format("internal error: {} ({} does not hold at {}:{})", message,
                                  condition, file, line));
}

}  // namespace millrace
