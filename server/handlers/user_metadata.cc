#include "server/handlers/user_metadata.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/user_metadata.h"
#include "server/errors.h"
#include "server/handlers/page_token.h"
#include "server/validate.h"
#include "storage/artifact_store.h"
#include "storage/experiment_store.h"
#include "storage/run_store.h"
#include "storage/tag_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

using penstock::v1::FindByUserMetadataRequest;
using penstock::v1::MetadataOwner;

// An owner that is there, with its note.
struct Owner {
  MetadataOwner named;  // with ids only
  std::string tags;     // as tags know it
  std::string note;
};

absl::Status CheckOwner(const MetadataOwner& owner) {
  const int given = !owner.experiment_id().empty() + !owner.run_id().empty() + !owner.artifact_id().empty();
  if (given != 1 || (!owner.task_id().empty() && owner.run_id().empty())) return error::MetadataOwnerWrong();
  return absl::OkStatus();
}

absl::StatusOr<Owner> FindOwner(db::Tx& tx, const MetadataOwner& given) {
  Owner owner;
  if (!given.experiment_id().empty()) {
    ASSIGN_OR_RETURN(ExperimentRow row, ExperimentGet(tx, given.experiment_id()));
    owner.named.set_experiment_id(row.experiment_id);
    owner.tags = ExperimentTagOwner(row.experiment_id);
    owner.note = std::move(row.description);
  } else if (!given.artifact_id().empty()) {
    ASSIGN_OR_RETURN(ArtifactRow row, ArtifactGetByText(tx, given.artifact_id()));
    owner.named.set_artifact_id(row.uuid);
    owner.tags = ArtifactTagOwner(row.uuid);
    owner.note = std::move(row.description);
  } else if (!given.task_id().empty()) {
    ASSIGN_OR_RETURN(const std::string task_id, TaskIdFind(tx, given.run_id(), given.task_id()));
    ASSIGN_OR_RETURN(TaskRow row, TaskGet(tx, given.run_id(), task_id));
    owner.named.set_run_id(row.run_id);
    owner.named.set_task_id(task_id);
    owner.tags = TaskTagOwner(row.run_id, task_id);
    owner.note = std::move(row.description);
  } else {
    ASSIGN_OR_RETURN(RunRow row, RunGet(tx, given.run_id()));
    owner.named.set_run_id(row.run_id);
    owner.tags = row.run_id;
    owner.note = std::move(row.description);
  }
  return owner;
}

absl::Status SetNote(db::Tx& tx, const Owner& owner, const std::string& note) {
  const MetadataOwner& named = owner.named;
  if (!named.experiment_id().empty()) return ExperimentSetDescription(tx, named.experiment_id(), note);
  if (!named.task_id().empty()) return TaskSetDescription(tx, named.run_id(), named.task_id(), note);
  if (!named.run_id().empty()) return RunSetDescription(tx, named.run_id(), note);
  ASSIGN_OR_RETURN(std::optional<ArtifactRow> row, ArtifactFindByText(tx, named.artifact_id()));
  row->description = note;
  return ArtifactUpdate(tx, *row);
}

absl::Status ReadInto(db::Tx& tx, const MetadataOwner& given, penstock::v1::UserMetadata* reply) {
  reply->Clear();
  ASSIGN_OR_RETURN(const Owner owner, FindOwner(tx, given));
  ASSIGN_OR_RETURN(const TypedTags tags, TypedTagsRead(tx, owner.tags));
  *reply->mutable_owner() = owner.named;
  reply->set_note(owner.note);
  for (const auto& [name, tag] : tags) TagToValue(tag, &(*reply->mutable_values())[name]);
  return absl::OkStatus();
}

// The owner in what tags call it.
MetadataOwner OwnerFrom(FindByUserMetadataRequest::Kind kind, absl::string_view tags_owner) {
  MetadataOwner owner;
  switch (kind) {
    case FindByUserMetadataRequest::EXPERIMENT:
      owner.set_experiment_id(std::string(absl::StripPrefix(tags_owner, ExperimentTagOwner(""))));
      break;
    case FindByUserMetadataRequest::ARTIFACT:
      owner.set_artifact_id(std::string(absl::StripPrefix(tags_owner, ArtifactTagOwner(""))));
      break;
    case FindByUserMetadataRequest::TASK: {
      const std::pair<std::string, std::string> ids =
          absl::StrSplit(absl::StripPrefix(tags_owner, "task/"), absl::MaxSplits('/', 1));
      owner.set_run_id(ids.first);
      owner.set_task_id(ids.second);
      break;
    }
    default:
      owner.set_run_id(std::string(tags_owner));
  }
  return owner;
}

absl::StatusOr<TagSearch> SearchFrom(const FindByUserMetadataRequest& request) {
  TagSearch search;
  switch (request.kind()) {
    case FindByUserMetadataRequest::EXPERIMENT:
      search.owner_prefix = ExperimentTagOwner("");
      break;
    case FindByUserMetadataRequest::RUN:
      search.of_runs = true;
      break;
    case FindByUserMetadataRequest::TASK:
      search.owner_prefix = "task/";
      break;
    case FindByUserMetadataRequest::ARTIFACT:
      search.owner_prefix = ArtifactTagOwner("");
      break;
    default:
      return error::FieldRequired("kind", "give EXPERIMENT, RUN, TASK or ARTIFACT");
  }
  RETURN_IF_ERROR(CheckName("key", request.key(), limits::kMetadataKeyBytes));
  RETURN_IF_ERROR(CheckEnum("comparison", request.comparison()));
  search.name = request.key();
  ASSIGN_OR_RETURN(search.value, TagFromValue("value", request.value()));
  search.comparison = request.comparison() == FindByUserMetadataRequest::LESS      ? TagSearch::kLess
                      : request.comparison() == FindByUserMetadataRequest::GREATER ? TagSearch::kGreater
                                                                                   : TagSearch::kEquals;
  if (search.comparison != TagSearch::kEquals && search.value.type != TagType::kNumber) {
    return error::MetadataComparisonWrong();
  }
  return search;
}

}  // namespace

absl::Status UserMetadataGet(RequestContext& context, const penstock::v1::GetUserMetadataRequest& request,
                             penstock::v1::UserMetadata* reply) {
  RETURN_IF_ERROR(CheckOwner(request.owner()));
  return context.deps.store.Read([&](db::Tx& tx) { return ReadInto(tx, request.owner(), reply); });
}

absl::Status UserMetadataUpdate(RequestContext& context,
                                const penstock::v1::UpdateUserMetadataRequest& request,
                                penstock::v1::UserMetadata* reply) {
  RETURN_IF_ERROR(CheckOwner(request.owner()));
  TypedTags set;
  for (const auto& [name, value] : request.set()) {
    RETURN_IF_ERROR(CheckName("the key of a value", name, limits::kMetadataKeyBytes));
    ASSIGN_OR_RETURN(set[name], TagFromValue(absl::StrCat("set.", name), value));
  }
  for (const std::string& name : request.remove()) {
    if (set.count(name) > 0) return error::MetadataSetAndRemoved(name);
  }
  if (request.has_note()) RETURN_IF_ERROR(CheckText("note", request.note(), limits::kDescriptionBytes, true));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const Owner owner, FindOwner(tx, request.owner()));
    for (const std::string& name : request.remove()) {
      RETURN_IF_ERROR(TagRemove(tx, owner.tags, name).status());
    }
    for (const auto& [name, tag] : set) RETURN_IF_ERROR(TagSet(tx, owner.tags, name, tag));
    if (request.has_note()) RETURN_IF_ERROR(SetNote(tx, owner, request.note()));
    RETURN_IF_ERROR(ReadInto(tx, owner.named, reply));
    return reply->values_size() > limits::kTypedTags ? error::MetadataTooMany(limits::kTypedTags)
                                                     : absl::OkStatus();
  });
}

absl::Status UserMetadataFind(RequestContext& context, const FindByUserMetadataRequest& request,
                              penstock::v1::FindByUserMetadataResponse* reply) {
  ASSIGN_OR_RETURN(const TagSearch search, SearchFrom(request));
  ASSIGN_OR_RETURN(const int page_size, PageSizeOf(request.page_size()));
  const std::string query = absl::StrCat("metadata ", request.kind(), " ", request.comparison(), " ",
                                         search.value.value, " ", request.key());
  ASSIGN_OR_RETURN(const Json token, ReadPageToken(context, query, request.page_token()));
  std::optional<TagPosition> after;
  if (!token.is_null()) after = TagPosition{token.value("n", int64_t{0}), token.value("o", "")};
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const std::vector<TagPosition> found, TagsFind(tx, search, after, page_size + 1));
    for (const TagPosition& one : found) {
      if (reply->owners_size() == page_size) {
        const TagPosition& last = found[page_size - 1];
        reply->set_next_page_token(
            MakePageToken(context, query, {{"n", last.number_order}, {"o", last.owner_id}}));
        break;
      }
      *reply->add_owners() = OwnerFrom(request.kind(), one.owner_id);
    }
    return absl::OkStatus();
  });
}

}  // namespace penstock
