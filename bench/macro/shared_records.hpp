// SPDX-License-Identifier: MIT
#pragma once

#include "keyed_records.hpp"

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/runtime/source.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::bench {

/// A source of records that lie ready in memory and belong to the benchmark, so that no run pays
/// for a copy of its input. One split, read by worker 0.
class SharedRecords final : public SourceConnector<KeyedRecord> {
 public:
  /// REQUIRES: the records outlive the job.
  explicit SharedRecords(const std::vector<KeyedRecord>& records) : records_(&records) {}

  std::unique_ptr<SourceReader<KeyedRecord>> makeReader(std::shared_ptr<void>&,
                                                        const WatermarkStrategy&) const override {
    return std::make_unique<Reader>(*records_);
  }
  std::string describe() const override { return "records in memory"; }

 private:
  class Reader final : public SourceReader<KeyedRecord> {
   public:
    explicit Reader(const std::vector<KeyedRecord>& records) : records_(records) {}

    Status open(OperatorContext& context) override {
      if (context.worker() != 0) next_ = records_.size();
      return absl::OkStatus();
    }

    StatusOr<ReadState> read(SourceOutput<KeyedRecord>& out) override {
      out.split(0);
      next_ = appendFrom(records_, next_, out, [](const KeyedRecord& r) { return r.time; });
      if (next_ < records_.size()) return ReadState::kMore;
      out.endSplit(0);
      return ReadState::kEnd;
    }

   private:
    const std::vector<KeyedRecord>& records_;
    std::size_t next_ = 0;
  };

  const std::vector<KeyedRecord>* records_;
};

}  // namespace millrace::bench
