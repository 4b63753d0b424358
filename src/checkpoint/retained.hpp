// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint_view.hpp"
#include "checkpoint/directory.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/state_base.hpp"

/// Retained checkpoints: `retained/000012` is the state directory as it was at the end of epoch 12.
/// Files of the base, which never change, get a second name there, and the log is copied. Its
/// manifest comes last and goes first: without one it is a left-over.
namespace millrace::checkpoint {

/// The epochs of those that are whole, ascending.
StatusOr<std::vector<std::uint64_t>> retainedEpochs(FileSystem& files, const Layout& layout);

/// When the newest of them was completed; nothing when there is none that can be read.
std::optional<Timestamp> newestRetainedAt(FileSystem& files, const Layout& layout);

/// Keeps epoch `epoch`: the base and, above it, the committed parts of `segments`, of which the
/// last is still written to. `manifest` is that of the base. kResourceExhausted: nothing of it is
/// left. REQUIRES: base and segments stay while it runs.
Status retain(FileSystem& files, const Layout& layout, std::uint64_t epoch, const StateBase& base,
              Manifest manifest, const std::vector<SegmentRef>& segments);

/// Lets go of all but the `most` newest.
Status forgetRetained(FileSystem& files, const Layout& layout, std::size_t most);

/// Removes what a crash has left half made or half removed.
Status removeUnfinishedRetained(FileSystem& files, const Layout& layout);

}  // namespace millrace::checkpoint
