// SPDX-License-Identifier: MIT
#include <millrace/base/status.hpp>

#include <fmt/format.h>

#include <string>

namespace millrace {
namespace {

Status statusOf(StatusCode code, std::string_view message) {
  return Status(code, absl::string_view(message.data(), message.size()));
}

}  // namespace

Status invalidArgumentError(std::string_view message) {
  return statusOf(StatusCode::kInvalidArgument, message);
}
Status notFoundError(std::string_view message) { return statusOf(StatusCode::kNotFound, message); }
Status alreadyExistsError(std::string_view message) {
  return statusOf(StatusCode::kAlreadyExists, message);
}
Status permissionDeniedError(std::string_view message) {
  return statusOf(StatusCode::kPermissionDenied, message);
}
Status resourceExhaustedError(std::string_view message) {
  return statusOf(StatusCode::kResourceExhausted, message);
}
Status failedPreconditionError(std::string_view message) {
  return statusOf(StatusCode::kFailedPrecondition, message);
}
Status dataLossError(std::string_view message) { return statusOf(StatusCode::kDataLoss, message); }
Status unavailableError(std::string_view message) {
  return statusOf(StatusCode::kUnavailable, message);
}
Status abortedError(std::string_view message) { return statusOf(StatusCode::kAborted, message); }
Status internalError(std::string_view message) { return statusOf(StatusCode::kInternal, message); }

Status annotate(const Status& status, std::string_view doing) {
  if (status.ok()) return status;
  const std::string message = fmt::format(
      "while {}: {}", doing, std::string_view(status.message().data(), status.message().size()));
  return Status(status.code(), message);
}

}  // namespace millrace
