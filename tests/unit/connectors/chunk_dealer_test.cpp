// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/chunk_dealer.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <rapidcheck.h>
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <ostream>
#include <thread>

#include <millrace/base/random.hpp>
#include "unit/connectors/compressed_text.hpp"
#include "unit/connectors/memory_files.hpp"

namespace millrace {
namespace {

using test::MemoryFiles;

/// A record as a reader should see it; a line that is too long is shown as such.
struct Record {
  std::uint64_t offset = 0;
  std::string text;
  auto operator<=>(const Record&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Record& record) {
    return out << record.offset << ":" << record.text;
  }
};

constexpr const char* kTooLong = "<too long>";

/// What is in a text, found the plain way.
std::vector<Record> recordsOf(std::string_view text, std::size_t maxLineBytes) {
  std::vector<Record> records;
  std::uint64_t offset = 0;
  while (offset < text.size()) {
    const std::size_t newline = std::min(text.find('\n', offset), text.size());
    std::string line(text.substr(offset, newline - offset));
    if (line.size() > maxLineBytes) {
      records.push_back({offset, kTooLong});
    } else {
      while (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.find_first_not_of(" \t") != line.npos) records.push_back({offset, line});
    }
    offset = newline + 1;
  }
  return records;
}

/// So that the address sanitizer sees padding that is not there.
void touchPadding(std::string_view line) {
  static std::atomic<int> touched;
  int sum = 0;
  for (std::size_t i = 0; i < PaddedBuffer::kPadding; ++i) sum += line.data()[line.size() + i];
  touched = sum;
}

bool nextRecord(Chunk& chunk, Record& record) {
  std::string_view line;
  if (!chunk.nextLine(line)) return false;
  touchPadding(line);
  record = {chunk.lineOffset(), chunk.lineTooLong() ? kTooLong : std::string(line)};
  return true;
}

struct Reading {
  std::map<std::size_t, std::vector<Record>> records;  // by file
  Status status;
};

/// One worker reads everything.
Reading readAll(ChunkDealer& dealer) {
  Reading reading;
  Chunk chunk;
  while (true) {
    const StatusOr<Deal> deal = dealer.next(chunk);
    if (!deal.ok() || *deal != Deal::kChunk) {
      reading.status = deal.status();
      return reading;
    }
    Record record;
    while (nextRecord(chunk, record)) reading.records[chunk.fileIndex()].push_back(record);
    if (!chunk.status().ok()) {
      reading.status = chunk.status();
      return reading;
    }
    dealer.complete(chunk.fileIndex(), chunk.index(), kMinTimestamp);
  }
}

InputFile inputOf(const MemoryFiles& files, const std::string& path) {
  return {path, inputKindOf(path), files.contents.at(path).size()};
}

ChunkDealerOptions smallChunks(std::size_t chunkBytes, std::size_t maxLineBytes = 1000) {
  ChunkDealerOptions options;
  options.chunkBytes = chunkBytes;
  options.maxLineBytes = maxLineBytes;
  return options;
}

std::vector<Record> readText(const std::string& path, const std::string& bytes,
                             ChunkDealerOptions options) {
  MemoryFiles files;
  files.contents[path] = bytes;
  ChunkDealer dealer(files, {inputOf(files, path)}, options);
  Reading reading = readAll(dealer);
  CHECK(reading.status.ok());
  CHECK(dealer.sourceMaxTimestamp() == kMaxTimestamp);
  return reading.records[0];
}

std::vector<std::string> texts(const std::vector<Record>& records) {
  std::vector<std::string> lines;
  for (const Record& record : records) lines.push_back(record.text);
  return lines;
}

TEST_CASE("a line ends at a newline or at the end of the file, without its carriage returns") {
  using Lines = std::vector<std::string>;
  const std::string nul("a\0b", 3);
  const struct {
    std::string text;
    Lines lines;
  } cases[] = {
      {"", {}},
      {"\n", {}},
      {"\n\n  \n\t \t\n \r\n", {}},
      {"a", {"a"}},
      {"a\n", {"a"}},
      {"a\nb", {"a", "b"}},
      {"a\r\nb\r\r\n", {"a", "b"}},
      {" a \n", {" a "}},
      {"a\rb\n", {"a\rb"}},
      {nul + "\n" + nul, {nul, nul}},
      {"\xff\xfe\n", {"\xff\xfe"}},
  };
  for (const auto& each : cases) {
    for (const std::size_t chunkBytes : {1, 2, 3, 4, 100}) {
      CAPTURE(each.text, chunkBytes);
      CHECK(texts(readText("t", each.text, smallChunks(chunkBytes))) == each.lines);
      CHECK(texts(readText("t.gz", test::gzip(each.text), smallChunks(chunkBytes))) == each.lines);
      CHECK(texts(readText("t.zst", test::zstd(each.text), smallChunks(chunkBytes))) == each.lines);
    }
  }
}

TEST_CASE("a line over the limit is one invalid record and the next line follows it") {
  for (const std::size_t length : {9u, 10u, 11u, 12u, 100u, 5000u, 100000u}) {
    for (const std::size_t chunkBytes : {1u, 7u, 64u, 20000u}) {
      const std::string text = "first\n" + std::string(length, 'x') + "\nlast";
      const auto expected = recordsOf(text, 10);
      CAPTURE(length, chunkBytes);
      CHECK(expected[1].text == (length > 10 ? kTooLong : std::string(length, 'x')));
      CHECK(readText("t", text, smallChunks(chunkBytes, 10)) == expected);
      CHECK(readText("t.gz", test::gzip(text), smallChunks(chunkBytes, 10)) == expected);
    }
  }
}

TEST_CASE("of a line over the limit an excerpt is given") {
  const std::string text = std::string(5000, 'x') + "\n";
  for (const std::string name : {"t", "t.gz"}) {
    for (const std::size_t chunkBytes : {100, 100000}) {
      MemoryFiles files;
      files.contents[name] = name == "t" ? text : test::gzip(text);
      ChunkDealer dealer(files, {inputOf(files, name)}, smallChunks(chunkBytes, 1000));
      Chunk chunk;
      REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
      std::string_view line;
      REQUIRE(chunk.nextLine(line));
      CHECK(chunk.lineTooLong());
      CHECK(line == std::string(kTooLongExcerptBytes, 'x'));
      CHECK_FALSE(chunk.nextLine(line));
    }
  }
}

TEST_CASE("lines up to the limit come whole, however many chunks they span") {
  const std::string longLine(3'000'000, 'y');
  const std::string text = "a\n" + longLine + "\nb\n" + longLine;
  CHECK(readText("t", text, smallChunks(4096, longLine.size())) ==
        recordsOf(text, longLine.size()));
  CHECK(readText("t.zst", test::zstd(text), smallChunks(4096, longLine.size())) ==
        recordsOf(text, longLine.size()));
}

TEST_CASE("earlier lines of a chunk stay where they are while its last line is finished") {
  MemoryFiles files;
  files.contents["t"] = "first\n" + std::string(200'000, 'z') + "\n";
  ChunkDealer dealer(files, {inputOf(files, "t")}, smallChunks(10, 1'000'000));
  Chunk chunk;
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  std::string_view first;
  std::string_view second;
  REQUIRE(chunk.nextLine(first));
  REQUIRE(chunk.nextLine(second));
  CHECK(first == "first");
  CHECK(second.size() == 200'000);
}

TEST_CASE("archives of several members or frames are read through") {
  const std::string expected = "a\nb\nc\nd\n";
  const auto lines = recordsOf(expected, 100);
  const std::string zeros(700, '\0');
  CHECK(readText("t.gz", test::gzip("a\nb") + test::gzip("\nc\n") + test::gzip("d\n"),
                 smallChunks(3)) == lines);
  CHECK(readText("t.gz", test::gzip("a\nb\n") + test::gzip("") + test::gzip("c\nd\n") + zeros,
                 smallChunks(3)) == lines);
  CHECK(readText("t.zst", test::zstd("a\nb") + test::zstd("") + test::zstd("\nc\nd\n"),
                 smallChunks(3)) == lines);
}

std::string manyLines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "line " + std::to_string(i * 7919 % 1000) + "\n";
  return text;
}

void checkTruncations(const std::string& path, const std::string& text, const std::string& bytes) {
  const auto all = recordsOf(text, 1000);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    MemoryFiles files;
    files.contents[path] = bytes.substr(0, size);
    ChunkDealer dealer(files, {inputOf(files, path)}, smallChunks(100));
    const Reading reading = readAll(dealer);
    const auto found = reading.records.find(0);
    const auto got = found == reading.records.end() ? std::vector<Record>() : found->second;
    CAPTURE(size, reading.status.ToString());
    REQUIRE(absl::IsDataLoss(reading.status));
    REQUIRE(std::string(reading.status.message()).find(path) != std::string::npos);
    REQUIRE(got.size() <= all.size());
    REQUIRE(std::equal(got.begin(), got.end(), all.begin()));
    Chunk chunk;
    REQUIRE(dealer.next(chunk).status() == reading.status);
  }
}

TEST_CASE("an archive cut off at any byte gives its good lines and then an error") {
  const std::string text = manyLines(300);
  checkTruncations("dir/t.gz", text, test::gzip(text));
  checkTruncations("dir/t.zst", text, test::zstd(text));
}

TEST_CASE("a cut archive gives nearly all of what was written") {
  const std::string text = manyLines(200'000);
  const std::string bytes = test::gzip(text);
  MemoryFiles files;
  files.contents["t.gz"] = bytes.substr(0, bytes.size() - 1);
  ChunkDealer dealer(files, {inputOf(files, "t.gz")});
  Reading reading = readAll(dealer);
  CHECK(absl::IsDataLoss(reading.status));
  CHECK(reading.records[0] == recordsOf(text, 1000));
}

TEST_CASE("a damaged archive is an error, wherever the damage is") {
  const std::string text = manyLines(300);
  for (const std::string path : {"t.gz", "t.zst"}) {
    const std::string bytes = path == "t.gz" ? test::gzip(text) : test::zstd(text);
    for (std::size_t at = path == "t.gz" ? 10 : 0; at < bytes.size(); at += 3) {
      MemoryFiles files;
      files.contents[path] = bytes;
      files.contents[path][at] = static_cast<char>(files.contents[path][at] ^ 0x55);
      ChunkDealer dealer(files, {inputOf(files, path)}, smallChunks(64));
      CAPTURE(path, at);
      CHECK_FALSE(readAll(dealer).status.ok());
    }
  }
  MemoryFiles files;
  files.contents["t.gz"] = test::gzip("a\n") + "trailing garbage";
  ChunkDealer dealer(files, {inputOf(files, "t.gz")});
  Reading reading = readAll(dealer);
  CHECK(absl::IsDataLoss(reading.status));
  CHECK(texts(reading.records[0]) == std::vector<std::string>{"a"});
}

TEST_CASE("no file or only empty files are exhausted at once") {
  MemoryFiles files;
  files.contents["a"] = files.contents["b"] = "";
  ChunkDealer none(files, {});
  ChunkDealer empty(files, {inputOf(files, "a"), inputOf(files, "b")});
  Chunk chunk;
  CHECK(none.next(chunk).value() == Deal::kExhausted);
  CHECK(none.sourceMaxTimestamp() == kMaxTimestamp);
  CHECK(empty.next(chunk).value() == Deal::kExhausted);
  CHECK(empty.sourceMaxTimestamp() == kMaxTimestamp);
}

TEST_CASE("a failing read is the answer to every later call and names the file") {
  MemoryFiles files;
  files.contents["t"] = manyLines(100);
  files.brokenFrom["t"] = 500;
  ChunkDealer dealer(files, {inputOf(files, "t")}, smallChunks(100));
  const Reading reading = readAll(dealer);
  CHECK(reading.status.message() == "cannot read t: Input/output error");
  Chunk chunk;
  CHECK(dealer.next(chunk).status() == reading.status);

  files.refusedOpen["t"] = absl::PermissionDeniedError("cannot open t: Permission denied");
  ChunkDealer refused(files, {inputOf(files, "t")});
  CHECK(absl::IsPermissionDenied(refused.next(chunk).status()));
}

TEST_CASE("the source's time is the least of its files' prefix maxima") {
  MemoryFiles files;
  files.contents["a"] = files.contents["b"] = "1\n2\n3\n4\n";
  ChunkDealer dealer(files, {inputOf(files, "a"), inputOf(files, "b")}, smallChunks(4));
  Chunk a0;
  Chunk b0;
  Chunk next;
  REQUIRE(dealer.next(a0).value() == Deal::kChunk);
  REQUIRE(dealer.next(b0).value() == Deal::kChunk);
  CHECK(a0.fileIndex() == 0);
  CHECK(b0.fileIndex() == 1);

  dealer.reportProgress(0, 0, 20);
  CHECK(dealer.fileMaxTimestamp(0) == 20);
  CHECK(dealer.sourceMaxTimestamp() == kMinTimestamp);
  dealer.reportProgress(1, 0, 10);
  CHECK(dealer.sourceMaxTimestamp() == 10);

  REQUIRE(dealer.next(next).value() == Deal::kChunk);
  CHECK(next.fileIndex() == 1);
  CHECK(next.index() == 1);
  dealer.complete(1, 1, 90);
  CHECK(dealer.sourceMaxTimestamp() == 10);
  dealer.complete(1, 0, 15);
  CHECK(dealer.fileMaxTimestamp(1) == kMaxTimestamp);
  CHECK(dealer.sourceMaxTimestamp() == 20);
  REQUIRE(dealer.next(next).value() == Deal::kChunk);
  CHECK(next.fileIndex() == 0);
  CHECK(dealer.next(next).value() == Deal::kExhausted);
}

TEST_CASE("no more chunks are open than allowed, however many were completed out of order") {
  MemoryFiles files;
  files.contents["a"] = manyLines(100);
  ChunkDealerOptions options = smallChunks(10);
  options.maxChunksAhead = 3;
  ChunkDealer dealer(files, {inputOf(files, "a")}, options);
  Chunk chunk;
  for (int i = 0; i < 3; ++i) REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  CHECK(dealer.next(chunk).value() == Deal::kNotNow);
  dealer.complete(0, 1, 5);
  dealer.complete(0, 2, 5);
  CHECK(dealer.next(chunk).value() == Deal::kNotNow);
  dealer.complete(0, 0, 5);
  CHECK(dealer.next(chunk).value() == Deal::kChunk);
}

TEST_CASE("by choice only one chunk of a file is out at a time") {
  MemoryFiles files;
  files.contents["a"] = files.contents["b"] = manyLines(100);
  ChunkDealerOptions options = smallChunks(10);
  options.sequentialWithinFile = true;
  ChunkDealer dealer(files, {inputOf(files, "a"), inputOf(files, "b")}, options);
  Chunk chunk;
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  CHECK(chunk.fileIndex() == 1);
  CHECK(dealer.next(chunk).value() == Deal::kNotNow);
  dealer.complete(0, 0, 7);
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  CHECK(chunk.fileIndex() == 0);
  CHECK(chunk.index() == 1);
}

TEST_CASE("files that follow each other in time are read one after the other") {
  MemoryFiles files;
  std::vector<InputFile> inputs;
  for (int file = 0; file < 5; ++file) {
    const std::string path = "day" + std::to_string(file) + (file % 2 == 0 ? "" : ".gz");
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += std::to_string(file * 100'000 + i) + "\n";
    files.contents[path] = file % 2 == 0 ? text : test::gzip(text);
    inputs.push_back(inputOf(files, path));
  }
  ChunkDealerOptions options;
  options.maxOpenFiles = 1;
  options.maxOpenDecoders = 1;
  ChunkDealer dealer(files, inputs, options);
  Chunk chunk;
  std::vector<std::size_t> order;
  while (dealer.next(chunk).value() == Deal::kChunk) {
    order.push_back(chunk.fileIndex());
    Timestamp maxTimestamp = kMinTimestamp;
    std::string_view line;
    while (chunk.nextLine(line)) maxTimestamp = std::stoll(std::string(line));
    dealer.complete(chunk.fileIndex(), chunk.index(), maxTimestamp);
  }
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
  CHECK(files.openMost <= 4);
  CHECK(files.openNow <= 1);
}

TEST_CASE("a decoder that made room for another goes on within a line that is too long") {
  MemoryFiles files;
  const std::string text = std::string(200, 'x') + "\nshort\n";
  files.contents["a.gz"] = files.contents["b.gz"] = test::gzip(text);
  ChunkDealerOptions options = smallChunks(30, 50);
  options.maxOpenDecoders = 1;
  ChunkDealer dealer(files, {inputOf(files, "a.gz"), inputOf(files, "b.gz")}, options);
  Reading reading = readAll(dealer);
  CHECK(reading.records[0] == recordsOf(text, 50));
  CHECK(reading.records[1] == recordsOf(text, 50));
}

TEST_CASE("more files than may be open are read with the handles there are") {
  MemoryFiles files;
  std::vector<InputFile> inputs;
  for (int file = 0; file < 50; ++file) {
    const std::string path = "f" + std::to_string(file);
    files.contents[path] = manyLines(50);
    inputs.push_back(inputOf(files, path));
  }
  ChunkDealerOptions options = smallChunks(50);
  options.maxOpenFiles = 4;
  ChunkDealer dealer(files, inputs, options);
  Reading reading = readAll(dealer);
  CHECK(reading.records.size() == 50);
  for (auto& [file, records] : reading.records) CHECK(records == recordsOf(manyLines(50), 1000));
  CHECK(files.openMost <= 5);
}

/// One run of random files, options and interleaved workers against the plain model.
class Race {
 public:
  Race(std::uint64_t seed, std::size_t fileCount, std::size_t lineCount, std::size_t workers)
      : random_(seed), workers_(workers) {
    options_.chunkBytes = static_cast<std::size_t>(random_.between(1, 120));
    options_.maxLineBytes = static_cast<std::size_t>(random_.between(20, 90));
    options_.maxChunksAhead = static_cast<std::size_t>(random_.between(1, 6));
    options_.maxOpenFiles = static_cast<std::size_t>(random_.between(1, 3));
    options_.maxOpenDecoders = static_cast<std::size_t>(random_.between(1, 2));
    options_.sequentialWithinFile = random_.chance(0.2);
    for (std::size_t file = 0; file < fileCount; ++file) addFile(lineCount);
  }

  void run() {
    ChunkDealer dealer(files_, inputs_, options_);
    std::size_t finished = 0;
    while (finished < workers_.size()) {
      Worker& worker = workers_[random_.below(workers_.size())];
      if (worker.done) continue;
      step(dealer, worker);
      finished += worker.done ? 1 : 0;
      checkTime(dealer);
    }
    RC_ASSERT(dealer.sourceMaxTimestamp() == kMaxTimestamp);
    for (const Model& model : models_) {
      RC_ASSERT(std::all_of(model.read.begin(), model.read.end(), [](bool read) { return read; }));
    }
  }

 private:
  struct Model {
    std::vector<Record> records;
    std::vector<Timestamp> times;
    std::vector<bool> read;
  };
  struct Worker {
    Chunk chunk;
    bool busy = false;
    bool done = false;
    Timestamp maxTimestamp = kMinTimestamp;
    std::vector<std::size_t> unreported;  // read, and no progress told since
  };

  void addFile(std::size_t lineCount) {
    std::string text;
    Timestamp time = random_.between(-50, 50);
    for (std::size_t i = 0; i < lineCount; ++i) {
      time += random_.between(-3, 10);
      std::string line = std::to_string(time);
      if (random_.chance(0.1)) line += std::string(random_.below(200), '.');
      if (random_.chance(0.1)) line += std::string(random_.below(3), '\r');
      if (random_.chance(0.1)) line = std::string(random_.below(4), ' ');
      text += line + (i + 1 < lineCount || random_.chance(0.5) ? "\n" : "");
    }
    const std::string path = std::string("f") + std::to_string(inputs_.size()) +
                             (random_.chance(0.5)   ? ""
                              : random_.chance(0.5) ? ".gz"
                                                    : ".zst");
    const InputKind kind = inputKindOf(path);
    files_.contents[path] = kind == InputKind::kPlain  ? text
                            : kind == InputKind::kGzip ? test::gzip(text)
                                                       : test::zstd(text);
    inputs_.push_back(inputOf(files_, path));
    Model& model = models_.emplace_back();
    model.records = recordsOf(text, options_.maxLineBytes);
    for (const Record& record : model.records) {
      model.times.push_back(record.text == kTooLong ? kMinTimestamp : std::stoll(record.text));
    }
    model.read.resize(model.records.size());
  }

  void step(ChunkDealer& dealer, Worker& worker) {
    if (!worker.busy) {
      const StatusOr<Deal> deal = dealer.next(worker.chunk);
      RC_ASSERT(deal.ok());
      worker.busy = *deal == Deal::kChunk;
      worker.done = *deal == Deal::kExhausted;
      worker.maxTimestamp = kMinTimestamp;
      return;
    }
    const std::size_t file = worker.chunk.fileIndex();
    Record record;
    if (nextRecord(worker.chunk, record)) {
      RC_ASSERT(record.offset >= worker.chunk.offset());
      RC_ASSERT(record.offset < worker.chunk.endOffset());
      take(models_[file], worker, record);
      if (random_.chance(0.7)) return;
      dealer.reportProgress(file, worker.chunk.index(), worker.maxTimestamp);
      markRead(models_[file], worker);
      return;
    }
    RC_ASSERT(worker.chunk.status().ok());
    markRead(models_[file], worker);
    dealer.complete(file, worker.chunk.index(), worker.maxTimestamp);
    worker.busy = false;
  }

  void take(Model& model, Worker& worker, const Record& record) {
    const auto found = std::lower_bound(model.records.begin(), model.records.end(), record);
    RC_ASSERT(found != model.records.end());
    RC_ASSERT(*found == record);
    const auto index = static_cast<std::size_t>(found - model.records.begin());
    worker.unreported.push_back(index);
    worker.maxTimestamp = std::max(worker.maxTimestamp, model.times[index]);
  }

  static void markRead(Model& model, Worker& worker) {
    for (const std::size_t index : worker.unreported) {
      RC_ASSERT(!model.read[index]);
      model.read[index] = true;
    }
    worker.unreported.clear();
  }

  /// What someone who reads the file in order up to its oldest unread record knows.
  static Timestamp knownInOrder(const Model& model) {
    Timestamp known = kMinTimestamp;
    for (std::size_t i = 0; i < model.read.size(); ++i) {
      if (!model.read[i]) return known;
      known = std::max(known, model.times[i]);
    }
    return kMaxTimestamp;
  }

  void checkTime(const ChunkDealer& dealer) {
    const bool someoneReads = std::any_of(workers_.begin(), workers_.end(),
                                          [](const Worker& worker) { return worker.busy; });
    Timestamp least = kMaxTimestamp;
    for (std::size_t file = 0; file < models_.size(); ++file) {
      const Timestamp known = knownInOrder(models_[file]);
      RC_ASSERT(dealer.fileMaxTimestamp(file) <= known);
      if (!someoneReads && known != kMaxTimestamp) {
        RC_ASSERT(dealer.fileMaxTimestamp(file) == known);
      }
      least = std::min(least, dealer.fileMaxTimestamp(file));
    }
    RC_ASSERT(dealer.sourceMaxTimestamp() == least);
    RC_ASSERT(least >= lastTime_);
    lastTime_ = least;
  }

  Random random_;
  ChunkDealerOptions options_;
  MemoryFiles files_;
  std::vector<InputFile> inputs_;
  std::vector<Model> models_;
  std::vector<Worker> workers_;
  Timestamp lastTime_ = kMinTimestamp;
};

TEST_CASE("racing workers read every line once and time never runs ahead of an ordered reader") {
  CHECK(rc::check([] {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    const auto fileCount = *rc::gen::inRange<std::size_t>(0, 5);
    const auto lineCount = *rc::gen::inRange<std::size_t>(0, 60);
    const auto workers = *rc::gen::inRange<std::size_t>(1, 5);
    for (std::uint64_t i = 0; i < 20; ++i) Race(seed + i, fileCount, lineCount, workers).run();
  }));
}

/// Wakes whoever waits for the dealer.
class Bell final : public ChunkListener {
 public:
  void onChunksMayBeReady() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++rings_;
    rang_.notify_all();
  }
  void waitBeyond(std::uint64_t rings) {
    std::unique_lock<std::mutex> lock(mutex_);
    rang_.wait(lock, [&] { return rings_ > rings; });
  }
  std::uint64_t rings() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return rings_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable rang_;
  std::uint64_t rings_ = 0;
};

TEST_CASE("threads that sleep while there is nothing for them are woken until all is read") {
  const bool sequential = GENERATE(false, true);
  MemoryFiles files;
  const std::string text = manyLines(20'000);
  files.contents["a"] = text;
  files.contents["b.gz"] = test::gzip(text);
  Bell bell;
  ChunkDealerOptions options = smallChunks(2000);
  options.maxChunksAhead = 3;
  options.sequentialWithinFile = sequential;
  options.listener = &bell;
  ChunkDealer dealer(files, {inputOf(files, "a"), inputOf(files, "b.gz")}, options);
  std::atomic<std::size_t> lines{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Chunk chunk;
      while (true) {
        const std::uint64_t rings = bell.rings();
        const Deal deal = dealer.next(chunk).value();
        if (deal == Deal::kExhausted) return;
        if (deal == Deal::kNotNow) {
          bell.waitBeyond(rings);
          continue;
        }
        std::string_view line;
        while (chunk.nextLine(line)) ++lines;
        dealer.complete(chunk.fileIndex(), chunk.index(), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(lines == 40'000);
  CHECK(dealer.sourceMaxTimestamp() == kMaxTimestamp);
}

struct Pipe {
  Pipe() { REQUIRE(::pipe(ends) == 0); }
  ~Pipe() {
    closeWriter();
    ::close(ends[0]);
  }
  void write(std::string_view bytes) const {
    REQUIRE(::write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void closeWriter() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  int ends[2] = {-1, -1};
};

std::string onlyLine(Chunk& chunk) {
  std::string_view line;
  REQUIRE(chunk.nextLine(line));
  const std::string text(line);
  REQUIRE_FALSE(chunk.nextLine(line));
  return text;
}

TEST_CASE("a live stream gives each line as soon as it is whole and never waits") {
  Pipe pipe;
  ChunkDealer dealer(inputFromDescriptor(pipe.ends[0], "<pipe>"));
  Chunk chunk;
  CHECK(dealer.next(chunk).value() == Deal::kNotNow);
  pipe.write("hel");
  CHECK(dealer.next(chunk).value() == Deal::kNotNow);
  pipe.write("lo\nwor");
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  CHECK(onlyLine(chunk) == "hello");
  CHECK(chunk.path() == "<pipe>");
  CHECK(dealer.next(chunk).value() == Deal::kNotNow);
  pipe.write("ld");
  pipe.closeWriter();
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  CHECK(onlyLine(chunk) == "world");
  CHECK(chunk.lineOffset() == 6);
  CHECK(dealer.next(chunk).value() == Deal::kExhausted);
  CHECK(dealer.sourceMaxTimestamp() == kMinTimestamp);
  dealer.complete(0, 0, 3);
  dealer.complete(0, 1, 4);
  CHECK(dealer.sourceMaxTimestamp() == kMaxTimestamp);
}

TEST_CASE("a sleeping reader of a live stream is woken by bytes and by the end") {
  Pipe pipe;
  Bell bell;
  ChunkDealerOptions options;
  options.listener = &bell;
  ChunkDealer dealer(inputFromDescriptor(pipe.ends[0], "<pipe>"), options);
  Chunk chunk;
  std::uint64_t rings = bell.rings();
  REQUIRE(dealer.next(chunk).value() == Deal::kNotNow);
  pipe.write("one\n");
  bell.waitBeyond(rings);
  REQUIRE(dealer.next(chunk).value() == Deal::kChunk);
  dealer.complete(0, 0, 1);
  rings = bell.rings();
  REQUIRE(dealer.next(chunk).value() == Deal::kNotNow);
  pipe.closeWriter();
  bell.waitBeyond(rings);
  CHECK(dealer.next(chunk).value() == Deal::kExhausted);
}

}  // namespace
}  // namespace millrace
