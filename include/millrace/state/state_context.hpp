// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include <millrace/base/check.hpp>
#include <millrace/state/folding_state.hpp>
#include <millrace/state/list_state.hpp>
#include <millrace/state/map_state.hpp>
#include <millrace/state/value_state.hpp>

namespace millrace {

/// What a user function declares its states through, in open(): the state half of the
/// context it is given.
///
///     void open(KeyedContext& context) { seen = context.value<int>("seen"); }
///
/// Every call throws JobError when the declaration is wrong: an empty or taken name, a
/// TTL that is not positive, too many states, or a call after open().
/// Thread safety: none; used on the worker's thread, within open().
class StateContext {
 public:
  /// REQUIRES: the store outlives the context.
  explicit StateContext(KeyedStateStore& store) noexcept : store_(&store) {}

  template <StateValue V>
  ValueState<V> value(std::string_view name, std::optional<StateTtl> ttl = {}) {
    return orThrow(ValueState<V>::declare(*store_, name, ttl));
  }

  template <StateValue V>
  ListState<V> list(std::string_view name, std::optional<StateTtl> ttl = {}) {
    return orThrow(ListState<V>::declare(*store_, name, ttl));
  }

  template <typename MK, typename MV>
  MapState<MK, MV> map(std::string_view name, std::optional<StateTtl> ttl = {}) {
    return orThrow(MapState<MK, MV>::declare(*store_, name, ttl));
  }

  template <StateValue V, Reducer<V> Fn>
  ReducingState<V, Fn> reducing(std::string_view name, Fn reduce,
                                std::optional<StateTtl> ttl = {}) {
    return orThrow(ReducingState<V, Fn>::declare(*store_, name, std::move(reduce), ttl));
  }

  template <typename In, typename Agg>
  requires StateAggregate<Agg, In> AggregatingState<Agg, In> aggregating(
      std::string_view name, Agg aggregate, std::optional<StateTtl> ttl = {}) {
    return orThrow(AggregatingState<Agg, In>::declare(*store_, name, std::move(aggregate), ttl));
  }

 private:
  template <typename State>
  static State orThrow(StatusOr<State> state) {
    if (!state.ok()) throw JobError(state.status());
    return *std::move(state);
  }

  KeyedStateStore* store_;
};

}  // namespace millrace
