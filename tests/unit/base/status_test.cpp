// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <string>
#include <string_view>

#include <millrace/base/status.hpp>

namespace millrace {
namespace {

TEST_CASE("statuses are made by their code, with their message") {
  struct Row {
    Status (*make)(std::string_view);
    StatusCode code;
  };
  const Row rows[] = {
      {invalidArgumentError, StatusCode::kInvalidArgument},
      {notFoundError, StatusCode::kNotFound},
      {alreadyExistsError, StatusCode::kAlreadyExists},
      {permissionDeniedError, StatusCode::kPermissionDenied},
      {resourceExhaustedError, StatusCode::kResourceExhausted},
      {failedPreconditionError, StatusCode::kFailedPrecondition},
      {dataLossError, StatusCode::kDataLoss},
      {unavailableError, StatusCode::kUnavailable},
      {abortedError, StatusCode::kAborted},
      {internalError, StatusCode::kInternal},
  };
  for (const Row& row : rows) {
    const Status status = row.make("the reason");
    CHECK(status.code() == row.code);
    CHECK(std::string(status.message()) == "the reason");
    CHECK(isRetriable(status) == (row.code == StatusCode::kUnavailable));
  }
  CHECK(okStatus().ok());
}

TEST_CASE("what was being done stands before the message, and the code stays") {
  const Status status = annotate(notFoundError("no such file"), "reading");
  CHECK(status.code() == StatusCode::kNotFound);
  CHECK(std::string(status.message()) == "while reading: no such file");
  CHECK(annotate(okStatus(), "reading").ok());
}

}  // namespace
}  // namespace millrace
