// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/line_sink.hpp>

#include <millrace/base/file_system.hpp>
#include <millrace/connectors/file/stream_writer.hpp>

#include <optional>

namespace millrace {
namespace {

class StdoutWriter final : public LineWriter {
 public:
  struct Output {
    std::unique_ptr<StreamWriter> stream;  // made by the first writer's open()
  };

  explicit StdoutWriter(std::shared_ptr<Output> output) : output_(std::move(output)) {}

  Status open(OperatorContext& context) override {
    if (output_->stream == nullptr) {
      output_->stream = std::make_unique<StreamWriter>(context.fileSystem().standardOutput());
    }
    return absl::OkStatus();
  }

  Status write(std::string_view lines) override { return output_->stream->write(lines); }

 private:
  const std::shared_ptr<Output> output_;
};

class PartFileLineWriter final : public LineWriter {
 public:
  using Run = std::optional<PartFileRun>;  // begun by the first writer's open()

  PartFileLineWriter(std::shared_ptr<Run> run, std::string directory)
      : run_(std::move(run)), directory_(std::move(directory)) {}

  Status open(OperatorContext& context) override {
    FileSystem& files = context.fileSystem();
    if (context.isCheckpointed() && !run_->has_value()) {
      MILLRACE_ASSIGN_OR_RETURN(
          *run_, beginPartFileRun(files, directory_, context.jobName(), context.operatorName()));
    }
    PartFileOptions options;
    options.directory = directory_;
    options.subtask = static_cast<std::uint32_t>(context.worker());
    options.run = *run_;
    MILLRACE_ASSIGN_OR_RETURN(writer_, PartFileWriter::open(files, options));
    return absl::OkStatus();
  }

  Status write(std::string_view lines) override { return writer_->write(lines); }
  Status flush() override { return writer_->flush(); }
  Status prepare(ByteWriter& out) override { return writer_->prepare(out); }

  Status close(bool succeeded) override {
    if (writer_ == nullptr) return absl::OkStatus();
    return succeeded ? writer_->close() : writer_->flush();
  }

 private:
  const std::shared_ptr<Run> run_;
  const std::string directory_;
  std::unique_ptr<PartFileWriter> writer_;
};

}  // namespace

std::unique_ptr<LineWriter> makeStdoutWriter(std::shared_ptr<void>& shared) {
  if (shared == nullptr) shared = std::make_shared<StdoutWriter::Output>();
  return std::make_unique<StdoutWriter>(std::static_pointer_cast<StdoutWriter::Output>(shared));
}

std::unique_ptr<LineWriter> makePartFileLineWriter(std::shared_ptr<void>& shared,
                                                   std::string directory) {
  using Run = PartFileLineWriter::Run;
  if (shared == nullptr) shared = std::make_shared<Run>();
  return std::make_unique<PartFileLineWriter>(std::static_pointer_cast<Run>(shared),
                                              std::move(directory));
}

}  // namespace millrace
