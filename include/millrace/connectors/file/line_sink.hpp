// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>
#include <millrace/connectors/file/part_file_writer.hpp>
#include <millrace/connectors/file/stream_writer.hpp>
#include <millrace/runtime/sink.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace millrace {

/// How a result becomes a line, without the line's end: `void f(const T&, std::string& out)`
/// appends to `out`; `std::string f(const T&)` makes a string.
template <typename F, typename T>
concept LineFormat = std::invocable<const F&, const T&, std::string&> ||
    requires(const F& format, const T& value, std::string& out) { out += format(value); };

/// The format of records that are lines already.
struct PlainLine {
  void operator()(std::string_view line, std::string& out) const { out += line; }
};

template <typename T, typename F>
void appendLines(const TypedBatch<T>& batch, const F& format, std::string& out) {
  for (std::size_t i = batch.cursor(); i < batch.size(); ++i) {
    if constexpr (std::invocable<const F&, const T&, std::string&>) {
      format(batch[i], out);
    } else {
      out += format(batch[i]);
    }
    out += '\n';
  }
}

/// Lines to standard output; each batch is written at once, whole lines only. At least once: after
/// a crash and a restart from a checkpoint lines may appear again.
template <typename T, typename F>
class StdoutConnector final : public SinkConnector<T> {
 public:
  explicit StdoutConnector(F format) : format_(std::move(format)) {}

  std::unique_ptr<SinkWriter<T>> makeWriter(std::shared_ptr<void>& shared) const override {
    if (shared == nullptr) shared = std::make_shared<Output>();
    return std::make_unique<Writer>(std::static_pointer_cast<Output>(shared), format_);
  }
  std::string describe() const override { return "stdout"; }

 private:
  struct Output {
    std::unique_ptr<StreamWriter> stream;  // made by the first writer's open()
  };

  class Writer final : public SinkWriter<T> {
   public:
    Writer(std::shared_ptr<Output> output, F format)
        : output_(std::move(output)), format_(std::move(format)) {}

    Status open(OperatorContext& context) override {
      if (output_->stream == nullptr) {
        output_->stream = std::make_unique<StreamWriter>(context.fileSystem().standardOutput());
      }
      return absl::OkStatus();
    }

    Status write(const TypedBatch<T>& batch) override {
      lines_.clear();
      appendLines(batch, format_, lines_);
      return output_->stream->write(lines_);
    }

   private:
    const std::shared_ptr<Output> output_;
    const F format_;
    std::string lines_;
  };

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
    if (shared == nullptr) shared = std::make_shared<Run>();
    return std::make_unique<Writer>(std::static_pointer_cast<Run>(shared), directory_, format_);
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
  using Run = std::optional<PartFileRun>;  // begun by the first writer's open()

  class Writer final : public SinkWriter<T> {
   public:
    Writer(std::shared_ptr<Run> run, std::string directory, F format)
        : run_(std::move(run)), directory_(std::move(directory)), format_(std::move(format)) {}

    Status open(OperatorContext& context) override {
      FileSystem& files = context.fileSystem();
      if (context.isCheckpointed() && !run_->has_value()) {
        MILLRACE_ASSIGN_OR_RETURN(*run_, beginPartFileRun(files, directory_, context.jobName(),
                                                          context.operatorName()));
      }
      PartFileOptions options;
      options.directory = directory_;
      options.subtask = static_cast<std::uint32_t>(context.worker());
      options.run = *run_;
      MILLRACE_ASSIGN_OR_RETURN(writer_, PartFileWriter::open(files, options));
      return absl::OkStatus();
    }

    Status write(const TypedBatch<T>& batch) override {
      lines_.clear();
      appendLines(batch, format_, lines_);
      return writer_->write(lines_);
    }

    Status flush() override { return writer_->flush(); }

    Status prepare(ByteWriter& out) override { return writer_->prepare(out); }

    Status close(bool succeeded) override {
      if (writer_ == nullptr) return absl::OkStatus();
      return succeeded ? writer_->close() : writer_->flush();
    }

   private:
    const std::shared_ptr<Run> run_;
    const std::string directory_;
    const F format_;
    std::unique_ptr<PartFileWriter> writer_;
    std::string lines_;
  };

  std::string directory_;
  F format_;
};

template <typename F>
struct StdoutSink {
  F format;
  template <typename T>
  requires LineFormat<F, T>
  auto connector() const { return std::make_shared<StdoutConnector<T, F>>(format); }
};

template <typename F>
struct PartFileSink {
  std::string directory;
  F format;
  template <typename T>
  requires LineFormat<F, T>
  auto connector() const { return std::make_shared<PartFileConnector<T, F>>(directory, format); }
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
