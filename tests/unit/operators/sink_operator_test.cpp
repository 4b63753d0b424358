// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include <millrace/operators/sink_operator.hpp>
#include <millrace/testing/operator_harness.hpp>

namespace millrace {
namespace {

using testing::HarnessMode;
using testing::OperatorHarness;
using Lines = std::vector<std::string>;

// Logs what it is told to do.
class LoggingWriter final : public SinkWriter<int> {
 public:
  struct Log {
    std::string text;
    int failsAt = -1;
    bool failsToFlush = false;
    bool failsToClose = false;
  };
  explicit LoggingWriter(std::shared_ptr<Log> log) : log_(std::move(log)) {}

  Status open(OperatorContext&) override {
    log_->text = "open ";
    return absl::OkStatus();
  }
  Status write(const TypedBatch<int>& batch) override {
    for (std::size_t i = batch.cursor(); i < batch.size(); ++i) {
      if (batch[i] == log_->failsAt) return absl::ResourceExhaustedError("disk full");
      log_->text += std::to_string(batch[i]) + " ";
    }
    return absl::OkStatus();
  }
  Status flush() override {
    if (log_->failsToFlush) return absl::UnavailableError("cannot flush");
    log_->text += "flush ";
    return absl::OkStatus();
  }
  Status close(bool succeeded) override {
    log_->text += succeeded ? "close" : "close-failed";
    return log_->failsToClose ? absl::DataLossError("cannot close") : absl::OkStatus();
  }

 private:
  const std::shared_ptr<Log> log_;
};

struct Sink {
  Sink()
      : harness([shared = log] {
          return std::make_unique<WriterSink<int>>(std::make_unique<LoggingWriter>(shared));
        }) {
    harness.input<int>();
    for (int i = 1; i <= 4; ++i) harness.record(i, i);
  }
  std::shared_ptr<LoggingWriter::Log> log = std::make_shared<LoggingWriter::Log>();
  OperatorHarness harness;
};

TEST_CASE("a sink writes every record once, and flushes and closes at the end") {
  Sink sink;
  sink.harness.watermark(4).end();
  for (HarnessMode mode : OperatorHarness::modes()) {
    mode.quietens = false;
    REQUIRE(sink.harness.run(mode) == Lines{"counts: in 4"});
    REQUIRE(sink.log->text == "open 1 2 3 4 flush close");
  }
}

TEST_CASE("a sink flushes when nothing more is on its way") {
  Sink sink;
  HarnessMode mode;
  mode.inputBatch = 2;
  mode.quietens = true;
  sink.harness.run(mode);
  REQUIRE(sink.log->text == "open 1 2 flush 3 4 flush close-failed");
}

TEST_CASE("a sink that cannot write, flush or close says why, however it is fed") {
  Sink sink;
  sink.harness.end();
  sink.log->failsAt = 3;
  REQUIRE(sink.harness.run() == Lines{"failed: disk full"});
  sink.log->failsAt = -1;
  sink.log->failsToFlush = true;
  REQUIRE(sink.harness.run() == Lines{"failed: cannot flush"});
  sink.log->failsToFlush = false;
  sink.log->failsToClose = true;
  REQUIRE(sink.harness.run() == Lines{"failed: close(): DATA_LOSS: cannot close"});
}

TEST_CASE("a sink of a stopped job is flushed too") {
  Sink sink;
  sink.harness.end(false);
  sink.harness.run();
  REQUIRE(sink.log->text.find("4 flush") != std::string::npos);
}

}  // namespace
}  // namespace millrace
