// SPDX-License-Identifier: MIT
// Jobs: two pipelines at once in one process, one of which never ends by itself.

#include <millrace/millrace.hpp>

#include <chrono>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

int main() {
  const auto number = [](std::uint64_t i) { return static_cast<std::int64_t>(i); };

  millrace::Pipeline squares("squares");
  millrace::Collected<std::int64_t> evenSquares;
  squares
      .source("numbers", millrace::generator<std::int64_t>(number, {.count = 1'000}),
              millrace::noWatermarks())
      .filter([](std::int64_t n) { return n % 2 == 0; })
      .map([](std::int64_t n) { return n * n; })
      .sink("squares", millrace::collectInto(evenSquares));

  millrace::Pipeline ticks("ticks");
  millrace::Collected<std::int64_t> seen;
  ticks
      .source("ticks", millrace::generator<std::int64_t>(number, {.count = {}, .rate = 1'000}),
              millrace::noWatermarks())
      .sink("seen", millrace::collectInto(seen));

  // [jobs]
  // Each job has threads of its own; nothing is printed, and errors come by Status.
  millrace::StatusOr<millrace::Job> finite = millrace::start(squares);
  millrace::StatusOr<millrace::Job> endless = millrace::start(ticks, {.workers = 1});
  if (!finite.ok() || !endless.ok()) return 1;

  const millrace::Status end = finite->wait();  // its input ends
  const millrace::JobCounts counts = finite->counts();

  while (seen.size() < 10) std::this_thread::sleep_for(1ms);
  for (const millrace::TaskStatus& task : endless->status()) {
    std::cerr << task.operatorName << " on worker " << task.worker << ": " << task.state << '\n';
  }
  endless->stop();  // in good order: what has been read still reaches the sink
  const millrace::Status stopped = endless->wait();
  // [jobs end]

  std::cout << "squares: " << end << ", " << counts.recordsIn() << " in, " << counts.filtered()
            << " filtered, " << counts.recordsOut() << " out\n"
            << "ticks: " << stopped << ", every tick that was read was seen: " << std::boolalpha
            << (endless->counts().recordsIn() == seen.size()) << '\n';
  return end.ok() && stopped.ok() ? 0 : 1;
}
