// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/runtime/commit_point.hpp>

#include "checkpoint/checkpoint_view.hpp"
#include "checkpoint/directory.hpp"
#include "checkpoint/manifest.hpp"

namespace millrace::checkpoint {

/// The log as far as it is committed by the word of `point`; null: by what is durable.
///
/// kFailedPrecondition: the directory and the point cannot belong together, or there is a last
/// epoch that only a point could tell whether it is committed; kDataLoss as scanLog(); others as
/// CommitPoint::takeOver().
StatusOr<LogScan> scanCommitted(FileSystem& files, const Layout& layout, const Manifest& manifest,
                                CommitPoint* point);

}  // namespace millrace::checkpoint
