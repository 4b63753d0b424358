// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/decimal.hpp>
#include <millrace/formats/describe.hpp>
#include <millrace/time/timestamp.hpp>

#include <algorithm>
#include <string>

namespace millrace::examples {

/// "data" for a job that does not look into it: an object, whatever is inside.
struct AnyDetails {};

/// What every job asks of an event.
struct UserEvent {
  Timestamp timestamp = 0;
  std::string eventType;
  std::string userId;
  std::string version = "1.0";
  AnyDetails data;
};

/// "data" for the jobs that add up money. Loose, because only a purchase has to
/// have these members right; in any other event they may hold anything.
struct PurchaseDetails {
  Loose<Decimal> amount;
  Loose<std::string> currency;
  Loose<std::string> productId;
};

/// A user event whose purchases can be added up. Valid only if a purchase has an
/// amount of at least 0 and a currency of three capital letters, and its
/// product_id, if there is one, is a string.
struct ShopEvent {
  Timestamp timestamp = 0;
  std::string eventType;
  std::string userId;
  std::string version = "1.0";
  PurchaseDetails data;

  bool isPurchase() const { return eventType == "purchase"; }

  /// The rule above: nullptr or the reason to refuse the event.
  static const char* refusal(const ShopEvent& event) {
    if (!event.isPurchase()) return nullptr;
    const PurchaseDetails& data = event.data;
    if (!data.amount.hasValue()) return "a purchase needs data.amount, a number that fits";
    if (data.amount.value() < Decimal()) return "data.amount is below 0";
    if (!data.currency.hasValue() || !isCurrency(data.currency.value()))
      return "a purchase needs data.currency, three capital letters";
    if (data.productId.state() == LooseState::kMismatched) return "data.product_id is not a string";
    return nullptr;
  }

 private:
  static bool isCurrency(const std::string& text) {
    return text.size() == 3 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  }
};

/// The members that UserEvent and ShopEvent describe alike.
template <typename Event>
void describeUserEvent(Describer<Event>& d) {
  d.timestamp("timestamp", &Event::timestamp).required().eventTime();
  d.field("event_type", &Event::eventType).required().nonEmpty();
  d.field("user_id", &Event::userId).required().nonEmpty();
  d.field("version", &Event::version);
  d.field("data", &Event::data);
}

}  // namespace millrace::examples

template <>
struct millrace::Description<millrace::examples::AnyDetails> {
  static void describe(Describer<examples::AnyDetails>& d) { d.name("AnyDetails"); }
};

template <>
struct millrace::Description<millrace::examples::UserEvent> {
  static void describe(Describer<examples::UserEvent>& d) {
    d.name("UserEvent");
    examples::describeUserEvent(d);
  }
};

template <>
struct millrace::Description<millrace::examples::PurchaseDetails> {
  static void describe(Describer<examples::PurchaseDetails>& d) {
    d.name("PurchaseDetails");
    d.field("amount", &examples::PurchaseDetails::amount);
    d.field("currency", &examples::PurchaseDetails::currency);
    d.field("product_id", &examples::PurchaseDetails::productId);
  }
};

template <>
struct millrace::Description<millrace::examples::ShopEvent> {
  static void describe(Describer<examples::ShopEvent>& d) {
    d.name("ShopEvent");
    examples::describeUserEvent(d);
    d.check(&examples::ShopEvent::refusal);
  }
};
