// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/chunk_dealer.hpp>

#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <millrace/base/hash.hpp>
#include <millrace/base/random.hpp>
#include "unit/connectors/compressed_text.hpp"
#include "unit/connectors/memory_files.hpp"

namespace millrace {
namespace {

using test::MemoryFiles;

/// Where the records of each file begin.
using Offsets = std::map<std::string, std::vector<std::uint64_t>>;

std::vector<std::uint64_t> recordsOf(std::string_view text) {
  std::vector<std::uint64_t> offsets;
  std::uint64_t offset = 0;
  while (offset < text.size()) {
    const std::size_t newline = std::min(text.find('\n', offset), text.size());
    if (text.substr(offset, newline - offset).find_first_not_of(" \t\r") != text.npos) {
      offsets.push_back(offset);
    }
    offset = newline + 1;
  }
  return offsets;
}

std::string compressed(const std::string& path, const std::string& text) {
  switch (inputKindOf(path)) {
    case InputKind::kGzip:
      return test::gzip(text);
    case InputKind::kZstd:
      return test::zstd(text);
    default:
      return text;
  }
}

/// The directory "in", as a source finds it.
std::vector<InputFile> inputsOf(MemoryFiles& files) { return findInputFiles(files, "in").value(); }

struct Reader {
  Chunk chunk;
  bool isBusy = false;
  bool isDone = false;
  ReadProgress progress;
  Timestamp maximum = kMinTimestamp;
  Offsets delivered;

  std::string last;  // what it had at its end counts for all checkpoints to come

  // At the barrier of the checkpoint under way.
  std::string position;
  Offsets deliveredBefore;
  bool hasPosition = false;
};

/// One run of a source: its readers, stepped in any order.
class Run {
 public:
  Run(MemoryFiles& files, ChunkDealerOptions options, std::size_t readers)
      : inputs_(inputsOf(files)), dealer_(files, inputs_, options), readers_(readers) {}

  Status restore(const std::vector<std::string>& positions) {
    const std::vector<std::string_view> views(positions.begin(), positions.end());
    return dealer_.restore(views);
  }

  ChunkDealer& dealer() { return dealer_; }
  std::vector<Reader>& readers() { return readers_; }
  bool isOver() const {
    return std::all_of(readers_.begin(), readers_.end(), [](const Reader& r) { return r.isDone; });
  }

  /// Takes a chunk, a line of one, or hands it back.
  void step(Reader& reader) {
    if (reader.isDone) return;
    if (!reader.isBusy) {
      const StatusOr<Deal> deal = dealer_.next(reader.chunk);
      RC_ASSERT(deal.ok());
      reader.isBusy = *deal == Deal::kChunk;
      reader.isDone = *deal == Deal::kExhausted;
      reader.maximum = kMinTimestamp;
      if (reader.isDone) reader.last = positionOf(reader);
      return;
    }
    std::string_view line;
    if (reader.chunk.nextLine(line)) {
      const auto time = static_cast<Timestamp>(reader.chunk.lineOffset());
      RC_ASSERT(time >= dealer_.sourceMaxTimestamp());
      reader.delivered[nameOf(reader.chunk)].push_back(reader.chunk.lineOffset());
      reader.maximum = std::max(reader.maximum, time);
      return;
    }
    RC_ASSERT(reader.chunk.status().ok());
    reader.progress.add(reader.chunk);
    dealer_.complete(reader.chunk.fileIndex(), reader.chunk.index(), reader.maximum);
    reader.isBusy = false;
  }

  /// The barrier comes to a reader.
  void note(Reader& reader) {
    reader.position = reader.isDone ? reader.last : positionOf(reader);
    reader.deliveredBefore = reader.delivered;
    reader.hasPosition = true;
  }

  /// Another checkpoint begins, whatever became of the last.
  void beginCheckpoint() {
    for (Reader& reader : readers_) reader.hasPosition = false;
  }

 private:
  std::string positionOf(Reader& reader) {
    std::string position;
    ByteWriter out(position);
    dealer_.writePosition(reader.progress, reader.isBusy ? &reader.chunk : nullptr, out);
    return position;
  }

  std::string nameOf(const Chunk& chunk) const { return inputs_[chunk.fileIndex()].name; }

  const std::vector<InputFile> inputs_;
  ChunkDealer dealer_;
  std::vector<Reader> readers_;
};

/// A source that is killed again and again, against a plain model.
class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed) {
    options_.recordsPositions = true;
    options_.chunkBytes = static_cast<std::size_t>(random_.between(1, 120));
    options_.maxLineBytes = static_cast<std::size_t>(random_.between(20, 90));
    options_.maxChunksAhead = static_cast<std::size_t>(random_.between(1, 20));
    options_.maxOpenFiles = static_cast<std::size_t>(random_.between(1, 3));
    options_.maxOpenDecoders = static_cast<std::size_t>(random_.between(1, 2));
    for (std::int64_t count = random_.between(1, 4); count > 0; --count) addFile();
  }

  void run() {
    for (std::int64_t kills = random_.between(0, 3); kills > 0; --kills) {
      runUntilKilled();
      if (random_.chance(0.3)) growFile();
      if (random_.chance(0.2)) addFile();
    }
    std::unique_ptr<Run> last = start();
    while (!last->isOver()) last->step(last->readers()[random_.below(last->readers().size())]);
    Offsets all = committed_;
    for (const Reader& reader : last->readers()) add(all, reader.delivered);
    for (auto& [name, offsets] : all) std::sort(offsets.begin(), offsets.end());
    for (const auto& [name, text] : texts_) RC_ASSERT(all[name] == recordsOf(text));
    RC_ASSERT(last->dealer().sourceMaxTimestamp() == kMaxTimestamp);
  }

 private:
  std::string lines(std::int64_t count) {
    std::string text;
    for (; count > 0; --count) {
      text += std::string(random_.below(random_.chance(0.05) ? 300 : 15), 'x');
      if (random_.chance(0.1)) text += std::string(random_.below(3), ' ');
      text += '\n';
    }
    return text;
  }

  void addFile() {
    const char* const extensions[] = {".txt", ".txt", ".txt.gz", ".txt.zst"};
    const std::string name =
        "f" + std::to_string(random_.below(1000)) + extensions[random_.below(4)];
    if (texts_.contains(name)) return;
    std::string& text = texts_[name] = lines(random_.between(0, 120));
    if (random_.chance(0.3)) text += "open";
    files_.contents["in/" + name] = compressed(name, text);
  }

  void growFile() {
    auto& [name, text] =
        *std::next(texts_.begin(), static_cast<std::ptrdiff_t>(random_.below(texts_.size())));
    if (!text.empty() && text.back() != '\n') return;
    const std::string more = lines(random_.between(1, 20));
    text += more;
    files_.contents["in/" + name] += compressed(name, more);
  }

  std::unique_ptr<Run> start() {
    const auto readers = static_cast<std::size_t>(random_.between(1, 4));
    auto run = std::make_unique<Run>(files_, options_, readers);
    if (hasCheckpoint_) RC_ASSERT(run->restore(positions_).ok());
    return run;
  }

  void runUntilKilled() {
    std::unique_ptr<Run> run = start();
    const double barriers = random_.unit() * 0.2;
    bool isUnderWay = false;
    for (std::uint64_t steps = random_.below(800); steps > 0; --steps) {
      Reader& reader = run->readers()[random_.below(run->readers().size())];
      if (!isUnderWay && random_.chance(barriers)) {
        run->beginCheckpoint();
        isUnderWay = true;
      }
      if (isUnderWay && !reader.hasPosition && random_.chance(0.5)) run->note(reader);
      if (isUnderWay && random_.chance(0.02)) isUnderWay = false;  // it took too long
      if (isUnderWay && commit(*run)) isUnderWay = false;
      run->step(reader);
    }
    committedAtStart_ = committed_;
  }

  bool commit(Run& run) {
    for (const Reader& reader : run.readers()) {
      if (!reader.hasPosition) return false;
    }
    positions_.clear();
    committed_ = committedAtStart_;
    for (const Reader& reader : run.readers()) {
      positions_.push_back(reader.position);
      add(committed_, reader.deliveredBefore);
    }
    hasCheckpoint_ = true;
    return true;
  }

  static void add(Offsets& into, const Offsets& more) {
    for (const auto& [name, offsets] : more) {
      into[name].insert(into[name].end(), offsets.begin(), offsets.end());
    }
  }

  Random random_;
  ChunkDealerOptions options_;
  MemoryFiles files_;
  std::map<std::string, std::string> texts_;
  bool hasCheckpoint_ = false;
  std::vector<std::string> positions_;
  Offsets committed_;         // up to the last checkpoint
  Offsets committedAtStart_;  // of this run
};

TEST_CASE("after any crash every line of the files comes exactly once") {
  REQUIRE(rc::check("kill and restore", [](std::uint64_t seed) {
    for (std::uint64_t i = 0; i < 10; ++i) Life(combineHashes(seed, i)).run();
  }));
}

ChunkDealerOptions recording(std::size_t chunkBytes = 10) {
  ChunkDealerOptions options;
  options.recordsPositions = true;
  options.chunkBytes = chunkBytes;
  return options;
}

/// The position of one reader that has read so many lines.
std::vector<std::string> positionAfter(MemoryFiles& files, std::size_t lines) {
  Run run(files, recording(), 1);
  Reader& reader = run.readers()[0];
  const auto delivered = [&] {
    std::size_t count = 0;
    for (const auto& [name, offsets] : reader.delivered) count += offsets.size();
    return count;
  };
  while (!reader.isDone && delivered() < lines) run.step(reader);
  run.note(reader);
  return {reader.position};
}

std::string restoreMessage(MemoryFiles& files, const std::vector<std::string>& positions) {
  Run run(files, recording(), 1);
  const Status restored = run.restore(positions);
  if (restored.ok()) return "ok";
  CHECK(absl::IsFailedPrecondition(restored));
  return std::string(restored.message());
}

constexpr const char* kWhatToDo =
    " (put the file back as it was, or start anew with an empty state directory)";

TEST_CASE("an input that has changed since the checkpoint is refused, saying what differs") {
  const std::string text = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
  for (const std::string path : {"in/a.txt", "in/a.txt.gz", "in/a.txt.zst"}) {
    for (const std::size_t lines : {2u, 100u}) {
      CAPTURE(path, lines);
      MemoryFiles files;
      const std::string bytes = files.contents[path] = compressed(path, text);
      files.contents["in/b.txt"] = "other\n";
      const auto positions = positionAfter(files, lines);
      const std::string is = "the input file " + path + " is not what the checkpoint has read: ";
      const std::string size = std::to_string(bytes.size());
      CHECK(restoreMessage(files, positions) == "ok");

      files.contents[path].pop_back();
      CHECK(restoreMessage(files, positions) == is + "it had " + size + " bytes and has " +
                                                    std::to_string(bytes.size() - 1) + " now" +
                                                    kWhatToDo);
      files.contents[path] = bytes;
      files.contents[path][bytes.size() / 2] ^= 1;
      CHECK(restoreMessage(files, positions) ==
            is + "of its first " + size + " bytes some are others now" + kWhatToDo);
      files.contents.erase(path);
      CHECK(restoreMessage(files, positions) == "the input file " + path.substr(3) +
                                                    ", which the checkpoint has read from, is "
                                                    "missing" +
                                                    kWhatToDo);
      files.contents[path] = bytes + compressed(path, "more\n");
      files.contents["in/new.txt"] = "new\n";
      CHECK(restoreMessage(files, positions) == "ok");
    }
  }
}

TEST_CASE("a last line that was read unfinished must not become longer") {
  MemoryFiles files;
  files.contents["in/a.txt"] = "one\ntwo";
  const auto positions = positionAfter(files, 100);
  files.contents["in/a.txt"] = "one\ntwo\nthree\n";
  CHECK(restoreMessage(files, positions) == "ok");
  files.contents["in/a.txt"] = "one\ntwofold\n";
  CHECK(restoreMessage(files, positions) ==
        "the input file in/a.txt is not what the checkpoint has read: its last line had no end and "
        "was read as it was up to byte 7, and has become longer" +
            std::string(kWhatToDo));
  files.contents["in/a.txt"] = "one\n";
  const auto earlier = positionAfter(files, 1);
  files.contents["in/a.txt"] = "one\ntwofold\n";
  CHECK(restoreMessage(files, earlier) == "ok");
}

TEST_CASE("positions hold no path that was not given, so that the input may lie elsewhere") {
  MemoryFiles files;
  files.contents["in/a.txt"] = "one\ntwo\nthree\n";
  const auto positions = positionAfter(files, 1);
  CHECK(positions[0].find("in/") == std::string::npos);
  MemoryFiles elsewhere;
  elsewhere.contents["/mnt/a.txt"] = files.contents["in/a.txt"];
  ChunkDealer dealer(elsewhere, findInputFiles(elsewhere, "/mnt/*.txt").value(), recording());
  const std::vector<std::string_view> views(positions.begin(), positions.end());
  REQUIRE(dealer.restore(views).ok());
  Chunk chunk;
  std::string_view line;
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  REQUIRE(chunk.nextLine(line));
  CHECK(line == "two");
}

TEST_CASE("event time goes on from where it was") {
  MemoryFiles files;
  for (int i = 0; i < 100; ++i) files.contents["in/a.txt"] += "line\n";
  files.contents["in/b.txt.gz"] = test::gzip(files.contents["in/a.txt"]);
  Run run(files, recording(), 2);
  for (int i = 0; i < 150; ++i) run.step(run.readers()[static_cast<std::size_t>(i % 2)]);
  const Timestamp before = run.dealer().sourceMaxTimestamp();
  REQUIRE(before > 0);
  std::vector<std::string> positions;
  for (Reader& reader : run.readers()) {
    run.note(reader);
    positions.push_back(reader.position);
  }
  Run next(files, recording(), 1);
  REQUIRE(next.restore(positions).ok());
  CHECK(next.dealer().sourceMaxTimestamp() <= before);
  CHECK(next.dealer().sourceMaxTimestamp() > before - 20);
}

TEST_CASE("positions damaged in any way are refused or read, and never a crash") {
  MemoryFiles files;
  files.contents["in/a.txt"] = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
  files.contents["in/b.txt.gz"] = test::gzip(files.contents["in/a.txt"]);
  const std::string good = positionAfter(files, 5)[0];
  for (std::size_t size = 0; size < good.size(); ++size) {
    Run run(files, recording(), 1);
    const Status restored = run.restore({good.substr(0, size)});
    CHECK((restored.ok() || absl::IsDataLoss(restored) || absl::IsFailedPrecondition(restored)));
  }
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    Run run(files, recording(), 1);
    run.restore({bad}).IgnoreError();
  }
}

TEST_CASE("positions stay small on long runs: some 2,700 chunks between two checkpoints") {
  MemoryFiles files;
  for (int i = 0; i < 20'000; ++i) files.contents["in/a.txt"] += "fifteen or less\n";
  Run run(files, recording(16), 2);
  Random random(7);
  std::size_t longest = 0;
  for (std::uint64_t steps = 0; !run.isOver(); ++steps) {
    run.step(run.readers()[random.below(2)]);
    if (steps % 8000 != 0) continue;
    for (Reader& reader : run.readers()) {
      run.note(reader);
      longest = std::max(longest, reader.position.size());
    }
  }
  CHECK(longest < 800);
}

TEST_CASE("a set of ranges is written in few bytes, and reads back the same") {
  constexpr std::uint64_t kUnit = 256u << 10;
  Random random(7);
  RangeSet set;
  // 5 GB without gaps, then half of the chunks of 1 GB, and a piece of one.
  set.add(0, 20480 * kUnit);
  for (std::uint64_t i = 20480; i < 24576; ++i) {
    if (random.chance(0.5)) set.add(i * kUnit, (i + 1) * kUnit);
  }
  set.add(24577 * kUnit, 24577 * kUnit + 1234);
  std::string bytes;
  ByteWriter out(bytes);
  set.write(kUnit, out);
  CHECK(bytes.size() < 600);
  RangeSet back;
  ByteReader in(bytes);
  REQUIRE(back.read(in));
  CHECK(in.isAtEnd());
  CHECK(back == set);
}

TEST_CASE("a set of ranges is a set of bytes") {
  REQUIRE(rc::check("against a plain model", [](std::uint64_t seed) {
    Random random(seed);
    RangeSet set;
    std::vector<bool> model(400);
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t begin = random.below(390);
      const std::uint64_t end = begin + random.below(10);
      set.add(begin, end);
      for (std::uint64_t at = begin; at < end; ++at) model[at] = true;
    }
    const std::uint64_t below = random.chance(0.5) ? random.below(100) : 0;
    set.removeBelow(below);
    std::fill_n(model.begin(), static_cast<std::ptrdiff_t>(below), false);
    std::string bytes;
    ByteWriter out(bytes);
    set.write(1 + random.below(8), out);
    RangeSet back;
    ByteReader in(bytes);
    RC_ASSERT(back.read(in));
    RC_ASSERT(in.isAtEnd());
    RC_ASSERT(back == set);
    for (std::uint64_t at = 0; at < 400; ++at) RC_ASSERT(set.contains(at) == model[at]);
  }));
}

}  // namespace
}  // namespace millrace
