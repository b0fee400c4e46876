#include "executor/python/failure.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

constexpr size_t kLineBytes = 500;
// What may follow the name of an exception that ends a program: the rest of its message, and what others print.
constexpr size_t kLinesAfter = 200;
constexpr size_t kSyntaxLines = 4;  // of code and marks, between the place and the name of a SyntaxError
constexpr absl::string_view kHeader = "Traceback (most recent call last):";
constexpr absl::string_view kUserFile = "/ephemeral_component.py";

struct Frame {
  absl::string_view file;
  absl::string_view line;
  absl::string_view function;
  absl::string_view code;
};

// As much as fits, without half a character at its end.
std::string Shortened(absl::string_view text) {
  if (text.size() <= kLineBytes) return std::string(text);
  size_t end = kLineBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "...");
}

// Those of an exception group stand behind a margin.
absl::string_view WithoutMargin(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "  | ")) (void)absl::ConsumePrefix(&line, "  + Exception Group ");
  return line;
}

// `  File "x.py", line 3, in f`
std::optional<Frame> ReadFrame(absl::string_view line) {
  Frame frame;
  if (!absl::ConsumePrefix(&line, "  File \"")) return std::nullopt;
  const size_t quote = line.find("\", line ");
  if (quote == absl::string_view::npos) return std::nullopt;
  frame.file = line.substr(0, quote);
  line.remove_prefix(quote + 8);
  const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(", in ", 1));
  frame.line = parts[0];
  if (parts.size() > 1) frame.function = parts[1];
  return frame;
}

bool IsLibrary(absl::string_view file) {
  return absl::StrContains(file, "/lib/python") || absl::StartsWith(file, "<");
}

// Of the user's code, the one that is nearest to the exception.
const Frame* BestFrame(const std::vector<Frame>& frames) {
  const Frame* best = nullptr;
  for (const Frame& frame : frames) {
    if (absl::EndsWith(frame.file, kUserFile)) best = &frame;
  }
  if (best != nullptr) return best;
  for (const Frame& frame : frames) {
    if (!IsLibrary(frame.file)) best = &frame;
  }
  return best != nullptr || frames.empty() ? best : &frames.back();
}

std::string PlaceOf(const std::vector<Frame>& frames) {
  const Frame* const frame = BestFrame(frames);
  if (frame == nullptr) return "";
  const absl::string_view file =
      absl::EndsWith(frame->file, kUserFile) ? frame->file.substr(frame->file.rfind('/') + 1) : frame->file;
  return Shortened(absl::StrCat("Raised in line ", frame->line, " of ", file,
                                frame->function.empty() ? "" : absl::StrCat(", in ", frame->function),
                                frame->code.empty() ? "." : absl::StrCat(": ", frame->code)));
}

// Whether a line names an exception, as Python writes one that no traceback stands before.
bool NamesError(absl::string_view line) {
  const absl::string_view name = line.substr(0, line.find(':'));
  return absl::EndsWith(name, "Error") && name.find_first_not_of(
                                              "abcdefghijklmnopqrstuvwxyz"
                                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.") == absl::string_view::npos;
}

// Where the last traceback begins, its header included; the size if there is none. The main file's own
// SyntaxError has no header, only a place.
size_t LastTraceback(const std::vector<absl::string_view>& lines) {
  for (size_t i = lines.size(); i > 0; --i) {
    if (WithoutMargin(lines[i - 1]) == kHeader) return i - 1;
    if (!NamesError(lines[i - 1])) continue;
    for (size_t back = 2; back <= kSyntaxLines + 1 && back <= i; ++back) {
      const std::optional<Frame> frame = ReadFrame(lines[i - back]);
      if (frame.has_value() && frame->function.empty() && (i == back || lines[i - back - 1] != kHeader)) {
        return i - back;
      }
      if (!absl::StartsWith(lines[i - back], " ")) break;
    }
  }
  return lines.size();
}

std::string MissingModule(absl::string_view exception) {
  if (!absl::ConsumePrefix(&exception, "ModuleNotFoundError: No module named '")) return "";
  return std::string(exception.substr(0, exception.find('\'')));
}

}  // namespace

PythonFailure ReadPythonFailure(absl::string_view log) {
  const std::vector<absl::string_view> lines = absl::StrSplit(log, '\n');
  PythonFailure failure;
  std::vector<Frame> frames;
  for (size_t i = LastTraceback(lines); i < lines.size(); ++i) {
    const absl::string_view line = absl::StripTrailingAsciiWhitespace(WithoutMargin(lines[i]));
    if (line == kHeader || line.empty()) continue;
    if (const std::optional<Frame> frame = ReadFrame(line)) {
      frames.push_back(*frame);
    } else if (absl::StartsWith(line, "    ") && !frames.empty() && frames.back().code.empty()) {
      frames.back().code = absl::StripLeadingAsciiWhitespace(line);
    } else if (!absl::StartsWith(line, " ")) {
      if (lines.size() - i > kLinesAfter) break;  // a traceback that the program went on after
      failure.exception = Shortened(line);
      failure.place = PlaceOf(frames);
      failure.missing_module = MissingModule(line);
      break;
    }
  }
  return failure;
}

std::string LastLine(absl::string_view log) {
  const std::vector<absl::string_view> lines = absl::StrSplit(log, '\n');
  for (size_t i = lines.size(); i > 0; --i) {
    const absl::string_view line = absl::StripAsciiWhitespace(lines[i - 1]);
    if (!line.empty() && !absl::StartsWith(line, "penstock: ")) return Shortened(line);
  }
  return "";
}

}  // namespace penstock
