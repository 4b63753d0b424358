// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <millrace/base/hash.hpp>
#include <millrace/serde/serde.hpp>

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
  std::string key;            ///< Serde<K>'s bytes; of a map's entry, its key's bytes behind them
  std::uint64_t keyHash = 0;  ///< millraceHash() of the key
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
StateQuery mapEntryQuery(std::string operatorName, std::string state, const K& key,
                         const MK& mapKey, StateView view = StateView::kLive) {
  StateQuery query = stateQuery(std::move(operatorName), std::move(state), key, view);
  ByteWriter out(query.key);
  detail::writeElement<MK>(mapKey, out);
  return query;
}

}  // namespace millrace
