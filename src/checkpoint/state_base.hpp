// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/checkpoint/checkpoint_store.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "checkpoint/directory.hpp"
#include "checkpoint/drops.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/merge_cursor.hpp"
#include "checkpoint/sorted_cursor.hpp"

namespace millrace::checkpoint {

/// What the base held at one moment. Stays as it is, whatever becomes of the base.
///
/// **Thread safety**: all methods may be called from any thread at once.
class BaseView {
 public:
  virtual ~BaseView() = default;
  /// Adds the entries that are selected, and maybe others of these groups, the oldest source first.
  virtual void addTo(MergeCursor& merged, const EntrySelection& selection) const = 0;
};

/// What lies below the epoch log: all state up to some epoch. The log's segments are handed to it
/// one by one, in order; the manifest says up to where. It is told of nothing that is not
/// committed.
///
/// A change has two steps: apply() or compact() makes it durable and enters it into a manifest;
/// when that is in place, publish() makes it count, and otherwise abandon() forgets it.
///
/// **Thread safety**: view(), publish() and bytes() exclude each other by the caller's lock; the
/// rest is for one thread.
class StateBase {
 public:
  virtual ~StateBase() = default;

  /// Waits until the base is in such order that taking in more does not make reading slow.
  virtual Status awaitOrder() { return absl::OkStatus(); }
  /// Takes in a stretch of the log: first `drops`, then `changes`. It may happen again with the
  /// same stretch after a crash in between. `manifest` is already that of the log behind the
  /// stretch. Errors as those of CheckpointStore::append().
  virtual Status apply(std::unique_ptr<SortedCursor> changes, const Drops& drops,
                       Manifest& manifest) = 0;
  /// Puts itself in order, if that pays. False: there was nothing to do.
  virtual StatusOr<bool> compact(Manifest& manifest) = 0;
  virtual void publish() = 0;
  virtual void abandon() = 0;
  /// Lets go of what is no longer needed, after publish().
  virtual void removeObsolete() = 0;

  /// See CheckpointStore; from any thread.
  virtual bool isReadable() const { return false; }
  virtual StatusOr<bool> read(StateId, KeyGroup, std::string_view, std::string&) const {
    return absl::UnimplementedError("this base is not read by key");
  }
  virtual Status readAll(StateId, KeyGroup, std::string_view, const EntryVisitor&) const {
    return absl::UnimplementedError("this base is not read by key");
  }
  virtual Status readFrom(StateId, KeyGroup, std::string_view, const EntryWalker&) const {
    return absl::UnimplementedError("this base is not read by key");
  }

  /// Puts what it consists of into another directory, synced, so that the same manifest tells of it
  /// there.
  virtual Status copyTo(const Layout& target) const = 0;

  virtual std::shared_ptr<const BaseView> view() const = 0;
  virtual std::uint64_t bytes() const = 0;
  /// Checks every byte.
  virtual Status verify() const = 0;
};

}  // namespace millrace::checkpoint
