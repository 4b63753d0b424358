// SPDX-License-Identifier: MIT
#include <millrace/base/decimal.hpp>
#include <millrace/window/aggregates.hpp>

#include <catch2/catch.hpp>

#include <limits>
#include <string>
#include <tuple>
#include <vector>

namespace millrace::test {
namespace {

struct Sale {
  std::string user;
  std::int64_t cents = 0;
  double weight = 0;
  std::uint8_t rating = 0;

  std::string_view initial() const { return std::string_view(user).substr(0, 1); }
  bool operator==(const Sale&) const = default;
};

const std::vector<Sale> kSales{
    {"bob", 300, 0.5, 200}, {"ann", 100, 1.5, 250}, {"bob", -50, 2.0, 3}, {"Zoe", 300, 4.0, 1}};

template <typename A>
auto accumulate(const A& aggregate, std::size_t from, std::size_t to) {
  auto accumulator = aggregate.create();
  for (std::size_t i = from; i < to; ++i) aggregate.add(accumulator, kSales[i]);
  return accumulator;
}

// The result over all sales, the same however they are split and merged.
template <typename A>
auto over(A unbound) {
  const auto aggregate = bindAggregate<Sale>(unbound);
  static_assert(Aggregate<decltype(aggregate), Sale>);
  const auto whole = aggregate.result(accumulate(aggregate, 0, kSales.size()));
  for (std::size_t cut = 0; cut <= kSales.size(); ++cut) {
    auto merged = accumulate(aggregate, 0, cut);
    aggregate.merge(merged, accumulate(aggregate, cut, kSales.size()));
    CHECK(aggregate.result(merged) == whole);
    if constexpr (Subtractable<decltype(aggregate)>) {
      aggregate.subtract(merged, accumulate(aggregate, 0, cut));
      CHECK(aggregate.result(merged) ==
            aggregate.result(accumulate(aggregate, cut, kSales.size())));
    }
  }
  return whole;
}

TEST_CASE("built-in aggregates give the plain answer, merged or not") {
  CHECK(over(count()) == 4);
  CHECK(over(sum(&Sale::cents)) == 650);
  CHECK(over(sum(&Sale::weight)) == 8.0);
  CHECK(over(sum([](const Sale& s) { return s.rating; })) == 454u);
  CHECK(over(sum([](const auto& s) { return s.cents > 0; })) == 3);
  CHECK(over(min(&Sale::cents)) == -50);
  CHECK(over(max(&Sale::user)) == "bob");
  CHECK(over(average(&Sale::cents)) == 162.5);
  CHECK(over(average(&Sale::rating)) == 113.5);
  CHECK(over(distinct(&Sale::user)) == 3);
  CHECK(over(distinct(&Sale::initial)) == 3);
  CHECK(over(reduce([](const Sale& a, const Sale& b) { return a.cents < b.cents ? b : a; })) ==
        kSales[0]);
  CHECK(over(elements()) == kSales);
  CHECK(over(all(count(), sum(&Sale::cents), all(max(&Sale::user)))) ==
        std::tuple(std::int64_t{4}, std::int64_t{650}, std::tuple(std::string("bob"))));
}

TEST_CASE("rankings are exact, with ties in byte order") {
  CHECK(over(topN(2, &Sale::cents, &Sale::user)) == std::vector{kSales[3], kSales[0]});
  CHECK(over(topN(0, &Sale::cents, &Sale::user)).empty());
  CHECK(over(topN(9, &Sale::weight, &Sale::user)).size() == 4);
  using Ranked = RankedTotal<std::string, std::int64_t>;
  CHECK(over(topTotals(2, &Sale::user, &Sale::cents)) ==
        std::vector<Ranked>{{"Zoe", 300}, {"bob", 250}});
  CHECK(over(topCounts(3, &Sale::user)) == std::vector<Ranked>{{"bob", 2}, {"Zoe", 1}, {"ann", 1}});
}

TEST_CASE("an integer total never wraps") {
  struct Big {
    std::int64_t value;
    std::uint64_t natural;
  };
  const auto signedSum = bindAggregate<Big>(sum(&Big::value));
  const auto naturalSum = bindAggregate<Big>(sum(&Big::natural));
  const auto mean = bindAggregate<Big>(average(&Big::value));
  const auto overflow = [](const auto& aggregate, const Big& first, const Big& second) {
    auto accumulator = aggregate.create();
    aggregate.add(accumulator, first);
    aggregate.add(accumulator, second);
  };
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  CHECK_THROWS_WITH(overflow(signedSum, {kMax, 0}, {1, 0}),
                    Catch::StartsWith("sum: the total does not fit"));
  CHECK_THROWS_AS(overflow(signedSum, {kMin, 0}, {-1, 0}), JobError);
  CHECK_THROWS_AS(overflow(naturalSum, {0, ~0ULL}, {0, 1}), JobError);
  CHECK_THROWS_WITH(overflow(mean, {kMax, 0}, {1, 0}), Catch::StartsWith("average:"));
  CHECK_NOTHROW(overflow(signedSum, {kMax, 0}, {kMin, 0}));
}

TEST_CASE("decimals are summed exactly, and never wrap") {
  struct Payment {
    Decimal amount;
  };
  const auto total = bindAggregate<Payment>(sum(&Payment::amount));
  auto sums = total.create();
  for (int i = 0; i < 10; ++i) total.add(sums, {Decimal::fromMicros(100'000)});
  CHECK(total.result(sums) == Decimal::fromMicros(1'000'000));

  auto most = total.create();
  total.add(most, {Decimal::fromMicros(std::numeric_limits<std::int64_t>::max())});
  CHECK_THROWS_AS(total.merge(most, sums), JobError);
  total.subtract(most, sums);
  total.add(most, {Decimal::fromMicros(1'000'000)});
  CHECK(total.result(most).micros() == std::numeric_limits<std::int64_t>::max());
  CHECK_THROWS_AS(total.add(most, {Decimal::fromMicros(1)}), JobError);
}

TEST_CASE("the mean of decimals is a decimal, rounded half away from zero to a millionth") {
  struct Payment {
    Decimal amount;
  };
  const auto mean = bindAggregate<Payment>(average(&Payment::amount));
  const auto meanOf = [&](const std::vector<std::int64_t>& micros) {
    auto payments = mean.create();
    for (const std::int64_t each : micros) mean.add(payments, {Decimal::fromMicros(each)});
    return mean.result(payments).micros();
  };
  CHECK(meanOf({100'000, 200'000}) == 150'000);
  CHECK(meanOf({1, 2}) == 2);
  CHECK(meanOf({-1, -2}) == -2);
  CHECK(meanOf({1, 0, 0}) == 0);
  CHECK(meanOf({}) == 0);
  CHECK_THROWS_WITH(meanOf({std::numeric_limits<std::int64_t>::max(), 1}),
                    Catch::StartsWith("average:"));
  STATIC_REQUIRE(Subtractable<std::decay_t<decltype(mean)>>);
}

TEST_CASE("only exact opposites are offered for subtracting") {
  CHECK(Subtractable<BoundAggregate<decltype(sum(&Sale::cents)), Sale>>);
  CHECK_FALSE(Subtractable<BoundAggregate<decltype(sum(&Sale::weight)), Sale>>);
  CHECK_FALSE(Subtractable<BoundAggregate<decltype(average(&Sale::weight)), Sale>>);
  CHECK_FALSE(Subtractable<BoundAggregate<decltype(max(&Sale::cents)), Sale>>);
  CHECK_FALSE(Subtractable<BoundAggregate<decltype(all(count(), distinct(&Sale::user))), Sale>>);
}

TEST_CASE("a user's aggregate is taken as it is") {
  struct Longest {
    std::size_t create() const { return 0; }
    void add(std::size_t& longest, const Sale& sale) const {
      longest = std::max(longest, sale.user.size());
    }
    void merge(std::size_t& longest, std::size_t other) const {
      longest = std::max(longest, other);
    }
    std::size_t result(std::size_t longest) const { return longest; }
  };
  CHECK(over(Longest{}) == 3);
  CHECK(std::get<1>(over(all(count(), Longest{}))) == 3);
}

}  // namespace
}  // namespace millrace::test
