// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/decimal.hpp>
#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::examples {

struct WeightedType {
  std::string name;
  std::uint32_t weight = 1;
};

/// `a,b=3,...`: names with weights, 1 where none is given.
StatusOr<std::vector<WeightedType>> parseEventTypes(std::string_view text);

/// The ten usual types in the proportions of an ordinary shop.
std::vector<WeightedType> usualEventTypes();

struct EventMakerOptions {
  std::uint64_t seed = 1;
  std::int64_t users = 1000;
  Timestamp start = 0;
  std::int64_t spacingNanos = 100'000'000;  ///< event time between two events
  Duration disorder{0};                     ///< an event is dated up to this much early
  double invalidFraction = 0;               ///< of the lines, 0 to 1
  std::vector<WeightedType> types = usualEventTypes();
};

/// What an event says, for whoever checks results. The views live as long as the maker.
struct MadeEvent {
  bool valid = true;  ///< false: the line is broken in a way no job accepts
  Timestamp timestamp = 0;
  std::string_view type;
  std::int64_t user = 0;    ///< its id is "user_<user>"
  bool isPurchase = false;  ///< then the next three are set
  Decimal amount;
  std::string_view currency;
  std::int64_t product = -1;  ///< its id is "prod_<product>"; -1: none
};

/// Made-up user events as lines of JSON. Event `i` depends on the options and `i`
/// alone, so that any part of the sequence can be made anywhere, in any order.
///
/// Thread safety: const methods from any number of threads.
class EventMaker {
 public:
  explicit EventMaker(EventMakerOptions options);

  /// Appends event `index` to `line`, without a line feed. Always one record, good
  /// or broken; never a blank line.
  MadeEvent append(std::uint64_t index, std::string& line) const;

 private:
  std::size_t pickType(std::uint64_t draw) const;

  EventMakerOptions options_;
  std::vector<std::string> names_;               // the types as JSON, quoted
  std::vector<std::uint64_t> cumulativeWeight_;  // as long as options_.types
};

}  // namespace millrace::examples
