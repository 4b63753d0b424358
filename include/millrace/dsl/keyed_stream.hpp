// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/dsl/stream.hpp>
#include <millrace/operators/partition.hpp>
#include <millrace/operators/process_operator.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/windows.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

template <typename T, typename KeyOf, typename Windows, bool kRefires = false>
class WindowedStream;

/// The shuffle that sends records to their keys' workers as they are.
template <typename T, typename KeyOf>
void setPlainExchange(Node& node, const KeyOf& keyOf) {
  node.setExchange(
      &typeName<KeyTypeOf<KeyOf, T>>, false, recordTypeInfo<T>(),
      [keyOf](const TaskInfo&) { return std::make_unique<PartitionOperator<T, KeyOf>>(keyOf); });
}

/// A process function: an object with `void process(const T&, ProcessContext<K, Out>&)`, and if it
/// likes `void open(StateContext&)` and `void onTimer(Timestamp, ProcessContext<K, Out>&)`; or a
/// plain `void f(const T&, ProcessContext<K, Out>&)`.
template <typename F, typename T, typename K, typename Out>
concept ProcessFunction = requires(F& f, const T& record, ProcessContext<K, Out>& context) {
  f.process(record, context);
}
|| std::invocable<F&, const T&, ProcessContext<K, Out>&>;

/// What process() gives: the main output, and a stream for each side output.
template <typename Out>
class ProcessedStream : public Stream<Out> {
 public:
  ProcessedStream(Stream<Out> main, std::vector<const void*> tags)
      : Stream<Out>(std::move(main)), tags_(std::move(tags)) {}

  /// REQUIRES: the tag was given to process(); build() reports it otherwise.
  template <typename X>
  Stream<X> sideOutput(const OutputTag<X>& tag) const {
    for (std::size_t i = 0; i < tags_.size(); ++i) {
      if (tags_[i] == tag.id()) return Stream<X>(this->graph(), this->node(), i + 1);
    }
    noteUndeclaredOutput(*this->graph(), this->node(), tag.name());
    return Stream<X>(this->graph(), this->node(), 0);
  }

  ProcessedStream named(std::string_view name) const {
    this->graph()->rename(this->node(), name);
    return *this;
  }

 private:
  std::vector<const void*> tags_;
};

/// A stream whose records belong to keys: what stands behind it has the state of a key in one place
/// and sees its records in order.
template <typename T, typename KeyOf>
class KeyedStream {
 public:
  using Key = KeyTypeOf<KeyOf, T>;

  KeyedStream(Stream<T> stream, KeyOf key) : stream_(std::move(stream)), keyOf_(std::move(key)) {}

  /// Cuts the stream into windows: tumbling(1min), sliding(1min, 1s), cumulating(1h, 1min),
  /// calendar(CalendarUnit::kDay, "Europe/Berlin"), session(30min), global(100).
  template <typename Windows>
  auto window(Windows windows) const {
    static_assert(std::constructible_from<WindowSpec, Windows>,
                  "window takes tumbling(...), sliding(...), cumulating(...), calendar(...), "
                  "session(...) or global(...)");
    if constexpr (std::constructible_from<WindowSpec, Windows>) {
      return WindowedStream<T, KeyOf, Windows>(*this, std::move(windows));
    }
  }

  /// The user's own operator over keyed state and timers; `Out` is what it emits. The name finds
  /// its state again.
  template <typename Out, typename F, typename... Tags>
  ProcessedStream<Out> process(std::string_view name, F function,
                               const OutputTag<Tags>&... tags) const {
    static_assert(
        ProcessFunction<F, T, Key, Out>,
        "process<Out> takes an object with void process(const T&, ProcessContext<K, Out>&) "
        "(and optionally open(StateContext&) and onTimer(Timestamp, ProcessContext<K, "
        "Out>&)), or a function void(const T&, ProcessContext<K, Out>&)");
    static_assert(Record<Out>, "process: the result must be default-initialisable and copyable");
    std::vector<const void*> ids{tags.id()...};
    // The tags live in the factory, so that an id stays its output's own.
    auto make = [function, keyOf = keyOf_, ids, keep = std::make_tuple(tags...)](const TaskInfo&) {
      return std::make_unique<ProcessOperator<T, Key, KeyOf, Out, F>>(function, keyOf, ids);
    };
    Node node = keyedNode(*graph(), "process", name, end());
    setPlainExchange<T>(node, keyOf_);
    node.addOutput("", recordTypeInfo<Out>());
    (node.addOutput(tags.name(), recordTypeInfo<Tags>()), ...);
    node.makeOperator = std::move(make);
    return ProcessedStream<Out>(Stream<Out>(graph(), graph()->add(std::move(node))),
                                std::move(ids));
  }

  /// A running reduction: for each record, what the key's records so far come to.
  template <typename F>
  ProcessedStream<T> reduce(std::string_view name, F combine) const {
    static_assert(ReduceFunction<F, T>, "reduce takes a function T(const T&, const T&)");
    return process<T>(name, RunningReduce<F>{std::move(combine), {}});
  }

  /// A running aggregate: for each record, the key with the aggregate of its records so far.
  template <typename A>
  auto aggregate(std::string_view name, A aggregateOf) const {
    using Agg = BoundAggregate<A, T>;
    static_assert(Aggregate<Agg, T>,
                  "aggregate takes count(), sum(...), min(...), max(...), average(...), "
                  "distinct(...), topN(...), or an object with create(), add(accumulator, record) "
                  "and result(accumulator)");
    if constexpr (Aggregate<Agg, T>) {
      using R = std::pair<Key, AggregateResult<Agg>>;
      return process<R>(name, RunningAggregate<Agg>{bindAggregate<T>(std::move(aggregateOf)), {}});
    }
  }

  const SharedGraph& graph() const { return stream_.graph(); }
  StreamEnd end() const { return stream_.end(); }
  const KeyOf& keyOf() const { return keyOf_; }

 private:
  template <typename F>
  struct RunningReduce {
    F combine;
    ValueState<T> value;
    void open(StateContext& states) { value = states.template value<T>("value"); }
    void process(const T& record, ProcessContext<Key, T>& context) {
      const T* before = value.get();
      value.set(before == nullptr ? record : combine(*before, record));
      context.emit(*value.get());
    }
  };

  template <typename Agg>
  struct RunningAggregate {
    using Acc = AccumulatorOf<Agg>;
    Agg aggregate;
    ValueState<Acc> accumulator;
    void open(StateContext& states) { accumulator = states.template value<Acc>("accumulator"); }
    void process(const T& record,
                 ProcessContext<Key, std::pair<Key, AggregateResult<Agg>>>& context) {
      if (accumulator.get() == nullptr) accumulator.set(aggregate.create());
      accumulator.update([&](Acc& value) { aggregate.add(value, record); });
      context.emit({context.key(), aggregate.result(*accumulator.get())});
    }
  };

  Stream<T> stream_;
  KeyOf keyOf_;
};

}  // namespace millrace
