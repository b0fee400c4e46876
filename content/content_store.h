// Bytes by URI, wherever they lie: the one door to artifacts, logs and workspaces.
//
// A store serves some URIs and none else; see content/uri.h for those of Penstock's own. Calls may wait for a
// disk or a network, so they are not for threads that others wait for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace penstock {

enum class ContentKind { kFile, kFolder, kOther };

struct ContentInfo {
  ContentKind kind = ContentKind::kOther;
  int64_t size_bytes = 0;  // of a file
  // Two equal ones mean that nothing was changed in between. Empty if that cannot be said: it is not readable,
  // neither file nor folder, or a folder of more than limits::kContentEntries.
  std::string version;
};

struct ContentEntry {
  std::string name;  // without the folder's
  ContentKind kind = ContentKind::kOther;

  bool operator==(const ContentEntry&) const = default;
};

// What one call has removed.
struct ContentRemoved {
  int64_t files = 0;       // with links and whatever else is no folder
  int64_t size_bytes = 0;  // of the files
  bool more = false;       // there is more to remove
};

// One file, as it was when it was opened, or with what was appended since. Not thread-safe.
class ContentReader {
 public:
  virtual ~ContentReader() = default;

  // Reads up to buffer.size() bytes from `offset_bytes` on into `buffer` and returns them; none at the end.
  // UNAVAILABLE if it cannot be read now.
  virtual absl::StatusOr<absl::string_view> Read(int64_t offset_bytes, absl::Span<char> buffer) = 0;
};

// One file that is being written, and that nobody sees before it is committed. Not thread-safe. One that is destroyed
// without Commit leaves nothing, nor does one whose process dies.
class ContentWriter {
 public:
  virtual ~ContentWriter() = default;

  // UNAVAILABLE if it cannot be written now; the writer is of no use then.
  virtual absl::Status Append(absl::string_view bytes) = 0;

  // Puts the file there, in place of what may be there; OK only when it is kept whatever happens. Nothing may be called
  // afterwards.
  virtual absl::Status Commit() = 0;
};

// Thread-safe. All but Serves answer INVALID_ARGUMENT for a URI that the store does not serve, and UNAVAILABLE
// where what holds the bytes does not answer or refuses.
class ContentStore {
 public:
  virtual ~ContentStore() = default;

  virtual bool Serves(absl::string_view uri) const = 0;

  // NOT_FOUND if nothing is there.
  virtual absl::StatusOr<ContentInfo> Stat(absl::string_view uri) const = 0;

  // NOT_FOUND if nothing is there, FAILED_PRECONDITION if it is no single file.
  virtual absl::StatusOr<std::unique_ptr<ContentReader>> Open(absl::string_view uri) const = 0;

  // Puts a file there, in place of what may be there: whole, or not at all.
  virtual absl::Status Write(absl::string_view uri, absl::string_view bytes) = 0;

  // The same for a file that comes in parts: see ContentWriter.
  virtual absl::StatusOr<std::unique_ptr<ContentWriter>> Create(absl::string_view uri) = 0;

  // Removes a file, or a folder with all that is in it. What is not there is removed already.
  virtual absl::Status Remove(absl::string_view uri) = 0;

  // The same but for what is at one of `kept` or below it, URIs at or below `uri`, and for the folders on the way there. At
  // most about `entries_max` files and folders go in one call, which says whether there are more: call it again, also
  // after an error or a crash, as often as one likes. What can go is out of reach of all who read from the first call on.
  // Links are removed and not followed. FAILED_PRECONDITION or PERMISSION_DENIED if the store refuses, so that there is no
  // use in trying again soon; some of it may have gone.
  virtual absl::StatusOr<ContentRemoved> RemoveSome(absl::string_view uri, absl::Span<const std::string> kept,
                                                    int64_t entries_max) = 0;

  // What lies directly in a folder, in the order of names; nothing if there is no such folder.
  virtual absl::StatusOr<std::vector<ContentEntry>> List(absl::string_view uri) const = 0;

  // The versions of what is behind the URIs, in their order: kNoContent where nothing is there, empty where that cannot
  // be said. Asks about many at once where that is faster.
  virtual std::vector<std::string> Versions(absl::Span<const std::string> uris) const;

  // A URL by which whoever has it can read the file for `seconds`, without asking us; empty if there is none.
  // `file_name` is what a browser saves it as; empty: it is shown.
  virtual std::string Link(absl::string_view uri, int64_t seconds, absl::string_view file_name) const;
};

// The version of what is behind one URI, as Versions tells it.
std::string ContentVersion(const ContentStore& store, absl::string_view uri);

}  // namespace penstock
