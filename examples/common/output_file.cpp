// SPDX-License-Identifier: MIT
#include "output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace millrace::examples {
namespace {

Status cannot(std::string_view verb, const std::string& name, int error) {
  return absl::InvalidArgumentError(
      fmt::format("cannot {} {}: {}", verb, name, std::strerror(error)));
}

}  // namespace

OutputFile::OutputFile(std::string name, int descriptor, bool owned)
    : name_(std::move(name)), descriptor_(descriptor), owned_(owned) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : name_(std::move(other.name_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      owned_(std::exchange(other.owned_, false)) {}

OutputFile::~OutputFile() {
  if (owned_) ::close(descriptor_);
}

StatusOr<OutputFile> OutputFile::create(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return cannot("write", path, errno);
  return OutputFile(path, descriptor, true);
}

OutputFile OutputFile::standardOutput() { return OutputFile("stdout", STDOUT_FILENO, false); }

Status OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cannot("write", name_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

Status OutputFile::close() {
  if (!std::exchange(owned_, false)) return absl::OkStatus();
  if (::close(descriptor_) != 0 && errno != EINTR) return cannot("close", name_, errno);
  return absl::OkStatus();
}

}  // namespace millrace::examples
