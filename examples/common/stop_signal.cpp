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
int signalPipe[2] = {-1, -1};

static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void onStopSignal(int number) {
  const int savedErrno = errno;
  if (signalsSeen.fetch_add(1, std::memory_order_relaxed) > 0) _exit(128 + number);
  const char byte = 0;
  // The pipe is empty before the first signal, so this cannot fail for want of room.
  [[maybe_unused]] const ssize_t written = write(signalPipe[1], &byte, 1);
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
}

StopSignal::~StopSignal() {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  // Closing the writing end wakes the watcher with end of file.
  close(std::exchange(signalPipe[1], -1));
  if (watcher_.joinable()) watcher_.join();
  close(std::exchange(signalPipe[0], -1));
}

bool StopSignal::requested() const noexcept {
  return signalsSeen.load(std::memory_order_relaxed) > 0;
}

void StopSignal::onRequest(std::function<void()> stop) {
  watcher_ = std::thread([this, stop = std::move(stop)] {
    while (!readable(-1) && !requested()) {
    }
    if (requested()) stop();
    // Not over before it can be joined: a second signal would leave a finished thread behind.
    waitForClose();
  });
}

bool StopSignal::sleep(double seconds) const noexcept {
  constexpr double kLongestPoll = 1e6;
  if (seconds > 0 && !requested())
    readable(static_cast<int>(std::ceil(std::min(seconds * 1e3, kLongestPoll))));
  return requested();
}

}  // namespace millrace::examples
