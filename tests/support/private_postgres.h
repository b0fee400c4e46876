// The PostgreSQL server of a test program: started by private_postgres.py when the first test wants it, and
// ended with the program, however that ends.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace penstock {

// Whether PostgreSQL is installed here. In CI (the environment variable CI is set) it has to be: true.
bool PostgresIsWanted();

// A new database with UTF-8; its URL. Starts the server if none runs yet. Not thread-safe.
absl::StatusOr<std::string> CreatePostgresDatabase();

// Removes one that CreatePostgresDatabase made, whoever is connected to it.
void DropPostgresDatabase(absl::string_view url);

// Runs one statement in the database of `url` as its superuser; the first value of its result, if there is
// one.
absl::StatusOr<std::string> RunPostgresStatement(absl::string_view url, absl::string_view statement);

}  // namespace penstock
