// SPDX-License-Identifier: MIT
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string_view>
#include <utility>

namespace millrace {

/// The result of everything that can fail for a reason the caller may meet in
/// production: a missing file, a full disk, a wrong option. Never ignored.
///
/// Code conventions: `kInvalidArgument` the caller asked for something wrong,
/// `kNotFound`, `kDataLoss` stored bytes are damaged, `kUnavailable` the only
/// retriable code, `kInternal` a bug in Millrace, `kAborted` user code threw.
using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

/// Statuses by their code, for connectors and whoever else has one to return.
inline Status okStatus() { return absl::OkStatus(); }
Status invalidArgumentError(std::string_view message);
Status notFoundError(std::string_view message);
Status alreadyExistsError(std::string_view message);
Status permissionDeniedError(std::string_view message);
Status resourceExhaustedError(std::string_view message);
Status failedPreconditionError(std::string_view message);
Status dataLossError(std::string_view message);
Status unavailableError(std::string_view message);
Status abortedError(std::string_view message);
Status internalError(std::string_view message);

/// `status` with "while <doing>: " put before its message; ok stays ok.
Status annotate(const Status& status, std::string_view doing);

/// True when trying the same thing again may succeed.
inline bool isRetriable(const Status& status) { return absl::IsUnavailable(status); }

}  // namespace millrace

#define MILLRACE_CONCAT_INNER(a, b) a##b
#define MILLRACE_CONCAT(a, b) MILLRACE_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expression` is not ok.
#define MILLRACE_RETURN_IF_ERROR(expression)                                    \
  do {                                                                          \
    if (::millrace::Status millraceStatus = (expression); !millraceStatus.ok()) \
      return millraceStatus;                                                    \
  } while (false)

/// `MILLRACE_ASSIGN_OR_RETURN(auto x, f());` unwraps a StatusOr or returns its error.
#define MILLRACE_ASSIGN_OR_RETURN(lhs, expression) \
  MILLRACE_ASSIGN_OR_RETURN_INNER(MILLRACE_CONCAT(millraceResult, __LINE__), lhs, expression)
#define MILLRACE_ASSIGN_OR_RETURN_INNER(result, lhs, expression) \
  auto result = (expression);                                    \
  if (!result.ok()) return std::move(result).status();           \
  lhs = *std::move(result)
