// The file that a bundle is: a tar compressed by zstd. Its last member, manifest.json, has the name, size and SHA-256 of
// each other one, in their order:
//
//   {"format": 1, "members": [{"name": "run.json", "size": 123, "sha256": "..."}, ...]}
//
// Written and read as a stream: neither is ever in memory as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace penstock {

struct BundleMember {
  std::string name;
  int64_t size = 0;
  std::string sha256;
};

// Takes the next bytes of the file; false: nobody wants more of it.
using ByteSink = std::function<bool(absl::string_view)>;
// Gives the next bytes of the file; none at its end.
using ByteSource = std::function<absl::StatusOr<std::string>()>;

// Not thread-safe. After an error nothing more can be written.
class BundleWriter {
 public:
  explicit BundleWriter(ByteSink sink);
  ~BundleWriter();
  BundleWriter(const BundleWriter&) = delete;
  BundleWriter& operator=(const BundleWriter&) = delete;

  absl::Status Add(const std::string& name, absl::string_view content);
  // A member whose bytes come in pieces: Begin, Append until all `size` are there, End. RESOURCE_EXHAUSTED from Begin if a
  // bundle would have more members, or more bytes, than can be read again.
  absl::Status Begin(const std::string& name, int64_t size);
  absl::Status Append(absl::string_view bytes);
  absl::Status End();
  // Writes the manifest and the end of the file.
  absl::Status Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What a bundle has beside its rows: one file for all of it, without a name, which ends with this object.
class BundleFiles {
 public:
  BundleFiles() = default;
  ~BundleFiles();
  BundleFiles(const BundleFiles&) = delete;
  BundleFiles& operator=(const BundleFiles&) = delete;

  absl::Status Open();
  absl::Status Append(absl::string_view bytes);
  void EndMember(const std::string& name);
  bool Has(const std::string& name) const { return places_.count(name) > 0; }
  std::vector<std::string> Names() const;
  // Calls `use` with the whole content of a member, which is not copied.
  absl::Status Use(const std::string& name, const std::function<absl::Status(absl::string_view)>& use) const;

 private:
  struct Place {
    int64_t offset;
    int64_t size;
  };
  int fd_ = -1;
  int64_t begun_ = 0;
  int64_t end_ = 0;
  std::map<std::string, Place> places_;
};

struct BundleContentsRead {
  std::map<std::string, std::string> rows;  // members with rows, by name
  BundleFiles files;                        // logs and contents
};

// Reads a whole bundle and holds it against its manifest. INVALID_ARGUMENT, with a sentence, for a file that is none, was
// cut, changed or added to, has members that a bundle does not have, or is larger than limits::kBundleBytes or
// limits::kBundleRowsBytes unpacked; else the error of the source, or of the temporary file.
absl::Status ReadBundle(const ByteSource& source, BundleContentsRead* out);

}  // namespace penstock
