#include "common/ids.h"

#include <openssl/evp.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace penstock {
namespace {

// Of the runs of recurring runs in KFP.
constexpr char kRecurringRunSpace[] = "c2f3a9d4-1e6b-4c8a-9f7d-0b5e3a1c2d4f";
constexpr uint64_t kCounterBits = 42;
constexpr uint64_t kCounterMask = (uint64_t{1} << kCounterBits) - 1;

}  // namespace

// Layout: 48 bits of milliseconds, version, 12 + 30 bits of a counter that starts at random within each
// millisecond, 32 bits of randomness.
std::string Uuid7Generator::NewId() {
  absl::MutexLock lock(&mutex_);
  const int64_t now_ms = absl::ToUnixMillis(clock_.Now());
  // A clock that steps back changes nothing: ids go on from the latest time that was seen. The counter begins
  // in the lower half of its range, so that there is room to count on.
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    counter_ = absl::Uniform<uint64_t>(random_, 0, kCounterMask >> 1);
  } else if (++counter_ > kCounterMask) {
    ++last_ms_;
    counter_ = 0;
  }
  const uint64_t tail = absl::Uniform<uint32_t>(random_);
  const uint64_t high12 = counter_ >> 30;
  const uint64_t low30 = counter_ & ((uint64_t{1} << 30) - 1);
  const uint64_t second = (uint64_t{2} << 62) | (low30 << 32) | tail;
  return absl::StrFormat("%08x-%04x-7%03x-%04x-%012x", static_cast<uint64_t>(last_ms_) >> 16,
                         static_cast<uint64_t>(last_ms_) & 0xffff, high12, second >> 48,
                         second & 0xffffffffffffULL);
}

std::string SequentialIdGenerator::NewId() {
  absl::MutexLock lock(&mutex_);
  return absl::StrFormat("00000000-0000-7000-8000-%012x", next_++);
}

std::string Uuid5(absl::string_view space, absl::string_view name) {
  const std::string bytes =
      absl::StrCat(absl::HexStringToBytes(absl::StrReplaceAll(space, {{"-", ""}})), name);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha1(), nullptr);
  // The bits of version 5 and of the variant.
  digest[6] = (digest[6] & 0x0f) | 0x50;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  const std::string hex = absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), 16));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4),
                      "-", hex.substr(20));
}

std::string RecurringRunRunId(absl::string_view recurring_run_id, absl::string_view display_name) {
  return Uuid5(kRecurringRunSpace, absl::StrCat(recurring_run_id, "/", display_name));
}

bool LooksLikeUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

}  // namespace penstock
