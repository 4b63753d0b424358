// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

// [operator]
#include <millrace/runtime/operator.hpp>
#include <millrace/testing/operator_harness.hpp>

namespace {

using namespace millrace;

/// Gives every number twice.
class Twice final : public Operator {
 public:
  Status open(OperatorContext& context) override {
    out_ = Emitter<int>(context.output(0));
    return okStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<int>&>(*batch);
    for (BatchCursor i(in); !i.atEnd(); ++i) {
      for (; told_ < 2; ++told_) {
        if (!out_.ready()) return;
        out_.append(in.time(*i)) = in[*i];
      }
      told_ = 0;
    }
  }

 private:
  Emitter<int> out_;
  int told_ = 0;  // of the record at hand
};

TEST_CASE("Twice gives every number twice, however it is run") {
  testing::OperatorHarness harness([] { return std::make_unique<Twice>(); });
  harness.input<int>().output<int>("main", [](int n) { return std::to_string(n); });
  harness.record(1, 10).record(2, 20).watermark(15).end();
  REQUIRE(harness.run() ==
          std::vector<std::string>{"main: 1@10 1@10 2@20 2@20 wm:15 end", "counts: in 2, out 4"});
}
// [operator end]

using testing::OperatorHarness;

std::string text(int n) { return std::to_string(n); }

// Forgets, when its output is full in the middle of a record, what it had told of it.
class ForgetfulTwice final : public Operator {
 public:
  Status open(OperatorContext& context) override {
    out_ = Emitter<int>(context.output(0));
    return okStatus();
  }
  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<int>&>(*batch);
    for (BatchCursor i(in); !i.atEnd(); ++i) {
      for (int told = 0; told < 2; ++told) {
        if (!out_.ready()) return;
        out_.append(in.time(*i)) = in[*i];
      }
    }
  }

 private:
  Emitter<int> out_;
};

TEST_CASE("an operator that forgets where a full output stopped it is found out") {
  OperatorHarness harness([] { return std::make_unique<ForgetfulTwice>(); });
  harness.input<int>().output<int>("main", text);
  harness.record(1, 10).record(2, 20).record(3, 30).end();
  REQUIRE_THROWS_AS(harness.run(), std::logic_error);
}

// Sums each batch.
class BatchSum final : public Operator {
 public:
  Status open(OperatorContext& context) override {
    out_ = Emitter<int>(context.output(0));
    return okStatus();
  }
  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<int>&>(*batch);
    int sum = 0;
    for (BatchCursor i(in); !i.atEnd(); ++i) sum += in[*i];
    out_.append(0) = sum;
  }

 private:
  Emitter<int> out_;
};

TEST_CASE("an operator whose results depend on the batches is found out") {
  OperatorHarness harness([] { return std::make_unique<BatchSum>(); });
  harness.input<int>().output<int>("main", text);
  harness.record(1, 10).record(2, 20).end();
  REQUIRE_THROWS_WITH(harness.run(), Catch::Contains("input in batches of 2"));
}

class Spinning final : public Operator {
 public:
  void onBatch(std::size_t, BatchPtr& batch) override { batch->setCursor(batch->size()); }
  Step onWatermark(Timestamp) override { return Step::kAgain; }
};

TEST_CASE("an operator that never comes to rest is found out") {
  OperatorHarness harness([] { return std::make_unique<Spinning>(); });
  harness.input<int>().output<int>("main", text);
  harness.watermark(1);
  REQUIRE_THROWS_WITH(harness.run(), Catch::Contains("busy without end"));
}

class Unopened final : public Operator {
 public:
  Status open(OperatorContext&) override { return absl::NotFoundError("no such file"); }
  void onBatch(std::size_t, BatchPtr&) override {}
};

TEST_CASE("an operator that cannot be opened is told with its reason") {
  OperatorHarness harness([] { return std::make_unique<Unopened>(); });
  harness.input<int>();
  REQUIRE_THROWS_WITH(harness.run(), Catch::Contains("no such file"));
}

class Throwing final : public Operator {
 public:
  void onBatch(std::size_t, BatchPtr&) override { throw JobError("disk full"); }
};

TEST_CASE("a job error is the outcome of a run") {
  OperatorHarness harness([] { return std::make_unique<Throwing>(); });
  harness.input<int>();
  harness.record(1, 0);
  REQUIRE(harness.run() == std::vector<std::string>{"failed: disk full"});
}

TEST_CASE("the modes meet full outputs and large batches") {
  bool meetsTightest = false;
  bool meetsLargest = false;
  for (const testing::HarnessMode& mode : OperatorHarness::modes()) {
    meetsTightest =
        meetsTightest || (mode.outputBatch == 1 && mode.outputCapacity == 1 && !mode.readsEagerly);
    meetsLargest = meetsLargest || (mode.inputBatch == 1024 && mode.outputBatch == 1024);
  }
  REQUIRE(meetsTightest);
  REQUIRE(meetsLargest);
}

}  // namespace
