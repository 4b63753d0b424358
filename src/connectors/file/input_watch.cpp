// SPDX-License-Identifier: MIT
#include "connectors/file/input_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include <millrace/base/check.hpp>

namespace millrace {
namespace {

constexpr std::uint64_t kArm = 1;
constexpr std::uint64_t kStop = 1ull << 40;

}  // namespace

InputWatch::InputWatch(int descriptor, std::function<void()> onReadable)
    : descriptor_(descriptor),
      onReadable_(std::move(onReadable)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  MILLRACE_CHECK(wake_ >= 0, "no eventfd for watching an input stream");
  thread_ = std::thread([this] { run(); });
}

InputWatch::~InputWatch() {
  signal(kStop);
  thread_.join();
  ::close(wake_);
}

void InputWatch::arm() { signal(kArm); }

void InputWatch::signal(unsigned long long word) const {
  const std::uint64_t value = word;
  // Fails only when the counter is full, and then the thread wakes anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_, &value, sizeof value);
}

void InputWatch::run() {
  bool armed = false;
  while (true) {
    pollfd entries[] = {{wake_, POLLIN, 0}, {armed ? descriptor_ : -1, POLLIN, 0}};
    if (::poll(entries, 2, -1) < 0) continue;
    if (entries[0].revents != 0) {
      std::uint64_t words = 0;
      if (::read(wake_, &words, sizeof words) == sizeof words) {
        if (words >= kStop) return;
        armed = true;
      }
      continue;
    }
    if (entries[1].revents != 0) {
      armed = false;
      onReadable_();
    }
  }
}

}  // namespace millrace
