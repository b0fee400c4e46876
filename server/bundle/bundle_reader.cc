#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/bundle/bundle_archive.h"
#include "server/bundle/bundle_rows.h"
#include "server/errors.h"

namespace penstock {
namespace {

constexpr char kManifest[] = "manifest.json";
constexpr int64_t kTarBlock = 512;
constexpr int kWindowLog = 27;  // what zstd may be asked to remember: 128 MiB

// A name as BundleWriter's callers make them: "logs/12" or "contents/3".
bool IsFileMember(absl::string_view name) {
  for (const absl::string_view folder : {absl::string_view("logs/"), absl::string_view("contents/")}) {
    if (!absl::StartsWith(name, folder)) continue;
    const absl::string_view number = name.substr(folder.size());
    return !number.empty() && number.size() < 10 &&
           number.find_first_not_of("0123456789") == std::string::npos;
  }
  return false;
}

// Where tar's bytes come from: the source, unpacked.
struct Unpacker {
  explicit Unpacker(const ByteSource& source) : source(source), zstd(ZSTD_createDCtx()) {
    ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, kWindowLog);
    out.resize(ZSTD_DStreamOutSize());
  }
  ~Unpacker() { ZSTD_freeDCtx(zstd); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  // The next unpacked bytes; none at the end, or with a status that says why there are no more.
  absl::string_view Next() {
    while (status.ok()) {
      if (in_at == in.size() && !Fill()) return "";
      ZSTD_inBuffer packed = {in.data(), in.size(), in_at};
      ZSTD_outBuffer unpacked = {out.data(), out.size(), 0};
      const size_t rest = ZSTD_decompressStream(zstd, &unpacked, &packed);
      in_at = packed.pos;
      if (ZSTD_isError(rest) != 0) {
        status = error::BundleNotWhole(absl::StrCat("zstd: ", ZSTD_getErrorName(rest)));
        return "";
      }
      ended = rest == 0;
      if (ended && in_at < in.size()) status = error::BundleNotWhole("there are bytes behind its end");
      bytes += static_cast<int64_t>(unpacked.pos);
      // The headers of tar take room too.
      if (bytes > 2 * limits::kBundleBytes) {
        status = error::BundleTooLarge("kBundleBytes", limits::kBundleBytes);
      }
      if (unpacked.pos > 0) return {out.data(), unpacked.pos};
    }
    return "";
  }

  // Gets more of the source. False at its end.
  bool Fill() {
    absl::StatusOr<std::string> more = source();
    if (!more.ok()) {
      status = more.status();
      return false;
    }
    if (more->empty()) {
      if (!ended) status = error::BundleNotWhole("it was cut off");
      return false;
    }
    if (ended) {
      status = error::BundleNotWhole("there are bytes behind its end");
      return false;
    }
    in = *std::move(more);
    in_at = 0;
    return true;
  }

  const ByteSource& source;
  ZSTD_DCtx* zstd;
  std::string in;
  size_t in_at = 0;
  std::string out;
  bool ended = false;
  int64_t bytes = 0;
  absl::Status status;
};

using ArchivePtr = std::unique_ptr<archive, int (*)(archive*)>;

// Reads the members one after the other.
class Members {
 public:
  Members(const ByteSource& source, BundleContentsRead* out)
      : unpacker_(source), tar_(archive_read_new(), archive_read_free), out_(*out) {}

  absl::Status Read() {
    RETURN_IF_ERROR(out_.files.Open());
    archive_read_support_format_tar(tar_.get());
    const auto read = [](archive*, void* self, const void** bytes) -> la_ssize_t {
      auto* unpacker = static_cast<Unpacker*>(self);
      const absl::string_view next = unpacker->Next();
      *bytes = next.data();
      return unpacker->status.ok() ? static_cast<la_ssize_t>(next.size()) : -1;
    };
    if (archive_read_open(tar_.get(), &unpacker_, nullptr, read, nullptr) != ARCHIVE_OK) return Failed();
    while (true) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(tar_.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK) return Failed();
      RETURN_IF_ERROR(ReadMember(entry));
    }
    // What tar does not look at any more has to be nothing.
    while (!unpacker_.Next().empty()) continue;
    RETURN_IF_ERROR(unpacker_.status);
    if (manifest_.empty()) return error::BundleMemberMissing(kManifest);
    return CheckManifest();
  }

 private:
  absl::Status Failed() const {
    RETURN_IF_ERROR(unpacker_.status);
    const char* reason = archive_error_string(tar_.get());
    return error::BundleNotWhole(reason == nullptr ? "it is no tar" : reason);
  }

  absl::Status ReadMember(archive_entry* entry) {
    const char* given = archive_entry_pathname(entry);
    const std::string name = given == nullptr ? "" : given;
    const bool is_rows = name == kManifest || IsRowMember(name);
    const bool is_link = archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr;
    if (!manifest_.empty() || (!is_rows && !IsFileMember(name)) || is_link ||
        archive_entry_filetype(entry) != AE_IFREG) {
      return error::BundleMemberUnknown(name);
    }
    if (members_.size() > static_cast<size_t>(limits::kBundleMembers)) {
      return error::BundleTooManyMembers(limits::kBundleMembers);
    }
    if (!names_.insert(name).second) return error::BundleMemberTwice(name);
    std::string text;
    int64_t size = 0;
    while (true) {
      const void* block = nullptr;
      size_t block_size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(tar_.get(), &block, &block_size, &offset);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK || offset != size) return Failed();
      size += static_cast<int64_t>(block_size);
      RETURN_IF_ERROR(Take({static_cast<const char*>(block), block_size}, is_rows, &text));
    }
    members_.push_back({name, size, sha256_.HexDigest()});
    tar_bytes_ += kTarBlock + (size + kTarBlock - 1) / kTarBlock * kTarBlock;
    if (name == kManifest) {
      manifest_ = std::move(text);
    } else if (is_rows) {
      out_.rows[name] = std::move(text);
    } else {
      out_.files.EndMember(name);
    }
    return absl::OkStatus();
  }

  absl::Status Take(absl::string_view bytes, bool is_rows, std::string* text) {
    sha256_.Add(bytes);
    all_bytes_ += static_cast<int64_t>(bytes.size());
    if (all_bytes_ > limits::kBundleBytes) return error::BundleTooLarge("kBundleBytes", limits::kBundleBytes);
    if (!is_rows) return out_.files.Append(bytes);
    row_bytes_ += static_cast<int64_t>(bytes.size());
    if (row_bytes_ > limits::kBundleRowsBytes) {
      return error::BundleTooLarge("kBundleRowsBytes", limits::kBundleRowsBytes);
    }
    text->append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }

  absl::Status CheckManifest() const {
    const auto manifest = ParseJson(manifest_);
    if (!manifest.ok() || !manifest->is_object()) {
      return error::BundleNotWhole("manifest.json cannot be read");
    }
    if (manifest->value("format", Json()) != 1) return error::BundleFormatUnknown();
    const Json members = manifest->value("members", Json());
    if (!members.is_array() || members.size() + 1 != members_.size()) {
      return error::BundleNotWhole("manifest.json names other members than there are");
    }
    for (size_t i = 0; i < members.size(); ++i) {
      const BundleMember& member = members_[i];
      if (members[i] != Json({{"name", member.name}, {"size", member.size}, {"sha256", member.sha256}})) {
        return error::BundleMemberChanged(member.name);
      }
    }
    // Two blocks of zeros end a tar. Headers that are no members, or anything behind the end, would take more.
    if (unpacker_.bytes != tar_bytes_ + 2 * kTarBlock) {
      return error::BundleNotWhole("it has bytes that belong to no member");
    }
    return absl::OkStatus();
  }

  Unpacker unpacker_;
  const ArchivePtr tar_;
  BundleContentsRead& out_;
  std::set<std::string> names_;
  std::vector<BundleMember> members_;
  std::string manifest_;
  Sha256 sha256_;
  int64_t all_bytes_ = 0;
  int64_t row_bytes_ = 0;
  int64_t tar_bytes_ = 0;
};

absl::Status FileFailed(absl::string_view what) {
  return absl::UnavailableError(
      absl::StrCat("the temporary file of a bundle cannot be ", what, ": ", std::strerror(errno)));
}

}  // namespace

BundleFiles::~BundleFiles() {
  if (fd_ >= 0) close(fd_);
}

absl::Status BundleFiles::Open() {
  std::error_code error;
  std::string path = std::filesystem::temp_directory_path(error).string() + "/penstock-bundle-XXXXXX";
  fd_ = mkostemp(path.data(), O_CLOEXEC);
  if (fd_ < 0) return FileFailed("made");
  unlink(path.c_str());
  return absl::OkStatus();
}

absl::Status BundleFiles::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = pwrite(fd_, bytes.data(), bytes.size(), end_);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return FileFailed("written");
    end_ += size;
    bytes.remove_prefix(size);
  }
  return absl::OkStatus();
}

void BundleFiles::EndMember(const std::string& name) {
  places_[name] = {begun_, end_ - begun_};
  // A mapping begins at a page.
  const int64_t page = sysconf(_SC_PAGESIZE);
  begun_ = end_ = (end_ + page - 1) / page * page;
}

std::vector<std::string> BundleFiles::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : places_) names.push_back(name);
  return names;
}

absl::Status BundleFiles::Use(const std::string& name,
                              const std::function<absl::Status(absl::string_view)>& use) const {
  const auto place = places_.find(name);
  if (place == places_.end()) return error::BundleMemberMissing(name);
  const size_t size = place->second.size;
  if (size == 0) return use("");
  void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_, place->second.offset);
  if (bytes == MAP_FAILED) return FileFailed("read");
  const auto unmap = absl::MakeCleanup([bytes, size] { munmap(bytes, size); });
  return use({static_cast<const char*>(bytes), size});
}

absl::Status ReadBundle(const ByteSource& source, BundleContentsRead* out) {
  return Members(source, out).Read();
}

}  // namespace penstock
