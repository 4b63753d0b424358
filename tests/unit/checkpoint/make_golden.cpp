// SPDX-License-Identifier: MIT
//
//     make_golden DIR
//
// Writes the directories that stand in golden/ for a version of the format. They are made once,
// when the format changes, and kept for ever: later versions have to read them.
#include <cstdio>
#include <string>

#include "unit/checkpoint/golden_content.hpp"

namespace millrace::test {

Status makeGolden(const std::string& directory) {
  FileSystem& files = posixFileSystem();
  MILLRACE_ASSIGN_OR_RETURN(const auto store,
                            CheckpointStore::open(files, goldenOptions(directory + "/state")));
  MILLRACE_RETURN_IF_ERROR(store->begin(goldenStates()));
  for (std::uint64_t number = 1; number <= kGoldenEpochs; ++number) {
    MILLRACE_RETURN_IF_ERROR(store->append(goldenEpoch(number)));
    if (number <= kGoldenEpochs - 2) MILLRACE_RETURN_IF_ERROR(store->bringForward());
  }
  return store->writeSavepoint(directory + "/savepoint");
}

}  // namespace millrace::test

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_golden DIR\n", stderr);
    return 2;
  }
  const millrace::Status made = millrace::test::makeGolden(argv[1]);
  if (!made.ok()) std::fprintf(stderr, "%s\n", made.ToString().c_str());
  return made.ok() ? 0 : 1;
}
