// SPDX-License-Identifier: MIT
#include <millrace/job/job.hpp>

#include "job/job_supervisor.hpp"

namespace millrace {
namespace {

template <typename Member>
std::uint64_t sumOver(const JobCounts& counts, Member member) {
  std::uint64_t sum = 0;
  for (const OperatorCounts& each : counts.operators) sum += each.*member;
  return sum;
}

std::uint64_t sumOfKind(const JobCounts& counts, NodeKind kind) {
  std::uint64_t sum = 0;
  for (const OperatorCounts& each : counts.operators) {
    if (each.kind == kind) sum += each.in;
  }
  return sum;
}

}  // namespace

std::uint64_t JobCounts::recordsIn() const { return sumOfKind(*this, NodeKind::kSource); }
std::uint64_t JobCounts::recordsOut() const { return sumOfKind(*this, NodeKind::kSink); }
std::uint64_t JobCounts::invalid() const { return sumOver(*this, &OperatorCounts::invalid); }
std::uint64_t JobCounts::late() const { return sumOver(*this, &OperatorCounts::late); }
std::uint64_t JobCounts::latePartial() const {
  return sumOver(*this, &OperatorCounts::latePartial);
}
std::uint64_t JobCounts::filtered() const { return sumOver(*this, &OperatorCounts::filtered); }
std::uint64_t JobCounts::bytesIn() const { return sumOver(*this, &OperatorCounts::bytesIn); }

Job::Job(std::unique_ptr<JobSupervisor> supervisor) : supervisor_(std::move(supervisor)) {}
Job::~Job() = default;
Job::Job(Job&&) noexcept = default;
Job& Job::operator=(Job&&) noexcept = default;

void Job::stop() { supervisor_->stop(); }
void Job::checkpoint() { supervisor_->checkpoint(); }
Status Job::savepoint(const std::string& directory) { return supervisor_->savepoint(directory); }
StatusOr<std::optional<std::string>> Job::readState(const StateQuery& query) {
  return supervisor_->readState(query);
}
void Job::cancel() { supervisor_->cancel(); }
Status Job::wait() { return supervisor_->wait(); }
bool Job::isFinished() const { return supervisor_->isOver(); }
JobCounts Job::counts() const { return supervisor_->counts(); }
std::vector<TaskStatus> Job::status() const { return supervisor_->status(); }
std::vector<SplitStatus> Job::splits() const { return supervisor_->splits(); }

StatusOr<Job> start(const Graph& graph, const JobOptions& options) {
  MILLRACE_ASSIGN_OR_RETURN(auto supervisor, JobSupervisor::start(graph, options));
  return Job(std::move(supervisor));
}

Status run(const Graph& graph, const JobOptions& options) {
  MILLRACE_ASSIGN_OR_RETURN(Job job, start(graph, options));
  return job.wait();
}

}  // namespace millrace
