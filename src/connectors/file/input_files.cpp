// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/input_files.hpp>

#include <fnmatch.h>

#include <algorithm>
#include <utility>

namespace millrace {
namespace {

constexpr std::string_view kExtensions[] = {".ndjson", ".json", ".jsonl", ".log", ".txt"};
constexpr const char* kExtensionList =
    ".ndjson, .json, .jsonl, .log or .txt, also with .gz or .zst";

bool isPattern(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

std::string join(const std::string& directory, const std::string& name) {
  if (directory.empty() || directory.back() == '/') return directory + name;
  return directory + "/" + name;
}

StatusOr<InputFile> inspect(FileSystem& files, const std::string& path, const FileInfo& info) {
  if (info.kind == FileKind::kStream) return InputFile{path, InputKind::kStream, 0, {}};
  MILLRACE_RETURN_IF_ERROR(files.openRead(path).status());
  return InputFile{path, inputKindOf(path), info.size, {}};
}

StatusOr<std::vector<InputFile>> filesOfDirectory(FileSystem& files, const std::string& path) {
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(path));
  std::vector<InputFile> found;
  for (const std::string& name : names) {
    if (!isInputFileName(name)) continue;
    const std::string filePath = join(path, name);
    MILLRACE_ASSIGN_OR_RETURN(const FileInfo info, files.stat(filePath));
    if (info.kind == FileKind::kDirectory) continue;
    MILLRACE_ASSIGN_OR_RETURN(InputFile file, inspect(files, filePath, info));
    found.push_back(std::move(file));
  }
  if (!found.empty()) return found;
  return absl::NotFoundError("no input file in directory " + path +
                             " (looked for names ending in " + kExtensionList +
                             ", not beginning with '.' or '_')");
}

/// Adds to `found` what of `directory` matches the rest of the pattern.
Status expand(FileSystem& files, const std::string& directory, std::string_view pattern,
              std::vector<InputFile>& found) {
  const std::size_t slash = pattern.find('/');
  const std::string component(pattern.substr(0, slash));
  const std::string_view rest =
      slash == pattern.npos ? std::string_view() : pattern.substr(slash + 1);

  std::vector<std::string> names{component};
  if (isPattern(component)) {
    MILLRACE_ASSIGN_OR_RETURN(names, files.list(directory.empty() ? "." : directory));
    std::erase_if(names, [&](const std::string& name) {
      return ::fnmatch(component.c_str(), name.c_str(), FNM_PERIOD) != 0;
    });
  }
  for (const std::string& name : names) {
    const std::string path = name.empty() ? directory : join(directory, name);
    const StatusOr<FileInfo> info = files.stat(path.empty() ? "/" : path);
    if (absl::IsNotFound(info.status())) continue;
    MILLRACE_RETURN_IF_ERROR(info.status());
    const bool isDirectory = info->kind == FileKind::kDirectory;
    if (slash != pattern.npos) {
      if (isDirectory) MILLRACE_RETURN_IF_ERROR(expand(files, path, rest, found));
    } else if (!isDirectory) {
      MILLRACE_ASSIGN_OR_RETURN(InputFile file, inspect(files, path, *info));
      found.push_back(std::move(file));
    }
  }
  return absl::OkStatus();
}

StatusOr<std::vector<InputFile>> filesOfGlob(FileSystem& files, const std::string& pattern) {
  const bool absolute = pattern.front() == '/';
  std::vector<InputFile> found;
  MILLRACE_RETURN_IF_ERROR(expand(files, absolute ? "/" : "",
                                  std::string_view(pattern).substr(absolute ? 1 : 0), found));
  if (found.empty()) return absl::NotFoundError("no file matches " + pattern);
  return found;
}

/// From which component on a pattern has wildcards, counted from its end.
std::size_t patternDepth(std::string_view pattern) {
  const std::size_t slash = pattern.substr(0, pattern.find_first_of("*?[")).rfind('/');
  if (slash != pattern.npos) pattern.remove_prefix(slash + 1);
  std::size_t depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '/' && (i == 0 || pattern[i - 1] == '/')) ++depth;
  }
  return depth;
}

/// The last `depth` components of a path.
std::string nameOf(std::string_view path, std::size_t depth) {
  std::size_t begin = path.size();
  while (begin > 0 && (path[begin - 1] != '/' || --depth > 0)) --begin;
  return std::string(path.substr(begin));
}

}  // namespace

InputKind inputKindOf(std::string_view name) {
  if (name.ends_with(".gz")) return InputKind::kGzip;
  if (name.ends_with(".zst")) return InputKind::kZstd;
  return InputKind::kPlain;
}

bool isInputFileName(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.front() == '_') return false;
  if (name.ends_with(".gz"))
    name.remove_suffix(3);
  else if (name.ends_with(".zst"))
    name.remove_suffix(4);
  return std::any_of(std::begin(kExtensions), std::end(kExtensions),
                     [&](std::string_view extension) { return name.ends_with(extension); });
}

StatusOr<std::vector<InputFile>> findInputFiles(FileSystem& files, const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the path of the input is empty");
  const StatusOr<FileInfo> info = files.stat(path);
  std::vector<InputFile> found;
  std::size_t depth = 1;
  if (!info.ok()) {
    if (!absl::IsNotFound(info.status()) || !isPattern(path)) return info.status();
    MILLRACE_ASSIGN_OR_RETURN(found, filesOfGlob(files, path));
    depth = patternDepth(path);
  } else if (info->kind == FileKind::kDirectory) {
    MILLRACE_ASSIGN_OR_RETURN(found, filesOfDirectory(files, path));
  } else {
    MILLRACE_ASSIGN_OR_RETURN(InputFile file, inspect(files, path, *info));
    found.push_back(std::move(file));
  }
  for (InputFile& file : found) file.name = nameOf(file.path, depth);
  std::sort(found.begin(), found.end(),
            [](const InputFile& a, const InputFile& b) { return a.path < b.path; });
  return found;
}

}  // namespace millrace
