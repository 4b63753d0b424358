// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/dsl/keyed_stream.hpp>
#include <millrace/operators/window_operator.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/global_windows.hpp>
#include <millrace/window/session_windows.hpp>
#include <millrace/window/sliced_windows.hpp>
#include <millrace/window/window_layout.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

/// What a windowed verb gives: a result for each key, window and pane, and the late records.
template <typename R, typename T, typename KeyOf>
class WindowResults : public Stream<R> {
 public:
  WindowResults(Stream<R> results, KeyOf keyOf, std::shared_ptr<bool> isCombining)
      : Stream<R>(std::move(results)),
        keyOf_(std::move(keyOf)),
        isCombining_(std::move(isCombining)) {}

  /// The records that came too late for all their windows, as they were. They are counted in any
  /// case; reading them costs the combining before the shuffle, which would melt them together.
  Stream<T> late() const {
    *isCombining_ = false;
    Node& node = this->graph()->node(this->node());
    node.inputs[0].exchange = plainExchange<T>(keyOf_);
    return Stream<T>(this->graph(), this->node(), 1);
  }

  WindowResults named(std::string name) const {
    this->graph()->rename(this->node(), std::move(name));
    return *this;
  }

 private:
  KeyOf keyOf_;
  std::shared_ptr<bool> isCombining_;
};

/// All elements of a window, for a function that wants to see them together.
template <typename K, typename T>
using WindowElements = WindowResult<K, std::vector<T>>;

/// A keyed stream cut into windows.
template <typename T, typename KeyOf, typename Windows, bool kRefires>
class WindowedStream {
 public:
  using Key = KeyTypeOf<KeyOf, T>;
  static constexpr bool kIsSession = std::is_same_v<Windows, SessionWindows>;
  static constexpr bool kIsGlobal = std::is_same_v<Windows, GlobalWindow>;
  static constexpr bool kOverlap =
      std::is_same_v<Windows, SlidingWindows> || std::is_same_v<Windows, CumulatingWindows>;

  WindowedStream(KeyedStream<T, KeyOf> stream, Windows windows, WindowOptions options = {})
      : stream_(std::move(stream)), windows_(std::move(windows)), options_(options) {}

  /// How far the watermark may be past a window's end while records still change its result,
  /// each firing it anew. Default 0.
  auto allowedLateness(Duration lateness) const {
    static_assert(!kIsGlobal,
                  "allowedLateness: no record is ever late for global(...) windows (leave it out)");
    WindowOptions options = options_;
    options.allowedLateness = lateness;
    return with(options);
  }

  /// Tells values before the window is complete, e.g. EarlyFiring::everyProcessingTime(1s).
  auto early(EarlyFiring firing) const {
    static_assert(!kIsGlobal,
                  "early: global(...) windows have no end to be early for (let global(n) tell a "
                  "result every n records)");
    WindowOptions options = options_;
    options.early = firing;
    return with(options);
  }

  /// Every pane tells only what came since the pane before. Default: all of it.
  auto discarding() const {
    static_assert(!kIsGlobal,
                  "discarding: global(n) windows begin anew after each result (leave it out)");
    WindowOptions options = options_;
    options.discarding = true;
    return with(options);
  }

  /// One WindowResult<Key, R> for each key and window. `name` finds the state again.
  template <typename A>
  auto aggregate(std::string name, A aggregateOf) const {
    using Agg = BoundAggregate<A, T>;
    static_assert(Aggregate<Agg, T>,
                  "aggregate takes count(), sum(...), min(...), max(...), average(...), "
                  "distinct(...), topN(...), or an object with create(), add(accumulator, record), "
                  "merge(accumulator, other) and result(accumulator)");
    static_assert(kIsGlobal || Mergeable<Agg> || !Aggregate<Agg, T>,
                  "aggregate: windows other than global(...) need merge(accumulator, other)");
    if constexpr (Aggregate<Agg, T> && (kIsGlobal || Mergeable<Agg>)) {
      return add("aggregate", std::move(name), bindAggregate<T>(std::move(aggregateOf)));
    }
  }

  /// The records of a key and window folded by `T f(const T&, const T&)`.
  template <typename F>
  auto reduce(std::string name, F combine) const {
    static_assert(ReduceFunction<F, T>, "reduce takes a function T(const T&, const T&)");
    if constexpr (ReduceFunction<F, T>) {
      return add("reduce", std::move(name), bindAggregate<T>(millrace::reduce(std::move(combine))));
    }
  }

  /// Calls `void f(const WindowElements<Key, T>&, Collector<U>&)` with all records of a key and
  /// window. Keeps every record until the window closes: prefer aggregate() where it will do.
  template <typename U, typename F>
  Stream<U> process(std::string name, F function) const {
    static_assert(std::invocable<F&, const WindowElements<Key, T>&, Collector<U>&>,
                  "process<U> on windows takes a function void(const WindowElements<Key, T>&, "
                  "Collector<U>&)");
    const std::string functionName = name + ".function";
    return add("process", std::move(name), bindAggregate<T>(elements()))
        .template flatMap<U>(std::move(function))
        .named(functionName);
  }

 private:
  // Options other than the defaults are part of the type: what they need is compiled only then.
  WindowedStream<T, KeyOf, Windows, true> with(WindowOptions options) const {
    return {stream_, windows_, options};
  }

  template <typename Agg>
  auto add(std::string verb, std::string name, Agg agg) const {
    using R = WindowResult<Key, AggregateResult<Agg>>;
    static_assert(Record<R>, "the window's result must be default-initialisable and copyable");
    auto isCombining = std::make_shared<bool>(kCombines<Agg>);
    Node node = stream_.keyedNode(std::move(verb), std::move(name));
    node.detail = describe(windows_);
    node.needsEventTimes = !kIsGlobal;
    node.addOutput("", recordTypeInfo<R>());
    node.addOutput("late", recordTypeInfo<T>());
    check(node);
    // Factories hold what they need and no stream: a stream owns the graph that owns them.
    const Plan<Agg> plan{stream_.keyOf(), windows_, options_, std::move(agg)};
    if constexpr (kCombines<Agg>) {
      node.inputs[0].exchange = combiningExchange(plan);
    } else {
      node.inputs[0].exchange = plainExchange<T>(stream_.keyOf());
    }
    node.makeOperator = [plan, isCombining](const TaskInfo& info) {
      return plan.makeOperator(*isCombining && info.workers > 1);
    };
    const NodeId id = stream_.graph()->add(std::move(node));
    return WindowResults<R, T, KeyOf>(Stream<R>(stream_.graph(), id), stream_.keyOf(),
                                      std::move(isCombining));
  }

  void check(const Node& node) const {
    for (const Status& status : {windows_.validate(), options_.validate()}) {
      if (status.ok()) continue;
      stream_.graph()->addFinding(node.verb + " '" + node.name + "': " +
                                  std::string(status.message().data(), status.message().size()));
    }
  }

  // Combining delays a record to its window's end: out of the question where single records fire.
  template <typename Agg>
  static constexpr bool kCombines =
      !kIsSession && !kIsGlobal && !kRefires && Record<AccumulatorOf<Agg>>;

  template <typename Agg>
  struct Plan {
    KeyOf keyOf;
    Windows windows;
    WindowOptions options;
    Agg agg;

    // REQUIRES: the windows have been validated.
    WindowLayout layout() const { return *WindowLayout::compile(WindowSpec(windows)); }

    std::unique_ptr<Operator> makeOperator(bool readsPartials) const {
      const RecordInput<T, KeyOf> records{keyOf};
      if constexpr (kIsSession) {
        using State = MergingSessions<Key, T, Agg>;
        return wrap(std::make_unique<State>(windows, agg, options), records);
      } else if constexpr (kIsGlobal) {
        return wrap(std::make_unique<GlobalWindows<Key, T, Agg>>(windows, agg), records);
      } else {
        using State = SlicedWindows<Key, T, Agg, kOverlap, kRefires>;
        auto state = std::make_unique<State>(layout(), agg, options);
        if constexpr (kCombines<Agg>) {
          if (readsPartials) {
            return wrap(std::move(state), PartialInput<Key, AccumulatorOf<Agg>>{});
          }
        }
        return wrap(std::move(state), records);
      }
    }

    template <typename State, typename Input>
    std::unique_ptr<Operator> wrap(std::unique_ptr<State> state, Input input) const {
      return std::make_unique<WindowOperator<State, Input>>(std::move(state), std::move(input),
                                                            options.early);
    }
  };

  template <typename Agg>
  static Exchange combiningExchange(const Plan<Agg>& plan) {
    Exchange exchange;
    exchange.key = typeName<Key>();
    exchange.isCombining = true;
    exchange.type = recordTypeInfo<Partial<Key, AccumulatorOf<Agg>>>();
    exchange.makePartitioner = [plan](const TaskInfo&) {
      return std::make_unique<CombineOperator<T, KeyOf, Key, Agg>>(plan.layout(), plan.agg,
                                                                   plan.keyOf, plan.options);
    };
    return exchange;
  }

  KeyedStream<T, KeyOf> stream_;
  Windows windows_;
  WindowOptions options_;
};

}  // namespace millrace
