// SPDX-License-Identifier: MIT
// A source and a sink of one's own: the Collatz sequence of a number, drawn as bars.

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

// [source]
// A connector makes one reader for each worker. This sequence cannot be shared out, so the first
// reader reads it and the others are at their end at once.
class CollatzSource final : public millrace::SourceConnector<std::int64_t> {
 public:
  explicit CollatzSource(std::int64_t start) : start_(start) {}

  std::unique_ptr<millrace::SourceReader<std::int64_t>> makeReader(
      std::shared_ptr<void>&, const millrace::WatermarkStrategy&) const override {
    return std::make_unique<Reader>(start_);
  }
  std::string describe() const override { return "collatz(" + std::to_string(start_) + ")"; }

 private:
  class Reader final : public millrace::SourceReader<std::int64_t> {
   public:
    explicit Reader(std::int64_t start) : next_(start) {}

    millrace::Status open(millrace::OperatorContext& context) override {
      if (next_ < 1)
        return millrace::invalidArgumentError("a Collatz sequence starts at 1 or more");
      isDone_ = context.worker() != 0;
      return millrace::okStatus();
    }

    // Puts out what is ready, as far as there is room; never waits.
    millrace::StatusOr<millrace::ReadState> read(
        millrace::SourceOutput<std::int64_t>& out) override {
      while (!isDone_) {
        if (out.isFull()) return millrace::ReadState::kMore;
        out.append(step_++) = next_;
        isDone_ = next_ == 1;
        next_ = next_ % 2 == 0 ? next_ / 2 : 3 * next_ + 1;
      }
      return millrace::ReadState::kEnd;
    }

   private:
    std::int64_t next_;
    millrace::Timestamp step_ = 0;
    bool isDone_ = false;
  };

  std::int64_t start_;
};
// [source end]

// [sink]
class Bars final : public millrace::SinkConnector<std::int64_t> {
 public:
  std::unique_ptr<millrace::SinkWriter<std::int64_t>> makeWriter(
      std::shared_ptr<void>&) const override {
    return std::make_unique<Writer>();
  }
  std::string describe() const override { return "bars"; }

 private:
  class Writer final : public millrace::SinkWriter<std::int64_t> {
   public:
    millrace::Status write(const millrace::TypedBatch<std::int64_t>& batch) override {
      for (std::size_t i = batch.cursor(); i < batch.size(); ++i) {
        std::cout << std::string(static_cast<std::size_t>(batch[i]), '#') << ' ' << batch[i]
                  << '\n';
      }
      if (!std::cout) return millrace::dataLossError("cannot write to standard output");
      return millrace::okStatus();
    }

    millrace::Status flush() override {
      std::cout.flush();
      return millrace::okStatus();
    }
  };
};
// [sink end]

int main() {
  millrace::Pipeline pipeline("collatz");
  pipeline.source("numbers", CollatzSource(6), millrace::monotonousTimestamps())
      .sink("bars", Bars());

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
