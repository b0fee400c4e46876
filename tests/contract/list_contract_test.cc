// Lists: pages, tokens, order, filters, and that no page costs more than what it returns.
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "common/status_macros.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ListContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ != nullptr) AddBasics();
  }
  void AddRuns(int count) {
    for (int i = 0; i < count; ++i) {
      RunRow row = NewRun(absl::StrCat("r", absl::Dec(i, absl::kZeroPad4)));
      row.display_name = absl::StrCat("name", absl::Dec((i * 7) % count, absl::kZeroPad4));
      ASSERT_TRUE(AddRun(row).ok());
      if (i % 3 == 0) clock_.Advance(absl::Seconds(1));  // several runs share a time
    }
  }
  absl::StatusOr<Page<RunRow>> List(const ListRequest& request, absl::string_view experiment_id = "") {
    std::optional<ListScope> scope;
    if (!experiment_id.empty()) scope = ListScope{"experiment_id", std::string(experiment_id)};
    ASSIGN_OR_RETURN(const ListQuery query,
                     ListQuery::Create(RunResource(), request, scope, store_->page_token_key()));
    Page<RunRow> page;
    RETURN_IF_ERROR(store_->Read([&](db::Tx& tx) { return RunList(tx, query, page); }));
    return page;
  }
  static std::vector<std::string> Ids(const Page<RunRow>& page) {
    std::vector<std::string> ids;
    for (const RunRow& row : page.rows) ids.push_back(row.run_id);
    return ids;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, ListContract, ServedDatabases());

TEST_P(ListContract, PagesGiveEachRowOnceInOrderWhateverTheSort) {
  AddRuns(53);
  for (const std::string sort :
       {"", "created_at", "created_at desc", "name", "display_name desc", "id", "state desc"}) {
    ListRequest request{7, "", sort, ""};
    std::set<std::string> seen;
    std::vector<RunRow> rows;
    int pages = 0;
    do {
      const auto page = List(request);
      ASSERT_TRUE(page.ok()) << sort << page.status();
      EXPECT_EQ(page->total_size, 53);
      for (const RunRow& row : page->rows) {
        EXPECT_TRUE(seen.insert(row.run_id).second) << sort;
        rows.push_back(row);
      }
      request.page_token = page->next_page_token;
      if (pages == 1) request.sort_by = "";  // a token alone goes on with its own order
      ++pages;
    } while (!request.page_token.empty());
    EXPECT_EQ(seen.size(), 53u) << sort;
    EXPECT_EQ(pages, 8);
    for (size_t i = 1; i < rows.size(); ++i) {
      if (sort == "name") {
        EXPECT_LT(rows[i - 1].display_name, rows[i].display_name);
      } else if (sort == "created_at desc") {
        EXPECT_GE(rows[i - 1].created_at, rows[i].created_at);
      }
    }
  }
}

TEST_P(ListContract, TokensBelongToTheirQuery) {
  AddRuns(30);
  const std::string token = List({10, "", "name", ""})->next_page_token;
  EXPECT_TRUE(List({10, token, "name", ""}).ok());
  EXPECT_TRUE(List({5, token, "", ""}).ok());
  std::string forged = token;
  forged[forged.size() / 2] = forged[forged.size() / 2] == 'A' ? 'B' : 'A';
  const std::pair<ListRequest, std::string> wrong[] = {
      {{10, token, "name desc", ""}, ""},
      {{10, token, "name",
        R"({"predicates":[{"operation":"EQUALS","key":"state","stringValue":"PENDING"}]})"},
       ""},
      {{10, token, "name", ""}, "exp"},
      {{10, forged, "name", ""}, ""},
      {{10, "!!!", "", ""}, ""},
      {{10, "AAAA", "", ""}, ""},
      {{10, std::string(1 << 20, 'A'), "", ""}, ""},
  };
  for (const auto& [request, experiment] : wrong) {
    EXPECT_THAT(std::string(List(request, experiment).status().message()), HasSubstr("page_token"));
  }
}

TEST_P(ListContract, FiltersCompareByTypeAndAreAnded) {
  AddRuns(9);
  ASSERT_TRUE(AddRun([&] {
                RunRow row = NewRun("odd");
                row.display_name = "50%_done\\";
                return row;
              }())
                  .ok());
  const auto ids = [&](const std::string& predicates) {
    const auto page = List({200, "", "id", absl::StrCat("{\"predicates\":[", predicates, "]}")});
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return std::vector<std::string>{};
    EXPECT_EQ(page->total_size, static_cast<int64_t>(page->rows.size()));
    return Ids(*page);
  };
  EXPECT_THAT(ids(R"({"operation":1,"key":"id","stringValue":"r0003"})"), ElementsAre("r0003"));
  EXPECT_THAT(ids(R"({"operation":"IN","key":"run_id","string_values":{"values":["r0001","r0005","x"]}})"),
              ElementsAre("r0001", "r0005"));
  EXPECT_THAT(ids(R"({"operation":"IS_SUBSTRING","key":"name","stringValue":"%_"})"), ElementsAre("odd"));
  EXPECT_THAT(ids(R"({"operation":"IS_SUBSTRING","key":"name","stringValue":"\\"})"), ElementsAre("odd"));
  EXPECT_THAT(ids(R"({"operation":"GREATER_THAN","key":"id","stringValue":"r0006"},
                     {"operation":"NOT_EQUALS","key":"id","stringValue":"r0008"})"),
              ElementsAre("r0007"));
  EXPECT_THAT(ids(R"({"operation":"LESS_THAN","key":"created_at","stringValue":"1700000001"})"),
              ElementsAre("r0000"));
  EXPECT_THAT(ids(R"({"operation":"EQUALS","key":"created_at","timestampValue":"2023-11-14T22:13:20Z"})"),
              ElementsAre("r0000"));
  EXPECT_THAT(ids(R"({"operation":"LESS_THAN_EQUALS","key":"created_at","longValue":"1700000000"})"),
              ElementsAre("r0000"));
}

TEST_P(ListContract, ATimeThatDoesNotFitIsRefused) {
  AddRuns(1);
  for (const char* value :
       {R"("longValue":"-9223372036854775808")", R"("stringValue":"-9223372036854775808")",
        R"("longValue":"9223372036854")", R"("stringValue":"infinite-future")",
        R"("stringValue":"infinite-past")", R"("timestampValue":"infinite-future")"}) {
    for (const char* operation : {"EQUALS", "NOT_EQUALS", "GREATER_THAN", "LESS_THAN_EQUALS"}) {
      const auto page = List({200, "", "id",
                              absl::StrCat(R"({"predicates":[{"key":"created_at","operation":")", operation,
                                           R"(",)", value, "}]}")});
      EXPECT_EQ(page.status().code(), absl::StatusCode::kInvalidArgument) << value << page.status();
    }
  }
}

// KFP's clients see a terminated run as FAILED.
TEST_P(ListContract, AFilterForFailedRunsFindsTerminatedOnes) {
  AddRuns(3);
  for (const RunState to : {RunState::kCanceling, RunState::kCanceled}) {
    ASSERT_TRUE(store_
                    ->Write([&](db::Tx& tx) {
                      const RunState from =
                          to == RunState::kCanceled ? RunState::kCanceling : RunState::kPending;
                      return RunSetState(tx, "r0001", from, {to, clock_.Now(), 0, ""});
                    })
                    .ok());
  }
  const auto ids = [&](const std::string& predicate) {
    const auto page = List({200, "", "id", absl::StrCat("{\"predicates\":[", predicate, "]}")});
    return page.ok() ? Ids(*page) : std::vector<std::string>{std::string(page.status().message())};
  };
  EXPECT_THAT(ids(R"({"operation":"EQUALS","key":"state","stringValue":"FAILED"})"), ElementsAre("r0001"));
  EXPECT_THAT(ids(R"({"operation":"EQUALS","key":"state","stringValue":"CANCELED"})"), ElementsAre("r0001"));
  EXPECT_THAT(ids(R"({"operation":"NOT_EQUALS","key":"state","stringValue":"FAILED"})"),
              ElementsAre("r0000", "r0002"));
  EXPECT_THAT(ids(R"({"operation":"IN","key":"state","stringValues":{"values":["FAILED","SUCCEEDED"]}})"),
              ElementsAre("r0001"));
}

TEST_P(ListContract, AFilterThatIsEncodedTwiceIsUnderstood) {
  AddRuns(3);
  const auto page =
      List({0, "", "",
            "%7B%22predicates%22%3A%5B%7B%22operation%22%3A%22EQUALS%22%2C%22key%22%3A%22id%22%2C"
            "%22string_value%22%3A%22r0001%22%7D%5D%7D"});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(Ids(*page), ElementsAre("r0001"));
}

TEST_P(ListContract, BadRequestsSayWhatIsWrong) {
  const auto filter = [](const std::string& predicate) {
    return ListRequest{0, "", "", absl::StrCat("{\"predicates\":[", predicate, "]}")};
  };
  const std::pair<ListRequest, std::string> cases[] = {
      {{-1, "", "", ""}, "page_size"},
      {{0, "", "unknownfield", ""}, "unknownfield"},
      {{0, "", "name sideways", ""}, "asc or desc"},
      {{0, "", "name asc desc", ""}, "asc or desc"},
      {{0, "", "", "{"}, "not JSON"},
      {{0, "", "", "[]"}, "JSON object"},
      {{0, "", "", R"({"predicate":[]})"}, "unknown field"},
      {filter(R"({"operation":"EQUALS","key":"nope","stringValue":"x"})"), "'nope'"},
      {filter(R"({"key":"id","stringValue":"x"})"), "'operation' is missing"},
      {filter(R"({"operation":"LIKE","key":"id","stringValue":"x"})"), "must be one of"},
      {filter(R"({"operation":"EQUALS","key":"id"})"), "no value"},
      {filter(R"({"operation":"IN","key":"id","stringValue":"x"})"), "needs a list"},
      {filter(R"({"operation":"EQUALS","key":"id","stringValues":{"values":["x"]}})"),
       "needs the operation IN"},
      {filter(R"({"operation":"IS_SUBSTRING","key":"id","intValue":1})"), "needs a string_value"},
      {filter(R"({"operation":"EQUALS","key":"created_at","stringValue":"soon"})"), "is no time"},
      {filter(R"({"operation":"IN","key":"tags.team","stringValues":{"values":["a"]}})"), "tags"},
      {{0, "", "", std::string(100'000, ' ')}, "at most"},
  };
  for (const auto& [request, text] : cases) {
    const absl::Status status = List(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status << " for " << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }
}

TEST_P(ListContract, SqlInNamesAndFiltersIsText) {
  RunRow row = NewRun("x");
  row.display_name = "'; DROP TABLE runs; --";
  ASSERT_TRUE(AddRun(row).ok());
  const auto page = List(
      {0, "", "",
       R"({"predicates":[{"operation":"EQUALS","key":"name","stringValue":"'; DROP TABLE runs; --"}]})"});
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Ids(*page), ElementsAre("x"));
}

}  // namespace
}  // namespace penstock
