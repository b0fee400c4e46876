#include "server/commands/runs.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "penstock/v1/rerun.grpc.pb.h"
#include "penstock/v1/run_bundle.grpc.pb.h"
#include "penstock/v1/run_comparison.grpc.pb.h"

namespace penstock {
namespace {

using penstock::v1::ComparisonRow;
using penstock::v1::ComparisonSection;
using penstock::v1::RunComparison;

constexpr size_t kLabelWidth = 44;
constexpr size_t kValueWidth = 36;
constexpr size_t kFilePieceBytes = 256 << 10;
constexpr absl::Duration kPatience = absl::Minutes(2);

constexpr char kForm[] =
    "the form is: penstock runs compare ID ID ... | rerun ID [--pin_packages] | report ID | export ID FILE | "
    "import FILE "
    "[--grpc_listen=HOST:PORT]";

std::shared_ptr<grpc::Channel> Connect(const Config& config) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(config.grpc_listen, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status FromGrpc(const grpc::Status& status, const Config& config) {
  if (status.ok()) return absl::OkStatus();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return absl::UnavailableError(
        absl::StrCat("no server answers at ", config.grpc_listen, ": --grpc_listen names where one listens"));
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// One column: shortened on one line, filled with spaces.
std::string Cell(absl::string_view text, size_t width) {
  std::string cell = Shorten(text, width - 3);
  std::replace_if(
      cell.begin(), cell.end(), [](unsigned char c) { return c < ' '; }, ' ');
  if (cell.size() < width) cell.append(width - cell.size(), ' ');
  return cell;
}

void AppendRow(const ComparisonRow& row, std::string* out) {
  const std::string label = row.task().empty() ? row.key() : absl::StrCat(row.task(), ": ", row.key());
  absl::StrAppend(out, row.differs() ? "* " : "  ", Cell(label, kLabelWidth));
  for (const auto& value : row.values()) {
    absl::StrAppend(out, " ", Cell(value.has_value() ? value.value() : "-", kValueWidth));
  }
  while (absl::EndsWith(*out, " ")) out->pop_back();
  out->push_back('\n');
}

template <typename Stub, typename Method, typename Request, typename Reply>
absl::Status Call(const Config& config, Stub& stub, Method method, const Request& request, Reply* reply) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(RealClock::Instance().Now() + kPatience));
  return FromGrpc((stub.*method)(&context, request, reply), config);
}

absl::Status Compare(const std::vector<std::string>& words, const Config& config) {
  penstock::v1::CompareRunsRequest request;
  for (size_t i = 1; i < words.size(); ++i) request.add_run_ids(words[i]);
  RunComparison comparison;
  const auto stub = penstock::v1::RunComparisonService::NewStub(Connect(config));
  RETURN_IF_ERROR(
      Call(config, *stub, &penstock::v1::RunComparisonService::Stub::CompareRuns, request, &comparison));
  std::fputs(ComparisonText(comparison).c_str(), stdout);
  return absl::OkStatus();
}

absl::Status Rerun(const std::vector<std::string>& words, const Config& config) {
  penstock::v1::RerunRunRequest request;
  request.set_run_id(words[1]);
  request.set_pin_packages(words.size() == 3);
  kubeflow::pipelines::backend::api::v2beta1::Run run;
  const auto stub = penstock::v1::RerunService::NewStub(Connect(config));
  RETURN_IF_ERROR(Call(config, *stub, &penstock::v1::RerunService::Stub::RerunRun, request, &run));
  std::printf("%s\n", run.run_id().c_str());
  return absl::OkStatus();
}

absl::Status Report(const std::string& run_id, const Config& config) {
  penstock::v1::GetRerunReportRequest request;
  request.set_run_id(run_id);
  penstock::v1::RerunReport report;
  const auto stub = penstock::v1::RerunService::NewStub(Connect(config));
  RETURN_IF_ERROR(Call(config, *stub, &penstock::v1::RerunService::Stub::GetRerunReport, request, &report));
  std::printf("%s: %d identical, %d different, %d missing, %d not comparable, %d pending\n",
              report.verdict().c_str(), report.identical(), report.different(), report.missing(),
              report.not_comparable(), report.pending());
  for (const auto& output : report.outputs()) {
    std::printf("  %-15s %s: %s\n", output.result().c_str(), output.task().c_str(), output.name().c_str());
  }
  return absl::OkStatus();
}

// With the content of its artifacts. A file that is not whole is removed.
absl::Status Export(const std::string& run_id, const std::string& path, const Config& config) {
  penstock::v1::ExportRunRequest request;
  request.set_run_id(run_id);
  request.set_include_contents(true);
  const auto stub = penstock::v1::RunBundleService::NewStub(Connect(config));
  grpc::ClientContext context;
  const auto reader = stub->ExportRun(&context, request);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  penstock::v1::BundleChunk chunk;
  while (file.good() && reader->Read(&chunk)) file << chunk.data();
  file.close();
  if (!file.good()) context.TryCancel();
  absl::Status status = FromGrpc(reader->Finish(), config);
  if (!file.good()) status = absl::UnavailableError(absl::StrCat(path, " cannot be written"));
  if (!status.ok()) std::remove(path.c_str());
  return status;
}

absl::Status Import(const std::string& path, const Config& config) {
  std::ifstream file(path, std::ios::binary);
  if (!file.good()) return absl::InvalidArgumentError(absl::StrCat(path, " cannot be read"));
  const auto stub = penstock::v1::RunBundleService::NewStub(Connect(config));
  grpc::ClientContext context;
  penstock::v1::ImportRunResponse answer;
  const auto writer = stub->ImportRun(&context, &answer);
  penstock::v1::ImportRunRequest part;
  std::string buffer(kFilePieceBytes, '\0');
  while (file.good()) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    part.set_data(buffer.data(), file.gcount());
    if (file.gcount() > 0 && !writer->Write(part)) break;
  }
  writer->WritesDone();
  RETURN_IF_ERROR(FromGrpc(writer->Finish(), config));
  std::printf("%s\n", answer.run_id().c_str());
  return absl::OkStatus();
}

}  // namespace

std::string ComparisonText(const RunComparison& comparison) {
  std::string out = absl::StrCat("  ", Cell("", kLabelWidth));
  for (const auto& run : comparison.runs()) absl::StrAppend(&out, " ", Cell(run.display_name(), kValueWidth));
  absl::StrAppend(&out, "\n  ", Cell("", kLabelWidth));
  for (const auto& run : comparison.runs()) absl::StrAppend(&out, " ", Cell(run.run_id(), kValueWidth + 3));
  out.push_back('\n');
  for (const ComparisonSection& section : comparison.sections()) {
    if (section.rows().empty()) continue;
    absl::StrAppend(&out, section.name(), ": ", section.differing_rows(), " of ", section.rows_in_all(),
                    " differ\n");
    for (const ComparisonRow& row : section.rows()) AppendRow(row, &out);
  }
  if (!comparison.differ()) absl::StrAppend(&out, "Nothing differs.\n");
  if (comparison.truncated()) absl::StrAppend(&out, "There is more than one answer holds.\n");
  return out;
}

absl::Status RunRunsCommand(const std::vector<std::string>& words, const Config& config) {
  if (words[0] == "compare" && words.size() >= 3) return Compare(words, config);
  const bool pins = words.size() == 3 && words[2] == kPinPackagesWord;
  if (words[0] == "rerun" && (words.size() == 2 || pins)) return Rerun(words, config);
  if (words[0] == "report" && words.size() == 2) return Report(words[1], config);
  if (words[0] == "export" && words.size() == 3) return Export(words[1], words[2], config);
  if (words[0] == "import" && words.size() == 2) return Import(words[1], config);
  return absl::InvalidArgumentError(kForm);
}

}  // namespace penstock
