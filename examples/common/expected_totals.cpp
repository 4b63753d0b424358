// SPDX-License-Identifier: MIT
#include "expected_totals.hpp"

#include "money.hpp"
#include "rows.hpp"

#include <millrace/base/check.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::examples {
namespace {

constexpr std::size_t kTopProducts = 5;
constexpr std::size_t kChunkBytes = 1 << 16;

// Calls visit(start) for every window that holds `time`.
template <typename Visit>
void forEachWindow(Timestamp time, Duration window, Duration slide, Visit visit) {
  Timestamp start = floorDivide(time, slide.count()) * slide.count();
  for (; start > time - window.count(); start -= slide.count()) visit(start);
}

// Gathers rows into chunks on their way to the file.
class RowWriter {
 public:
  explicit RowWriter(WritableFile& file) : file_(file) {}

  template <typename Row>
  Status write(const Row& row) {
    appendRow(chunk_, row);
    chunk_ += '\n';
    return chunk_.size() < kChunkBytes ? okStatus() : flush();
  }
  Status flush() {
    const Status written = file_.append(chunk_);
    chunk_.clear();
    return written;
  }

 private:
  WritableFile& file_;
  std::string chunk_;
};

class EventCountTotals final : public ExpectedTotals {
 public:
  EventCountTotals(Duration window, Duration slide) : window_(window), slide_(slide) {}

  void add(const MadeEvent& event) override {
    if (!event.valid) return;
    forEachWindow(event.timestamp, window_, slide_, [&](Timestamp start) {
      ++counts_[{start, event.type}];
    });
  }

  Status write(WritableFile& file) override {
    RowWriter rows(file);
    for (const auto& [key, count] : counts_)
      MILLRACE_RETURN_IF_ERROR(rows.write(
          EventCountRow{key.first, key.first + window_.count(), std::string(key.second), count}));
    return rows.flush();
  }

 private:
  const Duration window_;
  const Duration slide_;
  std::map<std::pair<Timestamp, std::string_view>, std::int64_t> counts_;
};

class RevenueTotals final : public ExpectedTotals {
 public:
  RevenueTotals(Duration window, Duration slide) : window_(window), slide_(slide) {}

  void add(const MadeEvent& event) override {
    if (!event.isPurchase) return;
    const std::string currency(event.currency);
    forEachWindow(event.timestamp, window_, slide_, [&](Timestamp start) {
      Total& total = totals_[{start, event.currency}];
      addMoney(total.revenue, event.amount, currency);
      ++total.orders;
      if (event.product < 0) return;
      auto& [revenue, orders] = total.products[event.product];
      addMoney(revenue, event.amount, currency);
      ++orders;
    });
  }

  Status write(WritableFile& file) override {
    RowWriter rows(file);
    for (const auto& [key, total] : totals_)
      MILLRACE_RETURN_IF_ERROR(
          rows.write(RevenueRow{key.first, key.first + window_.count(), std::string(key.second),
                                total.revenue, total.orders, topOf(total.products)}));
    return rows.flush();
  }

 private:
  using Products = std::map<std::int64_t, std::pair<Decimal, std::int64_t>>;
  struct Total {
    Decimal revenue;
    std::int64_t orders = 0;
    Products products;
  };

  static std::vector<ProductRevenue> topOf(const Products& products) {
    std::vector<ProductRevenue> all;
    for (const auto& [product, sold] : products)
      all.push_back({fmt::format("prod_{}", product), sold.first, sold.second});
    std::sort(all.begin(), all.end(), [](const ProductRevenue& a, const ProductRevenue& b) {
      return a.revenue != b.revenue ? a.revenue > b.revenue : a.productId < b.productId;
    });
    if (all.size() > kTopProducts) all.resize(kTopProducts);
    return all;
  }

  const Duration window_;
  const Duration slide_;
  std::map<std::pair<Timestamp, std::string_view>, Total> totals_;
};

class SessionTotals final : public ExpectedTotals {
 public:
  explicit SessionTotals(Duration gap) : gap_(gap) {}

  void add(const MadeEvent& event) override {
    if (!event.valid) return;
    events_.push_back(
        {event.user, event.timestamp, event.isPurchase, event.amount, event.currency});
  }

  Status write(WritableFile& file) override {
    std::sort(events_.begin(), events_.end(), [](const Visit& a, const Visit& b) {
      return std::pair(a.user, a.time) < std::pair(b.user, b.time);
    });
    RowWriter rows(file);
    for (std::size_t first = 0, next = 0; first < events_.size(); first = next) {
      next = endOfSession(first);
      MILLRACE_RETURN_IF_ERROR(rows.write(rowOf(first, next)));
    }
    return rows.flush();
  }

 private:
  struct Visit {
    std::int64_t user;
    Timestamp time;
    bool isPurchase;
    Decimal amount;
    std::string_view currency;
  };

  std::size_t endOfSession(std::size_t first) const {
    std::size_t last = first;
    while (last + 1 < events_.size() && events_[last + 1].user == events_[first].user &&
           events_[last + 1].time - events_[last].time <= gap_.count())
      ++last;
    return last + 1;
  }

  SessionRow rowOf(std::size_t first, std::size_t end) const {
    SessionRow row{fmt::format("user_{}", events_[first].user),
                   events_[first].time,
                   events_[end - 1].time,
                   static_cast<std::int64_t>(end - first),
                   0,
                   {}};
    std::map<std::string, Decimal> revenue;
    for (std::size_t i = first; i < end; ++i) {
      if (!events_[i].isPurchase) continue;
      ++row.purchases;
      const std::string currency(events_[i].currency);
      addMoney(revenue[currency], events_[i].amount, currency);
    }
    row.revenue.assign(revenue.begin(), revenue.end());
    return row;
  }

  const Duration gap_;
  std::vector<Visit> events_;
};

}  // namespace

std::unique_ptr<ExpectedTotals> expectedTotalsOf(const std::string& job, Duration window,
                                                 Duration slide, Duration gap) {
  if (job == "revenue") return std::make_unique<RevenueTotals>(window, slide);
  if (job == "sessions") return std::make_unique<SessionTotals>(gap);
  MILLRACE_CHECK(job == "event_count", "there is no such job: " + job);
  return std::make_unique<EventCountTotals>(window, slide);
}

}  // namespace millrace::examples
