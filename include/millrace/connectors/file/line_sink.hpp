// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/file/part_file_writer.hpp>
#include <millrace/runtime/sink.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

/// How a result becomes a line, without the line's end: `void f(const T&, std::string& out)`
/// appends to `out`; `std::string f(const T&)` makes a string.
template <typename F, typename T>
concept LineFormat = std::invocable<const F&, const T&, std::string&> ||
    requires(const F& format, const T& value, std::string& out) {
  out += format(value);
};

/// The format of records that are lines already.
struct PlainLine {
  void operator()(std::string_view line, std::string& out) const { out += line; }
};

template <typename T, LineFormat<T> F>
void appendFormatted(const T& value, const F& format, std::string& out) {
  if constexpr (std::invocable<const F&, const T&, std::string&>) {
    format(value, out);
  } else {
    out += format(value);
  }
}

template <typename T, typename F>
void appendLines(const TypedBatch<T>& batch, const F& format, std::string& out) {
  for (std::size_t i = batch.cursor(); i < batch.size(); ++i) {
    appendFormatted(batch[i], format, out);
    out += '\n';
  }
}

/// Where one worker's lines go.
class LineWriter : public SinkWriterLife {
 public:
  /// REQUIRES: whole lines.
  virtual Status write(std::string_view lines) = 0;
};

/// Standard output, which the writers of one job share.
std::unique_ptr<LineWriter> makeStdoutWriter(std::shared_ptr<void>& shared);

/// Part files in `directory`, of a run that the writers of one job share; see PartFileWriter.
std::unique_ptr<LineWriter> makePartFileLineWriter(std::shared_ptr<void>& shared,
                                                   std::string directory);

/// Makes lines of records.
template <typename T, typename F>
class LineSinkWriter final : public SinkWriter<T> {
 public:
  LineSinkWriter(std::unique_ptr<LineWriter> writer, F format)
      : writer_(std::move(writer)), format_(std::move(format)) {}

  Status open(OperatorContext& context) override { return writer_->open(context); }

  Status write(const TypedBatch<T>& batch) override {
    lines_.clear();
    appendLines(batch, format_, lines_);
    return writer_->write(lines_);
  }

  Status flush() override { return writer_->flush(); }
  Status prepare(ByteWriter& out) override { return writer_->prepare(out); }
  Status close(bool succeeded) override { return writer_->close(succeeded); }

 private:
  const std::unique_ptr<LineWriter> writer_;
  const F format_;
  std::string lines_;
};

/// Lines to standard output; each batch is written at once, whole lines only. At least once: after
/// a crash and a restart from a checkpoint lines may appear again.
template <typename T, typename F>
class StdoutConnector final : public SinkConnector<T> {
 public:
  explicit StdoutConnector(F format) : format_(std::move(format)) {}

  std::unique_ptr<SinkWriter<T>> makeWriter(std::shared_ptr<void>& shared) const override {
    return std::make_unique<LineSinkWriter<T, F>>(makeStdoutWriter(shared), format_);
  }
  std::string describe() const override { return "stdout"; }

 private:
  F format_;
};

/// Lines to a directory of part files; see PartFileWriter. Exactly once in a job that takes
/// checkpoints: parts get their names when their checkpoint is committed.
template <typename T, typename F>
class PartFileConnector final : public SinkConnector<T> {
 public:
  PartFileConnector(std::string directory, F format)
      : directory_(std::move(directory)), format_(std::move(format)) {}

  std::unique_ptr<SinkWriter<T>> makeWriter(std::shared_ptr<void>& shared) const override {
    return std::make_unique<LineSinkWriter<T, F>>(makePartFileLineWriter(shared, directory_),
                                                  format_);
  }
  std::string describe() const override { return "file(" + directory_ + ")"; }

  Status persist(FileSystem& files, std::string_view prepared) const override {
    return persistParts(files, directory_, prepared);
  }
  Status commit(FileSystem& files, std::string_view prepared) const override {
    return commitParts(files, directory_, prepared);
  }
  // What was not committed is removed by the first writer, which knows the names of job and sink:
  // others may be writing to the directory.

 private:
  std::string directory_;
  F format_;
};

template <typename F>
struct StdoutSink {
  F format;
  template <typename T>
  requires LineFormat<F, T>
  auto connector() const { return StdoutConnector<T, F>(format); }
};

template <typename F>
struct PartFileSink {
  std::string directory;
  F format;
  template <typename T>
  requires LineFormat<F, T>
  auto connector() const { return PartFileConnector<T, F>(directory, format); }
};

/// Prints each result as a line of standard output; strings need no format.
template <typename F = PlainLine>
StdoutSink<F> toStdout(F format = {}) {
  return {std::move(format)};
}

/// Writes each result as a line of a part file in `directory`; strings need no format.
template <typename F = PlainLine>
PartFileSink<F> toFiles(std::string directory, F format = {}) {
  return {std::move(directory), std::move(format)};
}

}  // namespace millrace
