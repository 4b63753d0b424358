// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/stream_writer.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <millrace/base/check.hpp>

namespace millrace {
namespace {

std::string drain(int descriptor) {
  std::string all;
  char buffer[4096];
  for (ssize_t got; (got = ::read(descriptor, buffer, sizeof buffer)) > 0;) {
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all;
}

TEST_CASE("lines of several writers come whole through a small non-blocking pipe") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  StreamWriter writer(outputToDescriptor(ends[1], "<pipe>"));
  std::string received;
  std::thread reader([&] { received = drain(ends[0]); });
  const std::size_t length = 100'000;
  std::vector<std::thread> threads;
  for (char letter : {'a', 'b', 'c'}) {
    threads.emplace_back([&writer, letter] {
      for (int i = 0; i < 10; ++i) {
        if (!writer.write(std::string(length, letter) + "\n").ok()) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  REQUIRE(received.size() == 30 * (length + 1));
  for (std::size_t i = 0; i < received.size(); i += length + 1) {
    const std::string line = received.substr(i, length);
    REQUIRE(std::count(line.begin(), line.end(), line[0]) == static_cast<long>(length));
    REQUIRE(received[i + length] == '\n');
  }
}

TEST_CASE("a reader that went away is an error when the program ignores SIGPIPE") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  StreamWriter writer(outputToDescriptor(ends[1], "<stdout>"));
  const Status written = writer.write("row\n");
  CHECK(absl::IsFailedPrecondition(written));
  CHECK(written.message() ==
        "cannot write <stdout>: Broken pipe (the reader went away), 0 of 4 bytes written");
  CHECK(writer.write("row\n") == written);
  ::close(ends[1]);
  std::signal(SIGPIPE, before);
}

TEST_CASE("a closed stream and a full device are errors") {
  StreamWriter closed(outputToDescriptor(1'000'000, "<stdout>"));
  CHECK(closed.write("row\n").message() ==
        "cannot write <stdout>: Bad file descriptor (it is closed), 0 of 4 bytes written");
  StreamWriter full(posixFileSystem().openWrite("/dev/full", WriteMode::kAppend).value());
  CHECK(absl::IsResourceExhausted(full.write("row\n")));
}

TEST_CASE("half a line is refused") {
  StreamWriter writer(outputToDescriptor(1, "<stdout>"));
  CHECK_THROWS_AS(writer.write("half"), InternalError);
}

}  // namespace
}  // namespace millrace
