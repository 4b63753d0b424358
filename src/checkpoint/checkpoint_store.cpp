// SPDX-License-Identifier: MIT
#include <millrace/checkpoint/checkpoint_store.hpp>

namespace millrace {

StatusOr<std::unique_ptr<CheckpointStore>> CheckpointStore::open(FileSystem&, const Options&) {
  return absl::UnimplementedError("state directories");
}

}  // namespace millrace
