#include "server/commands/migrate.h"

#include <unistd.h>

#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"
#include "storage/migrator.h"
#include "storage/schema.h"
#include "storage/store.h"

namespace penstock {
namespace {

void Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

absl::Status Plan(Migrator& migrator) {
  ASSIGN_OR_RETURN(const auto plan, migrator.Plan());
  for (const migrations::Migration& migration : plan) {
    Print(absl::StrCat("to be applied: ", migration.version, " ", migration.name));
  }
  if (plan.empty()) Print("nothing is to be applied");
  return absl::OkStatus();
}

absl::Status Validate(Store& store, Migrator& migrator) {
  ASSIGN_OR_RETURN(const auto plan, migrator.Plan());
  if (!plan.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(plan.size(), " migrations are still to be applied: run penstock migrate apply"));
  }
  ASSIGN_OR_RETURN(const std::string found, SchemaText(store.database()));
  if (found == store.known_schema()) {
    Print("the schema is this program's");
    return absl::OkStatus();
  }
  const std::vector<std::string> has = absl::StrSplit(found, '\n');
  const std::vector<std::string> wanted = absl::StrSplit(store.known_schema(), '\n');
  size_t line = 0;
  while (line < has.size() && line < wanted.size() && has[line] == wanted[line]) ++line;
  return absl::FailedPreconditionError(
      absl::StrCat("the schema was changed by hand; the first difference is that the database has \"",
                   line < has.size() ? has[line] : "", "\" where this program makes \"",
                   line < wanted.size() ? wanted[line] : "", "\""));
}

// The newest applied migrations, newest first.
absl::StatusOr<std::vector<std::string>> NewestApplied(Store& store, Migrator& migrator, int steps) {
  ASSIGN_OR_RETURN(const auto plan, migrator.Plan());
  const auto known = store.known_migrations();
  const size_t applied = known.size() - plan.size();
  if (applied < static_cast<size_t>(steps)) {
    return absl::FailedPreconditionError(
        absl::StrCat("only ", applied, " migrations are applied, so ", steps, " cannot be taken back"));
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < static_cast<size_t>(steps); ++i) names.push_back(known[applied - 1 - i].name);
  return names;
}

bool SaysYes() {
  std::printf("Go on? [y/N] ");
  std::fflush(stdout);
  char answer[16] = "";
  return std::fgets(answer, sizeof(answer), stdin) != nullptr && (answer[0] == 'y' || answer[0] == 'Y');
}

absl::Status Revert(Store& store, Migrator& migrator, int steps, bool yes) {
  ASSIGN_OR_RETURN(const auto names, NewestApplied(store, migrator, steps));
  if (!yes) {
    if (isatty(STDIN_FILENO) == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("taking back ", absl::StrJoin(names, ", "),
                       " loses what only the newer schema can hold: back the database up, and give --yes"));
    }
    Print(absl::StrCat("Taking back ", absl::StrJoin(names, ", "),
                       " loses what only the newer schema can hold; there should be a backup."));
    if (!SaysYes()) return absl::FailedPreconditionError("nothing is taken back");
  }
  for (int i = 0; i < steps; ++i) {
    ASSIGN_OR_RETURN(const std::string name, migrator.RevertLast());
    Print(absl::StrCat("taken back: ", name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunMigrateCommand(const std::string& action, int steps, bool yes, const Config& config) {
  const Clock& clock = RealClock::Instance();
  ASSIGN_OR_RETURN(const auto store,
                   Store::Open(config.database_url, clock, {config.database_wait, /*migrate=*/false}));
  Print(store->description());
  Migrator migrator(store->database(), store->known_migrations(), clock);
  if (action == "plan") return Plan(migrator);
  if (action == "validate") return Validate(*store, migrator);
  if (action == "apply") {
    ASSIGN_OR_RETURN(const int applied, migrator.Apply());
    Print(absl::StrCat(applied, " applied"));
    return absl::OkStatus();
  }
  if (action == "dry-run") {
    ASSIGN_OR_RETURN(const int applied, migrator.DryRun());
    Print(absl::StrCat(applied, " applied and taken back: they work, and nothing is changed"));
    return absl::OkStatus();
  }
  if (action == "revert") return Revert(*store, migrator, steps, yes);
  return absl::InvalidArgumentError(
      absl::StrCat("'", action, "' is no action of migrate; use plan, apply, dry-run, validate or revert"));
}

}  // namespace penstock
