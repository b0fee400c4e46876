#include "storage/page_token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"

namespace penstock {
namespace {

constexpr size_t kSignatureBytes = 16;

// Cut: 16 bytes cannot be guessed, and a token has to fit into a URL.
std::string Sign(absl::string_view key, absl::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return std::string(reinterpret_cast<char*>(digest), kSignatureBytes);
}

}  // namespace

// base64url(signature, JSON)
std::string MakePageToken(absl::string_view key, const Json& content) {
  const std::string text = DumpJson(content);
  return absl::WebSafeBase64Escape(absl::StrCat(Sign(key, text), text));
}

absl::StatusOr<Json> ReadPageToken(absl::string_view key, absl::string_view token) {
  std::string bytes;
  if (token.size() > limits::kPageTokenBytes + 2 * limits::kFilterBytes ||
      !absl::WebSafeBase64Unescape(token, &bytes) || bytes.size() < kSignatureBytes) {
    return error::PageTokenWrong();
  }
  const absl::string_view text = absl::string_view(bytes).substr(kSignatureBytes);
  if (Sign(key, text) != bytes.substr(0, kSignatureBytes)) return error::PageTokenWrong();
  auto content = ParseJson(text);
  if (!content.ok()) return error::PageTokenWrong();
  return content;
}

}  // namespace penstock
