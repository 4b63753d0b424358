// SPDX-License-Identifier: MIT
#include "checkpoint/manifest.hpp"

#include <millrace/serde/bytes.hpp>

#include "checkpoint/checksum.hpp"
#include "checkpoint/file_header.hpp"
#include "checkpoint/records.hpp"

namespace millrace::checkpoint {
namespace {

constexpr std::size_t kBodyOffset = kFileHeaderSize + 16;
constexpr std::size_t kFileSize = 32;

void writeBody(const Manifest& manifest, ByteWriter& out) {
  out.fixed(static_cast<std::uint8_t>(manifest.kind));
  out.fixed(static_cast<std::uint8_t>(manifest.baseKind));
  writeText(manifest.summary.jobName, out);
  out.fixed(manifest.summary.keyGroups);
  out.fixed(manifest.summary.incarnation);
  out.fixed(manifest.origin);
  out.fixed(manifest.firstSegment);
  out.fixed(manifest.nextFile);
  writeCatalog(manifest.summary.states, out);
  writeEpoch(manifest.summary.epoch, out);
  out.length(manifest.files.size());
  for (const EntriesFile& file : manifest.files) {
    out.fixed(file.number);
    out.fixed(file.size);
    out.fixed(file.entries);
    out.fixed(file.check);
  }
}

bool readKinds(ByteReader& in, Manifest& out) {
  std::uint8_t kind = 0;
  std::uint8_t baseKind = 0;
  if (!in.fixed(kind) || !in.fixed(baseKind)) return false;
  out.kind = static_cast<Manifest::Kind>(kind);
  out.baseKind = static_cast<Manifest::BaseKind>(baseKind);
  return (kind == 1 || kind == 2) && (baseKind == 1 || baseKind == 2);
}

bool readFiles(ByteReader& in, std::vector<EntriesFile>& out) {
  std::size_t count = 0;
  if (!in.count(kFileSize, count)) return false;
  out.resize(count);
  for (EntriesFile& file : out) {
    if (!in.fixed(file.number) || !in.fixed(file.size) || !in.fixed(file.entries) ||
        !in.fixed(file.check)) {
      return false;
    }
  }
  return true;
}

bool readBody(ByteReader& in, Manifest& out) {
  CheckpointSummary& summary = out.summary;
  return readKinds(in, out) && readText(in, summary.jobName) && in.fixed(summary.keyGroups) &&
         in.fixed(summary.incarnation) && in.fixed(out.origin) && in.fixed(out.firstSegment) &&
         in.fixed(out.nextFile) && readCatalog(in, summary.states) &&
         readEpoch(in, summary.epoch) && readFiles(in, out.files) && in.isAtEnd() &&
         summary.keyGroups > 0 && summary.keyGroups <= kMaxKeyGroups;
}

}  // namespace

std::string encodeManifest(const Manifest& manifest) {
  std::string body;
  ByteWriter bodyOut(body);
  writeBody(manifest, bodyOut);
  std::string bytes;
  writeFileHeader(FileType::kManifest, bytes);
  ByteWriter out(bytes);
  out.fixed(static_cast<std::uint64_t>(body.size()));
  out.fixed(checksum({body}));
  out.bytes(body);
  return bytes;
}

StatusOr<Manifest> decodeManifest(std::string_view bytes, const std::string& path) {
  MILLRACE_RETURN_IF_ERROR(checkFileHeader(bytes, FileType::kManifest, path));
  ByteReader in(bytes.substr(kFileHeaderSize));
  std::uint64_t size = 0;
  std::uint64_t check = 0;
  if (!in.fixed(size) || !in.fixed(check) || size != in.remaining()) {
    return damaged(path, kFileHeaderSize, "it is not as long as it says");
  }
  const std::string_view body = bytes.substr(kBodyOffset);
  if (check != checksum({body})) return damaged(path, kBodyOffset, "its checksum is wrong");
  Manifest manifest;
  if (!readBody(in, manifest)) return damaged(path, kBodyOffset, "it does not follow the format");
  return manifest;
}

StatusOr<Manifest> readManifest(FileSystem& files, const Layout& layout) {
  MILLRACE_ASSIGN_OR_RETURN(const std::string bytes, readWhole(files, layout.manifest()));
  return decodeManifest(bytes, layout.manifest());
}

Status writeManifest(FileSystem& files, const Layout& layout, const Manifest& manifest) {
  MILLRACE_RETURN_IF_ERROR(writeSynced(files, layout.newManifest(), encodeManifest(manifest)));
  MILLRACE_RETURN_IF_ERROR(files.rename(layout.newManifest(), layout.manifest()));
  return finalError(files.syncDirectory(layout.root));
}

}  // namespace millrace::checkpoint
