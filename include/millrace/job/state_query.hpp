// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/base/status.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// Which moment a question about state is answered for.
enum class StateView : std::uint8_t {
  kLive,            ///< now: between two batches of the worker that owns the key
  kLastCheckpoint,  ///< as of the last committed checkpoint: what a restart would find
};

/// A question about one key's state, in bytes; stateQuery() makes one of typed values.
struct StateQuery {
  std::string operatorName;
  std::string state;
  std::string key;             ///< Serde<K>'s bytes; of a map's entry, its key's bytes behind them
  std::uint64_t keyHash = 0;   ///< millraceHash() of the key
  StateView view = StateView::kLive;
};

/// REQUIRES: K is exactly the type the stream is keyed by.
template <typename K>
StateQuery stateQuery(std::string operatorName, std::string state, const K& key,
                      StateView view = StateView::kLive) {
  return {std::move(operatorName), std::move(state), toBytes(key), millraceHash(key), view};
}

/// One entry of a map state. REQUIRES: as above; MK is the map's key type.
template <typename K, typename MK>
StateQuery mapEntryQuery(std::string operatorName, std::string state, const K& key, const MK& mapKey,
                         StateView view = StateView::kLive) {
  StateQuery query = stateQuery(std::move(operatorName), std::move(state), key, view);
  ByteWriter out(query.key);
  detail::writeElement<MK>(mapKey, out);
  return query;
}

/// Reads the answer for a value, a reducing or aggregating state (its accumulator) or one entry of a
/// map. False: the bytes hold something else.
template <typename V>
bool readStateValue(std::string_view bytes, V& value) {
  ByteReader in(bytes);
  bool hasTime = false;
  Timestamp time = 0;
  return Serde<bool>::read(in, hasTime) && (!hasTime || in.fixed(time)) &&
         Serde<V>::read(in, value) && in.isAtEnd();
}

/// Reads the answer for a list.
template <typename V>
bool readStateList(std::string_view bytes, std::vector<V>& values) {
  ByteReader in(bytes);
  bool hasTimes = false;
  if (!Serde<bool>::read(in, hasTimes) || !Serde<std::vector<V>>::read(in, values)) return false;
  for (std::size_t i = 0; hasTimes && i < values.size(); ++i) {
    Timestamp time = 0;
    if (!in.fixed(time)) return false;
  }
  return in.isAtEnd();
}

}  // namespace millrace
