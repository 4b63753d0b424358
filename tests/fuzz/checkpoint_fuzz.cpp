// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <millrace/testing/simulated_files.hpp>

#include <string>

#include "checkpoint/entries_file.hpp"
#include "checkpoint/log_segment.hpp"
#include "checkpoint/manifest.hpp"
#include "checkpoint/records.hpp"

namespace millrace::checkpoint {
namespace {

// What reads back well was written exactly so. Checksums would keep a fuzzer out, so it goes for
// what they protect as well.
void readRecords(std::string_view bytes) {
  ByteReader in(bytes);
  Epoch epoch;
  std::vector<CataloguedState> states;
  if (!readEpoch(in, epoch) || !readCatalog(in, states)) return;
  std::string again;
  ByteWriter out(again);
  writeEpoch(epoch, out);
  writeCatalog(states, out);
  promise(again == bytes.substr(0, bytes.size() - in.remaining()));
}

void readManifestFile(std::string_view bytes) {
  const StatusOr<Manifest> manifest = decodeManifest(bytes, "MANIFEST");
  if (manifest.ok()) promise(encodeManifest(*manifest) == bytes);
}

void readLogFile(std::string_view bytes) {
  // The number and the position where the segment of the corpus begins.
  const StatusOr<SegmentContents> contents = readSegment(bytes, 4, {1, 6}, "log");
  if (!contents.ok()) return;
  promise(contents->committedEnd <= bytes.size() && contents->faultAt <= bytes.size());
  promise(!contents->fault.empty() || contents->committedEnd == bytes.size());
}

void readEntriesFile(std::string_view bytes) {
  testing::SimulatedFiles files(1);
  files.setContents("x", std::string(bytes));
  EntriesFile expected{1, bytes.size(), 0, 0};
  if (bytes.size() >= 16) {
    // The last bytes stand for what the manifest says.
    ByteReader in(bytes.substr(bytes.size() - 16));
    in.fixed(expected.entries);
    in.fixed(expected.check);
  }
  const auto reader = EntriesFileReader::open(files, "x", expected);
  if (!reader.ok()) return;
  const auto cursor = EntriesFileReader::entries(*reader, {0, kMaxKeyGroups});
  for (StatusOr<bool> more = true; more.ok() && *more;) more = cursor->next();
}

void readEntries(std::string_view bytes) {
  ByteReader in(bytes);
  StateChange entry;
  std::string again;
  ByteWriter out(again);
  while (!in.isAtEnd() && checkpoint::readEntry(in, entry)) {
    writeEntry(entry, out);
    promise(bytes.starts_with(again));
  }
}

}  // namespace
}  // namespace millrace::checkpoint

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const FuzzInput input(data, size, 0);
  checkpoint::readRecords(input.view());
  checkpoint::readManifestFile(input.view());
  checkpoint::readLogFile(input.view());
  checkpoint::readEntriesFile(input.view());
  checkpoint::readEntries(input.view());
  return 0;
}
