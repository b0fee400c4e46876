#include "pipeline/spec/author_terms.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(AuthorTermsTest, NamesOfTheCompiler) {
  EXPECT_EQ(AuthorName("pipelinechannel--x"), "'x'");
  EXPECT_EQ(AuthorName("pipelinechannel--gen-Output"), "the output of task 'gen'");
  EXPECT_EQ(AuthorName("pipelinechannel--gen-Output-loop-item"),
            "the item of the loop over the output of task 'gen'");
  EXPECT_EQ(AuthorName("pipelinechannel--rows-loop-item--subvar-key"),
            "'key' of the item of the loop over 'rows'");
  EXPECT_EQ(AuthorName("pipelinechannel--loop-item-param-1"), "the item of a loop");
  EXPECT_EQ(AuthorName("items-loop-item"), "the item of the loop over 'items'");
  EXPECT_EQ(AuthorName("num"), "");
}

TEST(AuthorTermsTest, TextsWithSuchNames) {
  EXPECT_EQ(InAuthorTerms("no value for 'pipelinechannel--x', which is needed"),
            "no value for 'x', which is needed");
  EXPECT_EQ(InAuthorTerms("the condition \"inputs.parameter_values['pipelinechannel--x'] == 'a'\" fails"),
            "the condition \"'x' == 'a'\" fails");
  EXPECT_EQ(InAuthorTerms("nothing of it"), "nothing of it");
}

TEST(AuthorTermsTest, AnErrorBeginsWithTheTask) {
  const auto message = [](absl::string_view text) {
    return std::string(InAuthorTerms(absl::InvalidArgumentError(text)).message());
  };
  EXPECT_EQ(message("components.comp-for-loop-1.dag.tasks.show.inputs.parameters.num: it is wrong"),
            "task 'show' in the loop 'for-loop-1', argument 'num': it is wrong "
            "(components.comp-for-loop-1.dag.tasks.show.inputs.parameters.num)");
  EXPECT_EQ(message("root.dag.tasks.condition-1.triggerPolicy.condition: it is wrong"),
            "the condition 'condition-1', its condition: it is wrong "
            "(root.dag.tasks.condition-1.triggerPolicy.condition)");
  EXPECT_EQ(message("root.dag.tasks.exit-handler-1.inputs.parameters.pipelinechannel--x: it is wrong"),
            "the exit handler 'exit-handler-1', its use of 'x': it is wrong "
            "(root.dag.tasks.exit-handler-1.inputs.parameters.pipelinechannel--x)");
  EXPECT_EQ(message("components.comp-inner.dag.tasks.a.componentRef: it is wrong"),
            "task 'a' in component 'inner', componentRef: it is wrong "
            "(components.comp-inner.dag.tasks.a.componentRef)");
  EXPECT_EQ(message("pipelineInfo.name: is missing"), "pipelineInfo.name: is missing");
}

}  // namespace
}  // namespace penstock
