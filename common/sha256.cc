#include "common/sha256.h"

#include <openssl/evp.h>

#include <cstdint>

#include "absl/strings/escaping.h"

namespace penstock {

std::string Sha256Hex(absl::string_view text) {
  Sha256 hash;
  hash.Add(text);
  return hash.HexDigest();
}

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

Sha256::~Sha256() = default;

void Sha256::Add(absl::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

void Sha256::AddField(absl::string_view bytes) {
  char length[8];
  uint64_t size = bytes.size();
  // Lowest byte first, whatever the machine.
  for (char& byte : length) {
    byte = static_cast<char>(size & 0xFF);
    size >>= 8;
  }
  Add(absl::string_view(length, sizeof(length)));
  Add(bytes);
}

std::string Sha256::Digest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_.get(), digest, &size);
  EVP_DigestInit_ex(context_.get(), nullptr, nullptr);  // the same algorithm, from the start
  return std::string(reinterpret_cast<const char*>(digest), size);
}

std::string Sha256::HexDigest() { return absl::BytesToHexString(Digest()); }

}  // namespace penstock
