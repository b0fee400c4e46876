#include <archive.h>
#include <archive_entry.h>
#include <zstd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/bundle/bundle_archive.h"
#include "server/errors.h"

namespace penstock {
namespace {

constexpr int kLevel = 3;
constexpr int kWriterBlock = 512;

}  // namespace

struct BundleWriter::Impl {
  ByteSink sink;
  archive* tar = nullptr;
  ZSTD_CCtx* zstd = nullptr;
  std::string packed;
  bool unwanted = false;  // the sink takes no more
  std::vector<BundleMember> members;
  int64_t bytes = 0;
  int64_t left = 0;  // of the member that is begun
  Sha256 sha256;

  // What tar has made, compressed.
  bool Compress(absl::string_view bytes_in, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in = {bytes_in.data(), bytes_in.size(), 0};
    while (true) {
      ZSTD_outBuffer out = {packed.data(), packed.size(), 0};
      const size_t rest = ZSTD_compressStream2(zstd, &out, &in, directive);
      if (ZSTD_isError(rest) != 0) return false;
      if (out.pos > 0 && !sink(absl::string_view(packed.data(), out.pos))) {
        unwanted = true;
        return false;
      }
      if (directive == ZSTD_e_end ? rest == 0 : in.pos == in.size) return true;
    }
  }

  absl::Status Failed() const {
    if (unwanted) return absl::CancelledError("the caller has gone");
    const char* reason = archive_error_string(tar);
    return absl::InternalError(absl::StrCat("bundle: ", reason == nullptr ? "cannot be written" : reason));
  }
};

BundleWriter::BundleWriter(ByteSink sink) : impl_(std::make_unique<Impl>()) {
  impl_->sink = std::move(sink);
  impl_->packed.resize(ZSTD_CStreamOutSize());
  impl_->zstd = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(impl_->zstd, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(impl_->zstd, ZSTD_c_checksumFlag, 1);
  impl_->tar = archive_write_new();
  archive_write_set_format_ustar(impl_->tar);
  archive_write_set_bytes_per_block(impl_->tar, 128 * kWriterBlock);
  archive_write_set_bytes_in_last_block(impl_->tar, kWriterBlock);
  const auto write = [](archive*, void* self, const void* bytes, size_t size) -> la_ssize_t {
    const bool good =
        static_cast<Impl*>(self)->Compress({static_cast<const char*>(bytes), size}, ZSTD_e_continue);
    return good ? static_cast<la_ssize_t>(size) : -1;
  };
  archive_write_open(impl_->tar, impl_.get(), nullptr, write, nullptr);
}

BundleWriter::~BundleWriter() {
  // Freeing closes, and closing would write what nobody wants.
  archive_write_fail(impl_->tar);
  archive_write_free(impl_->tar);
  ZSTD_freeCCtx(impl_->zstd);
}

absl::Status BundleWriter::Begin(const std::string& name, int64_t size) {
  impl_->bytes += size;
  if (impl_->members.size() >= static_cast<size_t>(limits::kBundleMembers)) {
    return error::BundleTooManyMembers(limits::kBundleMembers);
  }
  if (impl_->bytes > limits::kBundleBytes) return error::BundleTooLarge("kBundleBytes", limits::kBundleBytes);
  archive_entry* const entry = archive_entry_new();
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_size(entry, size);
  const int result = archive_write_header(impl_->tar, entry);
  archive_entry_free(entry);
  if (result != ARCHIVE_OK) return impl_->Failed();
  impl_->members.push_back({name, size, ""});
  impl_->left = size;
  return absl::OkStatus();
}

absl::Status BundleWriter::Append(absl::string_view bytes) {
  impl_->sha256.Add(bytes);
  impl_->left -= static_cast<int64_t>(bytes.size());
  if (impl_->left < 0) return error::BundleSourceChanged(impl_->members.back().name);
  const la_ssize_t written = archive_write_data(impl_->tar, bytes.data(), bytes.size());
  return written == static_cast<la_ssize_t>(bytes.size()) ? absl::OkStatus() : impl_->Failed();
}

absl::Status BundleWriter::End() {
  impl_->members.back().sha256 = impl_->sha256.HexDigest();
  return impl_->left == 0 ? absl::OkStatus() : error::BundleSourceChanged(impl_->members.back().name);
}

absl::Status BundleWriter::Add(const std::string& name, absl::string_view content) {
  RETURN_IF_ERROR(Begin(name, static_cast<int64_t>(content.size())));
  RETURN_IF_ERROR(Append(content));
  return End();
}

absl::Status BundleWriter::Finish() {
  Json members = Json::array();
  for (const BundleMember& member : impl_->members) {
    members.push_back({{"name", member.name}, {"size", member.size}, {"sha256", member.sha256}});
  }
  RETURN_IF_ERROR(Add("manifest.json", DumpJson({{"format", 1}, {"members", std::move(members)}})));
  if (archive_write_close(impl_->tar) != ARCHIVE_OK) return impl_->Failed();
  return impl_->Compress("", ZSTD_e_end) ? absl::OkStatus() : impl_->Failed();
}

}  // namespace penstock
