#include "server/commands/check.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/content.h"
#include "content/uri.h"
#include "storage/artifact_store.h"
#include "storage/check_store.h"
#include "storage/content_removal_store.h"
#include "storage/run_store.h"
#include "storage/store.h"

namespace penstock {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kBatch = 500;  // rows, or folders, that are asked for at once
constexpr int kFolderDepth = 100;

// A UUID, or one as MLflow's clients write it.
bool IsRunId(absl::string_view id) {
  constexpr size_t kHexDigits = 32;
  if (id.size() != kHexDigits) return LooksLikeUuid(id);
  return std::all_of(id.begin(), id.end(), [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

// A folder with content of one run.
struct Folder {
  std::string uri;
  std::string owner;  // the id of the run that it would be of
};

struct Orphan {
  Folder folder;
  int64_t size_bytes = 0;
};

// What was found, in all; each list has the first limits::kCheckNamed.
struct Findings {
  int64_t orphans = 0;
  int64_t orphan_bytes = 0;
  std::vector<Orphan> named_orphans;
  int64_t missing = 0;
  std::vector<std::pair<int64_t, std::string>> named_missing;  // artifact and URI
  int64_t missing_logs = 0;
  std::vector<CounterFinding> counters;
  int64_t cache_entries = 0;
  int64_t removals = 0;  // that were noted by repair
};

class Check {
 public:
  Check(Store& store, const ContentStore& content, const Clock& clock, const CheckOptions& options)
      : store_(store), content_(content), clock_(clock), repair_(options.repair), root_(options.root) {}

  absl::StatusOr<Findings> Run() {
    RETURN_IF_ERROR(CheckFolders(std::string(kLogsUri), ""));
    RETURN_IF_ERROR(CheckFolders(std::string(kWorkspacesUri), ""));
    RETURN_IF_ERROR(CheckPipelines(std::string(kArtifactsUri)));
    if (!root_.empty()) {
      RETURN_IF_ERROR(CheckPipelines(root_));
      RETURN_IF_ERROR(CheckFolders(LogCopiesUri(root_), ""));
    }
    // Tasks have folders of their own there, RUN_TASK, and models theirs, which go with no run.
    ASSIGN_OR_RETURN(const auto experiments, content_.List(kMlflowUri));
    for (const ContentEntry& experiment : experiments) {
      RETURN_IF_ERROR(CheckFolders(absl::StrCat(kMlflowUri, "/", experiment.name), "_"));
    }
    RETURN_IF_ERROR(CheckArtifacts());
    RETURN_IF_ERROR(CheckLogs());
    RETURN_IF_ERROR(CheckDerived());
    return std::move(found_);
  }

 private:
  // Folders of runs in those of their pipelines.
  absl::Status CheckPipelines(const std::string& parent) {
    ASSIGN_OR_RETURN(const auto pipelines, content_.List(parent));
    for (const ContentEntry& pipeline : pipelines) {
      if (pipeline.kind != ContentKind::kFolder || pipeline.name.front() == '@') continue;
      RETURN_IF_ERROR(CheckFolders(absl::StrCat(parent, "/", pipeline.name), ""));
    }
    return absl::OkStatus();
  }

  // Folders of runs in `parent`; what is behind `mark` in their names is not of the run's id.
  absl::Status CheckFolders(const std::string& parent, const std::string& mark) {
    ASSIGN_OR_RETURN(const auto entries, content_.List(parent));
    std::vector<Folder> folders;
    for (const ContentEntry& entry : entries) {
      std::string owner = mark.empty() ? entry.name : entry.name.substr(0, entry.name.find(mark));
      // Models, and folders of locations that clients chose.
      if (!mark.empty() && !IsRunId(owner)) continue;
      folders.push_back({absl::StrCat(parent, "/", entry.name), std::move(owner)});
      if (folders.size() < kBatch) continue;
      RETURN_IF_ERROR(CheckOwners(std::exchange(folders, {})));
    }
    return CheckOwners(folders);
  }

  absl::Status CheckOwners(const std::vector<Folder>& folders) {
    std::vector<Folder> orphans;
    RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
      orphans.clear();
      std::vector<std::string> owners;
      for (const Folder& folder : folders) owners.push_back(folder.owner);
      RunRows rows;
      RETURN_IF_ERROR(RunsFindLater(tx, owners, &rows));
      RETURN_IF_ERROR(tx.Flush());
      for (const Folder& folder : folders) {
        if (rows.contains(folder.owner)) continue;
        const auto removal = ContentRemovalGet(tx, folder.owner);
        if (!removal.ok() && !absl::IsNotFound(removal.status())) return removal.status();
        // It will go; but what was noted here names only the folders that were found so far.
        if (removal.ok() && removal->due_at.has_value() && !noted_.contains(folder.owner)) continue;
        std::vector<ContentReference> references;
        std::string mlflow = absl::StartsWith(folder.uri, kMlflowUri)
                                 ? absl::StrCat(kMlflowProxy, folder.uri.substr(kMlflowUri.size() + 1))
                                 : "";
        RETURN_IF_ERROR(ContentReferencesLater(tx, folder.uri, mlflow, 1, &references));
        RETURN_IF_ERROR(tx.Flush());
        if (references.empty()) orphans.push_back(folder);
      }
      return absl::OkStatus();
    }));
    std::map<std::string, std::vector<Orphan>> by_owner;
    for (const Folder& folder : orphans) {
      ASSIGN_OR_RETURN(const int64_t size, SizeOf(folder.uri, 0));
      Orphan orphan = {folder, size};
      ++found_.orphans;
      found_.orphan_bytes += size;
      if (found_.named_orphans.size() < limits::kCheckNamed) found_.named_orphans.push_back(orphan);
      // What is not called as a run is may have been put there by hand, and is only told of.
      if (IsRunId(folder.owner)) by_owner[folder.owner].push_back(std::move(orphan));
    }
    return repair_ ? NoteRemovals(by_owner) : absl::OkStatus();
  }

  absl::StatusOr<int64_t> SizeOf(const std::string& uri, int depth) {
    ASSIGN_OR_RETURN(const auto entries, content_.List(uri));
    int64_t size = 0;
    if (entries.empty()) {
      const auto info = content_.Stat(uri);
      return info.ok() ? info->size_bytes : 0;
    }
    for (const ContentEntry& entry : entries) {
      const std::string inner = absl::StrCat(uri, "/", entry.name);
      if (entry.kind == ContentKind::kFolder && depth < kFolderDepth) {
        ASSIGN_OR_RETURN(const int64_t some, SizeOf(inner, depth + 1));
        size += some;
      } else if (entry.kind == ContentKind::kFile) {
        const auto info = content_.Stat(inner);
        size += info.ok() ? info->size_bytes : 0;
      }
    }
    return size;
  }

  // The remover takes them with the next start of a server, and looks once more whether somebody uses them.
  absl::Status NoteRemovals(const std::map<std::string, std::vector<Orphan>>& by_owner) {
    if (by_owner.empty()) return absl::OkStatus();
    const absl::Time now = clock_.Now();
    RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) -> absl::Status {
      std::vector<ContentRemovalRow> rows;
      for (const auto& [owner, orphans] : by_owner) {
        auto known = ContentRemovalGet(tx, owner);
        if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
        ContentRemovalRow row = known.ok() ? *std::move(known) : ContentRemovalRow();
        if (row.run_id.empty()) {
          row.run_id = owner;
          row.created_at = now;
        }
        for (const Orphan& orphan : orphans) {
          absl::StrAppend(&row.folders, row.folders.empty() ? "" : "\n", orphan.folder.uri);
        }
        row.state = RemovalState::kWaiting;
        row.tries = 0;
        row.due_at = now;
        rows.push_back(std::move(row));
      }
      return ContentRemovalsPut(tx, rows);
    }));
    for (const auto& [owner, orphans] : by_owner) found_.removals += noted_.insert(owner).second ? 1 : 0;
    return absl::OkStatus();
  }

  absl::Status CheckArtifacts() {
    int64_t after = -1;
    while (true) {
      std::vector<ArtifactRow> rows;
      RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
        ASSIGN_OR_RETURN(rows, ArtifactsAfter(tx, after, "", kBatch));
        return absl::OkStatus();
      }));
      RETURN_IF_ERROR(CheckContentOf(rows));
      if (rows.size() < kBatch) return absl::OkStatus();
      after = rows.back().artifact_id;
    }
  }

  // All in one question, since some may lie in an object store.
  absl::Status CheckContentOf(const std::vector<ArtifactRow>& rows) {
    std::vector<const ArtifactRow*> asked;
    std::vector<std::string> uris;
    for (const ArtifactRow& row : rows) {
      const bool had_content = row.size_bytes.has_value() || !row.content_stat.empty();
      if (!had_content || row.content_stat == kNoContent || !row.custom_path.empty()) continue;
      if (!content_.Serves(row.uri)) continue;
      asked.push_back(&row);
      uris.push_back(row.uri);
    }
    const std::vector<std::string> versions = content_.Versions(uris);
    for (size_t i = 0; i < asked.size(); ++i) {
      if (versions[i] != kNoContent) continue;
      ++found_.missing;
      if (found_.named_missing.size() < limits::kCheckNamed) {
        found_.named_missing.emplace_back(asked[i]->artifact_id, asked[i]->uri);
      }
      RETURN_IF_ERROR(CheckCacheOf(asked[i]->artifact_id));
    }
    return absl::OkStatus();
  }

  // Entries that would give an artifact whose content is gone.
  absl::Status CheckCacheOf(int64_t artifact_id) {
    const auto look = [&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const auto entries, CacheEntriesOf(tx, artifact_id, kBatch));
      for (const CacheFinding& entry : entries) {
        if (repair_) RETURN_IF_ERROR(CacheEntryDelete(tx, entry));
      }
      entries_of_artifact_ = static_cast<int64_t>(entries.size());
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(repair_ ? store_.Write(look) : store_.Read(look));
    found_.cache_entries += entries_of_artifact_;
    return absl::OkStatus();
  }

  absl::Status CheckLogs() {
    AttemptLog after;
    while (true) {
      std::vector<AttemptLog> logs;
      RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
        ASSIGN_OR_RETURN(logs, EndedAttemptLogs(tx, after, kBatch));
        return absl::OkStatus();
      }));
      for (const AttemptLog& log : logs) {
        const std::string uri = WithScheme(log.log_path);
        if (content_.Serves(uri) && absl::IsNotFound(content_.Stat(uri).status())) ++found_.missing_logs;
      }
      if (logs.size() < kBatch) return absl::OkStatus();
      after = logs.back();
    }
  }

  absl::Status CheckDerived() {
    std::vector<CacheFinding> broken;
    const auto look = [&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(found_.counters, CountersCheck(tx, repair_));
      ASSIGN_OR_RETURN(broken, CacheEntriesBroken(tx, limits::kCheckNamed));
      for (const CacheFinding& entry : broken) {
        if (repair_) RETURN_IF_ERROR(CacheEntryDelete(tx, entry));
      }
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(repair_ ? store_.Write(look) : store_.Read(look));
    found_.cache_entries += static_cast<int64_t>(broken.size());
    return absl::OkStatus();
  }

  Store& store_;
  const ContentStore& content_;
  const Clock& clock_;
  const bool repair_;
  const std::string root_;
  Findings found_;
  std::set<std::string> noted_;  // runs whose removal this check has noted
  int64_t entries_of_artifact_ = 0;
};

bool IsClean(const Findings& found) {
  return found.orphans + found.missing + found.cache_entries == 0 && found.counters.empty();
}

OrderedJson JsonOf(const Findings& found, bool repair) {
  OrderedJson orphans = OrderedJson::array();
  for (const Orphan& orphan : found.named_orphans) {
    orphans.push_back(
        {{"uri", orphan.folder.uri}, {"run_id", orphan.folder.owner}, {"size_bytes", orphan.size_bytes}});
  }
  OrderedJson missing = OrderedJson::array();
  for (const auto& [artifact_id, uri] : found.named_missing) {
    missing.push_back({{"artifact_id", absl::StrCat(artifact_id)}, {"uri", uri}});
  }
  OrderedJson counters = OrderedJson::array();
  for (const CounterFinding& one : found.counters) {
    if (counters.size() == limits::kCheckNamed) break;
    counters.push_back({{"name", one.name}, {"stored", one.stored}, {"counted", one.counted}});
  }
  return {{"clean", IsClean(found)},
          {"repaired", repair},
          {"orphans", {{"count", found.orphans}, {"size_bytes", found.orphan_bytes}, {"named", orphans}}},
          {"missing_artifacts", {{"count", found.missing}, {"named", missing}}},
          {"missing_logs", found.missing_logs},
          {"counters", {{"count", found.counters.size()}, {"named", counters}}},
          {"cache_entries", found.cache_entries},
          {"removals_noted", found.removals}};
}

void Say(const std::string& line) { std::printf("%s\n", line.c_str()); }

void SayAll(const Findings& found, bool repair) {
  for (const Orphan& orphan : found.named_orphans) {
    Say(absl::StrCat("no row refers to: ", orphan.folder.uri, " (", orphan.size_bytes, " bytes)"));
  }
  for (const auto& [artifact_id, uri] : found.named_missing) {
    Say(absl::StrCat("gone: the content of artifact ", artifact_id, ", ", uri));
  }
  for (const CounterFinding& one : found.counters) {
    Say(absl::StrCat("wrong: counter ", one.name, " is ", one.stored, " where there are ", one.counted));
  }
  Say(absl::StrCat(found.orphans, " folders without a row (", found.orphan_bytes, " bytes), ", found.missing,
                   " artifacts and ", found.missing_logs, " logs whose content is gone, ",
                   found.counters.size(), " wrong counters, ", found.cache_entries,
                   " cache entries without their outputs"));
  if (IsClean(found)) return Say("nothing is wrong");
  Say(repair ? absl::StrCat("counters and cache entries are mended; ", found.removals,
                            " removals are noted, for the server to do when it runs")
             : "`penstock check --repair` mends counters and cache entries, and has the server remove the "
               "folders");
}

}  // namespace

absl::StatusOr<bool> RunCheckCommand(const CheckOptions& options, const Config& config,
                                     const ContentStore& content) {
  const Clock& clock = RealClock::Instance();
  StoreOptions store_options{config.database_wait};
  store_options.migrate = options.repair;
  ASSIGN_OR_RETURN(const auto store, Store::Open(config.database_url, clock, store_options));
  Check check(*store, content, clock, options);
  ASSIGN_OR_RETURN(const Findings found, check.Run());
  if (options.json) {
    Say(JsonOf(found, options.repair).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    SayAll(found, options.repair);
  }
  return IsClean(found);
}

}  // namespace penstock
