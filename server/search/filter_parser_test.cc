#include "server/search/filter_parser.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/search/run_filter.h"
#include "server/search/run_match.h"

namespace penstock {
namespace {

using testing::HasSubstr;

std::string Text(const SearchComparison& one) {
  std::vector<std::string> values;
  for (const SearchLiteral& value : one.values) values.push_back((value.is_number ? "#" : "") + value.text);
  return absl::StrCat(one.entity, "|", one.key, "|", static_cast<int>(one.op), "|",
                      absl::StrJoin(values, ","));
}

std::string Parsed(absl::string_view filter) {
  const auto parsed = ParseSearchFilter(filter);
  if (!parsed.ok()) return std::string(parsed.status().message());
  std::vector<std::string> texts;
  for (const SearchComparison& one : *parsed) texts.push_back(Text(one));
  return absl::StrJoin(texts, " & ");
}

TEST(FilterParserTest, KeysOperatorsAndValues) {
  const int equal = static_cast<int>(SearchOp::kEqual);
  const int less = static_cast<int>(SearchOp::kLess);
  EXPECT_EQ(Parsed(""), "");
  EXPECT_EQ(Parsed(" \n "), "");
  EXPECT_EQ(Parsed("metrics.m<9"), absl::StrCat("metrics|m|", less, "|#9"));
  EXPECT_EQ(Parsed("tags.mlflow.parentRunId = 'x'"), absl::StrCat("tags|mlflow.parentRunId|", equal, "|x"));
  EXPECT_EQ(Parsed("params.`a b` = \"it's\""), absl::StrCat("params|a b|", equal, "|it's"));
  EXPECT_EQ(Parsed("params.\"a\"\"b\" = 'it''s'"), absl::StrCat("params|a\"b|", equal, "|it's"));
  EXPECT_EQ(Parsed("`Run Name` = 'r'"), absl::StrCat("|Run Name|", equal, "|r"));
  EXPECT_EQ(Parsed("m = -1.5e-3 aNd n = +2"), absl::StrCat("|m|", equal, "|#-1.5e-3 & |n|", equal, "|#+2"));
  EXPECT_EQ(Parsed("run_id NOT  IN ('a' ,'b')"),
            absl::StrCat("|run_id|", static_cast<int>(SearchOp::kNotIn), "|a,b"));
  EXPECT_EQ(Parsed("a IN ('b',)"), Parsed("a IN ('b')"));
  EXPECT_EQ(Parsed("tags.a is not null"),
            absl::StrCat("tags|a|", static_cast<int>(SearchOp::kIsNotNull), "|"));
  EXPECT_EQ(Parsed("tags.a IS NULL AND b ILIKE '%'"),
            absl::StrCat("tags|a|", static_cast<int>(SearchOp::kIsNull), "| & |b|",
                         static_cast<int>(SearchOp::kILike), "|%"));
  EXPECT_EQ(Parsed("metrics.損失 >= 1"),
            absl::StrCat("metrics|損失|", static_cast<int>(SearchOp::kGreaterOrEqual), "|#1"));
}

TEST(FilterParserTest, AnErrorNamesThePlace) {
  const std::pair<const char*, const char*> wrong[] = {
      {"a = 1 OR b = 2", "character 7: OR is not supported"},
      {"(a = 1)", "character 1: a name such as metrics.loss is expected, not '(a = 1)'"},
      {"a", "character 2: an operator is expected"},
      {"a =", "character 4: a value is expected, not the end"},
      {"a = x", "character 5: a number or a text in quotes is expected, not 'x'"},
      {"a = nan", "character 5"},
      {"a = 1e999999x", "character 5"},
      {"a = 'b", "character 5: the quote ' is not closed"},
      {"a.`b = 1", "character 3: the quote ` is not closed"},
      {"a. = 1", "character 3: a key is expected behind a."},
      {"a = 1; b = 2", "character 6: AND or the end is expected"},
      {"a = 1 AND", "character 10: a name such as"},
      {"a IN ()", "character 7: a number or a text"},
      {"a IN ('b',,)", "character 11: a number or a text"},
      {"a IN 'b'", "character 6: a list in brackets"},
      {"a IN ('b'", "character 10: ',' or ')' is expected, not the end"},
      {"a NOT LIKE 'b'", "character 3: an operator is expected"},
      {"a IS 1", "character 3: an operator is expected"},
      {"= 'x'", "character 1"}};
  for (const auto& [filter, message] : wrong) EXPECT_THAT(Parsed(filter), HasSubstr(message)) << filter;
  EXPECT_FALSE(ParseSearchFilter("a = '\xff'").ok());
  EXPECT_FALSE(ParseSearchFilter(absl::string_view("a = '\0'", 7)).ok());
}

TEST(FilterParserTest, Bounds) {
  std::vector<std::string> some(limits::kSearchComparisons, "a = 1");
  EXPECT_TRUE(ParseSearchFilter(absl::StrJoin(some, " AND ")).ok());
  some.push_back("a = 1");
  EXPECT_THAT(Parsed(absl::StrJoin(some, " AND ")), HasSubstr("at most 50 comparisons"));
  std::vector<std::string> values(limits::kFilterValues, "1");
  EXPECT_TRUE(ParseSearchFilter(absl::StrCat("a IN (", absl::StrJoin(values, ","), ")")).ok());
  values.emplace_back("1");
  EXPECT_THAT(Parsed(absl::StrCat("a IN (", absl::StrJoin(values, ","), ")")),
              HasSubstr("at most 1000 values"));
  const std::string longest = absl::StrCat("a = '", std::string(limits::kFilterBytes - 6, 'x'), "'");
  EXPECT_TRUE(ParseSearchFilter(longest).ok());
  EXPECT_FALSE(ParseSearchFilter(longest + " ").ok());
}

TEST(FilterParserTest, Orders) {
  const auto order = ParseSearchOrder("metrics.`a b` desc ");
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->entity, "metrics");
  EXPECT_EQ(order->key, "a b");
  EXPECT_TRUE(order->descending);
  EXPECT_FALSE(ParseSearchOrder("start_time ASC")->descending);
  for (const char* wrong : {"", "a DES", "a ASC DESC", "a, b", "a > 1"}) {
    EXPECT_FALSE(ParseSearchOrder(wrong).ok()) << wrong;
  }
}

TEST(RunFilterTest, KeysAndWhatTheyTake) {
  for (const char* good : {"metric.a != 1", "parameter.a LIKE 'x'", "tag.a IS NULL", "attr.run_id IN ('a')",
                           "run.status = 'RUNNING'", "created > 1", "attributes.`Run name` ILIKE 'x'",
                           "datasets.context IN ('a', 'b')", "end_time <= 1.5"}) {
    EXPECT_TRUE(RunConditionsFrom(good).ok()) << good;
  }
  for (const char* bad : {"name = 'x'", "metrics.a = 'x'", "metrics.a LIKE '1'", "metrics.a IS NULL",
                          "params.a > '1'", "params.a = 1", "tags.a IN ('x')", "start_time > '1'",
                          "status IN ('a')", "dataset.none = 'x'", "inputs.name = 'x'"}) {
    EXPECT_FALSE(RunConditionsFrom(bad).ok()) << bad;
  }
  EXPECT_THAT(RunConditionsFrom("a = 1 AND metrics.b = 2").status().message(), HasSubstr("character 1: 'a'"));
  EXPECT_THAT(RunConditionsFrom("run_id = 'a' AND metrics.b = 'c'").status().message(),
              HasSubstr("character 18: 'metrics.b' takes"));
  EXPECT_FALSE(RunOrderFrom("dataset.name").ok());
  EXPECT_TRUE(RunOrderFrom("tags.mlflow.runName DESC").ok());
}

TEST(RunMatchTest, ConditionsOnWhatIsShown) {
  mlflow::Run run;
  run.mutable_info()->set_run_id("r");
  run.mutable_info()->set_run_name("Größe 1");
  run.mutable_info()->set_status(mlflow::FINISHED);
  mlflow::Metric* metric = run.mutable_data()->add_metrics();
  metric->set_key("m");
  metric->set_value(2);
  mlflow::KeyValue* tag = run.mutable_data()->add_tags();
  tag->set_key("t");
  tag->set_value("50%_off");
  const auto matches = [&run](const char* filter) {
    const auto conditions = RunConditionsFrom(filter);
    EXPECT_TRUE(conditions.ok()) << conditions.status();
    return conditions.ok() && MlflowRunMatches(run, *conditions);
  };
  for (const char* filter :
       {"", "run_id = 'r' AND metrics.m > 1", "run_name LIKE 'Gr__e 1'", "run_name LIKE '%e%'",
        "run_name ILIKE 'gr%1'", "status = 'FINISHED'", "tags.t LIKE '50%'", "tags.none IS NULL",
        "tags.t IS NOT NULL", "run_name LIKE '%%'", "run_id IN ('a', 'r')"}) {
    EXPECT_TRUE(matches(filter)) << filter;
  }
  for (const char* filter :
       {"metrics.m > 2", "metrics.none != 1", "run_name LIKE 'Gr_e 1'", "run_name LIKE 'größe 1'",
        "tags.t != '50%_off'", "tags.none = 'x'", "end_time > 0", "run_id NOT IN ('r')"}) {
    EXPECT_FALSE(matches(filter)) << filter;
  }
}

}  // namespace
}  // namespace penstock
