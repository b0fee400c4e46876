#include "content/uri.h"

#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

constexpr size_t kComponentBytes = 200;  // file systems allow 255
constexpr size_t kComponentKeptBytes = 180;
// As gocloud.dev/blob and KFP name them; minio:// is an S3 store.
constexpr absl::string_view kObjectSchemes[] = {"s3://", "minio://", "gs://", "azblob://"};
constexpr absl::string_view kLogCopies = "/@logs";         // no pipeline is called so: see PathComponent
constexpr absl::string_view kArtifactKeys = "artifacts/";  // behind the scheme of an artifact's URI
constexpr absl::string_view kPublicPath =
    "/artifacts/http/penstock/";  // as KFP's UI asks for source, bucket and key
constexpr absl::string_view kEarlierBase = "http://penstock";
// What the web's encodeURI leaves, but for what ends a path: KFP's UI takes only what it would have written itself.
constexpr absl::string_view kLeftInUrls = "-_.!~*'();/:@&=+$,";

// FNV-1a: the same on every machine and in every version, unlike std::hash.
uint64_t StableHash(absl::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

bool HasDotComponent(absl::string_view path) {
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part == "." || part == "..") return true;
  }
  return false;
}

// An absolute path without empty, "." and ".." components, by its letters only.
std::string NormalPath(absl::string_view path) {
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (part != ".") {
      parts.push_back(part);
    }
  }
  return absl::StrCat("/", absl::StrJoin(parts, "/"));
}

// Whether `text` is `prefix` or lies under it; if so, `rest` is what follows, "" or "/...".
bool IsUnder(absl::string_view text, absl::string_view prefix, absl::string_view* rest) {
  if (prefix.empty() || !absl::ConsumePrefix(&text, prefix)) return false;
  *rest = text;
  return text.empty() || text.front() == '/';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// %XX as the byte that it stands for.
std::string PercentDecoded(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    // %00 stays as it is, since a path would end there.
    if (low >= 0 && high * 16 + low != 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string PercentEncoded(absl::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || absl::StrContains(kLeftInUrls, c)) {
      out.push_back(c);
    } else {
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return out;
}

}  // namespace

// What might mean something within a path is escaped, a dot at the beginning, too: so no name is "." or "..",
// and none is hidden.
std::string PathComponent(absl::string_view name) {
  if (name.empty()) {
    return "%";  // no other name gives it
  }
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(name[i]);
    if (absl::ascii_isalnum(c) || c == '_' || c == '-' || (c == '.' && i > 0)) {
      out.push_back(name[i]);
    } else {
      absl::StrAppend(&out, "%", absl::Hex(c, absl::kZeroPad2));
    }
  }
  if (out.size() > kComponentBytes) {
    // The '%' at the end of the kept part is followed by no hex pair: shorter names cannot look like it.
    out =
        absl::StrCat(out.substr(0, kComponentKeptBytes), "%-", absl::Hex(StableHash(name), absl::kZeroPad16));
  }
  return out;
}

bool IsObjectUri(absl::string_view uri) {
  for (const absl::string_view scheme : kObjectSchemes) {
    if (absl::StartsWith(uri, scheme)) return true;
  }
  return false;
}

bool IsBelowUri(absl::string_view uri, absl::string_view prefix) {
  absl::string_view rest;
  // A scheme alone is above all of its URIs.
  if (absl::EndsWith(prefix, "://")) return absl::StartsWith(uri, prefix);
  return IsUnder(uri, absl::StripSuffix(prefix, "/"), &rest);
}

std::string LogCopiesUri(absl::string_view root, absl::string_view run_id) {
  return absl::StrCat(LogCopiesUri(root), "/", PathComponent(run_id));
}

std::string LogCopiesUri(absl::string_view root) { return absl::StrCat(root, kLogCopies); }

std::string LogCopyUri(absl::string_view root, absl::string_view log_uri) {
  return absl::StrCat(root, kLogCopies, absl::StripPrefix(log_uri, kLogsUri));
}

std::string ArtifactPlace(absl::string_view pipeline, absl::string_view run_id, absl::string_view task,
                          absl::string_view attempt_id) {
  return absl::StrCat("/", PathComponent(pipeline), "/", PathComponent(run_id), "/", PathComponent(task), "/",
                      PathComponent(attempt_id));
}

std::string PublicUris::Of(absl::string_view stored) const {
  absl::string_view key = stored;
  if (base_.empty() || !absl::ConsumePrefix(&key, kUriScheme) || !absl::StartsWith(key, kArtifactKeys)) {
    return std::string(stored);
  }
  return absl::StrCat(base_, kPublicPath, PercentEncoded(key));
}

std::string PublicUris::Stored(absl::string_view given) const {
  for (const absl::string_view base : {absl::string_view(base_), kEarlierBase}) {
    absl::string_view rest = given;
    if (base.empty() || !absl::ConsumePrefix(&rest, base)) continue;
    std::string key;
    if (absl::ConsumePrefix(&rest, kPublicPath)) {
      key = PercentDecoded(rest);
    } else if (base == kEarlierBase) {
      key = std::string(absl::StripPrefix(rest, "/"));
    }
    if (absl::StartsWith(key, kArtifactKeys)) return absl::StrCat(kUriScheme, key);
  }
  return std::string(given);
}

std::optional<std::string> ContentUriOfMlflow(absl::string_view uri) {
  if (!absl::ConsumePrefix(&uri, kMlflowProxy) || absl::StartsWith(uri, "/")) return std::nullopt;
  return absl::StrCat(kMlflowUri, "/", uri);
}

std::string WithoutScheme(absl::string_view uri) { return std::string(absl::StripPrefix(uri, kUriScheme)); }

// Rows keep URIs of logs without the scheme.
std::string WithScheme(absl::string_view kept) {
  return absl::StrContains(kept, "://") ? std::string(kept) : absl::StrCat(kUriScheme, kept);
}

std::optional<std::string> PathOf(const UriMount& mount, absl::string_view uri) {
  absl::string_view rest;
  // ".." would lead out of the mount.
  if (!IsUnder(uri, mount.uri, &rest) || HasDotComponent(rest)) return std::nullopt;
  return absl::StrCat(mount.directory, rest);
}

std::string LocalUri(const UriMount& mount, absl::string_view uri) {
  std::optional<std::string> path = PathOf(mount, uri);
  return path.has_value() ? *std::move(path) : std::string(uri);
}

std::string LogicalUri(const UriMount& mount, absl::string_view uri) {
  if (!absl::StartsWith(uri, "/")) return std::string(uri);
  const std::string path = NormalPath(uri);
  absl::string_view rest;
  if (!IsUnder(path, mount.directory, &rest)) return std::string(uri);
  return absl::StrCat(mount.uri, rest);
}

std::optional<std::string> PathOfFileUri(absl::string_view uri) {
  if (!absl::StartsWithIgnoreCase(uri, "file:/")) return std::nullopt;
  uri.remove_prefix(5);
  if (absl::StartsWith(uri, "//")) {
    uri.remove_prefix(2);
    const size_t path = uri.find('/');
    const absl::string_view host = uri.substr(0, path);
    if (path == absl::string_view::npos || !(host.empty() || absl::EqualsIgnoreCase(host, "localhost"))) {
      return std::nullopt;
    }
    uri.remove_prefix(path);
  }
  return PercentDecoded(uri);
}

}  // namespace penstock
