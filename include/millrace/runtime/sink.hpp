// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/runtime/operator.hpp>

#include <memory>
#include <string>

namespace millrace {

/// Writes one instance's share of a sink; a connector's author writes one of these.
///
/// **Thread safety**: all calls of one writer come from one worker; writers of one sink run on
/// different workers at the same time.
template <typename T>
class SinkWriter {
 public:
  virtual ~SinkWriter() = default;

  virtual Status open(OperatorContext&) { return absl::OkStatus(); }

  /// Takes all records of `batch` from its cursor on. An error fails the job.
  virtual Status write(const TypedBatch<T>& batch) = 0;

  /// Nothing more is on its way right now: let others see what was written.
  virtual Status flush() { return absl::OkStatus(); }

  /// The job is over. When it failed, what is not final stays invisible.
  virtual Status close(bool /*succeeded*/) { return absl::OkStatus(); }
};

/// Makes the writers of a sink, one a worker; see SourceConnector for `shared`.
template <typename T>
class SinkConnector {
 public:
  virtual ~SinkConnector() = default;
  virtual std::unique_ptr<SinkWriter<T>> makeWriter(std::shared_ptr<void>& shared) const = 0;
  /// "file(out/)".
  virtual std::string describe() const = 0;
};

}  // namespace millrace
