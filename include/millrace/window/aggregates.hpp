// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <millrace/base/check.hpp>
#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/window/key_table.hpp>

namespace millrace {

/// An aggregate folds the records of one key and window into an accumulator:
///
///     Acc create() const;                          an empty accumulator
///     void add(Acc&, const In&) const;             takes a record in
///     void merge(Acc& into, const Acc&) const;     as if into had seen the other's records too
///     void subtract(Acc& from, const Acc&) const;  optional: the exact opposite of merge
///     R result(const Acc&) const;
///
/// `merge` must be associative, and commutative if results are to be the same for any order of
/// arrival and number of workers; within one key and slice, order of arrival is kept. `subtract`
/// makes sliding windows cheaper and must be exact: floating-point sums do not offer it.
///
/// `merge` is needed by every kind of window but the global one.
///
/// Thread safety: const members are called from several workers at once.
/// Errors: members may throw; the job then fails, naming the operator and the record.

template <typename A>
using AccumulatorOf = decltype(std::declval<const A&>().create());

template <typename A>
using AggregateResult = std::remove_cvref_t<decltype(std::declval<const A&>().result(
    std::declval<const AccumulatorOf<A>&>()))>;

template <typename A, typename In>
concept Aggregate = std::movable<AccumulatorOf<A>> &&
    requires(const A& aggregate, AccumulatorOf<A>& accumulator, const In& in) {
  aggregate.add(accumulator, in);
  aggregate.result(std::as_const(accumulator));
};

template <typename A>
concept Mergeable = requires(const A& aggregate, AccumulatorOf<A>& into,
                             const AccumulatorOf<A>& other) {
  aggregate.merge(into, other);
};

template <typename A>
concept Subtractable = Mergeable<A> &&
    requires(const A& aggregate, AccumulatorOf<A>& from, const AccumulatorOf<A>& other) {
  aggregate.subtract(from, other);
};

/// The built-in aggregates are written without their input type (`sum(&Order::amount)`); the
/// pipeline supplies it: `bindAggregate<In>(x)` is the aggregate over In that `x` stands for. A
/// user's aggregate, which needs no binding, is returned as it is.
template <typename In, typename A>
auto bindAggregate(A aggregate) {
  if constexpr (requires { aggregate.template bind<In>(); })
    return aggregate.template bind<In>();
  else
    return aggregate;
}

template <typename A, typename In>
using BoundAggregate = decltype(bindAggregate<In>(std::declval<A>()));

/// What a projection (pointer to a member, or anything callable with a record) yields.
template <typename P, typename In>
using Projected = std::remove_cvref_t<std::invoke_result_t<const P&, const In&>>;

/// A number that says when a sum does not fit, as Decimal does.
template <typename T>
concept CheckedNumber = requires(T& a, const T& b) {
  { a.add(b) } -> std::same_as<bool>;
  { a.subtract(b) } -> std::same_as<bool>;
};

/// The type totals of T are kept in: 64-bit integers, `double`, or T itself for a Decimal or a type
/// with `+=`.
template <typename T>
using TotalOf =
    std::conditional_t<std::is_integral_v<T>,
                       std::conditional_t<std::is_unsigned_v<T> && !std::is_same_v<T, bool>,
                                          std::uint64_t, std::int64_t>,
                       std::conditional_t<std::is_floating_point_v<T>, double, T>>;

[[noreturn]] void failOverflow(std::string_view aggregate);

/// total += value, where integers and decimals never wrap. Errors: JobError naming the aggregate.
template <typename T>
void addToTotal(T& total, const T& value, std::string_view aggregate) {
  if constexpr (std::is_integral_v<T>) {
    if (__builtin_add_overflow(total, value, &total)) [[unlikely]]
      failOverflow(aggregate);
  } else if constexpr (CheckedNumber<T>) {
    if (!total.add(value)) [[unlikely]]
      failOverflow(aggregate);
  } else {
    total += value;
  }
}

/// total -= value, likewise.
template <typename T>
void takeFromTotal(T& total, const T& value, std::string_view aggregate) {
  if constexpr (std::is_integral_v<T>) {
    if (__builtin_sub_overflow(total, value, &total)) [[unlikely]]
      failOverflow(aggregate);
  } else if constexpr (CheckedNumber<T>) {
    if (!total.subtract(value)) [[unlikely]]
      failOverflow(aggregate);
  } else {
    total -= value;
  }
}

template <typename T>
concept ExactlySubtractable =
    !std::is_floating_point_v<T> &&
    (std::is_integral_v<T> || CheckedNumber<T> || requires(T & a, const T& b) { a -= b; });

/// The number of records.
struct Count {
  using Accumulator = std::int64_t;
  Accumulator create() const { return 0; }
  template <typename In>
  void add(Accumulator& a, const In&) const {
    ++a;
  }
  void merge(Accumulator& a, const Accumulator& b) const { a += b; }
  void subtract(Accumulator& a, const Accumulator& b) const { a -= b; }
  std::int64_t result(const Accumulator& a) const { return a; }
};

/// The sum of a projection. Integers are summed in 64 bits; their overflow, and that of a Decimal,
/// is a JobError.
template <typename P, typename In>
class Sum {
 public:
  using Accumulator = TotalOf<Projected<P, In>>;
  explicit Sum(P projection) : projection_(std::move(projection)) {}

  Accumulator create() const { return {}; }
  void add(Accumulator& a, const In& in) const {
    addToTotal(a, static_cast<Accumulator>(std::invoke(projection_, in)), "sum");
  }
  void merge(Accumulator& a, const Accumulator& b) const { addToTotal(a, b, "sum"); }
  void subtract(Accumulator& a,
                const Accumulator& b) const requires ExactlySubtractable<Accumulator> {
    takeFromTotal(a, b, "sum");
  }
  Accumulator result(const Accumulator& a) const { return a; }

 private:
  [[no_unique_address]] P projection_;
};

/// The least (or, with `kGreatest`, the greatest) value of a projection; of equals the first.
template <typename P, typename In, bool kGreatest>
class Extreme {
 public:
  using Value = Projected<P, In>;
  using Accumulator = std::optional<Value>;
  explicit Extreme(P projection) : projection_(std::move(projection)) {}

  Accumulator create() const { return std::nullopt; }
  void add(Accumulator& a, const In& in) const { offer(a, std::invoke(projection_, in)); }
  void merge(Accumulator& a, const Accumulator& b) const {
    if (b) offer(a, *b);
  }
  /// REQUIRES: at least one record was added.
  Value result(const Accumulator& a) const { return a.value(); }

 private:
  static void offer(Accumulator& a, const Value& value) {
    if (!a || (kGreatest ? *a < value : value < *a)) a = value;
  }
  [[no_unique_address]] P projection_;
};

/// The mean of a projection, of what is summed exactly where sums are: a double for numbers of the
/// language; a Decimal for Decimals, rounded once, half away from zero to a millionth. A number
/// type with dividedBy(count), as Decimal has it, says by that what its mean is.
template <typename P, typename In>
class Average {
 public:
  using Total = TotalOf<Projected<P, In>>;
  struct Accumulator {
    Total total{};
    std::int64_t count = 0;

    friend void millraceWrite(const Accumulator& a, ByteWriter& out) requires Serialisable<Total> {
      Serde<Total>::write(a.total, out);
      out.fixed(a.count);
    }
    friend bool millraceRead(ByteReader& in, Accumulator& a) requires Serialisable<Total> {
      return Serde<Total>::read(in, a.total) && in.fixed(a.count);
    }
  };
  explicit Average(P projection) : projection_(std::move(projection)) {}

  Accumulator create() const { return {}; }
  void add(Accumulator& a, const In& in) const {
    addToTotal(a.total, static_cast<Total>(std::invoke(projection_, in)), "average");
    ++a.count;
  }
  void merge(Accumulator& a, const Accumulator& b) const {
    addToTotal(a.total, b.total, "average");
    a.count += b.count;
  }
  void subtract(Accumulator& a, const Accumulator& b) const requires ExactlySubtractable<Total> {
    takeFromTotal(a.total, b.total, "average");
    a.count -= b.count;
  }
  auto result(const Accumulator& a) const {
    if constexpr (requires { a.total.dividedBy(a.count); }) {
      return a.count == 0 ? Total{} : a.total.dividedBy(a.count);
    } else {
      return a.count == 0 ? 0.0 : static_cast<double>(a.total) / static_cast<double>(a.count);
    }
  }

 private:
  [[no_unique_address]] P projection_;
};

/// The exact number of different values of a projection. Its memory grows with that number.
template <typename P, typename In>
class Distinct {
 public:
  using Accumulator = KeySet<Projected<P, In>>;
  explicit Distinct(P projection) : projection_(std::move(projection)) {}

  Accumulator create() const { return {}; }
  void add(Accumulator& a, const In& in) const { a.insert(std::invoke(projection_, in)); }
  void merge(Accumulator& a, const Accumulator& b) const {
    for (const auto& value : b) a.insert(value);
  }
  std::int64_t result(const Accumulator& a) const { return static_cast<std::int64_t>(a.size()); }

 private:
  [[no_unique_address]] P projection_;
};

/// The n records of highest rank, highest first; of equal rank those whose id comes first
/// (strings: in byte order). The accumulator holds at most n records.
template <typename RankBy, typename IdOf, typename In>
class TopN {
 public:
  using Accumulator = std::vector<In>;
  TopN(std::size_t n, RankBy rankBy, IdOf idOf)
      : n_(n), rankBy_(std::move(rankBy)), idOf_(std::move(idOf)) {}

  Accumulator create() const { return {}; }
  void add(Accumulator& a, const In& in) const {
    const auto above = [this](const In& x, const In& y) { return isAbove(x, y); };
    if (a.size() < n_) {
      a.push_back(in);
    } else if (n_ != 0 && isAbove(in, a.front())) {
      std::pop_heap(a.begin(), a.end(), above);
      a.back() = in;
    } else {
      return;
    }
    std::push_heap(a.begin(), a.end(), above);
  }
  void merge(Accumulator& a, const Accumulator& b) const {
    for (const In& in : b) add(a, in);
  }
  std::vector<In> result(const Accumulator& a) const {
    std::vector<In> sorted = a;
    std::sort(sorted.begin(), sorted.end(),
              [this](const In& x, const In& y) { return isAbove(x, y); });
    return sorted;
  }

 private:
  bool isAbove(const In& x, const In& y) const {
    const auto& rankX = std::invoke(rankBy_, x);
    const auto& rankY = std::invoke(rankBy_, y);
    if (rankY < rankX) return true;
    if (rankX < rankY) return false;
    return std::invoke(idOf_, x) < std::invoke(idOf_, y);
  }

  std::size_t n_;
  [[no_unique_address]] RankBy rankBy_;
  [[no_unique_address]] IdOf idOf_;
};

/// One line of a ranking of totals.
template <typename Id, typename Total>
struct RankedTotal {
  Id id;
  Total total;
  bool operator==(const RankedTotal&) const = default;
};

/// The n ids with the highest totals, exactly (one total per id is kept), highest first; of equal
/// totals the id that comes first (strings: in byte order).
template <typename IdOf, typename Weight, typename In>
class TopTotals {
 public:
  using Id = Projected<IdOf, In>;
  using Total = TotalOf<Projected<Weight, In>>;
  struct Entry {
    Total total{};
    std::int64_t records = 0;

    friend void millraceWrite(const Entry& entry, ByteWriter& out) requires Serialisable<Total> {
      Serde<Total>::write(entry.total, out);
      out.fixed(entry.records);
    }
    friend bool millraceRead(ByteReader& in, Entry& entry) requires Serialisable<Total> {
      return Serde<Total>::read(in, entry.total) && in.fixed(entry.records);
    }
  };
  using Accumulator = KeyTable<Id, Entry>;
  TopTotals(std::size_t n, IdOf idOf, Weight weight)
      : n_(n), idOf_(std::move(idOf)), weight_(std::move(weight)) {}

  Accumulator create() const { return {}; }
  void add(Accumulator& a, const In& in) const {
    Entry& entry = a[std::invoke(idOf_, in)];
    addToTotal(entry.total, static_cast<Total>(std::invoke(weight_, in)), "topTotals");
    ++entry.records;
  }
  void merge(Accumulator& a, const Accumulator& b) const {
    for (const auto& [id, theirs] : b) {
      Entry& entry = a[id];
      addToTotal(entry.total, theirs.total, "topTotals");
      entry.records += theirs.records;
    }
  }
  void subtract(Accumulator& a, const Accumulator& b) const requires ExactlySubtractable<Total> {
    for (const auto& [id, theirs] : b) {
      const auto it = a.find(id);
      takeFromTotal(it->second.total, theirs.total, "topTotals");
      it->second.records -= theirs.records;
      if (it->second.records == 0) a.erase(it);
    }
  }
  std::vector<RankedTotal<Id, Total>> result(const Accumulator& a) const {
    std::vector<RankedTotal<Id, Total>> ranking;
    ranking.reserve(a.size());
    for (const auto& [id, entry] : a) ranking.push_back({id, entry.total});
    const std::size_t kept = std::min(n_, ranking.size());
    std::partial_sort(ranking.begin(), ranking.begin() + static_cast<std::ptrdiff_t>(kept),
                      ranking.end(), [](const auto& x, const auto& y) {
                        if (y.total < x.total) return true;
                        return !(x.total < y.total) && x.id < y.id;
                      });
    ranking.erase(ranking.begin() + static_cast<std::ptrdiff_t>(kept), ranking.end());
    return ranking;
  }

 private:
  std::size_t n_;
  [[no_unique_address]] IdOf idOf_;
  [[no_unique_address]] Weight weight_;
};

/// `fn(fn(a, b), c)...` over the records; `fn` must be associative.
template <typename Fn, typename In>
class Reduce {
 public:
  using Accumulator = std::optional<In>;
  explicit Reduce(Fn fn) : fn_(std::move(fn)) {}

  Accumulator create() const { return std::nullopt; }
  void add(Accumulator& a, const In& in) const {
    if (a)
      a = fn_(std::as_const(*a), in);
    else
      a = in;
  }
  void merge(Accumulator& a, const Accumulator& b) const {
    if (b) add(a, *b);
  }
  /// REQUIRES: at least one record was added.
  In result(const Accumulator& a) const { return a.value(); }

 private:
  [[no_unique_address]] Fn fn_;
};

/// All records, in order of arrival within a slice: what a window function is given that wants to
/// see every element. Its memory grows with their number, and nothing can be combined ahead.
template <typename In>
struct CollectElements {
  using Accumulator = std::vector<In>;
  Accumulator create() const { return {}; }
  void add(Accumulator& a, const In& in) const { a.push_back(in); }
  void merge(Accumulator& a, const Accumulator& b) const { a.insert(a.end(), b.begin(), b.end()); }
  std::vector<In> result(const Accumulator& a) const { return a; }
};

/// Several aggregates over the same records; the result is the tuple of theirs.
template <typename... Parts>
class AllOf {
 public:
  using Accumulator = std::tuple<AccumulatorOf<Parts>...>;
  explicit AllOf(Parts... parts) : parts_(std::move(parts)...) {}

  Accumulator create() const {
    return std::apply([](const auto&... part) { return Accumulator(part.create()...); }, parts_);
  }
  template <typename In>
  void add(Accumulator& a, const In& in) const {
    forEach([&](const auto& part, auto index) { part.add(std::get<index()>(a), in); });
  }
  void merge(Accumulator& a, const Accumulator& b) const requires(Mergeable<Parts>&&...) {
    forEach([&](const auto& part, auto index) {
      part.merge(std::get<index()>(a), std::get<index()>(b));
    });
  }
  void subtract(Accumulator& a, const Accumulator& b) const requires(Subtractable<Parts>&&...) {
    forEach([&](const auto& part, auto index) {
      part.subtract(std::get<index()>(a), std::get<index()>(b));
    });
  }
  std::tuple<AggregateResult<Parts>...> result(const Accumulator& a) const {
    return resultOf(a, std::index_sequence_for<Parts...>{});
  }

 private:
  template <typename F>
  void forEach(F&& f) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (f(std::get<I>(parts_), std::integral_constant<std::size_t, I>{}), ...);
    }
    (std::index_sequence_for<Parts...>{});
  }
  template <std::size_t... I>
  auto resultOf(const Accumulator& a, std::index_sequence<I...>) const {
    return std::tuple<AggregateResult<Parts>...>(std::get<I>(parts_).result(std::get<I>(a))...);
  }
  std::tuple<Parts...> parts_;
};

/// What the functions below return: an aggregate still to be bound to its input type.
template <typename Bind>
struct UnboundAggregate {
  Bind binder;
  template <typename In>
  auto bind() const requires requires(const Bind& b) {
    b(std::type_identity<In>{});
  }
  { return binder(std::type_identity<In>{}); }
};
template <typename Bind>
UnboundAggregate(Bind) -> UnboundAggregate<Bind>;

inline Count count() { return {}; }

/// `Made<P, In>` over a projection, once the pipeline knows the input type.
template <template <typename, typename> class Made, typename P>
struct UnboundProjection {
  P projection;
  template <typename In>
  requires std::invocable<const P&, const In&>
  auto bind() const { return Made<P, In>(projection); }
};

template <typename P, typename In>
using Least = Extreme<P, In, false>;
template <typename P, typename In>
using Greatest = Extreme<P, In, true>;

template <typename P>
UnboundProjection<Sum, P> sum(P projection) {
  return {std::move(projection)};
}

template <typename P>
UnboundProjection<Least, P> min(P projection) {
  return {std::move(projection)};
}

template <typename P>
UnboundProjection<Greatest, P> max(P projection) {
  return {std::move(projection)};
}

template <typename P>
UnboundProjection<Average, P> average(P projection) {
  return {std::move(projection)};
}

template <typename P>
UnboundProjection<Distinct, P> distinct(P projection) {
  return {std::move(projection)};
}

/// The n records of highest `rankBy`; equals in the order of `idOf`.
template <typename RankBy, typename IdOf>
auto topN(std::size_t n, RankBy rankBy, IdOf idOf) {
  return UnboundAggregate{
      [=]<typename In>(std::type_identity<In>) requires std::invocable<const RankBy&, const In&> &&
      std::invocable<const IdOf&, const In&>{return TopN<RankBy, IdOf, In>(n, rankBy, idOf);
}
};  // namespace millrace
}

/// The n ids (as told by `idOf`) with the highest sum of `weight` over their records.
template <typename IdOf, typename Weight>
auto topTotals(std::size_t n, IdOf idOf, Weight weight) {
  return UnboundAggregate{
      [=]<typename In>(std::type_identity<In>) requires std::invocable<const IdOf&, const In&> &&
      std::invocable<const Weight&, const In&>{return TopTotals<IdOf, Weight, In>(n, idOf, weight);
}
}
;
}

/// The n ids with the most records.
template <typename IdOf>
auto topCounts(std::size_t n, IdOf idOf) {
  return topTotals(n, std::move(idOf), [](const auto&) -> std::int64_t { return 1; });
}

/// `fn(const In&, const In&)` yields an In.
template <typename Fn>
auto reduce(Fn fn) {
  return UnboundAggregate{[fn]<typename In>(
      std::type_identity<In>) requires std::is_invocable_r_v<In, const Fn&, const In&, const In&>{
      return Reduce<Fn, In>(fn);
}
}
;
}

/// Every record of the window, as a vector.
inline auto elements() {
  return UnboundAggregate{
      []<typename In>(std::type_identity<In>) { return CollectElements<In>{}; }};
}

/// `all(count(), sum(&Order::amount))` yields a tuple. Users' aggregates may be among them.
template <typename... Aggregates>
auto all(Aggregates... aggregates) {
  return UnboundAggregate{[... a = aggregates]<typename In>(std::type_identity<In>) {
    return AllOf<BoundAggregate<Aggregates, In>...>(bindAggregate<In>(a)...);
  }};
}

}  // namespace millrace
