// SPDX-License-Identifier: MIT
#include "stop_signal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <utility>

namespace millrace::examples {
namespace {

// A signal handler may touch only lock-free atomics and plain descriptors.
std::atomic<int> signalsSeen{0};
std::atomic<bool> userSignalSeen{false};
int signalPipe[2] = {-1, -1};

static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

void wakeWatcher() {
  const char byte = 0;
  // A pipe that is full has woken it already.
  [[maybe_unused]] const ssize_t written = write(signalPipe[1], &byte, 1);
}

extern "C" void onStopSignal(int number) {
  const int savedErrno = errno;
  if (signalsSeen.fetch_add(1, std::memory_order_relaxed) > 0) _exit(128 + number);
  wakeWatcher();
  errno = savedErrno;
}

extern "C" void onUserSignalCaught(int) {
  const int savedErrno = errno;
  userSignalSeen.store(true, std::memory_order_relaxed);
  wakeWatcher();
  errno = savedErrno;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

// True when the pipe has something to read within `milliseconds` (-1: for ever).
bool readable(int milliseconds) noexcept {
  pollfd entry = {signalPipe[0], POLLIN, 0};
  return poll(&entry, 1, milliseconds) > 0;
}

void emptyPipe() noexcept {
  char bytes[64];
  while (read(signalPipe[0], bytes, sizeof bytes) > 0) {
  }
}

// Returns when the writing end is closed, whatever has been written.
void waitForClose() noexcept {
  pollfd entry = {signalPipe[0], 0, 0};
  while (poll(&entry, 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace

StopSignal::StopSignal() {
  signalsSeen.store(0, std::memory_order_relaxed);
  if (pipe2(signalPipe, O_CLOEXEC | O_NONBLOCK) != 0) signalPipe[0] = signalPipe[1] = -1;
  handle(SIGINT, onStopSignal);
  handle(SIGTERM, onStopSignal);
  handle(SIGPIPE, SIG_IGN);
  watcher_ = std::thread([this] {
    watch();
    // Not over before it can be joined: a second signal would leave a finished thread behind.
    waitForClose();
  });
}

StopSignal::~StopSignal() {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  if (userAction_) onUserSignal({});
  // Closing the writing end wakes the watcher with end of file.
  close(std::exchange(signalPipe[1], -1));
  if (watcher_.joinable()) watcher_.join();
  close(std::exchange(signalPipe[0], -1));
}

bool StopSignal::requested() const noexcept {
  return signalsSeen.load(std::memory_order_relaxed) > 0;
}

void StopSignal::onUserSignal(std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  userAction_ = std::move(action);
  handle(SIGUSR1, userAction_ ? onUserSignalCaught : SIG_IGN);
}

void StopSignal::watch() {
  while (!requested()) {
    if (!readable(-1)) continue;
    if (userSignalSeen.exchange(false)) {
      emptyPipe();
      const std::lock_guard lock(mutex_);
      if (userAction_) userAction_();
    } else if (!requested()) {
      return;  // the writing end is closed
    }
  }
  stop_.request_stop();
}

bool StopSignal::sleep(double seconds) const noexcept {
  constexpr double kLongestPoll = 1e6;
  if (seconds > 0 && !requested())
    readable(static_cast<int>(std::ceil(std::min(seconds * 1e3, kLongestPoll))));
  return requested();
}

}  // namespace millrace::examples
