// The searches of server/handlers/mlflow_registry.h.
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/handlers/mlflow_registry.h"
#include "server/handlers/mlflow_target.h"
#include "server/handlers/page_token.h"
#include "server/mlflow_errors.h"
#include "server/search/run_filter.h"
#include "storage/model_registry_store.h"

namespace penstock {
namespace {

constexpr char kKnownOfModels[] = "name and tags.KEY";
constexpr char kKnownOfVersions[] = "name, version_number, run_id, source_path and tags.KEY";
constexpr char kKnownOrdersOfRegistry[] =
    "name, creation_timestamp, last_updated_timestamp and, of versions, version_number";

using RegistryKey = std::pair<RegistrySubject, SearchKind>;

std::optional<RegistryKey> RegistryKeyOf(bool versions, absl::string_view entity, absl::string_view key) {
  if (entity == "tags" || entity == "tag") return RegistryKey(RegistrySubject::kTag, SearchKind::kTextOrNot);
  if (!entity.empty() && entity != "attribute" && entity != "attributes") return std::nullopt;
  if (key == "name") return RegistryKey(RegistrySubject::kName, SearchKind::kTextList);
  if (!versions) return std::nullopt;
  if (key == "run_id") return RegistryKey(RegistrySubject::kRun, SearchKind::kTextList);
  if (key == "source_path") return RegistryKey(RegistrySubject::kSource, SearchKind::kTextList);
  if (key == "version_number") return RegistryKey(RegistrySubject::kVersion, SearchKind::kNumber);
  return std::nullopt;
}

absl::StatusOr<RegistryOrder> RegistryOrderFrom(bool versions, const std::string& order) {
  ASSIGN_OR_RETURN(const SearchOrder parsed, ParseSearchOrder(order));
  if (parsed.key == "creation_timestamp") return RegistryOrder{RegistrySubject::kCreated, parsed.descending};
  if (parsed.key == "last_updated_timestamp" || parsed.key == "timestamp") {
    return RegistryOrder{RegistrySubject::kUpdated, parsed.descending};
  }
  const auto key = RegistryKeyOf(versions, parsed.entity, parsed.key);
  if (!key.has_value() || key->first == RegistrySubject::kTag) {
    return error::MlflowOrderWrong(order, absl::StrCat("known keys are ", kKnownOrdersOfRegistry));
  }
  return RegistryOrder{key->first, parsed.descending};
}

// Both messages have the same fields.
template <typename Request>
absl::StatusOr<RegistryQuery> RegistryQueryOf(RequestContext& context, const Request& request, bool versions,
                                              int fallback, int limit) {
  RegistryQuery query;
  query.versions = versions;
  ASSIGN_OR_RETURN(const std::vector<SearchComparison> comparisons, ParseSearchFilter(request.filter()));
  for (const SearchComparison& comparison : comparisons) {
    const auto key = RegistryKeyOf(versions, comparison.entity, comparison.key);
    if (!key.has_value()) return SearchKeyUnknownAt(comparison, versions ? kKnownOfVersions : kKnownOfModels);
    RETURN_IF_ERROR(CheckComparison(comparison, key->second));
    query.conditions.push_back(
        {key->first, comparison.key, comparison.op, TextsOf(comparison), NumberOf(comparison)});
  }
  if (request.order_by_size() > limits::kSearchOrders) {
    return error::MlflowTooMany("order_by clauses", request.order_by_size(), limits::kSearchOrders);
  }
  for (const std::string& order : request.order_by()) {
    ASSIGN_OR_RETURN(query.orders.emplace_back(), RegistryOrderFrom(versions, order));
  }
  // Models come by their names; versions that changed last come first.
  if (query.orders.empty() && !versions) query.orders.push_back({RegistrySubject::kName, false});
  std::optional<int64_t> wanted;
  if (request.has_max_results()) wanted = request.max_results();
  ASSIGN_OR_RETURN(query.limit, MlflowPageSize(wanted, fallback, limit));
  ASSIGN_OR_RETURN(query.after,
                   ReadSearchToken(context, request, request.page_token(), RegistryKeys(query.orders)));
  return query;
}

}  // namespace

absl::Status RegisteredModelSearch(RequestContext& context,
                                   const mlflow::SearchRegisteredModelsRequest& request,
                                   mlflow::SearchRegisteredModelsResponse* reply) {
  ASSIGN_OR_RETURN(const RegistryQuery query,
                   RegistryQueryOf(context, request, /*versions=*/false, limits::kMlflowModelPageDefault,
                                   limits::kMlflowRegistryPage));
  RegistryPage page;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(page, RegistrySearch(tx, query));
    return absl::OkStatus();
  }));
  if (page.next.has_value()) reply->set_next_page_token(MakeSearchToken(context, request, *page.next));
  for (const auto& [name, version] : page.names) {
    mlflow::GetRegisteredModelRequest get;
    get.set_name(name);
    mlflow::GetRegisteredModelResponse model;
    const absl::Status found = RegisteredModelGet(context, get, &model);
    if (absl::IsNotFound(found)) continue;  // deleted meanwhile
    RETURN_IF_ERROR(found);
    *reply->add_registered_models() = std::move(*model.mutable_registered_model());
  }
  return absl::OkStatus();
}

absl::Status ModelVersionSearch(RequestContext& context, const mlflow::SearchModelVersionsRequest& request,
                                mlflow::SearchModelVersionsResponse* reply) {
  ASSIGN_OR_RETURN(const RegistryQuery query,
                   RegistryQueryOf(context, request, /*versions=*/true, limits::kMlflowVersionPageDefault,
                                   limits::kMlflowVersionPage));
  RegistryPage page;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(page, RegistrySearch(tx, query));
    return absl::OkStatus();
  }));
  if (page.next.has_value()) reply->set_next_page_token(MakeSearchToken(context, request, *page.next));
  for (const auto& [name, version] : page.names) {
    mlflow::GetModelVersionRequest get;
    get.set_name(name);
    get.set_version(absl::StrCat(version));
    mlflow::GetModelVersionResponse one;
    const absl::Status found = ModelVersionGet(context, get, &one);
    if (absl::IsNotFound(found)) continue;
    RETURN_IF_ERROR(found);
    *reply->add_model_versions() = std::move(*one.mutable_model_version());
  }
  return absl::OkStatus();
}

}  // namespace penstock
