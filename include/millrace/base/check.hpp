// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>

#include <stdexcept>
#include <string>

namespace millrace {

/// A broken promise inside Millrace. Thrown by MILLRACE_CHECK, caught at the
/// task boundary: the job fails with the message, the host program lives.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// A failure that an operator cannot carry on after (an overflowing sum, a full
/// disk), thrown where no Status can be returned. The job fails with the code and the message.
class JobError : public std::runtime_error {
 public:
  explicit JobError(const std::string& message, StatusCode code = StatusCode::kAborted);
  /// REQUIRES: !status.ok().
  explicit JobError(const Status& status);

  StatusCode code() const noexcept { return code_; }

 private:
  StatusCode code_;
};

/// The exception being handled as a status: a JobError's own code, kInternal for an InternalError,
/// kAborted for anything else. REQUIRES: called from within a catch block.
Status statusOfException();

[[noreturn]] void failCheck(const char* condition, const char* file, int line,
                            const std::string& message);

}  // namespace millrace

/// Always on; for invariants checked once a batch or less often.
#define MILLRACE_CHECK(condition, message)                              \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::millrace::failCheck(#condition, __FILE__, __LINE__, (message)); \
  } while (false)

/// For the record path: compiled in debug builds only.
#ifdef NDEBUG
#define MILLRACE_DCHECK(condition, message) \
  do {                                      \
  } while (false)
#else
#define MILLRACE_DCHECK(condition, message) MILLRACE_CHECK(condition, message)
#endif
