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
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

/// What a windowed verb gives: a result for each key, window and pane, and the late records.
template <typename R, typename T, typename KeyOf>
class WindowResults : public Stream<R> {
 public:
  WindowResults(const Stream<R>& results, const KeyOf& keyOf, const LateChoice& isCombining)
      : Stream<R>(results), keyOf_(keyOf), isCombining_(isCombining) {}

  /// The records that came too late for all their windows, as they were. They are counted in any
  /// case; reading them costs the combining before the shuffle, which would melt them together.
  Stream<T> late() const {
    isCombining_.set(false);
    setPlainExchange<T>(this->graph()->node(this->node()), keyOf_);
    return Stream<T>(this->graph(), this->node(), 1);
  }

  WindowResults named(std::string_view name) const {
    this->graph()->rename(this->node(), name);
    return *this;
  }

 private:
  KeyOf keyOf_;
  LateChoice isCombining_;
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
  auto aggregate(std::string_view name, A aggregateOf) const {
    using Agg = BoundAggregate<A, T>;
    static_assert(Aggregate<Agg, T>,
                  "aggregate takes count(), sum(...), min(...), max(...), average(...), "
                  "distinct(...), topN(...), or an object with create(), add(accumulator, record), "
                  "merge(accumulator, other) and result(accumulator)");
    static_assert(kIsGlobal || Mergeable<Agg> || !Aggregate<Agg, T>,
                  "aggregate: windows other than global(...) need merge(accumulator, other)");
    if constexpr (Aggregate<Agg, T> && (kIsGlobal || Mergeable<Agg>)) {
      return add("aggregate", name, bindAggregate<T>(std::move(aggregateOf)));
    }
  }

  /// The records of a key and window folded by `T f(const T&, const T&)`.
  template <typename F>
  auto reduce(std::string_view name, F combine) const {
    static_assert(ReduceFunction<F, T>, "reduce takes a function T(const T&, const T&)");
    if constexpr (ReduceFunction<F, T>) {
      return add("reduce", name, bindAggregate<T>(millrace::reduce(std::move(combine))));
    }
  }

  /// Calls `void f(const WindowElements<Key, T>&, Collector<U>&)` with all records of a key and
  /// window. Keeps every record until the window closes: prefer aggregate() where it will do.
  template <typename U, typename F>
  Stream<U> process(std::string_view name, F function) const {
    static_assert(std::invocable<F&, const WindowElements<Key, T>&, Collector<U>&>,
                  "process<U> on windows takes a function void(const WindowElements<Key, T>&, "
                  "Collector<U>&)");
    const std::string functionName = std::string(name) + ".function";
    return add("process", name, bindAggregate<T>(elements()))
        .template flatMap<U>(std::move(function))
        .named(functionName);
  }

 private:
  // Options other than the defaults are part of the type: what they need is compiled only then.
  WindowedStream<T, KeyOf, Windows, true> with(WindowOptions options) const {
    return {stream_, windows_, options};
  }

  template <typename Agg>
  auto add(std::string_view verb, std::string_view name, Agg agg) const {
    using R = WindowResult<Key, AggregateResult<Agg>>;
    static_assert(Record<R>, "the window's result must be default-initialisable and copyable");
    const SharedGraph& graph = stream_.graph();
    const LateChoice isCombining(kCombines<Agg>);
    Node node = keyedNode(*graph, verb, name, stream_.end());
    node.detail = describe(windows_);
    node.needsEventTimes = !kIsGlobal;
    node.addOutput("", recordTypeInfo<R>());
    node.addOutput("late", recordTypeInfo<T>());
    checkWindows(*graph, node, windows_.validate(), options_.validate());
    // Factories hold what they need and no stream: a stream owns the graph that owns them.
    const Plan<Agg> plan{stream_.keyOf(), windows_, options_, std::move(agg)};
    if constexpr (kCombines<Agg>) {
      setCombiningExchange(node, plan);
    } else {
      setPlainExchange<T>(node, stream_.keyOf());
    }
    node.makeOperator = [plan, isCombining](const TaskInfo& info) {
      return plan.makeOperator(isCombining.value() != 0 && info.workers > 1);
    };
    const NodeId id = graph->add(std::move(node));
    return WindowResults<R, T, KeyOf>(Stream<R>(graph, id), stream_.keyOf(), isCombining);
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
  static void setCombiningExchange(Node& node, const Plan<Agg>& plan) {
    node.setExchange(&typeName<Key>, true, recordTypeInfo<Partial<Key, AccumulatorOf<Agg>>>(),
                     [plan](const TaskInfo&) {
                       return std::make_unique<CombineOperator<T, KeyOf, Key, Agg>>(
                           plan.layout(), plan.agg, plan.keyOf, plan.options);
                     });
  }

  KeyedStream<T, KeyOf> stream_;
  Windows windows_;
  WindowOptions options_;
};

}  // namespace millrace
