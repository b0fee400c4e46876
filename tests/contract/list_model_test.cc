// Every key, operation, type and order of every list, over random rows, against a model; and that no
// statement of them scans a table. The seed is printed; give it again with PENSTOCK_SEED, and more queries
// with PENSTOCK_STEPS.
#include "tests/contract/list_model.h"

#include <cstdio>
#include <functional>
#include <random>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "storage/experiment_archive.h"
#include "storage/migrator.h"
#include "storage/pipeline_store.h"
#include "storage/recurring_run_store.h"
#include "storage/schema.h"
#include "storage/setting_store.h"
#include "tests/contract/recording_tx.h"
#include "tests/support/environment.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

// Whether a part of it walks along an index in the page's order.
bool IsWalk(absl::string_view sql) {
  const size_t end = sql.find(") AS m");
  const absl::string_view inner = sql.substr(0, end);
  const size_t order = inner.rfind(" ORDER BY ");
  return end != sql.npos && order != sql.npos && !absl::StrContains(inner.substr(order), "SELECT") &&
         absl::StrContains(inner.substr(order), " LIMIT ");
}

struct Listing {
  std::vector<std::string> ids;
  int64_t total = 0;
  std::string token;
};

class ListModel : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;
    seed_ = FromEnvironment("PENSTOCK_SEED", std::random_device()());
    std::printf("PENSTOCK_SEED=%lld\n", static_cast<long long>(seed_));
    random_ = ModelRandom(seed_);
    AddExperiments();
    AddPipelines();
    AddRuns();
    AddRecurringRuns();
    if (OnPostgres()) {
      ASSERT_TRUE(
          store_->Write([&](db::Tx& tx) { return store_->database().ExecuteScript(tx, "ANALYZE"); }).ok());
    }
  }

  void Write(const std::function<absl::Status(db::Tx&)>& body) {
    const absl::Status status = store_->Write([&](db::Tx& tx) { return body(tx); });
    ASSERT_TRUE(status.ok()) << status;
  }

  void AddExperiments() {
    for (int i = 0; i < 40; ++i) {
      ExperimentRow row;
      row.experiment_id = absl::StrCat("e", random_.Pick(1000), "-", i);
      row.namespace_ = random_.Of(kNamespaces);
      row.name = absl::StrCat(random_.Text(), i);
      row.description = random_.Text();
      row.storage_state = random_.Pick(3) == 0 ? StorageState::kArchived : StorageState::kAvailable;
      row.created_at = random_.Time();
      row.last_run_created_at = random_.Pick(3) == 0 ? absl::UnixEpoch() : random_.Time();
      Write([&](db::Tx& tx) { return ExperimentInsert(tx, row); });
      experiments_.push_back(row.experiment_id);
    }
  }

  Tags RandomTags() {
    Tags tags;
    if (random_.Pick(2) == 0) tags["team"] = random_.Pick(2) == 0 ? "a" : "b";
    if (random_.Pick(2) == 0) tags["stage"] = random_.Pick(2) == 0 ? "a" : "%";
    return tags;
  }

  void AddPipelines() {
    Write([](db::Tx& tx) { return SpecPut(tx, "spec", "{}"); });
    for (int i = 0; i < 30; ++i) {
      PipelineRow row;
      row.pipeline_id = absl::StrCat("p", random_.Pick(1000), "-", i);
      row.namespace_ = random_.Of(kNamespaces);
      row.name = absl::StrCat(random_.Text(), i);
      row.display_name = random_.Text();
      row.description = random_.Text();
      row.created_at = random_.Time();
      row.tags = RandomTags();
      Write([&](db::Tx& tx) { return PipelineInsert(tx, row); });
      pipelines_.push_back(row.pipeline_id);
    }
    for (int i = 0; i < 60; ++i) {
      PipelineVersionRow row;
      row.pipeline_version_id = absl::StrCat("v", random_.Pick(1000), "-", i);
      row.pipeline_id = pipelines_[random_.Pick(2)];
      row.name = absl::StrCat(random_.Text(), i);
      row.display_name = random_.Text();
      row.description = random_.Text();
      row.spec_sha256 = "spec";
      row.created_at = random_.Time();
      row.tags = RandomTags();
      Write([&](db::Tx& tx) { return PipelineVersionInsert(tx, row); });
      versions_.emplace_back(row.pipeline_id, row.pipeline_version_id);
    }
  }

  void MoveRun(const std::string& id, RunState from, RunState to) {
    Write([&](db::Tx& tx) { return RunSetState(tx, id, from, {to, random_.Time(), 0, ""}); });
  }

  // Runs that took every way through their states, were archived with their experiment or alone, or deleted.
  void AddRuns() {
    for (int i = 0; i < 150; ++i) {
      RunRow row;
      row.run_id = absl::StrCat("r", random_.Pick(1000), "-", i);
      row.experiment_id = experiments_[random_.Pick(4)];
      row.namespace_ = random_.Of(kNamespaces);
      row.display_name = random_.Text();
      row.description = random_.Text();
      row.storage_state = random_.Pick(9) == 0 ? StorageState::kArchived : StorageState::kAvailable;
      row.recurring_run_id = random_.Pick(3) == 0 ? absl::StrCat("rr", random_.Pick(3)) : "";
      if (random_.Pick(2) == 0) {
        std::tie(row.pipeline_id, row.pipeline_version_id) =
            versions_[random_.Pick(static_cast<int>(versions_.size()))];
      }
      row.created_at = random_.Time();
      row.scheduled_at = random_.Pick(2) == 0 ? row.created_at : random_.Time();
      row.finished_at = absl::UnixEpoch();
      Write([&](db::Tx& tx) { return RunInsert(tx, row, {"spec", "{}", ""}); });
      if (const auto value = AddModelMetric(*store_, random_, row.run_id)) {
        metrics_[row.run_id]["Acc/1"] = *value;
      }
      const int way = random_.Pick(6);
      if (way >= 1) MoveRun(row.run_id, RunState::kPending, RunState::kRunning);
      if (way == 2) MoveRun(row.run_id, RunState::kRunning, RunState::kFailed);
      if (way >= 3 && way <= 4) MoveRun(row.run_id, RunState::kRunning, RunState::kSucceeded);
      if (way == 5) MoveRun(row.run_id, RunState::kRunning, RunState::kCanceling);
      if (way == 5 && random_.Pick(2) == 0) MoveRun(row.run_id, RunState::kCanceling, RunState::kCanceled);
      if (random_.Pick(5) == 0) {
        const StorageState to = random_.Pick(2) == 0 ? StorageState::kArchived : StorageState::kAvailable;
        Write([&](db::Tx& tx) { return RunSetStorageState(tx, row.run_id, to); });
      }
      if (random_.Pick(9) == 0) {
        Write([&](db::Tx& tx) { return RunDelete(tx, row.run_id, absl::UnixEpoch()); });
      } else {
        runs_.push_back(row.run_id);
      }
      if (i == 100) Write([&](db::Tx& tx) { return ExperimentArchive(tx, experiments_[0], clock_.Now()); });
    }
  }

  void AddRecurringRuns() {
    for (int i = 0; i < 60; ++i) {
      RecurringRunRow row;
      row.recurring_run_id = absl::StrCat("s", random_.Pick(1000), "-", i);
      row.experiment_id = experiments_[random_.Pick(3)];
      row.display_name = random_.Text();
      row.description = random_.Text();
      row.spec_sha256 = "spec";
      row.parameters = "{}";
      row.created_at = random_.Time();
      row.updated_at = random_.Pick(2) == 0 ? row.created_at : random_.Time();
      Write([&](db::Tx& tx) { return RecurringRunInsert(tx, row); });
      recurring_runs_.push_back(row.recurring_run_id);
    }
  }

  // --- What is stored, read one by one ---

  static ListValue Micros(absl::Time time) { return absl::ToUnixMicros(time); }

  ModelResource Runs(std::optional<ListScope> scope) {
    ModelResource list = {&RunResource(), std::move(scope), {}};
    Write([&](db::Tx& tx) -> absl::Status {
      for (const std::string& id : runs_) {
        ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, id));
        if (list.scope.has_value() && list.scope->column == "experiment_id" &&
            list.scope->value != row.experiment_id)
          continue;
        if (list.scope.has_value() && list.scope->column == "namespace" &&
            list.scope->value != row.namespace_)
          continue;
        const std::string state(Name(row.state));
        list.rows.push_back({id,
                             {{"id", id},
                              {"run_id", id},
                              {"name", row.display_name},
                              {"display_name", row.display_name},
                              {"created_at", Micros(row.created_at)},
                              {"finished_at", Micros(row.finished_at)},
                              {"scheduled_at", Micros(row.scheduled_at)},
                              {"description", row.description},
                              {"storage_state", std::string(Name(row.storage_state))},
                              {"state", state},
                              {"status", state},
                              {"namespace", row.namespace_},
                              {"experiment_id", row.experiment_id},
                              {"recurring_run_id", row.recurring_run_id},
                              {"pipeline_id", row.pipeline_id},
                              {"pipeline_version_id", row.pipeline_version_id},
                              {"pipeline_version_reference.pipeline_id", row.pipeline_id},
                              {"pipeline_version_reference.pipeline_version_id", row.pipeline_version_id}},
                             {},
                             metrics_[id]});
      }
      return absl::OkStatus();
    });
    return list;
  }

  ModelResource Experiments() {
    ModelResource list = {&ExperimentResource(), std::nullopt, {}};
    Write([&](db::Tx& tx) -> absl::Status {
      for (const std::string& id : experiments_) {
        ASSIGN_OR_RETURN(const ExperimentRow row, ExperimentGet(tx, id));
        list.rows.push_back({id,
                             {{"id", id},
                              {"experiment_id", id},
                              {"name", row.name},
                              {"display_name", row.name},
                              {"created_at", Micros(row.created_at)},
                              {"last_run_created_at", Micros(row.last_run_created_at)},
                              {"description", row.description},
                              {"namespace", row.namespace_},
                              {"storage_state", std::string(Name(row.storage_state))}},
                             {}});
      }
      return absl::OkStatus();
    });
    return list;
  }

  ModelResource Pipelines() {
    ModelResource list = {&PipelineResource(), std::nullopt, {}};
    Write([&](db::Tx& tx) -> absl::Status {
      for (const std::string& id : pipelines_) {
        ASSIGN_OR_RETURN(const PipelineRow row, PipelineGet(tx, id));
        list.rows.push_back({id,
                             {{"id", id},
                              {"pipeline_id", id},
                              {"name", row.name},
                              {"display_name", row.display_name},
                              {"created_at", Micros(row.created_at)},
                              {"description", row.description},
                              {"namespace", row.namespace_}},
                             row.tags});
      }
      return absl::OkStatus();
    });
    return list;
  }

  ModelResource Versions(const std::string& pipeline_id) {
    ModelResource list = {&PipelineVersionResource(), ListScope{"pipeline_id", pipeline_id}, {}};
    Write([&](db::Tx& tx) -> absl::Status {
      for (const auto& [owner, id] : versions_) {
        if (owner != pipeline_id) continue;
        ASSIGN_OR_RETURN(const PipelineVersionRow row, PipelineVersionGet(tx, id));
        list.rows.push_back({id,
                             {{"id", id},
                              {"pipeline_version_id", id},
                              {"name", row.name},
                              {"display_name", row.display_name},
                              {"created_at", Micros(row.created_at)},
                              {"description", row.description},
                              {"status", "READY"}},
                             row.tags});
      }
      return absl::OkStatus();
    });
    return list;
  }

  ModelResource RecurringRuns(const std::string& experiment_id) {
    ModelResource list = {&RecurringRunResource(), std::nullopt, {}};
    if (!experiment_id.empty()) list.scope = ListScope{"experiment_id", experiment_id};
    Write([&](db::Tx& tx) -> absl::Status {
      for (const std::string& id : recurring_runs_) {
        ASSIGN_OR_RETURN(const RecurringRunRow row, RecurringRunGet(tx, id));
        if (!experiment_id.empty() && row.experiment_id != experiment_id) continue;
        list.rows.push_back({id,
                             {{"id", id},
                              {"recurring_run_id", id},
                              {"name", row.display_name},
                              {"display_name", row.display_name},
                              {"created_at", Micros(row.created_at)},
                              {"updated_at", Micros(row.updated_at)},
                              {"description", row.description}},
                             {}});
      }
      return absl::OkStatus();
    });
    return list;
  }

  std::vector<ModelResource> All() {
    std::vector<ModelResource> lists = {Runs(std::nullopt), Runs(ListScope{"experiment_id", experiments_[0]}),
                                        Runs(ListScope{"experiment_id", experiments_[1]}),
                                        Runs(ListScope{"namespace", kNamespaces[1]})};
    lists.push_back(Experiments());
    lists.push_back(Pipelines());
    lists.push_back(Versions(pipelines_[0]));
    lists.push_back(RecurringRuns(""));
    lists.push_back(RecurringRuns(experiments_[0]));
    return lists;
  }

  // --- Lists ---

  template <typename Row, typename Id>
  static absl::Status ToListing(const Page<Row>& page, Id id, Listing& listing) {
    for (const Row& row : page.rows) listing.ids.push_back(row.*id);
    listing.total = page.total_size;
    listing.token = page.next_page_token;
    return absl::OkStatus();
  }

  absl::StatusOr<Listing> List(const ModelResource& list, const ListRequest& request,
                               const ListBounds& bounds) {
    ASSIGN_OR_RETURN(const ListQuery query, ListQuery::Create(*list.resource, request, list.scope,
                                                              store_->page_token_key(), bounds));
    Listing listing;
    RETURN_IF_ERROR(store_->Read([&](db::Tx& tx) -> absl::Status {
      RecordingTx recording(tx, statements_);
      if (list.resource == &RunResource()) {
        Page<RunRow> page;
        RETURN_IF_ERROR(RunList(recording, query, page));
        return ToListing(page, &RunRow::run_id, listing);
      }
      if (list.resource == &ExperimentResource()) {
        Page<ExperimentRow> page;
        RETURN_IF_ERROR(ExperimentList(recording, query, page));
        return ToListing(page, &ExperimentRow::experiment_id, listing);
      }
      if (list.resource == &PipelineResource()) {
        Page<PipelineRow> page;
        RETURN_IF_ERROR(PipelineList(recording, query, page));
        return ToListing(page, &PipelineRow::pipeline_id, listing);
      }
      if (list.resource == &RecurringRunResource()) {
        Page<RecurringRunRow> page;
        const std::string experiment_id = list.scope.has_value() ? list.scope->value : "";
        RETURN_IF_ERROR(RecurringRunList(recording, experiment_id, query, page));
        return ToListing(page, &RecurringRunRow::recurring_run_id, listing);
      }
      Page<PipelineVersionRow> page;
      RETURN_IF_ERROR(PipelineVersionList(recording, list.scope->value, query, page));
      return ToListing(page, &PipelineVersionRow::pipeline_version_id, listing);
    }));
    return listing;
  }

  // All pages, one after the other. With `bounds` of less than there is, a size may be unknown and a search
  // may end; what is given is true all the same. Returns whether it came to the end.
  bool Compare(const ModelResource& list, const std::vector<ModelPredicate>& predicates,
               const std::string& sort_key, bool descending, const ListBounds& bounds, bool bounded) {
    const std::vector<std::string> wanted = ModelList(list.rows, predicates, sort_key, descending);
    Json filter = {{"predicates", Json::array()}};
    for (const ModelPredicate& predicate : predicates) {
      filter["predicates"].push_back(random_.ToJson(predicate, FindListField(*list.resource, predicate.key)));
    }
    ListRequest request = {1 + random_.Pick(3) * 20, "", absl::StrCat(sort_key, descending ? " desc" : ""),
                           predicates.empty() ? "" : filter.dump()};
    const std::string what =
        absl::StrCat(list.resource->name, " ", list.scope.has_value() ? list.scope->column : "", " by ",
                     request.sort_by, " ", request.filter, " PENSTOCK_SEED=", seed_);
    std::vector<std::string> found;
    do {
      const auto listing = List(list, request, bounds);
      if (bounded && absl::IsFailedPrecondition(listing.status())) {
        EXPECT_TRUE(absl::StrContains(listing.status().message(), "kListRowsRead")) << listing.status();
        return false;
      }
      EXPECT_TRUE(listing.ok()) << listing.status() << what;
      if (!listing.ok()) return false;
      if (!bounded || listing->total != kListSizeUnknown) {
        EXPECT_EQ(listing->total, static_cast<int64_t>(wanted.size())) << what;
      }
      found.insert(found.end(), listing->ids.begin(), listing->ids.end());
      if (!listing->token.empty()) {
        EXPECT_EQ(static_cast<int>(listing->ids.size()), request.page_size) << what;
      }
      request.page_token = listing->token;
      if (found.size() > wanted.size()) break;
    } while (!request.page_token.empty());
    EXPECT_EQ(found, wanted) << what;
    return true;
  }

  ModelPredicate RandomPredicate(const ModelResource& list) {
    if (list.resource->has_tags && random_.Pick(4) == 0) return random_.TagPredicate(list);
    const ListField& field =
        list.resource->fields[random_.Pick(static_cast<int>(list.resource->fields.size()))];
    std::string operation = random_.Of(kModelOperations);
    if (field.type == FieldType::kTime && operation == "IS_SUBSTRING") operation = "LESS_THAN";
    return random_.Predicate(list, field, operation);
  }
  std::string RandomKey(const ModelResource& list) {
    if (list.resource->has_metrics && random_.Pick(6) == 0) return "metric:Acc/1";
    return std::string(
        list.resource->fields[random_.Pick(static_cast<int>(list.resource->fields.size()))].key);
  }

  // The plan of a statement, a line a step; on PostgreSQL the one that serves whatever values.
  std::vector<std::string> PlanOf(const std::string& sql, const std::vector<std::string>& literals) {
    std::vector<std::string> plan;
    const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
      std::string explain = absl::StrCat("EXPLAIN QUERY PLAN ", sql);
      std::vector<db::Param> values;
      if (OnPostgres()) {
        RETURN_IF_ERROR(store_->database().ExecuteScript(tx, absl::StrCat("PREPARE listed AS ", sql)));
        explain = absl::StrCat("EXPLAIN EXECUTE listed", literals.empty() ? "" : "(",
                               absl::StrJoin(literals, ", "), literals.empty() ? "" : ")");
      } else {
        values.assign(literals.begin(), literals.end());
      }
      RETURN_IF_ERROR(tx.Query(explain, values, [&](const db::Row& row) {
        plan.push_back(row.String(OnPostgres() ? 0 : 3));
        return absl::OkStatus();
      }));
      if (!OnPostgres()) return absl::OkStatus();
      return store_->database().ExecuteScript(tx, "DEALLOCATE listed");
    });
    EXPECT_TRUE(status.ok()) << status << "\n" << sql;
    return plan;
  }

  // No statement reads a table from end to end. One that walks along an index in the page's order may begin
  // at its beginning, sorts nothing and ends with its LIMIT; all others have a range of an index.
  void CheckPlan(const std::string& sql, const std::vector<std::string>& literals) {
    const std::vector<std::string> plan = PlanOf(sql, literals);
    const std::string text = absl::StrCat(sql, "\n", absl::StrJoin(plan, "\n"));
    const bool is_walk = IsWalk(sql);
    // Which index PostgreSQL takes, and whether it sorts, depends on statistics, and these tables are tiny.
    EXPECT_FALSE(plan.empty()) << text;
    for (size_t i = 0; i < plan.size(); ++i) {
      const absl::string_view line = absl::StripLeadingAsciiWhitespace(plan[i]);
      const bool of_table = !absl::StrContains(line, "SCAN m") && !absl::StrContains(line, "SCAN n") &&
                            !absl::StrContains(line, "SCAN (");
      if (absl::StartsWith(line, "SCAN") && of_table) {
        EXPECT_TRUE(is_walk && absl::StrContains(line, " INDEX ")) << text;
      }
      EXPECT_FALSE(absl::StrContains(line, "Seq Scan")) << text;
      const bool sorts = absl::StrContains(line, "TEMP B-TREE") || absl::StrContains(line, "Sort  (");
      // The heads of several ranges, each of which has its own LIMIT.
      const bool of_heads = absl::StrContains(sql, "(SELECT") && absl::StrContains(sql, ") UNION ALL (") &&
                            i + 2 < plan.size() && absl::StrContains(plan[i + 2], "Append");
      EXPECT_FALSE(is_walk && sorts && !of_heads && !OnPostgres()) << text;
      if (absl::StrContains(line, "Index Scan") || absl::StrContains(line, "Index Only Scan")) {
        const bool ranged = i + 1 < plan.size() && absl::StrContains(plan[i + 1], "Index Cond");
        EXPECT_TRUE(is_walk || ranged || OnPostgres()) << text;
      }
    }
  }

  const std::vector<std::string> kNamespaces = {"", "ns1", "ns2"};
  int64_t seed_ = 0;
  ModelRandom random_{0};
  std::map<std::string, std::map<std::string, double>> metrics_;  // by run
  std::vector<std::string> experiments_;
  std::vector<std::string> pipelines_;
  std::vector<std::pair<std::string, std::string>> versions_;
  std::vector<std::string> runs_;
  std::vector<std::string> recurring_runs_;
  Statements statements_;
};
INSTANTIATE_TEST_SUITE_P(Databases, ListModel, ServedDatabases());

TEST_P(ListModel, EveryKeyOrdersBothWays) {
  for (const ModelResource& list : All()) {
    for (const ListField& field : list.resource->fields) {
      for (const bool descending : {false, true}) {
        Compare(list, {}, std::string(field.key), descending, {}, false);
      }
    }
  }
  for (const bool descending : {false, true}) {
    Compare(Runs(std::nullopt), {}, "metric:Acc/1", descending, {}, false);
    Compare(Runs(std::nullopt), {}, "metric:none", descending, {}, false);
  }
}

TEST_P(ListModel, EveryKeyFiltersByEveryOperation) {
  for (const ModelResource& list : All()) {
    for (const ListField& field : list.resource->fields) {
      for (const std::string& operation : kModelOperations) {
        if (field.type == FieldType::kTime && operation == "IS_SUBSTRING") continue;
        for (int i = 0; i < 3; ++i) {
          Compare(list, {random_.Predicate(list, field, operation)}, RandomKey(list), random_.Pick(2) == 0,
                  {}, false);
        }
      }
    }
  }
}

TEST_P(ListModel, RandomFiltersAndOrdersAreTheModels) {
  const std::vector<ModelResource> lists = All();
  const int64_t steps = FromEnvironment("PENSTOCK_STEPS", 300);
  for (int64_t step = 0; step < steps; ++step) {
    const ModelResource& list = random_.Of(lists);
    std::vector<ModelPredicate> predicates;
    for (int i = random_.Pick(4); i > 0; --i) predicates.push_back(RandomPredicate(list));
    Compare(list, predicates, RandomKey(list), random_.Pick(2) == 0, {}, false);
  }
}

// Bounds below what there is: all ways to read a page are taken, and what is given up is said.
TEST_P(ListModel, BoundsEndASearchAndNeverChangeWhatIsFound) {
  const std::vector<ModelResource> lists = All();
  const int64_t steps = FromEnvironment("PENSTOCK_STEPS", 300);
  int64_t ended = 0;
  for (int64_t step = 0; step < steps; ++step) {
    const ModelResource& list = random_.Of(lists);
    const ListBounds bounds = {1 + random_.Pick(60), 1 + random_.Pick(150), 1 + random_.Pick(200)};
    std::vector<ModelPredicate> predicates;
    for (int i = random_.Pick(4); i > 0; --i) predicates.push_back(RandomPredicate(list));
    if (Compare(list, predicates, RandomKey(list), random_.Pick(2) == 0, bounds, true)) ++ended;
  }
  EXPECT_GT(ended, steps / 4);
  EXPECT_LT(ended, steps);
}

TEST_P(ListModel, NoStatementScansATable) {
#if defined(PENSTOCK_THREAD_SANITIZER) || defined(PENSTOCK_ADDRESS_SANITIZER)
  GTEST_SKIP() << "the plans are the database's, and the same without a sanitizer";
#endif
  const std::vector<ModelResource> lists = All();
  for (const ModelResource& list : lists) {
    for (const ListField& sort : list.resource->fields) {
      Compare(list, {}, std::string(sort.key), random_.Pick(2) == 0, {}, false);
      for (const ListField& field : list.resource->fields) {
        for (const std::string& operation : kModelOperations) {
          if (operation == "IS_SUBSTRING" || random_.Pick(2) == 0) continue;
          const ListBounds few = {3 + random_.Pick(30), 50, 100};
          const bool bounded = random_.Pick(2) == 0;
          Compare(list, {random_.Predicate(list, field, operation)}, std::string(sort.key),
                  random_.Pick(2) == 0, bounded ? few : ListBounds{}, bounded);
        }
      }
    }
  }
  for (const auto& [shape, statement] : statements_) CheckPlan(statement.sql, statement.literals);
  std::printf("%zu statements\n", statements_.size());
}

TEST_P(ListModel, CountsAreThoseOfTheRowsThroughMigrationsToo) {
  const auto differences = [&] {
    int64_t rows = 0;
    Write([&](db::Tx& tx) {
      rows = 0;
      return tx.Query(R"sql(
        WITH counted AS (
          SELECT 'all' AS scope, storage_state, state, COUNT(*) AS runs FROM runs GROUP BY storage_state, state
          UNION ALL SELECT 'experiment/' || experiment_id, storage_state, state, COUNT(*)
            FROM runs GROUP BY experiment_id, storage_state, state
          UNION ALL SELECT 'namespace/' || namespace, storage_state, state, COUNT(*)
            FROM runs GROUP BY namespace, storage_state, state
        ), kept AS (SELECT scope, storage_state, state, runs FROM run_counts WHERE runs <> 0)
        SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) AS a
          UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) AS b) AS differences)sql",
                      {}, [&](const db::Row& row) {
                        rows = row.Int64(0);
                        return absl::OkStatus();
                      });
    });
    return rows;
  };
  EXPECT_EQ(differences(), 0);
  Migrator migrator(store_->database(), store_->known_migrations(), clock_);
  for (bool exists = true; exists;) {
    ASSERT_TRUE(migrator.RevertLast().ok());
    Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(exists, TableExists(tx, store_->database().kind(), "run_counts"));
      return absl::OkStatus();
    });
  }
  Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t counted, CounterGet(tx, "runs"));
    EXPECT_EQ(counted, static_cast<int64_t>(runs_.size()));
    return absl::OkStatus();
  });
  ASSERT_TRUE(migrator.Apply().ok());
  EXPECT_EQ(differences(), 0);
}

}  // namespace
}  // namespace penstock
