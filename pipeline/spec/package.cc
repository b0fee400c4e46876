#include "pipeline/spec/package.h"

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr absl::string_view kPreferredEntry = "pipeline.yaml";

struct ArchiveCloser {
  void operator()(archive* a) const { archive_read_free(a); }
};
using ArchivePtr = std::unique_ptr<archive, ArchiveCloser>;

bool IsYamlName(absl::string_view name) {
  return absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml");
}

// Conversion to UTF-8 fails for names in other encodings, conversion to the locale's for names outside of it.
std::string EntryName(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) name = archive_entry_pathname(entry);
  return name == nullptr ? "" : name;
}

absl::Status ArchiveError(archive* a, absl::string_view format) {
  const char* reason = archive_error_string(a);
  return absl::InvalidArgumentError(absl::StrCat(
      "the ", format,
      " archive is damaged: ", reason == nullptr ? "cannot be read" : ReplaceInvalidUtf8(reason)));
}

// A zip is read by its directory, so that entries that are passed over cost nothing; a tar has to be read
// through.
absl::StatusOr<ArchivePtr> OpenArchive(absl::string_view bytes, bool zip) {
  ArchivePtr a(archive_read_new());
  if (a == nullptr) return absl::ResourceExhaustedError("no memory to read an archive");
  const int format_status =
      zip ? archive_read_support_format_zip_seekable(a.get()) : archive_read_support_format_tar(a.get());
  const int filter_status = zip ? ARCHIVE_OK : archive_read_support_filter_gzip(a.get());
  if (format_status < ARCHIVE_WARN || filter_status < ARCHIVE_WARN) {
    return absl::InternalError(absl::StrCat("libarchive cannot read ", zip ? "zip" : "tar.gz", " files"));
  }
  if (archive_read_open_memory(a.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return ArchiveError(a.get(), zip ? "zip" : "tar.gz");
  }
  return a;
}

class PackageReader {
 public:
  PackageReader(archive* a, bool zip) : archive_(a), zip_(zip), format_(zip ? "zip" : "tar.gz") {}

  // pipeline.yaml wherever it stands in the archive; else the first file, if it is YAML by its name.
  absl::StatusOr<std::string> Read() {
    std::optional<std::string> first;  // the text of the first file
    std::string first_name;
    for (int entries = 0;; ++entries) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(archive_, &entry);
      if (result == ARCHIVE_EOF) break;
      if (result < ARCHIVE_WARN) return ArchiveError(archive_, format_);
      if (entries >= limits::kPackageEntries) {
        return absl::InvalidArgumentError(absl::StrCat("the archive has more than ", limits::kPackageEntries,
                                                       " entries (the bound kPackageEntries)"));
      }
      const std::string name = EntryName(entry);
      if (name == kPreferredEntry) return ReadFile(entry, name);
      const bool passed_over = archive_entry_filetype(entry) == AE_IFDIR;
      if (first.has_value() || passed_over || !first_name.empty()) {
        RETURN_IF_ERROR(Skip());
        continue;
      }
      first_name = name.empty() ? "(no name)" : name;
      if (IsYamlName(name)) {
        ASSIGN_OR_RETURN(first, ReadFile(entry, name));
      } else {
        RETURN_IF_ERROR(Skip());
      }
    }
    if (first.has_value()) return *std::move(first);
    if (first_name.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("the ", format_, " archive holds no file"));
    }
    return absl::InvalidArgumentError(absl::StrCat("the archive holds no file named ", kPreferredEntry,
                                                   ", and its first file ", QuoteForMessage(first_name),
                                                   " does not end in .yaml or .yml"));
  }

 private:
  absl::StatusOr<std::string> ReadFile(archive_entry* entry, absl::string_view name) {
    const bool is_link = archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr;
    if (archive_entry_filetype(entry) != AE_IFREG || is_link) {
      return absl::InvalidArgumentError(
          absl::StrCat("the entry ", QuoteForMessage(name), " of the archive is not a regular file"));
    }
    if (archive_entry_is_encrypted(entry) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the entry ", QuoteForMessage(name), " of the archive is encrypted"));
    }
    std::string text;
    RETURN_IF_ERROR(ReadBlocks(&text));
    return text;
  }

  // Of a tar the data is read and dropped: that is the only way to notice in time how much there is.
  absl::Status Skip() { return zip_ ? absl::OkStatus() : ReadBlocks(nullptr); }

  absl::Status ReadBlocks(std::string* text) {
    while (true) {
      const void* block = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(archive_, &block, &size, &offset);
      if (result == ARCHIVE_EOF) return absl::OkStatus();
      if (result < ARCHIVE_WARN) return ArchiveError(archive_, format_);
      scanned_ += static_cast<int64_t>(size);
      if (scanned_ > limits::kPackageScannedBytes) {
        return absl::InvalidArgumentError(absl::StrCat("the archive unpacks to more than ",
                                                       limits::kPackageScannedBytes,
                                                       " bytes (the bound kPackageScannedBytes)"));
      }
      if (text == nullptr) continue;
      if (offset != static_cast<la_int64_t>(text->size())) {
        return absl::InvalidArgumentError("the file in the archive has holes");
      }
      if (text->size() + size > static_cast<size_t>(limits::kPackageExtractedBytes)) {
        return absl::InvalidArgumentError(absl::StrCat("the file in the archive unpacks to more than ",
                                                       limits::kPackageExtractedBytes,
                                                       " bytes (the bound kPackageExtractedBytes)"));
      }
      text->append(static_cast<const char*>(block), size);
    }
  }

  archive* const archive_;
  const bool zip_;
  const absl::string_view format_;
  int64_t scanned_ = 0;
};

}  // namespace

absl::StatusOr<std::string> ExtractPackage(absl::string_view file_name, absl::string_view bytes) {
  if (bytes.size() > static_cast<size_t>(limits::kPackageBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file is larger than ", limits::kPackageBytes, " bytes (the bound kPackageBytes)"));
  }
  if (IsYamlName(file_name) || absl::EndsWith(file_name, ".json")) return std::string(bytes);
  const bool zip = bytes.size() > 2 && absl::StartsWith(bytes, "PK");
  const bool gzip = absl::StartsWith(bytes, "\x1F\x8B");
  if (!zip && !gzip) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file ", QuoteForMessage(file_name),
                     " is not a pipeline package: expected .yaml, .yml, .json, .zip or .tar.gz"));
  }
  ASSIGN_OR_RETURN(const ArchivePtr archive, OpenArchive(bytes, zip));
  return PackageReader(archive.get(), zip).Read();
}

}  // namespace penstock
