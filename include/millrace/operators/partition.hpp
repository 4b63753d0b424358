// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/hash.hpp>
#include <millrace/runtime/operator.hpp>
#include <millrace/state/key_group.hpp>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace millrace {

/// Which worker's output a key's hash leads to.
class KeyRouter {
 public:
  KeyRouter() = default;
  KeyRouter(std::size_t keyGroups, std::size_t workers);

  std::size_t workerOf(std::uint64_t hash) const {
    return owners_[keyGroupOf(hash, static_cast<std::uint32_t>(owners_.size())).value];
  }

 private:
  std::vector<std::uint32_t> owners_;
};

/// The outputs of an operator that sends records to their keys' workers.
class KeyedOutputs {
 public:
  void open(OperatorContext& context);

  std::size_t size() const { return ports_.size(); }
  OutputPort& operator[](std::size_t worker) { return *ports_[worker]; }
  OutputPort& of(std::uint64_t hash) { return *ports_[router_.workerOf(hash)]; }

  /// Whether each of them is ready; makes them so where it can.
  bool areReady();

 private:
  std::vector<OutputPort*> ports_;
  KeyRouter router_;
};

/// Spreads records over the workers by the key group of their key: the sending half of keyBy's
/// shuffle. Output w leads to worker w.
template <typename T, typename KeyOf>
class PartitionOperator final : public Operator {
 public:
  explicit PartitionOperator(KeyOf keyOf) : keyOf_(std::move(keyOf)) {}

  Status open(OperatorContext& context) override {
    outs_.open(context);
    return absl::OkStatus();
  }

  void onBatch(std::size_t, BatchPtr& batch) override {
    auto& in = static_cast<TypedBatch<T>&>(*batch);
    for (BatchCursor i(in); !i.atEnd(); ++i) {
      const std::uint64_t hash = millraceHash(std::invoke(keyOf_, std::as_const(in[*i])));
      Emitter<T> out(outs_.of(hash));
      if (!out.ready()) break;
      // A swap, so that both slots keep their buffers and neither allocates for its next record.
      std::swap(out.append(in.time(*i)), in[*i]);
    }
  }

 private:
  KeyOf keyOf_;
  KeyedOutputs outs_;
};

}  // namespace millrace
