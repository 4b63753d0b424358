// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <millrace/state/value_state.hpp>

namespace millrace {

/// V f(V, V), taken by value or const reference.
template <typename Fn, typename V>
concept Reducer = std::is_invocable_r_v<V, const Fn&, const V&, const V&>;

/// One value per key that every added value is folded into.
/// The rules of ValueState hold. `Fn` is called on the worker's thread and must be pure.
template <StateValue V, Reducer<V> Fn>
class ReducingState {
 public:
  ReducingState() = default;

  static StatusOr<ReducingState> declare(KeyedStateStore& store, std::string_view name, Fn reduce,
                                         std::optional<StateTtl> ttl = {}) {
    ReducingState state;
    MILLRACE_ASSIGN_OR_RETURN(
        state.single_, detail::SingleCell<V>::declare(store, name, StateKind::kReducing, ttl));
    state.reduce_.emplace(std::move(reduce));
    return state;
  }

  /// The first value as it is, each later one folded in. Throws JobError when the
  /// handle was never declared.
  void add(V value) {
    if (!single_.isLive()) {
      single_.set(std::move(value));
    } else {
      V& sum = single_.edit([] { return V{}; });
      sum = (*reduce_)(std::as_const(sum), std::as_const(value));
    }
  }

  /// The folded value, or nullptr when nothing was added.
  const V* get() const { return single_.get(); }

  bool isEmpty() const { return !single_.isLive(); }
  void clear() { single_.clear(); }

 private:
  detail::SingleCell<V> single_;
  std::optional<Fn> reduce_;  // a lambda with captures has no default
};

/// What an aggregate must offer to be kept as state: `create()` gives a fresh
/// accumulator, `add(accumulator, in)` changes it in place or returns a new one,
/// `result(accumulator)` reads it.
template <typename Agg, typename In>
concept StateAggregate = requires(const Agg& aggregate,
                                  std::decay_t<decltype(aggregate.create())>& accumulator,
                                  const In& in) {
  aggregate.add(accumulator, in);
  aggregate.result(std::as_const(accumulator));
}
&&StateValue<std::decay_t<decltype(std::declval<const Agg&>().create())>>;

/// One accumulator per key; reading gives the aggregate's result.
/// The rules of ValueState hold.
template <typename Agg, typename In>
requires StateAggregate<Agg, In>
class AggregatingState {
 public:
  using Accumulator = std::decay_t<decltype(std::declval<const Agg&>().create())>;
  using Result =
      std::decay_t<decltype(std::declval<const Agg&>().result(std::declval<const Accumulator&>()))>;

  AggregatingState() = default;

  static StatusOr<AggregatingState> declare(KeyedStateStore& store, std::string_view name,
                                            Agg aggregate, std::optional<StateTtl> ttl = {}) {
    AggregatingState state;
    MILLRACE_ASSIGN_OR_RETURN(state.single_, detail::SingleCell<Accumulator>::declare(
                                                 store, name, StateKind::kAggregating, ttl));
    state.aggregate_.emplace(std::move(aggregate));
    return state;
  }

  /// Throws JobError when the handle was never declared, and what `Agg::add` throws.
  void add(const In& in) {
    if (!aggregate_) throw JobError("an aggregating state is used that open() never declared");
    Accumulator& accumulator = single_.edit([this] { return aggregate_->create(); });
    if constexpr (std::is_same_v<decltype(aggregate_->add(accumulator, in)), Accumulator>) {
      accumulator = std::as_const(*aggregate_).add(accumulator, in);
    } else {
      std::as_const(*aggregate_).add(accumulator, in);
    }
  }

  /// The result so far, or nothing when nothing was added.
  std::optional<Result> get() const {
    const Accumulator* accumulator = single_.get();
    if (accumulator == nullptr) return std::nullopt;
    return aggregate_->result(*accumulator);
  }

  bool isEmpty() const { return !single_.isLive(); }
  void clear() { single_.clear(); }

 private:
  detail::SingleCell<Accumulator> single_;
  std::optional<Agg> aggregate_;
};

}  // namespace millrace
