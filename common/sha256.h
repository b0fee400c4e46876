// SHA-256 of bytes that come in pieces.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace penstock {

// Not thread-safe. Used again after each digest, which costs less than a new one.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // The next bytes.
  void Add(absl::string_view bytes);
  // A whole field: its length counts too, so that fields cannot run into each other.
  void AddField(absl::string_view bytes);

  // Of all bytes since the last digest: 32 raw bytes, and the same as 64 hexadecimal digits.
  std::string Digest();
  std::string HexDigest();

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace penstock
