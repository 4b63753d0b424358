// SPDX-License-Identifier: MIT
#include "revenue_aggregate.hpp"

#include "money.hpp"

#include <algorithm>
#include <cstddef>

namespace millrace::examples {
namespace {

using Sold = RevenueAggregate::Sold;

void addSold(Sold& into, const Sold& more, const std::string& currency) {
  addMoney(into.revenue, more.revenue, currency);
  into.orders += more.orders;
}

void takeSold(Sold& from, const Sold& less, const std::string& currency) {
  takeMoney(from.revenue, less.revenue, currency);
  from.orders -= less.orders;
}

bool ranksAbove(const ProductRevenue& a, const ProductRevenue& b) {
  return a.revenue != b.revenue ? a.revenue > b.revenue : a.productId < b.productId;
}

}  // namespace

void RevenueAggregate::add(Accumulator& into, const ShopEvent& purchase) const {
  const PurchaseDetails& data = purchase.data;
  const Sold one{data.amount.value(), 1};
  if (into.currency.empty()) into.currency = data.currency.value();
  addSold(into.all, one, into.currency);
  if (data.productId.hasValue()) addSold(into.products[data.productId.value()], one, into.currency);
}

void RevenueAggregate::merge(Accumulator& into, const Accumulator& other) const {
  if (into.currency.empty()) into.currency = other.currency;
  addSold(into.all, other.all, into.currency);
  for (const auto& [product, sold] : other.products)
    addSold(into.products[product], sold, into.currency);
}

void RevenueAggregate::subtract(Accumulator& from, const Accumulator& other) const {
  takeSold(from.all, other.all, from.currency);
  for (const auto& [product, sold] : other.products) {
    const auto entry = from.products.find(product);
    takeSold(entry->second, sold, from.currency);
    // A product without orders must not reach the top five with a revenue of 0.
    if (entry->second.orders == 0) from.products.erase(entry);
  }
}

RevenueAggregate::Result RevenueAggregate::result(const Accumulator& sales) const {
  Result result{sales.all.revenue, sales.all.orders, {}};
  std::vector<ProductRevenue>& products = result.topProducts;
  products.reserve(sales.products.size());
  for (const auto& [product, sold] : sales.products)
    products.push_back({product, sold.revenue, sold.orders});
  const std::size_t kept = std::min(kTopProducts, products.size());
  std::partial_sort(products.begin(), products.begin() + static_cast<std::ptrdiff_t>(kept),
                    products.end(), ranksAbove);
  products.resize(kept);
  return result;
}

}  // namespace millrace::examples
